//! [`InForce`]: the client id and secret to use now, and how they are doing.

use jiff::Timestamp;

use crate::model::{ClientId, Generation, Secret};

/// Which of the file's two secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slot {
    /// `AZUREAD_CIS`.
    Current,
    /// `AZUREAD_CIS_NEXT`.
    Next,
}

impl Slot {
    /// Its word in the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Next => "next",
        }
    }

    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Current => Self::Next,
            Self::Next => Self::Current,
        }
    }
}

/// Whether the provider accepts the secret in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// It did.
    Yes,
    /// It refused, and there is nothing better.
    No,
    /// It was not asked, or did not say.
    Unverified,
}

impl Verified {
    /// Its word in the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unverified => "unverified",
        }
    }
}

/// How the credentials are doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// No pair that could be used since the start.
    Unconfigured,
    /// What the file says is in force.
    Ready,
    /// An older pair is in force, or the one in force has been refused; the problem says why.
    Stale,
}

/// The client id and secret to use now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// Grows whenever another id or secret is to be used, or a refused one is accepted after all: whoever waits tries again.
    pub generation: Generation,
    /// The client id.
    pub client_id: ClientId,
    /// The secret.
    pub secret: Secret<String>,
    /// Which secret that is.
    pub slot: Slot,
    /// Whether the provider accepts it.
    pub verified: Verified,
    /// When this id and secret came into force.
    pub changed_at: Timestamp,
    /// The provider accepted it at least once.
    pub(in crate::health) was_accepted: bool,
}

impl InForce {
    /// Whether it is this id and secret.
    pub fn is(&self, client_id: ClientId, secret: &Secret<String>) -> bool {
        self.client_id == client_id && self.secret == *secret
    }
}
