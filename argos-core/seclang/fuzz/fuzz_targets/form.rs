#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| argos_seclang::fuzzing::run("form", bytes));
