//! `onedeskd.toml`: whatever is in it, there are settings or an error that can be shown.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| onedesk::fuzzing::settings(bytes));
