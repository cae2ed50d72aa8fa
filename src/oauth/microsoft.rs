//! [`Microsoft`]: the identity platform as the settings name it now, for everything that asks it.

use std::sync::Arc;

use tokio::sync::watch;

use super::claims::Claims;
use super::discovery::{Metadata, Source};
use super::endpoints::{self, Endpoints};
use super::id_token::Tenants;
use super::provider::{SignIn, VerifyError};
use super::providers::CurrentProviders;
use super::scopes;
use super::token::{AuthMethod, ClientAuth, GrantRequest, TokenEndpoint, TokenError, Tokens};
use crate::model::{Audience, ClientId, Clock, Secret, TenantId};
use crate::settings::{self, Settings};
use crate::system::http::Http;

/// The identity platform.
pub struct Microsoft {
    settings: watch::Receiver<Arc<Settings>>,
    providers: CurrentProviders,
}

/// The client that asks, with the secret that it uses now.
pub fn client(client_id: ClientId, secret: &Secret<String>) -> ClientAuth {
    ClientAuth { client_id: client_id.to_string(), secret: secret.clone(), method: AuthMethod::Post }
}

impl Microsoft {
    /// The platform that `settings` name, reached by `http`.
    pub const fn new(settings: watch::Receiver<Arc<Settings>>, http: watch::Receiver<Http>, clock: Clock) -> Self {
        Self { settings, providers: CurrentProviders::new(http, clock) }
    }

    /// The v2 endpoints of a tenant segment.
    ///
    /// # Errors
    /// When the settings' authority and the segment make no URL.
    pub fn endpoints(&self, segment: &str) -> Result<Endpoints, endpoints::Error> {
        Endpoints::entra_v2(&self.now().authority, segment)
    }

    /// What a mailbox is asked for: mail, and enough of Graph to know who it is.
    pub fn mailbox_scope(&self) -> String {
        scopes::authorize_mailbox(&self.now())
    }

    /// What a directory is asked for.
    pub fn directory_scope(&self) -> String {
        scopes::directory(&self.now())
    }

    /// What one token request of a grant asks for: one resource. `given` is what the person was asked for.
    pub fn scope(&self, audience: Audience, given: &str) -> String {
        if scopes::is_mailbox(given) { scopes::mailbox(&self.now(), audience) } else { scopes::directory(&self.now()) }
    }

    /// Asks the token endpoint of `segment` once.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn redeem(&self, segment: &str, client: &ClientAuth, grant: GrantRequest<'_>, scope: &str) -> Result<Tokens, TokenError> {
        let endpoints = self.endpoints(segment).map_err(|error| TokenError::misconfigured(&error))?;
        let http = self.providers.http();
        let answer = TokenEndpoint { http: &http, url: endpoints.token.as_str() }.request(client, grant, scope).await;
        // It is our own registration that is asked for: what is to be mended stands in our own file.
        answer.map_err(|error| TokenError { problem: error.problem.naming(self.settings.borrow().credentials_path()), ..error })
    }

    /// Asks whether the platform accepts a client, by client credentials at `tenant`.
    ///
    /// # Errors
    /// [`TokenError`]; only [`super::token::Verdict::ClientRejected`] speaks against the client.
    pub async fn probe(&self, tenant: &str, client: &ClientAuth) -> Result<(), TokenError> {
        let scope = scopes::probe(&self.now());
        self.redeem(tenant, client, GrantRequest::ClientCredentials, &scope).await.map(|_| ())
    }

    /// Verifies the ID token of a sign-in at `segment`. Any tenant that the platform lets in there may connect: who connects is
    /// decided by the link and by consent.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub async fn verify(&self, segment: &str, id_token: &Secret<String>, client_id: ClientId, nonce: &str) -> Result<Claims, VerifyError> {
        let client_id = client_id.to_string();
        let only = segment.parse::<TenantId>().ok();
        let tenants = only.as_ref().map_or(Tenants::Any, |tenant| Tenants::Only(std::slice::from_ref(tenant)));
        let sign_in = SignIn { client_id: &client_id, nonce, tenants, access_token: None, unsigned_v1: false };
        let source = self.source(segment).ok_or(super::provider::Error::Closed)?;
        self.providers.get().get(&Metadata::Published(Box::new(source))).verify(id_token, &sign_in).await
    }

    /// The issuer that answers for `segment`, and whether it promises to name itself (RFC 9207).
    ///
    /// # Errors
    /// When its metadata cannot be read.
    pub async fn issuer(&self, segment: &str) -> Result<(super::issuer::Issuer, bool), super::provider::Error> {
        let source = self.source(segment).ok_or(super::provider::Error::Closed)?;
        let published = self.providers.get().get(&Metadata::Published(Box::new(source))).published().await?;
        Ok((published.document.issuer.clone(), published.document.promises_iss))
    }

    fn source(&self, segment: &str) -> Option<Source> {
        Source::of(&self.endpoints(segment).ok()?)
    }

    fn now(&self) -> settings::Microsoft {
        self.settings.borrow().microsoft.clone()
    }
}
