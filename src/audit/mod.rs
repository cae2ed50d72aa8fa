//! Who did what: the one writer of the audit log, and the counters that stand for repeated token reads.

use std::fmt;

/// Who acts, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `uid:0 (root)`, `daemon`, `browser`.
    pub who: String,
    /// `local-api`, a client address, `daemon`.
    pub origin: String,
}

impl Actor {
    /// Somebody on the local API.
    pub fn local(uid: u32, name: Option<&str>) -> Self {
        let who = name.map_or_else(|| format!("uid:{uid}"), |name| format!("uid:{uid} ({name})"));
        Self { who, origin: "local-api".to_owned() }
    }

    /// Whoever holds the browser at that client address.
    pub fn browser(address: impl fmt::Display) -> Self {
        Self { who: "browser".to_owned(), origin: address.to_string() }
    }

    /// The daemon itself.
    pub fn daemon() -> Self {
        Self { who: "daemon".to_owned(), origin: "daemon".to_owned() }
    }
}

/// The audit log as the doors see it.
pub struct Service {}

impl Service {
    /// At most `limit` lines that are older than line `before`, newest first.
    pub async fn page(&self, before: Option<i64>, limit: u32) -> Result<crate::store::audit::Page, crate::store::Error> {
        todo!("{before:?} {limit}")
    }
}
