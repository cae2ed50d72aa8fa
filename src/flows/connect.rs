//! [`Connector`]: somebody signs in at Microsoft and gives us a grant. The same two steps for a mailbox and for a directory.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use super::{Browser, Destination, Flows, Pending};
use crate::credentials::keeper::{InForce, Keeper};
use crate::grants::{Given, Redeemer};
use crate::model::{EmailAddress, Problem, Secret};
use crate::oauth::authorization::{AuthorizationRequest, Prompt, ResponseMode};
use crate::oauth::callback::{Callback, CallbackError, Outcome};
use crate::oauth::claims::Claims;
use crate::oauth::id_token::IdTokenError;
use crate::oauth::microsoft::Microsoft;
use crate::oauth::provider::VerifyError;
use crate::oauth::scopes;
use crate::oauth::token::{GrantRequest, TokenError, Tokens};
use crate::settings::Settings;
use crate::store::flows::{Kind, TicketRow};

pub use super::failure::{Error, ErrorKind};

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
        name.and_then(|name| name.parse().ok()).ok_or_else(|| Error::NotAllowed(Problem::told("account_without_address", &[])))
    }
}

/// Begins and finishes sign-ins.
pub struct Connector {
    flows: Flows,
    microsoft: Arc<Microsoft>,
    redeemer: Redeemer,
    keeper: Keeper,
    settings: watch::Receiver<Arc<Settings>>,
}

impl Connector {
    /// A connector over these parts.
    pub fn new(flows: Flows, microsoft: Arc<Microsoft>, keeper: Keeper, settings: watch::Receiver<Arc<Settings>>) -> Self {
        let redeemer = Redeemer::new(keeper.clone(), Arc::clone(&microsoft));
        Self { flows, microsoft, redeemer, keeper, settings }
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
        let in_force = self.in_force().await?;
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
            Outcome::Refused(refusal) => return Err(Error::refused(&refusal)),
            // We never send anybody to the admin-consent endpoint with a state of ours.
            Outcome::AdminConsent => return Err(CallbackError::Empty.into()),
        };
        let in_force = self.in_force().await?;
        if in_force.client_id != pending.client_id || self.settings.borrow().microsoft.authority != pending.authority {
            return Err(Error::NotConfigured(Problem::told("credentials_exchanged", &[])));
        }
        let verifier = pending.verifier();
        let request = GrantRequest::Code { code: &code, verifier: &verifier, redirect_uri: &pending.redirect_uri };
        let scope = self.microsoft.scope(scopes::primary(&pending.scope), &pending.scope);
        let tokens = self.redeemer.redeem(&in_force, &pending.segment, request, &scope).await?;
        let claims = self.verify(&pending, &tokens).await?;
        let refresh_token = tokens.refresh_token.clone().ok_or_else(|| Error::NotAllowed(Problem::told("no_refresh_token", &[])))?;
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

    async fn verify(&self, pending: &Pending, tokens: &Tokens) -> Result<Claims, Error> {
        let id_token = tokens.id_token.as_ref().ok_or(IdTokenError::Missing("id_token"))?;
        let verified = self.microsoft.verify(&pending.segment, id_token, pending.client_id, pending.nonce()).await;
        verified.map_err(|error| match error {
            VerifyError::Token(error) => error.into(),
            VerifyError::Provider(error) => error.into(),
        })
    }

    async fn in_force(&self) -> Result<Arc<InForce>, Error> {
        let status = self.keeper.settled().await;
        status.in_force.clone().ok_or_else(|| {
            Error::NotConfigured(
                status
                    .problem
                    .clone()
                    .unwrap_or_else(|| Problem::told("credentials_missing", &[]).naming(self.settings.borrow().credentials_path())),
            )
        })
    }

    fn public_url(&self, path: &str) -> Result<String, Error> {
        let settings = self.settings.borrow();
        settings
            .public_url
            .as_ref()
            .map(|origin| origin.join(path))
            .ok_or_else(|| Error::NotConfigured(Problem::told("public_url_missing", &[])))
    }
}
