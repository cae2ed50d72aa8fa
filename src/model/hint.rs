//! What went wrong, in words that name the next step: the same in the journal, in `onedeskctl` and on a page.

use serde::{Deserialize, Serialize};

/// An error that knows what its reader should do next.
pub trait Hint {
    /// One imperative sentence, or nothing when nobody can do anything.
    fn hint(&self) -> Option<String>;
}

/// A problem as `/v1/status` and the pages show it. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// A stable word for machines: `secret_expired`, `AADSTS7000222`, `file_mode`…
    pub code: String,
    /// What happened, in one sentence.
    pub title: String,
    /// What to do next, in one sentence.
    pub hint: String,
    /// The line of the file that it is about, counted from 1.
    #[serde(default)]
    pub line: Option<u32>,
}

impl Problem {
    /// A problem that is not about a line of a file.
    pub fn new(code: impl Into<String>, title: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: code.into(), title: title.into(), hint: hint.into(), line: None }
    }

    /// The same, about that line.
    #[must_use]
    pub fn at_line(mut self, line: u32) -> Self {
        self.line = Some(line);
        self
    }
}
