//! `/root/.OneDesk`: its grammar, the checks on the file itself, the watcher, and the hand-over from the root helper.
//!
//! Everything here ends in a stream of [`Observation`]s. What is in force is decided in `health::keeper`.

use crate::model::{ClientId, Problem, Secret};

/// The pair that an app registration gives, with the optional second secret of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// `AZUREAD_CID`.
    pub client_id: ClientId,
    /// `AZUREAD_CIS`.
    pub secret: Secret<String>,
    /// `AZUREAD_CIS_NEXT`.
    pub next: Option<Secret<String>>,
}

/// What one reading of the file showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The pair, or why there is none.
    pub outcome: Outcome,
    /// What is accepted but should be mended: mode, keys given twice, a malformed line beside good ones.
    pub warnings: Vec<Problem>,
}

/// What the file gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A good file.
    Pair(Pair),
    /// No file, or a key missing: nothing to judge.
    Missing(Problem),
    /// A file that must not be used.
    Rejected(Problem),
}
