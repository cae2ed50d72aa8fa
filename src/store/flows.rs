//! Tickets (the links that start a connection) and authorizations under way. Both are kept by hash only.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Error, Sealed};

/// SHA-256 of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TicketHash(pub [u8; 32]);

/// SHA-256 of a `state` value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StateHash(pub [u8; 32]);

/// What a ticket or a flow is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Connect a mailbox.
    Mailbox,
    /// Connect a directory.
    Directory,
}

impl Kind {
    /// Its word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mailbox => "mailbox",
            Self::Directory => "directory",
        }
    }
}

/// A ticket as it is stored.
#[derive(Debug, Clone)]
pub struct TicketRow {
    /// The ticket's hash.
    pub hash: TicketHash,
    /// What it connects.
    pub kind: Kind,
    /// The wishes that it was made with (address, shared, replace), as JSON of the service that made it.
    pub wishes: String,
    /// Who asked for it.
    pub made_by: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// An authorization under way, as it is stored.
#[derive(Debug, Clone)]
pub struct FlowRow {
    /// Hash of the `state` that the browser carries.
    pub state: StateHash,
    /// What it connects.
    pub kind: Kind,
    /// Hash of the browser's binding cookie.
    pub browser: [u8; 32],
    /// The ticket that it began with.
    pub ticket: TicketHash,
    /// Verifier, nonce and endpoints, sealed in the context [`FlowRow::context`].
    pub sealed: Sealed,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl FlowRow {
    /// The context that a flow's secrets are sealed in.
    pub fn context(state: &StateHash) -> String {
        use std::fmt::Write as _;
        let mut context = String::from("flow/");
        for byte in state.0 {
            let _ = write!(context, "{byte:02x}");
        }
        context
    }
}

/// Tickets and flows.
#[async_trait]
pub trait Flows: Send + Sync {
    /// Keeps a ticket.
    async fn add_ticket(&self, ticket: TicketRow) -> Result<(), Error>;

    /// The ticket with this hash if it has not ended at `now`; it stays usable. [`Error::NotFound`] otherwise.
    async fn ticket(&self, hash: &TicketHash, now: Timestamp) -> Result<TicketRow, Error>;

    /// Keeps a flow. Flows that ended before `now` go at the same time.
    async fn begin(&self, flow: FlowRow, now: Timestamp) -> Result<(), Error>;

    /// Looks at a flow without using it up; [`Error::NotFound`] when unknown or ended at `now`.
    async fn peek(&self, state: &StateHash, now: Timestamp) -> Result<FlowRow, Error>;

    /// Uses a flow up: exactly one caller gets it. [`Error::NotFound`] when unknown, used or ended at `now`.
    async fn take(&self, state: &StateHash, now: Timestamp) -> Result<FlowRow, Error>;

    /// Removes tickets and flows that ended before `now`.
    async fn sweep(&self, now: Timestamp) -> Result<(), Error>;
}
