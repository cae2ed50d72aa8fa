//! Mailboxes: connecting one, what state it is in, and the tokens that its readers get.

use jiff::Timestamp;

use crate::audit::Actor;
use crate::model::{AccessToken, EmailAddress, GrantState, Problem, Purpose};

/// What a link is asked for: `POST /v1/mailboxes`.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Wishes {
    /// Only this mailbox; nothing = whichever account signs in.
    pub address: Option<String>,
    /// Somebody signs in as themselves for a mailbox that they may use.
    pub shared: bool,
    /// Another person's sign-in may take over a mailbox that is connected already.
    pub replace: bool,
}

/// A link for whoever can sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The link.
    pub connect_url: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A mailbox as the local API lists it.
#[derive(Debug, Clone)]
pub struct MailboxStatus {
    /// Its address.
    pub address: EmailAddress,
    /// Who signed in for it.
    pub signed_in_as: String,
    /// The grant's state.
    pub state: GrantState,
    /// Whether a refresh is under way: shown as `refreshing`.
    pub refreshing: bool,
    /// When the newest Outlook token ends.
    pub access_expires_at: Option<Timestamp>,
    /// When it was first connected.
    pub connected_at: Timestamp,
    /// When a refresh last worked.
    pub last_refresh_at: Option<Timestamp>,
}

/// A token and the name to use it with.
#[derive(Debug, Clone)]
pub struct MailboxToken {
    /// The token.
    pub access: AccessToken,
    /// The shared address for IMAP and POP, the person for SMTP and Graph.
    pub user: String,
}

/// Why a call on mailboxes did not work out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such mailbox: 404.
    #[error("no mailbox {0} is connected")]
    Unknown(EmailAddress),
    /// The daemon cannot make links yet (no `public_url`, no credentials): 503 with the problem.
    #[error("{}", .0.title)]
    Unconfigured(Problem),
    /// A wish that cannot be met: 400.
    #[error("{}", .0.title)]
    BadRequest(Problem),
    /// Somebody must sign in again: 409, `reason` is the state's word.
    #[error("{}", .problem.title)]
    NeedsReauth {
        /// The word of `model::ReauthReason`.
        reason: &'static str,
        /// In words.
        problem: Problem,
    },
    /// The grant does not cover this purpose: 409 `scope_missing`.
    #[error("{}", .0.title)]
    ScopeMissing(Problem),
    /// Nothing valid is left and nobody need sign in: 503 with `Retry-After`.
    #[error("{}", .problem.title)]
    Waiting {
        /// Seconds after which asking again makes sense.
        retry_after: u64,
        /// The word of `model::WaitReason`.
        reason: &'static str,
        /// In words.
        problem: Problem,
    },
    /// The database: 503.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
}

/// The mailboxes of this host.
pub struct Service {}

impl Service {
    /// Makes a link that connects a mailbox; it lasts an hour and is used up by success only.
    pub async fn invite(&self, wishes: &Wishes, actor: &Actor) -> Result<Invitation, Error> {
        todo!("{wishes:?} {actor:?}")
    }

    /// All mailboxes, by address. Answers from memory.
    pub fn list(&self) -> Vec<MailboxStatus> {
        todo!()
    }

    /// A token with at least ten minutes left where the provider's lifetime allows; refreshes when needed. Audited.
    pub async fn token(&self, address: &EmailAddress, purpose: Purpose, actor: &Actor) -> Result<MailboxToken, Error> {
        todo!("{address} {purpose:?} {actor:?}")
    }

    /// Removes a mailbox and erases its grant.
    pub async fn remove(&self, address: &EmailAddress, actor: &Actor) -> Result<(), Error> {
        todo!("{address} {actor:?}")
    }
}
