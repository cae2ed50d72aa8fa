//! What grants were given for: mailboxes and directories.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Error;
use super::audit::AuditEntry;
use super::flows::TicketHash;
use super::grants::{AccessRow, GrantRow};
use crate::model::{EmailAddress, GrantId, TenantId};

/// A mailbox as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxRow {
    /// The mailbox's address; unique without case.
    pub address: EmailAddress,
    /// Who signed in for it; another address for a shared mailbox.
    pub signed_in_as: String,
    /// Whether it was connected as a shared mailbox.
    pub shared: bool,
    /// Its grant; nothing once an abandoned grant was erased.
    pub grant: Option<GrantId>,
    /// When it was first connected.
    pub connected_at: Timestamp,
}

/// A connected directory as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryRow {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Who signed in for it.
    pub connected_by: String,
    /// Its grant; nothing once an abandoned grant was erased.
    pub grant: Option<GrantId>,
    /// When it was first connected.
    pub connected_at: Timestamp,
    /// When its content was last synchronised.
    pub last_sync_at: Option<Timestamp>,
}

/// What a successful sign-in writes, all or nothing: the ticket is used up, the grant stored, the one before it erased.
#[derive(Debug, Clone)]
pub struct Connected<T> {
    /// The ticket that the flow began with.
    pub ticket: TicketHash,
    /// What was connected.
    pub what: T,
    /// The grant.
    pub grant: GrantRow,
    /// The access tokens that came at once.
    pub access: Vec<AccessRow>,
    /// The line in the audit log.
    pub audit: AuditEntry,
}

/// Mailboxes and directories.
#[async_trait]
pub trait Connections: Send + Sync {
    /// All mailboxes by address.
    async fn mailboxes(&self) -> Result<Vec<MailboxRow>, Error>;

    /// One mailbox, or [`Error::NotFound`].
    #[cfg_attr(not(test), expect(dead_code, reason = "one process keeps them all in memory; several nodes will ask"))]
    async fn mailbox(&self, address: &EmailAddress) -> Result<MailboxRow, Error>;

    /// Connects a mailbox, or connects it anew. [`Error::NotFound`] when the ticket was used up meanwhile: nothing is written then.
    async fn connect_mailbox(&self, connected: Connected<MailboxRow>) -> Result<(), Error>;

    /// Removes a mailbox with its grant and tokens, or [`Error::NotFound`].
    async fn remove_mailbox(&self, address: &EmailAddress, audit: AuditEntry) -> Result<(), Error>;

    /// All connected directories.
    async fn directories(&self) -> Result<Vec<DirectoryRow>, Error>;

    /// Connects a directory, or connects it anew; as [`Connections::connect_mailbox`].
    async fn connect_directory(&self, connected: Connected<DirectoryRow>) -> Result<(), Error>;

    /// Removes a directory with its grant and tokens, or [`Error::NotFound`].
    async fn remove_directory(&self, tenant: TenantId, audit: AuditEntry) -> Result<(), Error>;
}
