//! The query or form of a callback: whatever a browser sends, it is read or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onedesk::fuzzing::callback(bytes));
