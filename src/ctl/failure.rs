//! [`Failure`]: how a command ends when it does not end well.

use crate::model::ProblemDocument;

/// The exit status, what to say, and the daemon's own words for `--json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// 1 found problems or refused, 69 daemon not reachable; 0 where nobody listens any more.
    pub exit: u8,
    /// What happened; nothing where the output says it already.
    pub message: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// The problem document that the daemon answered with.
    pub document: Option<Box<ProblemDocument>>,
}

impl Failure {
    /// Problems were found, or the daemon refused.
    pub fn found(message: impl Into<String>) -> Self {
        Self { exit: 1, message: Some(message.into()), hint: None, document: None }
    }

    /// The daemon cannot be reached (`EX_UNAVAILABLE` of sysexits.h).
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self { exit: 69, ..Self::found(message) }
    }

    /// Problems were found, and the output has said which.
    pub const fn said() -> Self {
        Self { exit: 1, message: None, hint: None, document: None }
    }

    /// Whoever read our output has heard enough: no fault of ours.
    pub const fn unheard() -> Self {
        Self { exit: 0, message: None, hint: None, document: None }
    }

    /// With the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The daemon's word for what went wrong, where it answered.
    pub fn code(&self) -> Option<&str> {
        self.document.as_ref().map(|document| document.code.as_str())
    }
}

impl From<ProblemDocument> for Failure {
    fn from(document: ProblemDocument) -> Self {
        let request = document.request_id.as_ref().filter(|_| document.status >= 500);
        let message = match request {
            Some(id) => format!("{} (request {id})", document.detail),
            None => document.detail.clone(),
        };
        Self { exit: 1, message: Some(message), hint: document.hint.clone(), document: Some(Box::new(document)) }
    }
}
