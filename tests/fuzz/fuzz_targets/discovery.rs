//! A provider's metadata: it is believed or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onedesk::fuzzing::discovery(bytes));
