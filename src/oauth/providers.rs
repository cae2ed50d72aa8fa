//! [`Providers`]: all providers in use. Flows of the same provider share its keys; another way out forgets them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::discovery::{self, Metadata, Source};
use super::endpoints::Endpoints;
use super::provider::{Error, Provider};
use crate::model::Clock;
use crate::system::http::Http;

/// Providers in use at once; the record store holds far fewer.
const MOST_PROVIDERS: usize = 1000;

/// Providers by the way out as it is now: another proxy or trust anchor makes everything be read anew.
pub struct CurrentProviders {
    http: watch::Receiver<Http>,
    clock: Clock,
    kept: Mutex<Option<(watch::Receiver<Http>, Arc<Providers>)>>,
}

impl CurrentProviders {
    /// Over that way out.
    pub const fn new(http: watch::Receiver<Http>, clock: Clock) -> Self {
        Self { http, clock, kept: Mutex::new(None) }
    }

    /// The client.
    pub fn http(&self) -> Http {
        self.http.borrow().clone()
    }

    /// The providers.
    pub fn get(&self) -> Arc<Providers> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((seen, providers)) = &*kept
            && !seen.has_changed().unwrap_or(false)
        {
            return Arc::clone(providers);
        }
        let mut seen = self.http.clone();
        let http = seen.borrow_and_update().clone();
        let providers = Arc::new(Providers::new(http, self.clock.clone()));
        *kept = Some((seen, Arc::clone(&providers)));
        providers
    }
}

/// All providers in use: flows of the same provider share its keys.
pub struct Providers {
    http: Http,
    clock: Clock,
    known: Mutex<HashMap<Metadata, Arc<Provider>>>,
}

impl Providers {
    /// None yet.
    pub fn new(http: Http, clock: Clock) -> Self {
        Self { http, clock, known: Mutex::default() }
    }

    /// The provider with this metadata; nothing is fetched yet.
    pub fn get(&self, metadata: &Metadata) -> Arc<Provider> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_PROVIDERS && !known.contains_key(metadata) {
            known.clear();
        }
        let made = || Arc::new(Provider::new(metadata.clone(), self.http.clone(), self.clock.clone()));
        Arc::clone(known.entry(metadata.clone()).or_insert_with(made))
    }

    /// The provider that takes requests at `endpoints`: for Entra without asking, for another one by trying where its metadata may be.
    ///
    /// # Errors
    /// What the likeliest place said, when no place has metadata that names these endpoints.
    pub async fn find(&self, endpoints: &Endpoints) -> Result<Arc<Provider>, Error> {
        if let Some(source) = Source::of(endpoints) {
            return Ok(self.get(&source.into()));
        }
        let mut first_error = None;
        for source in Source::candidates(endpoints) {
            let metadata = Metadata::from(source);
            // One that turns out wrong must not stay among those in use.
            let provider = Provider::new(metadata.clone(), self.http.clone(), self.clock.clone());
            match provider.published().await {
                Ok(published) if published.document.names(endpoints) => {
                    let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                    return Ok(Arc::clone(known.entry(metadata).or_insert_with(|| Arc::new(provider))));
                }
                Ok(_) => {}
                Err(error) => drop(first_error.get_or_insert(error)),
            }
        }
        Err(first_error.unwrap_or(discovery::Error::Foreign.into()))
    }

    /// Forgets everything: after a switch was turned off and on, and when the way out changed.
    pub fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Fetches anew what is older than [`REFRESH_INTERVAL`]; for the background, called more often than that.
    pub async fn refresh_due(&self) {
        let now = self.clock.now();
        let due: Vec<_> = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.values().filter(|provider| provider.is_due(now)).cloned().collect()
        };
        for provider in due {
            if let Err(error) = provider.refresh().await {
                log::warn!(issuer = provider.name(), error = error.to_string().as_str(); "keeping a provider's old keys, since the new ones cannot be read");
            }
        }
    }
}
