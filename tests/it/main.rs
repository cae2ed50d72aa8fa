//! The programs as their users run them, with fakes that speak the real protocols and assert what they hear.

mod credentials;
mod ctl;
mod directory;
mod harness;
mod mailbox;
mod refusals;
mod settings;
