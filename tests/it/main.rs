//! The programs as their users run them, with fakes that speak the real protocols and assert what they hear.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on panics")]
#![expect(clippy::print_stdout, reason = "a failed test shows the daemon's last words")]

mod admin;
mod api;
mod bad_input;
mod canary;
mod changes;
mod check;
mod completions;
mod crashes;
mod credentials;
mod ctl;
mod directory;
mod expiry;
mod harness;
mod https;
mod independent;
mod installer;
mod mailbox;
mod master_key;
mod monitoring;
mod named_file;
mod process;
mod proxy;
mod refusals;
mod secrets;
mod settings;
mod sso;
mod support_bundle;
mod tokens;
mod two_processes;
