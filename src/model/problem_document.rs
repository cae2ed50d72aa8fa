//! [`ProblemDocument`]: what went wrong, in the form of RFC 9457. Both doors answer with it; neither knows the other.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Problem, RequestId};

/// A problem document (RFC 9457 section 3). `hint`, `code`, `reason`, `cause` and `request_id` are extension members.
///
/// Never holds a secret: texts are ours, or were bounded and cleaned by whoever read them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProblemDocument {
    /// A URN that names the kind of problem: `urn:onedesk:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in a few words.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// What happened this time, in one sentence.
    pub detail: String,
    /// What to do next, in one sentence; absent when nobody can do anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// A stable word for machines.
    pub code: String,
    /// The word of the state's reason: `grant_refused`, `throttled`…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The code of what lies behind it: `AADSTS50173`…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What the provider said, where it is the provider's refusal.
    #[serde(flatten)]
    pub provider: ProviderTrace,
    /// The request, as in `X-Request-Id` and in the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// How a provider finds a refusal of its own again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProviderTrace {
    /// The most telling AADSTS code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aadsts: Option<String>,
    /// `trace_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// `correlation_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// When: the provider's `timestamp`, verbatim, or else our own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
}

impl ProblemDocument {
    /// The media type of the document.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// A problem of the kind `code`; the title repeats what the status means.
    pub fn new(status: u16, code: &str, title: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            kind: urn(code),
            title: title.into(),
            status,
            detail: detail.into(),
            hint: None,
            code: code.to_owned(),
            reason: None,
            cause: None,
            provider: ProviderTrace::default(),
            request_id: None,
        }
    }

    /// The same story as `problem`, told with this status.
    pub fn from_problem(status: u16, title: impl Into<String>, problem: &Problem) -> Self {
        Self::new(status, &problem.code, title, problem.title.as_str()).hint(problem.hint.as_str())
    }

    /// With the next step; an empty one is none.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        self
    }

    /// With the word of the state's reason.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// With the code of what lies behind it.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// With what the provider's support asks for, where the provider said something.
    #[must_use]
    pub fn with_provider(mut self, provider: Option<impl Into<ProviderTrace>>) -> Self {
        self.provider = provider.map(Into::into).unwrap_or_default();
        self
    }

    /// With what support asks for in any case: the time, ours where the provider told none, and the AADSTS code of the problem.
    #[must_use]
    pub fn complete(mut self, now: Timestamp) -> Self {
        self.provider.timestamp.get_or_insert_with(|| now.to_string());
        if self.provider.aadsts.is_none() && self.code.starts_with("AADSTS") {
            self.provider.aadsts = Some(self.code.clone());
        }
        self
    }

    /// With the request that it answers.
    #[must_use]
    pub fn request(mut self, id: RequestId) -> Self {
        self.request_id = Some(id.to_string());
        self
    }

    /// The document as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // Strings and a number: serialising them cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// AADSTS codes keep their case; everything else is lower case already.
fn urn(code: &str) -> String {
    format!("urn:onedesk:problem:{code}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_leaves_out_what_it_has_nothing_to_say_about() {
        let document = ProblemDocument::new(404, "unknown_path", "not found", "there is no /v1/x").hint("");
        assert_eq!(
            String::from_utf8(document.to_json()).unwrap(),
            r#"{"type":"urn:onedesk:problem:unknown_path","title":"not found","status":404,"detail":"there is no /v1/x","code":"unknown_path"}"#
        );
    }

    #[test]
    fn a_document_is_completed_with_the_time_and_the_code_of_microsoft() {
        let refused = || ProblemDocument::new(503, "AADSTS7000215", "not now", "the client secret is wrong");
        let ours = refused().complete(Timestamp::UNIX_EPOCH).provider;
        assert_eq!((ours.aadsts.as_deref(), ours.timestamp.as_deref()), (Some("AADSTS7000215"), Some("1970-01-01T00:00:00Z")));
        let told = ProviderTrace { timestamp: Some("2026-09-21 10:11:12Z".to_owned()), ..ProviderTrace::default() };
        let theirs = refused().with_provider(Some(told)).complete(Timestamp::UNIX_EPOCH).provider;
        assert_eq!(theirs.timestamp.as_deref(), Some("2026-09-21 10:11:12Z"));
    }

    #[test]
    fn a_problem_keeps_its_code_title_and_hint() {
        let problem = Problem::new("secret_expired", "the client secret ended", "make a new one");
        let document = ProblemDocument::from_problem(503, "not now", &problem);
        assert_eq!((document.code.as_str(), document.detail.as_str()), ("secret_expired", "the client secret ended"));
        assert_eq!(document.hint.as_deref(), Some("make a new one"));
    }
}
