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
    /// What it is, where the daemon did not say it: the code and the status of the document for scripts.
    kind: Kind,
}

/// What kind of failure one of this program's own is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Something on this host, or in what was given.
    Failed,
    /// The daemon cannot be reached.
    Unreachable,
    /// Not in this version.
    Later,
    /// The command line lacks something.
    Usage,
}

impl Failure {
    /// Problems were found, or the daemon refused.
    pub fn found(message: impl Into<String>) -> Self {
        Self { exit: 1, message: Some(message.into()), hint: None, document: None, kind: Kind::Failed }
    }

    /// The daemon cannot be reached (`EX_UNAVAILABLE` of sysexits.h).
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self { exit: 69, kind: Kind::Unreachable, ..Self::found(message) }
    }

    /// A command that this version does not have.
    pub fn later(message: impl Into<String>) -> Self {
        Self { kind: Kind::Later, ..Self::found(message) }
    }

    /// The command line lacks something (2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: 2, kind: Kind::Usage, ..Self::found(message) }
    }

    /// The same end without a word: the output has said why.
    #[must_use]
    pub fn said_already(self) -> Self {
        Self { message: None, hint: None, ..self }
    }

    /// Problems were found, and the output has said which.
    pub const fn said() -> Self {
        Self { exit: 1, message: None, hint: None, document: None, kind: Kind::Failed }
    }

    /// Whoever read our output has heard enough: no fault of ours.
    pub const fn unheard() -> Self {
        Self { exit: 0, message: None, hint: None, document: None, kind: Kind::Failed }
    }

    /// With the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// For scripts: what the daemon answered, or the same form for what was found here; nothing where the output says it already.
    pub fn in_document(&self) -> Option<ProblemDocument> {
        if let Some(document) = &self.document {
            return Some((**document).clone());
        }
        let (status, code, title) = match self.kind {
            Kind::Unreachable => (503, "daemon_unreachable", "the daemon cannot be reached"),
            Kind::Later => (501, "not_in_this_version", "not in this version"),
            Kind::Usage => (400, "wrong_usage", "the command cannot be understood"),
            Kind::Failed => (500, "failed", "the command did not work"),
        };
        let detail = self.message.as_deref()?;
        Some(ProblemDocument::new(status, code, title, detail).hint(self.hint.as_deref().unwrap_or_default()))
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
        Self { hint: document.hint.clone(), document: Some(Box::new(document)), ..Self::found(message) }
    }
}
