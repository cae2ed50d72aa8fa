//! A logout token: it is a notice or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onedesk::fuzzing::logout_token(bytes));
