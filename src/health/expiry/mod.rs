//! [`Expiry`]: when client secrets end. Learnt from Microsoft Graph, or typed by an admin; told at 60, 30, 14, 7 and 1 days, and
//! daily after the end.

mod book;
mod calendar;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::status::{CredentialsStatus, ExpirySource};
use crate::credentials::keeper::{InForce, Keeper, Slot};
use crate::crypto::Keyring;
use crate::graph::{self, Registration};
use crate::model::{Clock, Problem, Secret};
use crate::settings::Settings;
use crate::system::http::Http;
use crate::system::metrics::Metrics;
use crate::{directory, sso};

use book::Book;
pub use book::Known;

/// How often Graph is asked: secrets change a few times in their life.
const LEARN: SignedDuration = SignedDuration::from_hours(24);
/// How often it is looked whether something is to be told or learnt; a secret that was never seen at Graph is asked for as often.
pub const TURN: SignedDuration = SignedDuration::from_mins(10);
/// What to do about a secret that ends.
const RENEW: &str = "make a new client secret in the app registration, put its Value as AZUREAD_CIS_NEXT into /root/.OneDesk, \
    and once the status shows that it is accepted, make it AZUREAD_CIS and delete the old one";

/// What it works with.
pub struct Parts {
    /// The secrets in force.
    pub keeper: Keeper,
    /// The directories: one of them may be of the registration's home tenant.
    pub directory: Arc<directory::Service>,
    /// The client records.
    pub sso: Arc<sso::Service>,
    /// The settings in force.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// The way out.
    pub http: watch::Receiver<Http>,
    /// The time.
    pub clock: Clock,
    /// The numbers.
    pub metrics: Metrics,
}

/// When secrets end.
pub struct Expiry {
    parts: Parts,
    book: Book,
    learnt: Mutex<Option<(crate::model::Generation, Timestamp)>>,
}

impl Expiry {
    /// With the book beside `database`.
    pub fn open(parts: Parts, database: &Path, keyring: &Arc<Keyring>) -> Self {
        Self { parts, book: Book::open(database, keyring), learnt: Mutex::default() }
    }

    /// Fills in what is known of the secrets in force.
    pub fn complete(&self, status: &mut CredentialsStatus) {
        let Some(pair) = self.parts.keeper.in_force() else { return };
        let known = self.book.known(pair.client_id, &pair.secret);
        status.secret_expires_at = known.map(|known| known.ends);
        status.secret_expiry_source = known.map(|known| known.source);
        status.next_secret_expires_at = self.waiting(&pair).map(|known| known.ends);
    }

    /// What should be mended soon, of the secret in force and the one that waits.
    pub fn warnings(&self) -> Vec<Problem> {
        let now = self.parts.clock.now();
        self.ends().into_iter().filter_map(|(what, ends)| calendar::warning(&what, RENEW, ends, now)).collect()
    }

    /// For `systemctl status`: nothing while it is early.
    pub fn words(&self) -> Option<String> {
        self.warnings().first().map(|problem| problem.title.clone())
    }

    /// Brings the gauges up to date.
    pub fn update_metrics(&self) {
        let pair = self.parts.keeper.in_force();
        let seconds = |known: Option<Known>| known.map(|known| known.ends.as_second());
        let in_force = pair.as_ref().and_then(|pair| self.book.known(pair.client_id, &pair.secret));
        let other = pair.as_ref().and_then(|pair| self.waiting(pair));
        let (current, next) = match pair.as_ref().map(|pair| pair.slot) {
            Some(Slot::Next) => (other, in_force),
            _ => (in_force, other),
        };
        self.parts.metrics.set_secret_expiry("current", seconds(current));
        self.parts.metrics.set_secret_expiry("next", seconds(next));
        let records = self.parts.sso.connections().list();
        let soonest = records.iter().filter(|record| record.row.enabled).filter_map(|record| record.details.secret_expires_at).min();
        self.parts.metrics.set_secret_expiry("sso", soonest.map(Timestamp::as_second));
    }

    /// Notes what an admin typed about the secret in force; nothing when there is none.
    pub fn type_in(&self, ends: Timestamp) -> Option<Known> {
        let pair = self.parts.keeper.in_force()?;
        let known = Known { ends, source: ExpirySource::Typed, noted_at: self.parts.clock.now() };
        self.book.note(pair.client_id, &pair.secret, known);
        Some(known)
    }

    /// One turn of the job: learns what is due, and tells what was not told yet.
    pub async fn turn(&self) {
        if let Some(pair) = self.parts.keeper.in_force().filter(|pair| self.is_due(pair)) {
            // Whoever has not connected the home tenant's directory types the date in: that is no fault.
            let _ = self.learn(&pair).await;
        }
        let now = self.parts.clock.now();
        for (what, ends) in self.ends() {
            self.tell(&what, RENEW, ends, now);
        }
        for record in self.parts.sso.connections().list().iter().filter(|record| record.row.enabled) {
            if let Some(ends) = record.details.secret_expires_at {
                let renew =
                    format!("make a new secret at the provider, then: onedeskctl sso set {} --client-secret-file FILE", record.id());
                self.tell(&format!("the client secret of the SSO record {}", record.details.name), &renew, ends, now);
            }
        }
    }

    /// Asks Graph for the registration of the pair in force, by every connected directory until one is of its home tenant.
    ///
    /// # Errors
    /// Why it is not known, in words.
    pub async fn learn(&self, pair: &InForce) -> Result<Registration, String> {
        let (http, graph) = (self.parts.http.borrow().clone(), self.parts.settings.borrow().microsoft.graph.clone());
        let mut why = "no directory is connected".to_owned();
        for tenant in self.parts.directory.list() {
            let asked = match self.parts.directory.graph_token(tenant.tenant_id).await {
                Ok(token) => graph::registration(&http, &graph, &token.value, pair.client_id).await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match asked {
                Ok(registration) => {
                    let now = self.parts.clock.now();
                    for secret in std::iter::once(&pair.secret).chain(&self.other(pair)) {
                        if let Some(ends) = registration.end_of(secret) {
                            self.book.note(pair.client_id, secret, Known { ends, source: ExpirySource::Graph, noted_at: now });
                        }
                    }
                    *self.learnt.lock().unwrap_or_else(PoisonError::into_inner) = Some((pair.generation, now));
                    return Ok(registration);
                }
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn is_due(&self, pair: &InForce) -> bool {
        let now = self.parts.clock.now();
        let learnt = *self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        learnt.is_none_or(|(generation, at)| generation != pair.generation || now.duration_since(at).abs() >= LEARN)
    }

    fn tell(&self, what: &str, renew: &str, ends: Timestamp, now: Timestamp) {
        let (Some(step), Some(problem)) = (calendar::step(ends, now), calendar::warning(what, renew, ends, now)) else { return };
        if self.book.is_untold(what, ends, step) {
            log::warn!(code = problem.code.as_str(), hint = problem.hint.as_str(); "{}", problem.title);
        }
    }

    /// What ends when, as far as it is known.
    fn ends(&self) -> Vec<(String, Timestamp)> {
        let Some(pair) = self.parts.keeper.in_force() else { return Vec::new() };
        let key = |slot| if slot == Slot::Current { "AZUREAD_CIS" } else { "AZUREAD_CIS_NEXT" };
        let in_force = self.book.known(pair.client_id, &pair.secret).map(|known| (key(pair.slot).to_owned(), known.ends));
        // An old secret that waits to be deleted may end: the one that takes its place is what counts.
        let next = self.waiting(&pair).filter(|_| pair.slot == Slot::Current).map(|known| (key(Slot::Next).to_owned(), known.ends));
        in_force.into_iter().chain(next).collect()
    }

    fn waiting(&self, pair: &InForce) -> Option<Known> {
        self.other(pair).and_then(|secret| self.book.known(pair.client_id, &secret))
    }

    fn other(&self, pair: &InForce) -> Option<Secret<String>> {
        self.parts.keeper.status().other.clone().filter(|other| *other != pair.secret)
    }
}
