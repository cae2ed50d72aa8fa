//! The body of a token response: whatever comes, there are tokens or a verdict.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onedesk::fuzzing::token_response(bytes));
