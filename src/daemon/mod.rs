//! The daemon: from arguments to a process that serves.

pub mod arguments;
pub mod lifecycle;
