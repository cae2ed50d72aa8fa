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
    pub const fn new(kind: ErrorKind, problem: Problem) -> Self {
        Self { kind, problem, provider: None }
    }

    /// 400.
    pub const fn bad_request(problem: Problem) -> Self {
        Self::new(ErrorKind::BadRequest, problem)
    }

    /// 403.
    pub const fn forbidden(problem: Problem) -> Self {
        Self::new(ErrorKind::Forbidden, problem)
    }

    /// 409.
    pub const fn conflict(problem: Problem) -> Self {
        Self::new(ErrorKind::Conflict, problem)
    }

    /// 404.
    pub const fn not_found(problem: Problem) -> Self {
        Self::new(ErrorKind::NotFound, problem)
    }

    /// An answer by the browser that belongs to nothing under way.
    pub fn unknown_state() -> Self {
        Self::bad_request(Problem::told("state_unknown", &[]))
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
        let problem = if refusal.is_declined() && provider.codes.is_empty() { Problem::told("declined", &[]) } else { explanation.into() };
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
        Self::new(ErrorKind::Unavailable, Problem::told("store", &[("error", &error)]).advising(error.hint()))
    }
}

impl From<CallbackError> for Error {
    fn from(error: CallbackError) -> Self {
        Self::bad_request(Problem::told("callback_malformed", &[("error", &error)]))
    }
}

impl From<IssuerError> for Error {
    fn from(error: IssuerError) -> Self {
        Self::bad_request(Problem::told("issuer_mismatch", &[("error", &error)]))
    }
}

impl From<endpoints::Error> for Error {
    fn from(error: endpoints::Error) -> Self {
        Self::bad_request(Problem::told("urls", &[("error", &error)]))
    }
}

impl From<provider::Error> for Error {
    fn from(error: provider::Error) -> Self {
        let code = if error.is_transient() { "provider_unavailable" } else { "provider_metadata" };
        Self::new(ErrorKind::BadGateway, Problem::told("provider_metadata", &[("error", &error)]).advising(error.hint()).under(code))
    }
}

impl From<IdTokenError> for Error {
    fn from(error: IdTokenError) -> Self {
        match error {
            IdTokenError::Tenant(_) => Self::forbidden(Problem::told("tenant_not_allowed", &[("error", &error)])),
            _ => Self::new(ErrorKind::BadGateway, Problem::told("id_token_refused", &[("error", &error)])),
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
pub fn of_a_record(refused: &Problem) -> Problem {
    Problem::told("client_secret.refused", &[("refused", &refused.title)]).under(&refused.code)
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
