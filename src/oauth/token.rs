//! The token endpoint (RFC 6749 sections 3.2, 5 and 6): what we send, what comes back, and what a refusal means.

use std::time::Duration;

use jiff::Timestamp;

use super::token_response;
use crate::model::{Problem, ProviderTrace, Secret};
use crate::system::http::Http;

/// How a client proves itself at a token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAuth {
    /// The client id as the provider knows it.
    pub client_id: String,
    /// Its secret.
    pub secret: Secret<String>,
    /// How both are sent.
    pub method: AuthMethod,
}

/// RFC 6749 section 2.3.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuthMethod {
    /// `client_secret_post`: in the form. Microsoft's usual way.
    #[default]
    Post,
    /// `client_secret_basic`: in the header, each part form-encoded first.
    Basic,
}

/// What is exchanged for tokens.
#[derive(Debug, Clone, Copy)]
pub enum GrantRequest<'a> {
    /// An authorization code, with the verifier of its challenge (RFC 7636) and the redirect URI that it was sent to.
    Code {
        /// The code.
        code: &'a Secret<String>,
        /// The PKCE verifier.
        verifier: &'a Secret<String>,
        /// The same string as in the authorization request.
        redirect_uri: &'a str,
    },
    /// A refresh token.
    Refresh(&'a Secret<String>),
    /// Client credentials: only to learn whether the provider accepts the client.
    ClientCredentials,
}

/// A good token response (RFC 6749 section 5.1; Entra's variants: entra.md 2.5).
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The access token.
    pub access_token: Secret<String>,
    /// A refresh token; absent = keep the one in use.
    pub refresh_token: Option<Secret<String>>,
    /// An ID token, not verified yet.
    pub id_token: Option<Secret<String>>,
    /// The granted scopes; absent = as requested.
    pub scope: Option<String>,
    /// How long the access token lives.
    pub expires_in: Duration,
    /// The provider's own time when it answered, from its `Date` header.
    pub provider_time: Option<Timestamp>,
}

/// Why there are no tokens.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .problem.title)]
pub struct TokenError {
    /// What to do about it; control flow goes by this alone.
    pub verdict: Verdict,
    /// What to tell people.
    pub problem: Problem,
    /// What the provider said, for the page and the journal.
    pub provider: Box<ProviderError>,
}

impl TokenError {
    /// The request could not even be made: the settings lead to no endpoint.
    pub fn misconfigured(error: &super::endpoints::Error) -> Self {
        let problem = Problem::told("endpoints", &[("error", error)]);
        Self { verdict: Verdict::Misconfigured, problem, provider: Box::default() }
    }
}

/// What a failure means for the grant and for the next attempt (entra.md 3.2, mail.md 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// `invalid_client`: our id or secret is refused. The grant is untouched; people cannot help by signing in.
    ClientRejected,
    /// `invalid_grant`: this code or refresh token is no longer accepted.
    GrantRefused,
    /// The provider wants the person: interaction, consent, login, multi-factor.
    InteractionRequired,
    /// The registration or our request is at fault: unknown app, scope, redirect URI, tenant. Repeating changes nothing.
    Misconfigured,
    /// Told to slow down, by 429 or AADSTS50196; not before this.
    Throttled {
        /// At least this long.
        retry_after: Duration,
    },
    /// Network, proxy, TLS, 5xx, HTML instead of JSON: try again later, keep everything.
    Unavailable {
        /// What `Retry-After` said.
        retry_after: Option<Duration>,
    },
}

/// The provider's own words, bounded and without control characters; never a token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderError {
    /// `error`.
    pub error: String,
    /// `error_description`, at most 2,000 characters.
    pub description: String,
    /// `suberror`.
    pub suberror: Option<String>,
    /// AADSTS numbers, the most telling first.
    pub codes: Vec<u32>,
    /// `trace_id`.
    pub trace_id: Option<String>,
    /// `correlation_id`.
    pub correlation_id: Option<String>,
    /// `timestamp`, verbatim.
    pub timestamp: Option<String>,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
}

/// A token endpoint, ready to be asked.
#[derive(Clone, Copy)]
pub struct TokenEndpoint<'a> {
    /// The way out.
    pub http: &'a Http,
    /// Its URL.
    pub url: &'a str,
}

impl TokenEndpoint<'_> {
    /// Asks once. `scope` names one resource; an empty one is left out. A code must not be sent again after an error without an
    /// answer: it may have been used (Microsoft, breaking change of 2018-11-15); a refresh token may.
    ///
    /// # Errors
    /// [`TokenError`], whose verdict says what the failure means.
    pub async fn request(&self, client: &ClientAuth, grant: GrantRequest<'_>, scope: &str) -> Result<Tokens, TokenError> {
        let mut fields = grant.fields();
        if !scope.is_empty() {
            fields.push(("scope", scope));
        }
        let answer = match client.method {
            AuthMethod::Post => {
                fields.extend([("client_id", client.client_id.as_str()), ("client_secret", client.secret.expose().as_str())]);
                self.http.post_form(self.url, &fields, None).await
            }
            AuthMethod::Basic => {
                // RFC 6749 section 2.3.1: each part is form-encoded before the two are joined.
                let id: String = form_urlencoded::byte_serialize(client.client_id.as_bytes()).collect();
                let secret = Secret::new(form_urlencoded::byte_serialize(client.secret.expose().as_bytes()).collect());
                self.http.post_form(self.url, &fields, Some((&id, &secret))).await
            }
        };
        token_response::parse(&answer.map_err(|error| token_response::no_answer(&error))?)
    }
}

impl<'a> GrantRequest<'a> {
    fn fields(self) -> Vec<(&'a str, &'a str)> {
        match self {
            Self::Code { code, verifier, redirect_uri } => vec![
                ("grant_type", "authorization_code"),
                ("code", code.expose()),
                ("code_verifier", verifier.expose()),
                ("redirect_uri", redirect_uri),
            ],
            Self::Refresh(token) => vec![("grant_type", "refresh_token"), ("refresh_token", token.expose())],
            Self::ClientCredentials => vec![("grant_type", "client_credentials")],
        }
    }
}

impl From<&ProviderError> for ProviderTrace {
    fn from(error: &ProviderError) -> Self {
        Self {
            aadsts: error.codes.first().map(|code| format!("AADSTS{code}")),
            trace_id: error.trace_id.clone(),
            correlation_id: error.correlation_id.clone(),
            timestamp: error.timestamp.clone(),
        }
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
