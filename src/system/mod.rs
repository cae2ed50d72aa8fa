//! The machine: files, sockets, service manager, journal, the one outgoing client.

pub mod backoff;
pub mod files;
pub mod http;
mod trust;
