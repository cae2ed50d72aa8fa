//! Client records and the two switches.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::model::person::Kind;
use crate::model::{ConnectionId, Problem};
use crate::store::audit::AuditEntry;
use crate::store::{Error, Sealed};

/// A client record as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordRow {
    /// Its id.
    pub id: ConnectionId,
    /// Who signs in by it.
    pub kind: Kind,
    /// Whether they may.
    pub enabled: bool,
    /// Grows with every change; a change of an older version is a [`Error::Conflict`].
    pub version: u64,
    /// Grows when sign-ins that are under way must not end with the record as it is now.
    pub generation: u64,
    /// When a sign-in or a test with it last worked.
    pub tried_at: Option<Timestamp>,
    /// What is wrong with it.
    pub problem: Option<Problem>,
    /// Everything else, as JSON of the service.
    pub details: String,
    /// The client secret, sealed in the context [`RecordRow::secret_context`].
    pub secret: Sealed,
    /// A second secret for a rotation without a gap, sealed in the same context.
    pub secret_next: Option<Sealed>,
}

impl RecordRow {
    /// The context that a record's secrets are sealed in.
    pub fn secret_context(id: ConnectionId) -> String {
        format!("sso/{id}/secret")
    }
}

/// The two switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Switches {
    /// Users may sign in.
    pub users: bool,
    /// Customers may sign in.
    pub customers: bool,
}

impl Switches {
    /// Whether people of that kind may sign in.
    pub const fn allow(self, kind: Kind) -> bool {
        match kind {
            Kind::User => self.users,
            Kind::Customer => self.customers,
        }
    }
}

/// Client records and switches.
#[async_trait]
pub trait Records: Send + Sync {
    /// The switches; off until they were set.
    async fn switches(&self) -> Result<Switches, Error>;

    /// Sets one; off ends every session of that kind.
    async fn switch(&self, kind: Kind, enabled: bool, audit: AuditEntry) -> Result<(), Error>;

    /// All records, in the order in which they were made.
    async fn records(&self) -> Result<Vec<RecordRow>, Error>;

    /// Adds a record.
    async fn add_record(&self, record: RecordRow, audit: AuditEntry) -> Result<(), Error>;

    /// Writes a record whose `version` is one more than the stored one's; [`Error::Conflict`] otherwise. With `end_sessions`,
    /// every session that it gave ends.
    async fn change_record(&self, record: RecordRow, end_sessions: bool, audit: Option<AuditEntry>) -> Result<(), Error>;

    /// Removes a record and ends its sessions, or [`Error::NotFound`].
    async fn remove_record(&self, id: ConnectionId, audit: AuditEntry) -> Result<(), Error>;
}
