//! [`Wire`]: the way out to providers, with their metadata and keys. Another proxy or trust anchor makes everything be read anew.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::record::Record;
use crate::model::{Clock, Problem};
use crate::oauth::provider::{Error, Provider};
use crate::oauth::providers::CurrentProviders;
use crate::system::http::{self, Http};

/// How long an admin waits for a provider that does not answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Providers, by the way out as it is now.
pub struct Wire(CurrentProviders);

/// What the provider says about itself, as far as a record needs it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The issuer that its metadata names.
    pub issuer: Option<String>,
    /// It publishes no metadata, and the record sets what is needed.
    pub is_given: bool,
    /// What could not be found, asked for by name.
    pub problem: Option<Problem>,
}

impl Wire {
    /// Over that way out.
    pub const fn new(http: watch::Receiver<Http>, clock: Clock) -> Self {
        Self(CurrentProviders::new(http, clock))
    }

    /// The client.
    pub fn http(&self) -> Http {
        self.0.http()
    }

    /// The provider of a record. Nothing is fetched where the record knows its place.
    ///
    /// # Errors
    /// Why another provider's metadata is not found.
    pub async fn provider(&self, record: &Record) -> Result<Arc<Provider>, Error> {
        let providers = self.0.get();
        match (record.metadata(), &record.endpoints) {
            (Some(metadata), _) => Ok(providers.get(&metadata)),
            (None, Some(endpoints)) => providers.find(endpoints).await,
            (None, None) => Err(crate::oauth::discovery::Error::Foreign.into()),
        }
    }

    /// Forgets all metadata and keys.
    pub fn forget(&self) {
        self.0.get().forget();
    }

    /// Fetches anew what is an hour old.
    pub async fn refresh_due(&self) {
        self.0.get().refresh_due().await;
    }

    /// Asks the provider of a record for what the record needs.
    pub async fn examine(&self, record: &Record) -> Found {
        let mut published = record.clone();
        published.details.is_given = false;
        published.details.found_issuer = None;
        let asked = async { Ok(self.provider(&published).await?.refresh().await?.document.issuer.as_str().to_owned()) };
        let answer = timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(too_slow()));
        let set = &record.details;
        match answer {
            Ok(issuer) => Found { issuer: Some(issuer), ..Found::default() },
            Err(error) if error.is_transient() => Found {
                issuer: set.found_issuer.clone(),
                is_given: set.is_given,
                problem: set.found_issuer.is_none().then(|| unread(&error)),
            },
            Err(Error::Status { .. } | Error::Document(crate::oauth::discovery::Error::Malformed))
                if !record.version().is_entra() && set.issuer.is_some() && set.jwks_uri.is_some() =>
            {
                Found { is_given: true, ..Found::default() }
            }
            Err(error) => Found { problem: Some(missing(record, &error)), ..Found::default() },
        }
    }
}

fn too_slow() -> Error {
    Error::Http { what: "metadata", source: http::Error::Timeout { host: "the provider".to_owned(), seconds: PATIENCE.as_secs() } }
}

fn unread(error: &Error) -> Problem {
    Problem::told("metadata_unread", &[("error", &error)])
}

fn missing(record: &Record, error: &Error) -> Problem {
    let needed = match (&record.details.issuer, &record.details.jwks_uri) {
        _ if record.version().is_entra() => return Problem::told("metadata.tenant", &[("error", &error)]),
        (None, None) => "issuer and jwks_uri",
        (None, Some(_)) => "issuer",
        (Some(_), None) => "jwks_uri",
        (Some(_), Some(_)) => {
            return Problem::told("metadata", &[("error", &error)]);
        }
    };
    Problem::told("metadata_missing", &[("error", &error), ("needed", &needed), ("id", &record.id())])
}
