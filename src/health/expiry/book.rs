//! [`Book`]: what is known of secrets' ends, over restarts. Secrets are known by a fingerprint alone, with a key that the master key
//! seals, so that a changed secret never inherits a date and the file tells nothing of any.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::crypto::{Keyring, Sealed, keyed_fingerprint, random_token};
use crate::health::status::ExpirySource;
use crate::model::{ClientId, Secret};
use crate::system::files;

/// The file's name, beside the database.
const NAME: &str = "secret-expiry.json";
const CONTEXT: &str = "secret-expiry/key";
const LARGEST: u64 = 256 * 1024;
/// Secrets remembered: two of a rotation, and those before them.
const MOST: usize = 16;

/// When a secret ends, and where that is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// When.
    pub ends: Timestamp,
    /// Where from.
    pub source: ExpirySource,
    /// When that was noted.
    pub noted_at: Timestamp,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Pages {
    /// The fingerprints' key, sealed.
    key: String,
    /// By fingerprint.
    secrets: BTreeMap<String, Known>,
    /// The steps that were told of, by what ends and when.
    told: BTreeMap<String, i64>,
}

/// The book.
pub struct Book {
    path: PathBuf,
    /// Nothing without a master key: what is learnt is kept in memory then.
    key: Secret<String>,
    is_kept: bool,
    pages: Mutex<Pages>,
}

impl Book {
    /// The book beside `database`. One that cannot be read is begun anew: it holds nothing that cannot be learnt or typed again.
    pub fn open(database: &Path, keyring: &Arc<Keyring>) -> Self {
        let path = database.with_file_name(NAME);
        let read = files::open_regular(&path).and_then(|file| files::read_bounded(file, &path, LARGEST)).ok();
        let pages: Option<Pages> = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let opened = pages.and_then(|pages| {
            let sealed = Sealed(STANDARD.decode(&pages.key).ok()?);
            Some((keyring.open(CONTEXT, &sealed).ok()?, pages))
        });
        if let Some((key, pages)) = opened {
            return Self { path, key, is_kept: true, pages: Mutex::new(pages) };
        }
        let key = random_token(32);
        let sealed = keyring.seal(CONTEXT, &key).ok();
        let pages = Pages { key: sealed.as_ref().map(|sealed| STANDARD.encode(&sealed.0)).unwrap_or_default(), ..Pages::default() };
        Self { path, key, is_kept: sealed.is_some(), pages: Mutex::new(pages) }
    }

    /// What is known of this very secret.
    pub fn known(&self, client_id: ClientId, secret: &Secret<String>) -> Option<Known> {
        self.pages().secrets.get(&self.fingerprint(client_id, secret)).copied()
    }

    /// Notes when this very secret ends.
    pub fn note(&self, client_id: ClientId, secret: &Secret<String>, known: Known) {
        let fingerprint = self.fingerprint(client_id, secret);
        let mut pages = self.pages();
        let is_news = pages.secrets.get(&fingerprint).is_none_or(|before| (before.ends, before.source) != (known.ends, known.source));
        pages.secrets.insert(fingerprint, known);
        while pages.secrets.len() > MOST {
            let oldest = pages.secrets.iter().min_by_key(|(_, known)| known.noted_at).map(|(name, _)| name.clone());
            oldest.and_then(|oldest| pages.secrets.remove(&oldest));
        }
        if is_news {
            self.write(&pages);
        }
    }

    /// Whether `step` of what ends then is to be told: once each, also over restarts.
    pub fn is_untold(&self, what: &str, ends: Timestamp, step: i64) -> bool {
        let mut pages = self.pages();
        let is_news = pages.told.insert(format!("{what} {ends}"), step) != Some(step);
        if is_news {
            while pages.told.len() > MOST * 16 {
                pages.told.pop_first();
            }
            self.write(&pages);
        }
        is_news
    }

    fn fingerprint(&self, client_id: ClientId, secret: &Secret<String>) -> String {
        keyed_fingerprint(&self.key, &client_id.to_string(), secret)
    }

    fn write(&self, pages: &Pages) {
        if !self.is_kept {
            return;
        }
        let written = serde_json::to_vec(pages).map_err(|error| error.to_string());
        let written = written.and_then(|bytes| files::write_atomically(&self.path, 0o600, &bytes).map_err(|error| error.to_string()));
        if let Err(error) = written {
            log::warn!(error = error.as_str(); "when secrets end cannot be written down; it is known until the next restart");
        }
    }

    /// Whole after a panic: every change is one of a map.
    fn pages(&self) -> std::sync::MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_of_an_end_is_told_once_also_by_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("onedesk.db");
        let source = crate::crypto::KeySource::find(&folder.path().join("master.key"), None);
        let keyring = Arc::new(Keyring::load_or_create(&source, true).unwrap());
        let ends: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        for step in [60, 30, 14, 7, 1, 0, -1, -2] {
            assert!(Book::open(&database, &keyring).is_untold("AZUREAD_CIS", ends, step), "{step}");
            let next_process = Book::open(&database, &keyring);
            assert!(!next_process.is_untold("AZUREAD_CIS", ends, step), "{step}");
            assert!(next_process.is_untold("AZUREAD_CIS", ends + jiff::SignedDuration::from_hours(1), step), "of another end, {step}");
        }
    }
}
