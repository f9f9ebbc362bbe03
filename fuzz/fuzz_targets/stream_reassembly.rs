#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| smartipc_fuzz::stream_reassembly::run(data));
