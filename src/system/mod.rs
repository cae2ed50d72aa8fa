//! The machine: files, sockets, service manager, journal, the one outgoing client.

pub mod accept;
pub mod admission;
#[cfg(test)]
mod child;
pub mod deadlines;
pub mod dial;
pub mod fd;
pub mod files;
pub mod http;
pub mod journal;
pub mod listen;
pub mod metrics;
pub mod notify;
pub mod peer;
pub mod tasks;
pub mod tls;
mod trust;
pub mod watch;
pub mod watchdog;
