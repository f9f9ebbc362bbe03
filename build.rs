//! Finds the Node-API symbols for linking; the core alone needs none.

fn main() {
    // Nothing of the checkout; or every changed document would build the crate again.
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_BINDING").is_some() {
        napi_build::setup();
    }
}
