//! `/root/.OneDesk`: whatever is in it, the answer is an observation.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onedesk::fuzzing::credentials(bytes));
