//! Grants: the sealed refresh tokens, and the access tokens they gave.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Error, Sealed};
use crate::model::{Audience, ClientId, GrantId, GrantState, ObjectId, TenantId};
use crate::store::leases::Fence;

/// A grant as it is stored.
#[derive(Debug, Clone)]
pub struct GrantRow {
    /// Its identifier.
    pub id: GrantId,
    /// The client id that it was given to; no other can use it.
    pub client_id: ClientId,
    /// The tenant segment of the endpoints that issued it, as it stood in the settings: `organizations`, a GUID or a domain.
    pub segment: String,
    /// The tenant of the person who signed in (`tid`).
    pub tenant_id: TenantId,
    /// The person who signed in (`oid`).
    pub object_id: ObjectId,
    /// Scopes that the person was asked for, separated by blanks.
    pub scope: String,
    /// The newest refresh token, sealed in the context [`GrantRow::refresh_context`].
    pub refresh: Sealed,
    /// The one before, kept until the newest has worked once; same context.
    pub previous: Option<Sealed>,
    /// How the grant is doing.
    pub state: GrantState,
    /// Grows by one with every write; a writer names the one that it read.
    pub version: u64,
    /// When somebody signed in for it.
    pub connected_at: Timestamp,
    /// When a refresh last worked; nothing before the first.
    pub last_refresh_at: Option<Timestamp>,
    /// How its refreshes went, in the engine's own writing; empty before the first.
    pub history: Vec<u8>,
    /// Since when the configured client id is another one; such a grant is erased after 30 days.
    pub client_changed_at: Option<Timestamp>,
}

impl GrantRow {
    /// The context that its refresh tokens are sealed in.
    pub fn refresh_context(id: GrantId) -> String {
        format!("grant/{id}/refresh")
    }
}

/// An access token as it is stored.
#[derive(Debug, Clone)]
pub struct AccessRow {
    /// The resource that it is for.
    pub audience: Audience,
    /// The token, sealed in the context [`AccessRow::context`].
    pub sealed: Sealed,
    /// When it was issued.
    pub obtained_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// What was granted.
    pub scope: String,
}

impl AccessRow {
    /// The context that an access token is sealed in.
    pub fn context(id: GrantId, audience: Audience) -> String {
        format!("grant/{id}/access/{}", audience.as_str())
    }
}

/// What a refresh that worked leaves behind.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The grant's newest refresh token; the same as before where the provider sent none.
    pub refresh: Sealed,
    /// What is kept beside it until the newest has worked once.
    pub previous: Option<Sealed>,
    /// The access token that came with it.
    pub access: AccessRow,
    /// How the grant's refreshes went, this one among them.
    pub history: Vec<u8>,
    /// When.
    pub at: Timestamp,
}

/// Grants and access tokens.
#[async_trait]
pub trait Grants: Send + Sync {
    /// All grants, by id.
    async fn all(&self) -> Result<Vec<GrantRow>, Error>;

    /// One grant, or [`Error::NotFound`].
    async fn get(&self, id: GrantId) -> Result<GrantRow, Error>;

    /// The access tokens of one grant.
    async fn access(&self, id: GrantId) -> Result<Vec<AccessRow>, Error>;

    /// When each stored access token ends: for the schedule at the start, without opening anything.
    async fn expiries(&self) -> Result<Vec<(GrantId, Audience, Timestamp)>, Error>;

    /// Writes what a refresh gave, sets the state to healthy, and returns the new version. On disk, synced, when it returns.
    ///
    /// # Errors
    /// [`Error::Conflict`] when `version` is not the stored one, [`Error::Fenced`] when `fence` is not the newest, [`Error::NotFound`].
    async fn rotate(&self, fence: &Fence, id: GrantId, version: u64, rotation: Rotation) -> Result<u64, Error>;

    /// Writes another state, with the history up to now, and returns the new version; the tokens stay as they are. Errors as
    /// [`Grants::rotate`].
    async fn set_state(&self, fence: &Fence, id: GrantId, version: u64, state: &GrantState, history: &[u8]) -> Result<u64, Error>;

    /// Notes on every grant of another client id when it was left behind, and clears the note on those of `client_id`.
    async fn mark_client(&self, client_id: ClientId, now: Timestamp) -> Result<(), Error>;

    /// Erases the grants that were left behind before `before`, with their access tokens; returns which.
    /// Their mailboxes and directories stay, without a grant.
    async fn erase_left_behind(&self, before: Timestamp) -> Result<Vec<GrantId>, Error>;

    /// Seals again: replaces sealed values one by one; `reseal` gets the context and the old value. For key rotation.
    async fn reseal(&self, reseal: &(dyn for<'a> Fn(&'a str, &'a Sealed) -> Result<Sealed, Error> + Sync)) -> Result<u64, Error>;

    /// How many sealed values there are; a key is only made while there are none.
    async fn sealed_values(&self) -> Result<u64, Error>;
}
