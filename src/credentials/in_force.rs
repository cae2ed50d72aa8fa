//! The credentials in force and what can be told of them: the words of the [`Ledger`](super::ledger::Ledger) and its keeper.

use std::sync::Arc;

use jiff::Timestamp;

use super::Pair;
use crate::model::{ClientId, Generation, Problem, Secret};

/// Which of the file's two secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// `AZUREAD_CIS`.
    Current,
    /// `AZUREAD_CIS_NEXT`.
    Next,
}

impl Slot {
    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Current => Self::Next,
            Self::Next => Self::Current,
        }
    }

    /// This secret of `pair`, if the file has it.
    pub const fn of(self, pair: &Pair) -> Option<&Secret<String>> {
        match self {
            Self::Current => Some(&pair.secret),
            Self::Next => pair.next.as_ref(),
        }
    }

    /// The code of the note that this secret was refused and the other one is used.
    pub const fn refused_code(self) -> &'static str {
        match self {
            Self::Current => "current_secret_refused",
            Self::Next => "next_secret_refused",
        }
    }

    /// Says that this one is used since the other was refused with `problem`.
    pub fn in_place_of_the_other(self, problem: &Problem) -> Problem {
        match self {
            Self::Next => Problem::told("current_secret_refused", &[("why", &problem.title)]),
            Self::Current => Problem::told("next_secret_refused", &[("why", &problem.title)]),
        }
    }
}

/// What the provider said of a client id and a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// It accepts them.
    Yes,
    /// It refuses them, and there is nothing else to use.
    No,
    /// It was not asked or gave no verdict.
    Unverified,
}

/// The credentials to use now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// Grows with every change.
    pub generation: Generation,
    /// The client id.
    pub client_id: ClientId,
    /// The secret to use.
    pub secret: Secret<String>,
    /// Which of the two it is.
    pub slot: Slot,
    /// What the provider said.
    pub verified: Verified,
    /// Since when.
    pub changed_at: Timestamp,
}

/// The state of the credentials in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing was ever in force.
    Unconfigured,
    /// What the file holds is in force.
    Ready,
    /// The file holds something that is not in force, or what is in force is refused.
    Stale,
}

/// All that can be told of the credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// In one word.
    pub state: State,
    /// What is in force.
    pub in_force: Option<Arc<InForce>>,
    /// The secret that is not in use, where the file has two.
    pub other: Option<Secret<String>>,
    /// The client id of a pair that was refused while nothing is in force.
    pub refused_client_id: Option<ClientId>,
    /// Nothing is in force because the first pair is being tried: within moments there is an answer, or it is taken without.
    pub is_first_trial: bool,
    /// Why it is not well.
    pub problem: Option<Problem>,
    /// What is accepted but should be mended, and what the provider said that is no verdict.
    pub warnings: Vec<Problem>,
}

/// A secret to try at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// Which one: answers to older ones no longer count.
    pub number: u64,
    /// The client id.
    pub client_id: ClientId,
    /// The secret.
    pub secret: Secret<String>,
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The provider accepts the secret.
    Accepted,
    /// It refuses it: `invalid_client`.
    Refused(Problem),
    /// No verdict, with what the provider said if it said something.
    None(Option<Problem>),
}
