//! The simulator seen from its socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod faults;
mod flows;
mod raw;
mod registrations;
