//! The audit log: who did what, when, from where, and how it ended. Append only.

use async_trait::async_trait;
use jiff::Timestamp;

use super::Error;

/// One line of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who: `uid:0 (root)`, `system`, `person:…`.
    pub actor: String,
    /// From where: `local-api`, a client address, `daemon`.
    pub origin: String,
    /// What: `mailbox.connect`, `token.read`, `credentials.changed`…
    pub action: String,
    /// To what: an address, a tenant id; may be empty.
    pub subject: String,
    /// How it ended: `ok`, or a word for what went wrong.
    pub outcome: String,
    /// More for people; never a secret. May be empty.
    pub detail: String,
}

/// A page of the log, newest first.
#[derive(Debug, Clone)]
pub struct Page {
    /// The lines with their numbers.
    pub items: Vec<(i64, AuditEntry)>,
    /// Give this as `before` to get the next page; nothing at the end.
    pub next: Option<i64>,
}

/// Lines that one search looks at: some milliseconds, however long the log is.
pub const FAR: u32 = 10_000;

/// The audit log.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Adds a line.
    async fn append(&self, entry: AuditEntry) -> Result<(), Error>;

    /// At most `limit` lines that are older than line `before`, newest first.
    async fn page(&self, before: Option<i64>, limit: u32) -> Result<Page, Error>;

    /// The same where each word of `text` is a part of a column, in ASCII letters of either case; the first eight count. Looks at [`FAR`] lines at most; the page's `next` is
    /// where to go on then.
    async fn search(&self, text: &str, before: Option<i64>, limit: u32) -> Result<Page, Error>;

    /// Removes lines older than `before`; returns how many.
    async fn trim(&self, before: Timestamp) -> Result<u64, Error>;
}
