//! The states of a grant, as promised by the local API (`state` and `reason`).

use serde::{Deserialize, Serialize};

use super::Problem;

/// How a grant is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantState {
    /// The last refresh worked, or none was due yet.
    Healthy,
    /// The grant is good and nobody need sign in; something else has to come back first.
    Waiting {
        /// What is waited for.
        reason: WaitReason,
        /// What happened, in words.
        problem: Problem,
    },
    /// Somebody has to sign in again.
    NeedsReauth {
        /// Why.
        reason: ReauthReason,
        /// What happened, in words, with the AADSTS code where there is one.
        problem: Problem,
    },
}

/// What a waiting grant waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// The provider refuses our client id or secret; new credentials heal it.
    CredentialsRejected,
    /// The network, the proxy or the provider is down.
    ProviderUnavailable,
    /// The provider told us to slow down.
    Throttled,
    /// There is no master key, so nothing that is stored can be opened; the key heals it.
    MasterKeyMissing,
}

/// Why somebody has to sign in again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReauthReason {
    /// The provider no longer accepts the grant: revoked, expired, password or policy changed.
    GrantRefused,
    /// The grant was given to another client id; putting that one back heals it for 30 days.
    ClientChanged,
    /// The provider wants the person to do something: multi-factor, consent, terms.
    InteractionRequired,
    /// The sealed token cannot be opened: the master key is not the one that sealed it.
    Unreadable,
}

macro_rules! word {
    ($name:ident { $($variant:ident => $word:literal),* $(,)? }) => {
        impl $name {
            /// Its word in the API, the database, logs and metrics.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// The value with that word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

word!(WaitReason {
    CredentialsRejected => "credentials_rejected",
    ProviderUnavailable => "provider_unavailable",
    Throttled => "throttled",
    MasterKeyMissing => "master_key_missing",
});
word!(ReauthReason {
    GrantRefused => "grant_refused",
    ClientChanged => "client_changed",
    InteractionRequired => "interaction_required",
    Unreadable => "unreadable",
});

impl GrantState {
    /// The state's word in the API: `healthy`, `waiting` or `needs_reauth`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Waiting { .. } => "waiting",
            Self::NeedsReauth { .. } => "needs_reauth",
        }
    }

    /// The reason's word, where the state has one.
    pub const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Healthy => None,
            Self::Waiting { reason, .. } => Some(reason.as_str()),
            Self::NeedsReauth { reason, .. } => Some(reason.as_str()),
        }
    }

    /// What happened, where the state has a story.
    pub const fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Healthy => None,
            Self::Waiting { problem, .. } | Self::NeedsReauth { problem, .. } => Some(problem),
        }
    }
}
