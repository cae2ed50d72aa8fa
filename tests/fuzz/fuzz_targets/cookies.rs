//! A `Cookie` header: our cookie in its one shape, or none.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onedesk::fuzzing::cookies(bytes));
