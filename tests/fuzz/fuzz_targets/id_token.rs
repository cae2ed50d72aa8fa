//! An ID token: it is verified or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onedesk::fuzzing::id_token(bytes));
