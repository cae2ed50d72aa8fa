//! The machine: files, sockets, service manager, journal, the one outgoing client.

pub mod http;
pub mod journal;
pub mod tasks;
