//! Why a connection did not come about: what happened, whose turn it is, and what to do next.

use crate::grants::SealError;
use crate::model::{Hint, Problem};
use crate::oauth::aadsts;
use crate::oauth::callback::{CallbackError, IssuerError, Refusal};
use crate::oauth::id_token::IdTokenError;
use crate::oauth::provider;
use crate::oauth::token::{ProviderError, TokenError, Verdict};

/// Why a connection did not come about. Every variant knows its page: see [`Error::kind`] and [`Hint`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The link or the answer leads nowhere.
    #[error(transparent)]
    Flow(#[from] super::Error),
    /// The provider's answer is malformed.
    #[error(transparent)]
    Callback(#[from] CallbackError),
    /// The answer names another issuer than the one that was asked (RFC 9207).
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// The provider's metadata or keys cannot be read.
    #[error(transparent)]
    Provider(#[from] provider::Error),
    /// `public_url` or the credentials are missing, or were exchanged while the person signed in.
    #[error("{}", .0.title)]
    NotConfigured(Problem),
    /// The provider sent the person back without a code.
    #[error("{}", .problem.title)]
    Refused {
        /// In words.
        problem: Problem,
        /// What the provider said.
        provider: Box<ProviderError>,
        /// Whose no it is.
        kind: ErrorKind,
    },
    /// The code could not be exchanged.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The ID token was refused.
    #[error(transparent)]
    IdToken(#[from] IdTokenError),
    /// Another account signed in than the link is for, or the account may not be used here.
    #[error("{}", .0.title)]
    NotAllowed(Problem),
    /// The grant cannot be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The database.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
}

/// What kind of answer an error deserves (interface, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// 400: the browser, the link or the answer is at fault; begin again.
    BadRequest,
    /// 403: somebody or some rule said no.
    Forbidden,
    /// 502: the provider is at fault or out of reach.
    BadGateway,
    /// 503: this installation is at fault; an admin must act.
    Unavailable,
}

impl Error {
    /// The provider sent the person back without a code.
    pub(super) fn refused(refusal: &Refusal) -> Self {
        let provider = refusal.provider_error();
        let problem = Problem::from(aadsts::explain_error(&provider));
        let kind = match provider.error.as_str() {
            "server_error" | "temporarily_unavailable" => ErrorKind::BadGateway,
            "invalid_request" | "unauthorized_client" | "unsupported_response_type" | "invalid_scope" | "invalid_resource" => {
                ErrorKind::Unavailable
            }
            // access_denied, and everything about the person: login, consent, interaction.
            _ => ErrorKind::Forbidden,
        };
        Error::Refused { problem, provider: Box::new(provider), kind }
    }

    /// What a failed write of a connection means: the only record that can be missing is the ticket.
    pub fn from_write(error: crate::store::Error) -> Self {
        match error {
            crate::store::Error::NotFound => Self::Flow(super::Error::UnknownTicket),
            other => other.into(),
        }
    }

    /// The kind of answer.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::Flow(super::Error::Store(_) | super::Error::Unsealable) | Self::Store(_) | Self::Seal(_) | Self::NotConfigured(_) => {
                ErrorKind::Unavailable
            }
            Self::Flow(_) | Self::Callback(_) | Self::Issuer(_) => ErrorKind::BadRequest,
            Self::Refused { kind, .. } => *kind,
            Self::NotAllowed(_) | Self::IdToken(IdTokenError::Tenant(_)) => ErrorKind::Forbidden,
            Self::IdToken(_) | Self::Provider(_) => ErrorKind::BadGateway,
            Self::Token(error) => match error.verdict {
                Verdict::ClientRejected | Verdict::Misconfigured => ErrorKind::Unavailable,
                Verdict::Throttled { .. } | Verdict::Unavailable { .. } => ErrorKind::BadGateway,
                Verdict::GrantRefused => ErrorKind::BadRequest,
                Verdict::InteractionRequired => ErrorKind::Forbidden,
            },
        }
    }

    /// What the provider said, where it said something.
    pub fn provider(&self) -> Option<&ProviderError> {
        match self {
            Self::Refused { provider, .. } => Some(provider),
            Self::Token(error) => Some(&error.provider),
            _ => None,
        }
    }

    /// The problem in words, as a page shows it.
    pub fn problem(&self) -> Problem {
        match self {
            Self::NotConfigured(problem) | Self::NotAllowed(problem) | Self::Refused { problem, .. } => problem.clone(),
            Self::Token(error) => error.problem.clone(),
            other => Problem::new(other.code(), other.to_string(), other.hint().unwrap_or_default()),
        }
    }

    const fn code(&self) -> &'static str {
        match self {
            Self::Flow(super::Error::UnknownTicket) => "link_unknown",
            Self::Flow(super::Error::UnknownState) => "state_unknown",
            Self::Flow(super::Error::ForeignState) => "state_foreign",
            Self::Flow(super::Error::Unreadable) => "state_unreadable",
            Self::Callback(_) => "callback_malformed",
            Self::Issuer(_) => "issuer_mismatch",
            Self::IdToken(_) => "id_token_refused",
            Self::Provider(_) => "provider_unavailable",
            Self::Flow(super::Error::Unsealable) | Self::Seal(_) => "master_key",
            Self::Flow(super::Error::Store(_)) | Self::Store(_) => "store",
            Self::NotConfigured(_) | Self::Refused { .. } | Self::Token(_) | Self::NotAllowed(_) => "connect",
        }
    }
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Flow(super::Error::UnknownTicket) => {
                "ask your administrator for a new link: onedeskctl mailbox connect, or onedeskctl directory connect".to_owned()
            }
            Self::Flow(super::Error::UnknownState | super::Error::Unreadable) | Self::Callback(_) => {
                "open the link again and sign in once more; the link stays valid until it has succeeded or an hour has passed".to_owned()
            }
            Self::Flow(super::Error::ForeignState) => {
                "open the link in the browser in which you want to sign in, with cookies allowed for this site, and finish there".to_owned()
            }
            Self::Issuer(_) => "open the link again; if this comes back, show this page to your administrator".to_owned(),
            Self::IdToken(_) => "try again; if this comes back, show this page to your administrator".to_owned(),
            Self::Provider(error) => error.hint().unwrap_or_default(),
            Self::Flow(super::Error::Unsealable) => {
                "an administrator of this host puts the master key back; onedeskctl status says which file, and then: systemctl restart onedeskd".to_owned()
            }
            Self::Seal(_) => "restart the service: systemctl restart onedeskd; if this comes back, check the master key".to_owned(),
            Self::Flow(super::Error::Store(error)) | Self::Store(error) => {
                error.hint().unwrap_or_else(|| "try again in a minute".to_owned())
            }
            Self::NotConfigured(problem) | Self::NotAllowed(problem) | Self::Refused { problem, .. } => problem.hint.clone(),
            Self::Token(error) => error.problem.hint.clone(),
        })
    }
}
