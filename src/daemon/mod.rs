//! The daemon: arguments, assembly, life cycle, reload.

pub mod lifecycle;
