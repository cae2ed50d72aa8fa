//! Where to go after a sign-in: it stays on our origin or is refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onedesk::fuzzing::return_to(bytes));
