//! Finds the Node-API symbols for linking.

fn main() {
    napi_build::setup();
}
