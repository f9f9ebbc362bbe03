#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| smartipc_fuzz::e2e_mockio::run(data));
