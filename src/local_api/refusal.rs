//! [`Refusal`]: why a call was not done, as a problem document; and what each error of a service becomes.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, StatusCode};

use crate::flows::connect;
use crate::model::{Hint as _, ProblemDocument, RequestId};
use crate::sso::{self, ErrorKind};
use crate::{mailboxes, store};

use super::policy::Denied;

/// Why a call was not done. The front gives it the request's id and writes it out.
#[derive(Debug, Clone)]
pub struct Refusal {
    document: Box<ProblemDocument>,
    retry_after: Option<u64>,
}

impl Refusal {
    /// The call itself is at fault, or names what is not there.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Problem");
        Self { document: Box::new(ProblemDocument::new(status.as_u16(), code, title, detail)), retry_after: None }
    }

    /// With the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.document = Box::new(self.document.hint(hint));
        self
    }

    /// The call has no answer yet. What it set going may go on.
    pub fn too_slow() -> Self {
        let refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, "too_slow", "the answer took too long");
        Self { retry_after: Some(5), ..refusal.hint("try again, and see what is slow: onedeskctl status; journalctl -u onedeskd") }
    }

    fn story(status: StatusCode, code: &str, problem: &crate::model::Problem) -> Self {
        let mut refusal = Self::new(status, code, problem.title.as_str()).hint(problem.hint.as_str());
        refusal.document = Box::new(refusal.document.cause(problem.code.as_str()));
        refusal
    }

    fn reason(mut self, reason: &str) -> Self {
        self.document = Box::new(self.document.reason(reason));
        self
    }

    /// Writes the refusal into `response`, whose other headers (such as `Allow`) stay.
    pub fn write(self, request: RequestId, response: &mut Response) {
        let headers: &mut HeaderMap = response.headers_mut();
        headers.remove(CONTENT_LENGTH);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(ProblemDocument::MEDIA_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        *response.body_mut() = Body::from(self.document.request(request).to_json());
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = StatusCode::from_u16(self.document.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::new(StatusCode::FORBIDDEN, "not_permitted", denied.to_string()).hint(denied.hint().unwrap_or_default())
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        log::warn!(cause = cause.as_str(); "a call on the local API failed at the database: {error}");
        Self { retry_after: Some(5), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", error.to_string()) }
            .hint(error.hint().unwrap_or_else(|| "try again".to_owned()))
    }
}

impl From<connect::Error> for Refusal {
    fn from(error: connect::Error) -> Self {
        let problem = error.problem();
        match error {
            connect::Error::Store(error) => error.into(),
            connect::Error::NotConfigured(_) => Self::story(StatusCode::SERVICE_UNAVAILABLE, "unconfigured", &problem),
            _ => Self::story(StatusCode::SERVICE_UNAVAILABLE, &problem.code, &problem),
        }
    }
}

impl From<sso::Error> for Refusal {
    fn from(error: sso::Error) -> Self {
        let status = match error.kind {
            ErrorKind::BadRequest => StatusCode::BAD_REQUEST,
            ErrorKind::Forbidden => StatusCode::FORBIDDEN,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::Outdated => StatusCode::PRECONDITION_FAILED,
            ErrorKind::BadGateway => StatusCode::BAD_GATEWAY,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::story(status, &error.problem.code, &error.problem)
    }
}

impl From<mailboxes::Error> for Refusal {
    fn from(error: mailboxes::Error) -> Self {
        use mailboxes::Error;
        match error {
            Error::Unknown(_) => Self::new(StatusCode::NOT_FOUND, "mailbox_unknown", error.to_string())
                .hint("see which are: onedeskctl mailbox list; connect it: onedeskctl mailbox connect ADDRESS"),
            Error::Unconfigured(problem) => Self::story(StatusCode::SERVICE_UNAVAILABLE, "unconfigured", &problem),
            Error::BadRequest(problem) => Self::story(StatusCode::BAD_REQUEST, &problem.code, &problem),
            Error::NeedsReauth { reason, problem } => Self::story(StatusCode::CONFLICT, "needs_reauth", &problem).reason(reason),
            Error::ScopeMissing(problem) => Self::story(StatusCode::CONFLICT, "scope_missing", &problem),
            Error::Waiting { retry_after, reason, problem } => {
                let refusal = Self::story(StatusCode::SERVICE_UNAVAILABLE, "waiting", &problem).reason(reason);
                Self { retry_after: Some(retry_after.max(1)), ..refusal }
            }
            Error::Store(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::model::Problem;

    async fn written(error: mailboxes::Error) -> (u16, Option<String>, ProblemDocument) {
        let refusal = Refusal::from(error);
        let mut response = refusal.clone().into_response();
        refusal.write(RequestId::new(), &mut response);
        let retry = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, retry, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn every_error_of_a_token_read_has_its_status_and_code() {
        let problem = || Problem::new("AADSTS50173", "the password was changed", "make a new link");
        let table = [
            (mailboxes::Error::Unknown("a@b.test".parse().unwrap()), 404, "mailbox_unknown", None, None),
            (
                mailboxes::Error::NeedsReauth { reason: "grant_refused", problem: problem() },
                409,
                "needs_reauth",
                Some("grant_refused"),
                None,
            ),
            (mailboxes::Error::ScopeMissing(problem()), 409, "scope_missing", None, None),
            (
                mailboxes::Error::Waiting { retry_after: 0, reason: "throttled", problem: problem() },
                503,
                "waiting",
                Some("throttled"),
                Some("1"),
            ),
            (mailboxes::Error::Unconfigured(problem()), 503, "unconfigured", None, None),
            (mailboxes::Error::BadRequest(problem()), 400, "AADSTS50173", None, None),
            (mailboxes::Error::Store(store::Error::Conflict), 503, "store_unavailable", None, Some("5")),
        ];
        for (error, status, code, reason, retry) in table {
            let (got, retry_after, document) = written(error).await;
            assert_eq!((got, document.status), (status, status), "{code}");
            assert_eq!((document.code.as_str(), document.reason.as_deref(), retry_after.as_deref()), (code, reason, retry));
            assert!(document.request_id.is_some() && document.hint.is_some(), "{document:?}");
        }
    }
}
