#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shikra_fuzz::rules("page.md", bytes));
