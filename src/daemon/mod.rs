//! The daemon: from arguments to a process that serves.

pub mod arguments;
pub mod lifecycle;

#[cfg(test)]
mod man_page;
