//! The programs as their users run them, with fakes that speak the real protocols and assert what they hear.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test ends where something unexpected happens, and says so")]

mod api;
mod bad_input;
mod canary;
mod changes;
mod crashes;
mod credentials;
mod ctl;
mod directory;
mod harness;
mod independent;
mod mailbox;
mod process;
mod refusals;
mod settings;
mod tokens;
