//! [`Connector`]: somebody signs in at Microsoft and gives us a grant. The same two steps for a mailbox and for a directory.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::{Browser, Destination, Flows, Pending};
use crate::credentials::keeper::{InForce, Keeper};
use crate::grants::{Given, SealError};
use crate::model::{EmailAddress, Hint, Problem, Secret};
use crate::oauth::aadsts;
use crate::oauth::authorization::{AuthorizationRequest, Prompt, ResponseMode};
use crate::oauth::callback::{Callback, CallbackError, IssuerError, Outcome, Refusal};
use crate::oauth::claims::Claims;
use crate::oauth::id_token::IdTokenError;
use crate::oauth::microsoft::{self, Microsoft};
use crate::oauth::provider::{self, VerifyError};
use crate::oauth::scopes;
use crate::oauth::token::{GrantRequest, ProviderError, TokenError, Tokens, Verdict};
use crate::settings::Settings;
use crate::store::flows::{Kind, TicketRow};

/// Where the browser is sent, and the cookie that goes with it.
#[derive(Debug)]
pub struct Departure {
    /// The authorization request.
    pub url: String,
    /// Binds the flow to this browser.
    pub browser: Browser,
}

/// A link for whoever can sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The link.
    pub connect_url: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// How a flow is begun.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The path of the callback on our public URL.
    pub callback_path: &'a str,
    /// What is asked for.
    pub scope: &'a str,
    /// Who should sign in.
    pub login_hint: Option<&'a str>,
    /// Whether the person shall choose the account even where one is signed in.
    pub choose_account: bool,
}

/// A sign-in that was checked from end to end.
#[derive(Debug)]
pub struct Granted {
    /// The ticket that it began with.
    pub ticket: TicketRow,
    /// Where it went.
    pub pending: Pending,
    /// What was given.
    pub tokens: Tokens,
    /// The refresh token among them.
    pub refresh_token: Secret<String>,
    /// Who gave it.
    pub claims: Claims,
}

impl Granted {
    /// The grant as the token engine takes it. An account without tenant and object id is none of Entra's.
    ///
    /// # Errors
    /// [`Error::IdToken`].
    pub fn given(&self) -> Result<Given<'_>, Error> {
        let (Some(tenant_id), Some(object_id)) = (self.claims.tid, self.claims.oid) else {
            return Err(IdTokenError::Missing("tid or oid").into());
        };
        Ok(Given {
            client_id: self.pending.client_id,
            segment: &self.pending.segment,
            scope: &self.pending.scope,
            tenant_id,
            object_id,
            tokens: &self.tokens,
            refresh_token: &self.refresh_token,
        })
    }

    /// The account that signed in, by the name that people know it by.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] for an account without any.
    pub fn account(&self) -> Result<EmailAddress, Error> {
        let claims = &self.claims;
        let name = claims.preferred_username.as_deref().or(claims.upn.as_deref()).or(claims.email.as_deref());
        name.and_then(|name| name.parse().ok()).ok_or_else(|| {
            Error::NotAllowed(Problem::new(
                "account_without_address",
                "the account that signed in has no name of the form user@domain",
                "sign in with a work account; an administrator may have to add the profile permission to the app registration",
            ))
        })
    }
}

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
            Self::Flow(super::Error::Store(_)) | Self::Store(_) | Self::Seal(_) | Self::NotConfigured(_) => ErrorKind::Unavailable,
            Self::Flow(_) | Self::Callback(_) | Self::Issuer(_) => ErrorKind::BadRequest,
            Self::Refused { kind, .. } => *kind,
            Self::NotAllowed(_) => ErrorKind::Forbidden,
            Self::IdToken(IdTokenError::Tenant(_)) => ErrorKind::Forbidden,
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
            Self::Seal(_) => "master_key",
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
            Self::Seal(_) => "restart the service: systemctl restart onedeskd; if this comes back, check the master key".to_owned(),
            Self::Flow(super::Error::Store(error)) | Self::Store(error) => {
                error.hint().unwrap_or_else(|| "try again in a minute".to_owned())
            }
            Self::NotConfigured(problem) | Self::NotAllowed(problem) | Self::Refused { problem, .. } => problem.hint.clone(),
            Self::Token(error) => error.problem.hint.clone(),
        })
    }
}

/// Begins and finishes sign-ins.
pub struct Connector {
    flows: Flows,
    microsoft: Arc<Microsoft>,
    keeper: Keeper,
    settings: watch::Receiver<Arc<Settings>>,
}

impl Connector {
    /// A connector over these parts.
    pub const fn new(flows: Flows, microsoft: Arc<Microsoft>, keeper: Keeper, settings: watch::Receiver<Arc<Settings>>) -> Self {
        Self { flows, microsoft, keeper, settings }
    }

    /// Tickets and flows.
    pub const fn flows(&self) -> &Flows {
        &self.flows
    }

    /// Makes the link that starts a connection at `path`; it lasts an hour and is used up by success only.
    ///
    /// # Errors
    /// [`Error::NotConfigured`] without a public URL; missing credentials are no obstacle, they may come within the hour.
    pub async fn invite(&self, kind: Kind, path: &str, wishes: String, made_by: &str) -> Result<Invitation, Error> {
        let link = self.public_url(path)?;
        let ticket = self.flows.issue(kind, wishes, made_by).await?;
        Ok(Invitation { connect_url: format!("{link}?ticket={}", ticket.value.expose()), expires_at: ticket.expires_at })
    }

    /// Sends the browser to the provider.
    ///
    /// # Errors
    /// [`Error::NotConfigured`], [`Error::Store`].
    pub async fn depart(&self, ticket: &TicketRow, browser: Option<Browser>, request: Request<'_>) -> Result<Departure, Error> {
        let in_force = self.in_force()?;
        let microsoft = self.settings.borrow().microsoft.clone();
        let destination = Destination {
            authority: microsoft.authority,
            segment: microsoft.tenant,
            client_id: in_force.client_id,
            redirect_uri: self.public_url(request.callback_path)?,
            scope: request.scope.to_owned(),
        };
        let begun = self.flows.begin(ticket, browser, destination).await?;
        let authorization = AuthorizationRequest {
            client_id: &begun.pending.client_id.to_string(),
            redirect_uri: &begun.pending.redirect_uri,
            scope: &begun.pending.scope,
            state: begun.state.expose(),
            nonce: begun.pending.nonce(),
            challenge: &begun.pending.challenge(),
            response_mode: ResponseMode::Query,
            prompt: request.choose_account.then_some(Prompt::SelectAccount),
            login_hint: request.login_hint,
            extra: &[],
        };
        let endpoints = self.microsoft.endpoints(&begun.pending.segment).map_err(|error| TokenError::misconfigured(&error))?;
        Ok(Departure { url: authorization.url(&endpoints.authorization).into(), browser: begun.browser })
    }

    /// Checks the provider's answer from end to end and exchanges the code. Nothing is stored yet, the ticket is not used up.
    ///
    /// # Errors
    /// See [`Error`]; nothing was sent to the provider when the state is unknown or foreign.
    pub async fn arrive(&self, kind: Kind, callback: Callback, browser: Option<&Browser>) -> Result<Granted, Error> {
        let (ticket, pending) = self.flows.take(kind, callback.state.expose(), browser).await?;
        let ticket = self.flows.ticket_of(&ticket).await?;
        self.check_issuer(&pending, &callback).await?;
        let code = match callback.outcome {
            Outcome::Code(code) => code,
            Outcome::Refused(refusal) => return Err(refused(refusal)),
            // We never send anybody to the admin-consent endpoint with a state of ours.
            Outcome::AdminConsent { .. } => return Err(CallbackError::Empty.into()),
        };
        let in_force = self.in_force()?;
        if in_force.client_id != pending.client_id || self.settings.borrow().microsoft.authority != pending.authority {
            return Err(Error::NotConfigured(Problem::new(
                "credentials_exchanged",
                "the application's credentials or the cloud were changed while you signed in",
                "open the link again and sign in once more",
            )));
        }
        let tokens = self.redeem(&pending, &in_force, &code).await?;
        let claims = self.verify(&pending, &tokens).await?;
        let refresh_token = tokens.refresh_token.clone().ok_or_else(|| {
            Error::NotAllowed(Problem::new(
                "no_refresh_token",
                "the provider gave no lasting permission (no refresh token)",
                "consent to \"maintain access to data you have given it access to\" (offline_access), or have an administrator grant it, and sign in again",
            ))
        })?;
        Ok(Granted { ticket, pending, tokens, refresh_token, claims })
    }

    async fn check_issuer(&self, pending: &Pending, callback: &Callback) -> Result<(), Error> {
        // For errors too, and before the code goes anywhere (RFC 9207 section 2.4).
        match self.microsoft.issuer(&pending.segment).await {
            Ok((issuer, promised)) => Ok(callback.check_issuer(Some(&issuer), promised)?),
            // Entra sends none; where one came, it cannot be checked now, so nothing is sent anywhere.
            Err(error) if callback.iss.is_some() => Err(error.into()),
            Err(_) => Ok(()),
        }
    }

    async fn redeem(&self, pending: &Pending, with: &Arc<InForce>, code: &Secret<String>) -> Result<Tokens, Error> {
        let verifier = pending.verifier();
        let request = GrantRequest::Code { code, verifier: &verifier, redirect_uri: &pending.redirect_uri };
        let scope = self.microsoft.scope(scopes::primary(&pending.scope), &pending.scope);
        let error = match self.microsoft.redeem(&pending.segment, &microsoft::client(with.client_id, &with.secret), request, &scope).await {
            Err(error) if error.verdict == Verdict::ClientRejected => error,
            answer => return Ok(answer?),
        };
        // The client is checked before the code is touched, so a newer secret may try the same code once.
        match self.keeper.rejected(with, &error.problem).await.filter(|newer| newer.client_id == pending.client_id) {
            Some(newer) => {
                Ok(self.microsoft.redeem(&pending.segment, &microsoft::client(newer.client_id, &newer.secret), request, &scope).await?)
            }
            None => Err(error.into()),
        }
    }

    async fn verify(&self, pending: &Pending, tokens: &Tokens) -> Result<Claims, Error> {
        let id_token = tokens.id_token.as_ref().ok_or(IdTokenError::Missing("id_token"))?;
        let verified = self.microsoft.verify(&pending.segment, id_token, pending.client_id, pending.nonce()).await;
        verified.map_err(|error| match error {
            VerifyError::Token(error) => error.into(),
            VerifyError::Provider(error) => error.into(),
        })
    }

    fn in_force(&self) -> Result<Arc<InForce>, Error> {
        self.keeper.in_force().ok_or_else(|| {
            let problem = self.keeper.status().problem.clone();
            Error::NotConfigured(problem.unwrap_or_else(|| {
                Problem::new(
                    "credentials_missing",
                    "this OneDesk has no Microsoft credentials yet",
                    "an administrator of this host puts AZUREAD_CID and AZUREAD_CIS into /root/.OneDesk; they take effect at once",
                )
            }))
        })
    }

    fn public_url(&self, path: &str) -> Result<String, Error> {
        let settings = self.settings.borrow();
        settings.public_url.as_ref().map(|origin| origin.join(path)).ok_or_else(|| {
            Error::NotConfigured(Problem::new(
                "public_url_missing",
                "this OneDesk does not know its own address yet",
                "set public_url in /etc/onedesk/onedeskd.toml (for example public_url = \"https://helpdesk.example.com\"), then: systemctl reload onedeskd",
            ))
        })
    }
}

fn refused(refusal: Refusal) -> Error {
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
