//! One function for each call: read, one call on a service, answer.

pub mod audit;
pub mod directory;
pub mod mailboxes;
pub mod status;
