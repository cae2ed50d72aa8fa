//! The machine: files, sockets, service manager, journal, the one outgoing client.

pub mod http;
