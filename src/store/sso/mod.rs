//! Single sign-on: client records, people, sessions, and what is under way. One trait for each, one handle for all.

pub mod people;
pub mod records;
pub mod sessions;
pub mod transit;

use std::sync::Arc;

/// Everything that single sign-on keeps.
#[derive(Clone)]
pub struct Sso {
    /// Client records and the two switches.
    pub records: Arc<dyn records::Records>,
    /// People, their accounts, and the conflict desk.
    pub people: Arc<dyn people::People>,
    /// Who is signed in.
    pub sessions: Arc<dyn sessions::Sessions>,
    /// What is under way and used once: sign-ins, logout tokens, admin links.
    pub transit: Arc<dyn transit::Transit>,
}
