//! What survives a restart: small repository traits, an engine behind them, and one conformance list that every engine passes.
//!
//! The store never sees plaintext: secrets arrive as [`Sealed`]. Every method is one transaction; what a method
//! promises to have written is on disk when it returns.

pub mod audit;
pub mod care;
pub mod connections;
pub mod flows;
pub mod grants;
pub mod leases;
pub mod sqlite;
pub mod sso;

#[cfg(test)]
mod conformance;

use std::sync::Arc;

pub use crate::crypto::Sealed;

/// An engine: everything that the services need, by one handle each.
#[derive(Clone)]
pub struct Store {
    /// Grants and their access tokens.
    pub grants: Arc<dyn grants::Grants>,
    /// Mailboxes and directories: what a grant was given for.
    pub connections: Arc<dyn connections::Connections>,
    /// Tickets and authorizations under way.
    pub flows: Arc<dyn flows::Flows>,
    /// Who did what.
    pub audit: Arc<dyn audit::AuditLog>,
    /// Which node may do what only one may do.
    pub leases: Arc<dyn leases::Leases>,
    /// Single sign-on.
    pub sso: sso::Sso,
}

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another writer was faster: read again and decide again.
    #[error("the record was changed meanwhile")]
    Conflict,
    /// The lease that this write relies on belongs to another node now.
    #[error("another node has taken over the work that this write belongs to")]
    Fenced,
    /// A ticket or flow that was used up, is unknown, or has run out.
    #[error("no such record")]
    NotFound,
    /// A row holds something that this version cannot read.
    #[error("a record in the database is damaged: {0}")]
    Damaged(String),
    /// The database cannot be used: full or read-only disk, damage, or a lock that is held too long.
    #[error("the database cannot be used")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl crate::model::Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Engine(_) => {
                Some("see whether the disk is full or read-only and who owns /var/lib/onedesk, then: systemctl restart onedeskd".to_owned())
            }
            Self::Damaged(_) => Some("restore a backup: onedeskctl db restore FILE".to_owned()),
            Self::Conflict | Self::Fenced | Self::NotFound => None,
        }
    }
}
