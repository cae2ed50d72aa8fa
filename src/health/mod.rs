//! Whether the credentials are accepted, and which pair is in force.

mod candidate;
mod decision;
pub mod in_force;
pub mod keeper;
pub mod probe;
