//! [`Provider`]: one provider's metadata and keys, fetched when needed and kept as long as they may be (Microsoft, "Signing key
//! rollover"). One fetch at a time; what is good is replaced by what is good only.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;

use super::claims::Claims;
use super::discovery::{self, Document, Metadata};
use super::id_token::{self, Expectation, IdTokenError, SKEW, Tenants};
use super::jwks::{self, KeySet};
use super::signed;
use crate::model::{Clock, Hint, Secret};
use crate::system::http::{self, Http};

/// How long keys may be used without having been seen again.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);
/// How often the background looks for new ones: short enough that a rollover is rarely met by a person first.
pub const REFRESH_INTERVAL: SignedDuration = SignedDuration::from_hours(1);
/// How often an unknown `kid` may cause a fetch: anybody can invent them.
const UNKNOWN_KID_INTERVAL: SignedDuration = SignedDuration::from_mins(5);

/// A provider's metadata and keys as they were fetched together.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its metadata.
    pub document: Document,
    /// Its keys.
    pub keys: KeySet,
    /// When.
    pub fetched_at: Timestamp,
}

/// Why a provider's metadata or keys are not there.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error("the provider's {what} cannot be read: {source}")]
    Http {
        /// Metadata or keys.
        what: &'static str,
        /// Why.
        source: http::Error,
    },
    /// Another status than 200.
    #[error("the provider answered with HTTP status {status} when asked for its {what}")]
    Status {
        /// Metadata or keys.
        what: &'static str,
        /// The status.
        status: u16,
    },
    /// Metadata that is not believed.
    #[error(transparent)]
    Document(#[from] discovery::Error),
    /// No usable keys.
    #[error(transparent)]
    Keys(#[from] jwks::Error),
    /// The daemon is ending.
    #[error("the provider is no longer asked")]
    Closed,
}

impl Error {
    /// Whether it passes by itself: an unreachable provider, against one that says the wrong thing.
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Http { .. } | Self::Closed => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            Self::Document(_) | Self::Keys(_) => false,
        }
    }
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Http { .. } | Self::Closed => "check the network, the name service and the proxy of this host",
            Self::Status { status: 400 | 404, .. } => "check the tenant and the URLs of the provider",
            Self::Status { .. } => "wait; it is tried again by itself",
            Self::Document(_) | Self::Keys(_) => "check that the URLs are the provider's own, copied whole",
        };
        Some(hint.to_owned())
    }
}

/// What a flow knows about the ID token that it waits for; the rest is in the metadata.
#[derive(Debug, Clone, Copy)]
pub struct SignIn<'a> {
    /// Our client id.
    pub client_id: &'a str,
    /// The nonce that was sent.
    pub nonce: &'a str,
    /// Who may sign in.
    pub tenants: Tenants<'a>,
    /// The access token that came along.
    pub access_token: Option<&'a Secret<String>>,
    /// See [`Expectation::unsigned_v1`].
    pub unsigned_v1: bool,
}

/// Why an ID token was not accepted.
#[derive(Debug, Clone, thiserror::Error)]
pub enum VerifyError {
    /// There is nothing to verify it with.
    #[error(transparent)]
    Provider(#[from] Error),
    /// It is not good.
    #[error(transparent)]
    Token(#[from] IdTokenError),
}

/// One provider.
pub struct Provider {
    metadata: Metadata,
    http: Http,
    clock: Clock,
    kept: Mutex<Kept>,
    /// One permit: who holds it fetches.
    fetching: Semaphore,
}

#[derive(Default)]
struct Kept {
    published: Option<Arc<Published>>,
    /// Grows with every attempt, so that those who waited for one know that it was made.
    attempts: u64,
    last_error: Option<Error>,
    last_unknown_kid: Option<Timestamp>,
}

impl Provider {
    /// A provider of which nothing was fetched yet.
    pub fn new(metadata: Metadata, http: Http, clock: Clock) -> Self {
        Self { metadata, http, clock, kept: Mutex::default(), fetching: Semaphore::new(1) }
    }

    /// Metadata and keys, fetched if there are none or they are older than a day.
    ///
    /// # Errors
    /// [`Error`] when nothing valid is kept and none can be fetched.
    pub async fn published(&self) -> Result<Arc<Published>, Error> {
        let (kept, attempts) = self.valid();
        match kept {
            Some(published) => Ok(published),
            None => self.fetch_once(attempts).await,
        }
    }

    /// Fetches anew: the background's hook, every [`REFRESH_INTERVAL`]. A failure leaves what is kept in force.
    ///
    /// # Errors
    /// Why nothing new came.
    pub async fn refresh(&self) -> Result<Arc<Published>, Error> {
        let (_, attempts) = self.valid();
        self.fetch_once(attempts).await
    }

    /// Verifies an ID token with this provider's metadata and keys. An unknown key makes them be fetched anew once, at most every
    /// five minutes.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub async fn verify(&self, token: &Secret<String>, sign_in: &SignIn<'_>) -> Result<Claims, VerifyError> {
        let published = self.published().await?;
        match self.check(token, &published, sign_in) {
            Err(IdTokenError::UnknownKey) => {
                let newer = self.after_unknown_key(&published).await.ok_or(IdTokenError::UnknownKey)?;
                Ok(self.check(token, &newer, sign_in)?)
            }
            result => Ok(result?),
        }
    }

    /// Verifies something else that this provider signed, and returns its claims. Keys are fetched anew as by [`Provider::verify`].
    ///
    /// # Errors
    /// [`VerifyError`].
    pub async fn verify_signed(&self, token: &str) -> Result<Map<String, Value>, VerifyError> {
        let published = self.published().await?;
        let claims = |published: &Published| signed::claims(token, &published.keys, &published.document.algorithms);
        match claims(&published) {
            Err(IdTokenError::UnknownKey) => {
                let newer = self.after_unknown_key(&published).await.ok_or(IdTokenError::UnknownKey)?;
                Ok(claims(&newer)?)
            }
            result => Ok(result?),
        }
    }

    fn check(&self, token: &Secret<String>, published: &Published, sign_in: &SignIn<'_>) -> Result<Claims, IdTokenError> {
        let document = &published.document;
        let expectation = Expectation {
            client_id: sign_in.client_id,
            issuer: &document.issuer,
            version: self.metadata.version(),
            nonce: sign_in.nonce,
            algorithms: &document.algorithms,
            tenants: sign_in.tenants,
            cloud_instance: document.cloud_instance.as_deref(),
            access_token: sign_in.access_token,
            unsigned_v1: sign_in.unsigned_v1,
        };
        id_token::verify(token.expose(), &published.keys, &expectation, self.clock.now(), SKEW)
    }

    /// What is published now, if that may be asked and differs from what was tried.
    async fn after_unknown_key(&self, tried: &Arc<Published>) -> Option<Arc<Published>> {
        let now = self.clock.now();
        let (permit, attempts) = {
            let mut kept = self.kept();
            if let Some(newer) = kept.published.as_ref().filter(|newer| !Arc::ptr_eq(newer, tried)) {
                return Some(Arc::clone(newer));
            }
            let permit = self.fetching.try_acquire().ok();
            // Without the permit somebody fetches just now, and what they get is as good.
            if permit.is_some() {
                if kept.last_unknown_kid.is_some_and(|last| now.duration_since(last).abs() < UNKNOWN_KID_INTERVAL) {
                    return None;
                }
                kept.last_unknown_kid = Some(now);
            }
            (permit, kept.attempts)
        };
        let newest = match permit {
            Some(permit) => self.fetch_with(permit).await,
            None => self.fetch_once(attempts).await,
        };
        newest.ok().filter(|newer| !Arc::ptr_eq(newer, tried))
    }

    /// Fetches, unless somebody else did since `attempts` was read: then their result is ours.
    async fn fetch_once(&self, attempts: u64) -> Result<Arc<Published>, Error> {
        let permit = self.fetching.acquire().await.map_err(|_| Error::Closed)?;
        {
            let kept = self.kept();
            if kept.attempts != attempts {
                return match (&kept.last_error, &kept.published) {
                    (None, Some(published)) => Ok(Arc::clone(published)),
                    (error, _) => Err(error.clone().unwrap_or(Error::Closed)),
                };
            }
        }
        self.fetch_with(permit).await
    }

    async fn fetch_with(&self, _permit: SemaphorePermit<'_>) -> Result<Arc<Published>, Error> {
        let result = self.fetch().await.map(Arc::new);
        let mut kept = self.kept();
        kept.attempts += 1;
        kept.last_error = result.as_ref().err().cloned();
        if let Ok(published) = &result {
            kept.published = Some(Arc::clone(published));
        }
        result
    }

    async fn fetch(&self) -> Result<Published, Error> {
        let document = match &self.metadata {
            Metadata::Published(source) => Document::parse(&self.get("metadata", &source.url).await?, source)?,
            Metadata::Given(document) => Document::clone(document),
        };
        let keys = KeySet::parse(&self.get("keys", &document.jwks_uri).await?)?;
        Ok(Published { document, keys, fetched_at: self.clock.now() })
    }

    async fn get(&self, what: &'static str, url: &Url) -> Result<bytes::Bytes, Error> {
        let answer = self.http.get(url.as_str(), None).await.map_err(|source| Error::Http { what, source })?;
        if answer.status == 200 { Ok(answer.body) } else { Err(Error::Status { what, status: answer.status }) }
    }

    /// What is kept and not too old, and how many attempts were made so far.
    fn valid(&self) -> (Option<Arc<Published>>, u64) {
        let now = self.clock.now();
        let kept = self.kept();
        // Both ways: a clock that was set back must not keep keys for ever.
        let is_valid = |published: &&Arc<Published>| now.duration_since(published.fetched_at).abs() < LIFETIME;
        (kept.published.as_ref().filter(is_valid).cloned(), kept.attempts)
    }

    /// For the journal.
    pub(super) fn name(&self) -> &str {
        match &self.metadata {
            Metadata::Published(source) => source.url.as_str(),
            Metadata::Given(document) => document.issuer.as_str(),
        }
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.kept().published.as_ref().is_some_and(|published| now.duration_since(published.fetched_at).abs() >= REFRESH_INTERVAL)
    }

    /// Never held across an await, and whole after a panic: every change is one assignment.
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "provider_tests.rs"]
mod tests;
