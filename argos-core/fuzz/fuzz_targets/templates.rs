#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| argos_core::fuzzing::run("templates", bytes));
