//! [`Error`]: why somebody was not signed in, or a record not changed. Every one knows its status and its page.

use crate::model::{Hint, Problem};
use crate::oauth::callback::{CallbackError, IssuerError, Refusal};
use crate::oauth::id_token::IdTokenError;
use crate::oauth::provider::{self, VerifyError};
use crate::oauth::token::{ProviderError, TokenError, Verdict};
use crate::oauth::{aadsts, endpoints};
use crate::store;

/// What kind of answer an error deserves (interface, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// 400: the request or the answer that came by the browser is at fault; begin again.
    BadRequest,
    /// 403: somebody or some rule said no.
    Forbidden,
    /// 404: no such record, person or conflict.
    NotFound,
    /// 409: something else is in the way and has to be decided first.
    Conflict,
    /// 409 on a page, 412 where `If-Match` asked for it: what was to be changed is no longer as the change knew it.
    Outdated,
    /// 502: the provider is at fault or out of reach.
    BadGateway,
    /// 503: this installation is at fault; an admin must act.
    Unavailable,
}

/// Why it did not come about.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .problem.title)]
pub struct Error {
    /// The kind of answer.
    pub kind: ErrorKind,
    /// In words; its code is the outcome in the audit log.
    pub problem: Problem,
    /// What the provider said, where it said something.
    pub provider: Option<Box<ProviderError>>,
}

impl Error {
    /// An error of that kind.
    pub fn new(kind: ErrorKind, code: &str, title: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind, problem: Problem::new(code, title, hint), provider: None }
    }

    /// 400.
    pub fn bad_request(code: &str, title: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadRequest, code, title, hint)
    }

    /// 403.
    pub fn forbidden(code: &str, title: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorKind::Forbidden, code, title, hint)
    }

    /// 409.
    pub fn conflict(code: &str, title: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, code, title, hint)
    }

    /// 404.
    pub fn not_found(what: &str, hint: &str) -> Self {
        Self::new(
            ErrorKind::NotFound,
            &format!("{}_unknown", what.replace([' ', '-'], "_").to_lowercase()),
            format!("there is no such {what}"),
            hint,
        )
    }

    /// An answer by the browser that belongs to nothing under way.
    pub fn unknown_state() -> Self {
        Self::bad_request(
            "state_unknown",
            "this answer belongs to no sign-in that is under way: it was used already, or is too old",
            "go back to the app and sign in once more",
        )
    }

    /// The provider sent the person back without a code.
    pub fn refused(refusal: &Refusal) -> Self {
        let provider = ProviderError {
            error: refusal.error.clone(),
            description: refusal.description.clone(),
            suberror: refusal.subcode.clone(),
            codes: aadsts::by_telling(aadsts::codes_in(&refusal.description)),
            ..ProviderError::default()
        };
        let kind = match provider.error.as_str() {
            "server_error" | "temporarily_unavailable" => ErrorKind::BadGateway,
            "invalid_request" | "unauthorized_client" | "unsupported_response_type" | "invalid_scope" | "invalid_resource" => {
                ErrorKind::Unavailable
            }
            // access_denied, and everything about the person: login, consent, interaction.
            _ => ErrorKind::Forbidden,
        };
        let explanation = aadsts::explain_error(&provider);
        let problem = if refusal.is_declined() && provider.codes.is_empty() {
            Problem::new(
                "declined",
                "the sign-in was declined or broken off at the provider",
                "sign in again; if an administrator has to approve the app first, ask them",
            )
        } else {
            explanation.into()
        };
        Self { kind, problem, provider: Some(Box::new(provider)) }
    }
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        Some(self.problem.hint.clone()).filter(|hint| !hint.is_empty())
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        let hint = error.hint().unwrap_or_else(|| "try again in a minute".to_owned());
        Self::new(ErrorKind::Unavailable, "store", error.to_string(), hint)
    }
}

impl From<CallbackError> for Error {
    fn from(error: CallbackError) -> Self {
        Self::bad_request("callback_malformed", error.to_string(), "go back to the app and sign in once more")
    }
}

impl From<IssuerError> for Error {
    fn from(error: IssuerError) -> Self {
        Self::bad_request(
            "issuer_mismatch",
            error.to_string(),
            "go back to the app and sign in once more; if this comes back, show this page to your administrator",
        )
    }
}

impl From<endpoints::Error> for Error {
    fn from(error: endpoints::Error) -> Self {
        let hint = "copy both URLs whole from the provider's list of endpoints: Authorization URI and Token URL";
        Self::bad_request("urls", error.to_string(), hint)
    }
}

impl From<provider::Error> for Error {
    fn from(error: provider::Error) -> Self {
        let code = if error.is_transient() { "provider_unavailable" } else { "provider_metadata" };
        let hint = error.hint().unwrap_or_else(|| "try again in a minute".to_owned());
        Self::new(ErrorKind::BadGateway, code, error.to_string(), hint)
    }
}

impl From<IdTokenError> for Error {
    fn from(error: IdTokenError) -> Self {
        match error {
            IdTokenError::Tenant(_) => Self::forbidden(
                "tenant_not_allowed",
                error.to_string(),
                "sign in with an account of your organization; an administrator of this OneDesk can add the tenant to allowed_tenants",
            ),
            _ => Self::new(
                ErrorKind::BadGateway,
                "id_token_refused",
                error.to_string(),
                "sign in once more; if this comes back, an administrator compares the client record with the provider's settings",
            ),
        }
    }
}

impl From<VerifyError> for Error {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Provider(error) => error.into(),
            VerifyError::Token(error) => error.into(),
        }
    }
}

/// What mends a refused secret of a client record. The table of codes speaks of the host's own, which is another one.
pub fn of_a_record(refused: Problem) -> Problem {
    let hint = "give the client record its new secret's Value: onedeskctl sso list, onedeskctl sso set ID --client-secret-file FILE";
    Problem { hint: hint.to_owned(), ..refused }
}

impl From<TokenError> for Error {
    fn from(error: TokenError) -> Self {
        let kind = match error.verdict {
            Verdict::ClientRejected | Verdict::Misconfigured => ErrorKind::Unavailable,
            Verdict::Throttled { .. } | Verdict::Unavailable { .. } => ErrorKind::BadGateway,
            Verdict::GrantRefused => ErrorKind::BadRequest,
            Verdict::InteractionRequired => ErrorKind::Forbidden,
        };
        Self { kind, problem: error.problem, provider: Some(error.provider) }
    }
}
