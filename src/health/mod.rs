//! Whether all is well, and what to do when it is not: the status in words and numbers.

pub mod checks;
pub mod expiry;
pub mod probe;
pub mod reporter;
pub mod status;
