//! The connected directories (one for each tenant) and their tokens. Their content comes with the directory's own version.

use jiff::Timestamp;

use crate::audit::Actor;
use crate::mailboxes::Invitation;
use crate::model::{GrantState, TenantId};

/// A directory as the local API lists it.
#[derive(Debug, Clone)]
pub struct DirectoryStatus {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The grant's state.
    pub state: GrantState,
    /// Whether a refresh is under way.
    pub refreshing: bool,
    /// Who signed in for it.
    pub connected_by: String,
    /// When it was first connected.
    pub connected_at: Timestamp,
    /// When its content was last synchronised.
    pub last_sync_at: Option<Timestamp>,
    /// When the newest Graph token ends.
    pub access_expires_at: Option<Timestamp>,
    /// When a refresh last worked.
    pub last_refresh_at: Option<Timestamp>,
}

/// The directories.
pub struct Service {}

impl Service {
    /// Makes a link that connects a directory.
    pub async fn invite(&self, actor: &Actor) -> Result<Invitation, crate::mailboxes::Error> {
        todo!("{actor:?}")
    }

    /// All connected directories. Answers from memory.
    pub fn list(&self) -> Vec<DirectoryStatus> {
        todo!()
    }

    /// Removes a directory and erases its grant; `Ok(false)` when it was not connected.
    pub async fn disconnect(&self, tenant: TenantId, actor: &Actor) -> Result<bool, crate::store::Error> {
        todo!("{tenant} {actor:?}")
    }
}
