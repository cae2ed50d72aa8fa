//! The installer helper: `onedeskctl` on a host that is not set up yet.

mod az;
mod explain;
mod installed;
mod newcomer;
mod registration;
pub mod screen;
mod setup;
mod terminal;
