//! A provider's keys: what can verify is kept.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onedesk::fuzzing::jwks(bytes));
