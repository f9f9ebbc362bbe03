#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| smartipc_fuzz::frame_decoder::run(data));
