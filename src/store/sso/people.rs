//! People, the accounts that they sign in with, and the conflict desk.

use async_trait::async_trait;
use jiff::Timestamp;

use super::sessions::SessionRow;
use crate::model::person::{Identity, Person};
use crate::model::{ConflictId, ConnectionId, PersonId};
use crate::store::Error;
use crate::store::audit::AuditEntry;

/// A person with their accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The person.
    pub person: Person,
    /// Their accounts at providers.
    pub identities: Vec<Identity>,
}

/// What is stored about an account that signs in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// The person who signed in with it before: by issuer and subject, else by Entra's tenant and object id.
    pub linked: Option<Person>,
    /// Whether all that tells the account is stored as theirs, so that there is nothing to link.
    pub is_whole: bool,
    /// Somebody else who is known by the same tenant and object id, while issuer and subject are [`Self::linked`]'s.
    pub rival: Option<PersonId>,
    /// The person who holds the e-mail address, with the number of their accounts.
    pub holder: Option<(Person, u32)>,
}

/// How somebody comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// They were here before.
    Known {
        /// Who.
        person: PersonId,
        /// Their name from now on, if it changed.
        name: Option<String>,
        /// The admin role from now on, if it changed.
        is_admin: Option<bool>,
        /// [`Standing::is_whole`].
        is_whole: bool,
    },
    /// Their record was there before them: it gets its first account. [`Error::Conflict`] when it has one meanwhile.
    Linked {
        /// Who.
        person: PersonId,
        /// Their name, if they had none.
        name: Option<String>,
        /// The admin role.
        is_admin: bool,
    },
    /// A new person. [`Error::Conflict`] when address or account belong to somebody meanwhile.
    Created(Person),
}

/// What is written when somebody comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How.
    pub admission: Admission,
    /// Who, as they are from now on.
    pub person: Person,
    /// The session that they get.
    pub session: SessionRow,
    /// Lines in the log.
    pub audit: Vec<AuditEntry>,
}

/// Decides about somebody by what is stored; nothing when they don't come in.
pub type Decide = Box<dyn FnOnce(&Standing) -> Option<Entry> + Send>;

/// How it was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entrance {
    /// They are in, by this.
    Open(Box<Entry>),
    /// They are not: nothing was written, and this is what is stored about them.
    Shut(Standing),
}

/// A sign-in that waits for somebody's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictRow {
    /// Its id.
    pub id: ConflictId,
    /// Whose record it would be linked to.
    pub person: PersonId,
    /// The record that it came by.
    pub connection: ConnectionId,
    /// The account.
    pub identity: Identity,
    /// The address that both have.
    pub email: String,
    /// The name that the account has.
    pub name: Option<String>,
    /// Why it was not linked, in words.
    pub reason: String,
    /// When it was first tried.
    pub created_at: Timestamp,
}

/// A page of a list, in the order of ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C> {
    /// What is on it.
    pub items: Vec<T>,
    /// Give this as `after` to get the next page; nothing at the end.
    pub next: Option<C>,
}

/// People.
#[async_trait]
pub trait People: Send + Sync {
    /// Lets somebody in by what is stored about the account and about whoever holds `email_key`: that is read, `decide` says what
    /// it comes to, and the admission, the account, the session and the lines in the log are written, all in one transaction.
    /// [`Error::Conflict`] when the entry cannot be by what is stored, [`Error::NotFound`] when its person is not there.
    async fn admit(&self, identity: Identity, email_key: Option<String>, decide: Decide) -> Result<Entrance, Error>;

    /// Adds a person; [`Error::Conflict`] when the address is somebody's.
    async fn add_person(&self, person: Person, audit: AuditEntry) -> Result<(), Error>;

    /// One person.
    async fn person(&self, id: PersonId) -> Result<Known, Error>;

    /// At most `limit` people behind `after` whose address or name contains `query`.
    async fn people(&self, query: &str, after: Option<PersonId>, limit: u32) -> Result<Page<Known, PersonId>, Error>;

    /// Removes a person with accounts and sessions, or [`Error::NotFound`].
    async fn remove_person(&self, id: PersonId, audit: AuditEntry) -> Result<(), Error>;

    /// Puts a sign-in on the conflict desk, unless it is there or was denied; the oldest goes when there are more than `most`.
    async fn queue(&self, conflict: ConflictRow, most: u32, audit: AuditEntry) -> Result<(), Error>;

    /// What waits for a decision, the oldest first.
    async fn conflicts(&self, after: Option<ConflictId>, limit: u32) -> Result<Page<ConflictRow, ConflictId>, Error>;

    /// Links the account to the person and takes it off the desk. [`Error::Conflict`] when the account is somebody else's by now.
    async fn approve(&self, id: ConflictId, audit: AuditEntry) -> Result<(), Error>;

    /// Takes it off the desk; the same account does not come back to it.
    async fn deny(&self, id: ConflictId, audit: AuditEntry) -> Result<(), Error>;
}
