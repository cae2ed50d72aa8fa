//! The programs as their users run them, with fakes that speak the real protocols and assert what they hear.

mod ctl;
mod harness;
mod snippets;
mod sso;
