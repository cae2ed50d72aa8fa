//! `/root/.OneDesk`: its grammar, the checks on the file itself, the watcher, and the hand-over from the root helper.
//!
//! Everything here ends in a stream of [`Observation`]s. What is in force is decided in [`keeper`].

pub mod edit;
pub mod file;
pub mod grammar;
pub mod handover;
mod in_force;
pub mod keeper;
mod ledger;
pub mod source;
mod wire;

use std::path::Path;

use crate::model::{ClientId, Problem, Secret};

/// Where the credentials are, unless a test or a developer says otherwise.
pub const FILE: &str = crate::model::hint::CREDENTIALS_FILE;

/// Where the root helper hands them over.
pub const SOCKET: &str = "/run/onedesk-credentials/handover.sock";

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

impl Observation {
    /// Nothing there to use, for this reason.
    pub fn missing(problem: Problem) -> Self {
        Self { outcome: Outcome::Missing(problem), warnings: Vec::new() }
    }

    /// Something there that must not be used, for this reason.
    pub fn rejected(problem: Problem) -> Self {
        Self { outcome: Outcome::Rejected(problem), warnings: Vec::new() }
    }

    /// Whether it gave a pair.
    pub fn is_good(&self) -> bool {
        matches!(self.outcome, Outcome::Pair(_))
    }
}

/// `path` as a shell takes it, for commands that people copy out of a hint.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    if text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c)) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_a_hint_survives_the_shell() {
        assert_eq!(quoted(Path::new("/root/.OneDesk")), "/root/.OneDesk");
        assert_eq!(quoted(Path::new("/tmp/it's here")), r"'/tmp/it'\''s here'");
    }
}
