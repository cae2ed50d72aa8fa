//! What is under way and used once: sign-ins, logout tokens, links to the administration pages and the sessions behind them.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::store::flows::StateHash;
use crate::store::{Error, Sealed};

/// A sign-in under way, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInRow {
    /// Hash of the `state` that the browser carries.
    pub state: StateHash,
    /// Hash of the browser's binding cookie.
    pub browser: [u8; 32],
    /// Verifier, nonce and destination, sealed in the context [`SignInRow::context`].
    pub sealed: Sealed,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl SignInRow {
    /// The context that a sign-in's secrets are sealed in.
    pub fn context(state: &StateHash) -> String {
        format!("sso/{}", crate::store::flows::FlowRow::context(state))
    }
}

/// What claiming a sign-in gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is the caller's, and used up.
    Own(SignInRow),
    /// Another browser began it; it stays as it is.
    Foreign,
}

/// What an admin holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassKind {
    /// A one-time link.
    Link,
    /// A session of the administration pages.
    Session,
}

impl PassKind {
    /// Its word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Session => "session",
        }
    }
}

/// A link to the administration pages, or a session of them, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassRow {
    /// SHA-256 of what the browser carries.
    pub hash: [u8; 32],
    /// Link or session.
    pub kind: PassKind,
    /// Who asked for the link.
    pub made_by: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What is under way.
#[async_trait]
pub trait Transit: Send + Sync {
    /// Keeps a sign-in, soon on disk too: nobody waits for that, since losing one costs its person another click. Of the same browser
    /// the oldest beyond `most` go.
    async fn begin_sign_in(&self, sign_in: SignInRow, most: u32) -> Result<(), Error>;

    /// Uses a sign-in up that `browser` began, or anybody where none is given: exactly one caller gets it. [`Error::NotFound`] when it is
    /// unknown, used or ended at `now`.
    async fn claim_sign_in(&self, state: &StateHash, browser: Option<&[u8; 32]>, now: Timestamp) -> Result<Claim, Error>;

    /// Waits until whatever began or was used is on disk: before the process ends.
    async fn settle_sign_ins(&self) -> Result<(), Error>;

    /// Remembers a logout token until it ends; [`Error::Conflict`] when it was remembered before.
    async fn remember_logout_token(&self, hash: [u8; 32], expires_at: Timestamp) -> Result<(), Error>;

    /// Keeps a link or a session.
    async fn add_pass(&self, pass: PassRow) -> Result<(), Error>;

    /// Looks at a link or a session; [`Error::NotFound`] when unknown or ended at `now`.
    async fn pass(&self, kind: PassKind, hash: &[u8; 32], now: Timestamp) -> Result<PassRow, Error>;

    /// Removes a link or a session; nothing to do when there is none.
    async fn remove_pass(&self, kind: PassKind, hash: &[u8; 32]) -> Result<(), Error>;

    /// Exchanges a link for a session: exactly one caller may. [`Error::NotFound`] when the link is unknown, used or ended at `now`.
    async fn exchange_pass(&self, link: &[u8; 32], session: PassRow, now: Timestamp) -> Result<(), Error>;

    /// Removes what ended before `now`.
    async fn sweep_transit(&self, now: Timestamp) -> Result<(), Error>;
}
