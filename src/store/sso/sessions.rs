//! Who is signed in. Sessions are kept by hash only.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::model::person::{Apps, Kind};
use crate::model::{ConnectionId, PersonId};
use crate::store::{Error, Sealed};

/// SHA-256 of a session id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionHash(pub [u8; 32]);

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Hash of the id that the browser carries.
    pub hash: SessionHash,
    /// Whose it is.
    pub person: PersonId,
    /// The client record that gave it.
    pub connection: ConnectionId,
    /// What the person is.
    pub kind: Kind,
    /// `iss` of the ID token.
    pub issuer: String,
    /// `sub` of the ID token.
    pub subject: String,
    /// `sid` of the ID token: what logout notices name.
    pub sid: Option<String>,
    /// What the person may use.
    pub apps: Apps,
    /// Whether this sign-in gave the admin role.
    pub is_admin: bool,
    /// The groups that apps get to see, separated by commas.
    pub groups: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends, however busy.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub seen_at: Timestamp,
    /// What the provider wants to see at sign-out, sealed in the context [`SessionRow::hints_context`].
    pub hints: Option<Sealed>,
}

impl SessionRow {
    /// The context that a session's hints are sealed in.
    pub fn hints_context(hash: &SessionHash) -> String {
        use std::fmt::Write as _;
        let mut context = String::from("session/");
        for byte in hash.0 {
            let _ = write!(context, "{byte:02x}");
        }
        context
    }
}

/// A session with what is shown of its person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The session.
    pub session: SessionRow,
    /// The person's address.
    pub email: Option<String>,
    /// The person's name.
    pub name: Option<String>,
}

/// Which sessions end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// This one.
    One(SessionHash),
    /// Those of a provider's session; `issuer` counts where it is known.
    Sid {
        /// `sid`.
        sid: String,
        /// `iss`.
        issuer: Option<String>,
    },
    /// All of an account.
    Subject {
        /// `iss`.
        issuer: String,
        /// `sub`.
        subject: String,
    },
}

/// Sessions.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// One session with its person, or [`Error::NotFound`]. Whether it has run out is for the service to say.
    async fn session(&self, hash: &SessionHash) -> Result<Held, Error>;

    /// Adds a session beside one that is there: the hand-over to the Widget.
    async fn add_session(&self, session: SessionRow) -> Result<(), Error>;

    /// Ends sessions; returns which.
    async fn end(&self, ending: Ending) -> Result<Vec<SessionRow>, Error>;

    /// Writes when sessions were last used; those that ended meanwhile are left out.
    async fn seen(&self, sessions: Vec<(SessionHash, Timestamp)>) -> Result<(), Error>;

    /// Removes sessions that ended before `now` or were last used before `idle_since`; returns how many.
    async fn sweep_sessions(&self, now: Timestamp, idle_since: Timestamp) -> Result<u64, Error>;

    /// How many there are of each kind.
    async fn count(&self) -> Result<[(Kind, u64); 2], Error>;
}
