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
use crate::model::hint::naming;
use crate::model::{Clock, Problem, Secret};
use crate::settings::Settings;
use crate::system::http::Http;
use crate::system::metrics::Metrics;
use crate::texts::{filled, text};
use crate::{directory, sso};

use book::Book;
pub use book::Known;
use calendar::End;

/// How often Graph is asked: secrets change a few times in their life.
const LEARN: SignedDuration = SignedDuration::from_hours(24);
/// How often it is looked whether something is to be told or learnt; a secret that was never seen at Graph is asked for as often.
pub const TURN: SignedDuration = SignedDuration::from_mins(10);

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
        let next = if pair.slot == Slot::Next { known } else { self.waiting(&pair) };
        status.next_secret_expires_at = next.map(|known| known.ends);
    }

    /// What should be mended soon, of the secret in force and the one that waits.
    pub fn warnings(&self) -> Vec<Problem> {
        self.told_of(&self.ends())
    }

    /// The same of the client records by which people may sign in.
    pub fn record_warnings(&self) -> Vec<Problem> {
        self.told_of(&self.record_ends())
    }

    /// The same of one record.
    pub fn record_warning(&self, record: &sso::Record) -> Option<Problem> {
        end_of(record)?.warning(self.parts.clock.now())
    }

    /// For `systemctl status`: the secret that ends first, and how many others; nothing while it is early.
    pub fn words(&self) -> Option<String> {
        let mut ends = [self.ends(), self.record_ends()].concat();
        ends.sort_by_key(|end| end.at);
        let warnings = self.told_of(&ends);
        let first = warnings.first()?.title.clone();
        Some(match warnings.len() - 1 {
            0 => first,
            1 => format!("{first}; 1 other secret ends soon"),
            others => format!("{first}; {others} other secrets end soon"),
        })
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
        for end in self.ends().iter().chain(&self.record_ends()) {
            self.tell(end, now);
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

    fn tell(&self, end: &End, now: Timestamp) {
        let (Some(step), Some(problem)) = (calendar::step(end.at, now), end.warning(now)) else { return };
        if self.book.is_untold(&end.what, end.at, step) {
            log::warn!(code = problem.code.as_str(), hint = problem.hint.as_str(); "{}", problem.title);
        }
    }

    fn told_of(&self, ends: &[End]) -> Vec<Problem> {
        let now = self.parts.clock.now();
        ends.iter().filter_map(|end| end.warning(now)).collect()
    }

    /// What ends when in the credentials file, as far as it is known.
    fn ends(&self) -> Vec<End> {
        let Some(pair) = self.parts.keeper.in_force() else { return Vec::new() };
        let (key, renew) = match pair.slot {
            Slot::Current => ("AZUREAD_CIS", text("secret.renew")),
            Slot::Next => ("AZUREAD_CIS_NEXT", text("secret.renew_next")),
        };
        let in_force = self.book.known(pair.client_id, &pair.secret).map(|known| (key, renew, known.ends));
        // An old secret that waits to be deleted may end: the one that takes its place is what counts.
        let waiting = self.waiting(&pair).filter(|_| pair.slot == Slot::Current);
        let waiting = waiting.map(|known| ("AZUREAD_CIS_NEXT", text("secret.renew_waiting"), known.ends));
        let settings = self.parts.settings.borrow().clone();
        let end = |(what, renew, at): (&str, &str, _)| End {
            what: what.to_owned(),
            codes: ["secret_expires", "secret_expired"],
            renew: naming(renew, settings.credentials_path()),
            at,
        };
        in_force.into_iter().chain(waiting).map(end).collect()
    }

    /// What ends when of the client records by which people may sign in, as far as somebody typed it.
    fn record_ends(&self) -> Vec<End> {
        let records = self.parts.sso.connections().list();
        records.iter().filter(|record| record.row.enabled).filter_map(|record| end_of(record)).collect()
    }

    fn waiting(&self, pair: &InForce) -> Option<Known> {
        self.other(pair).and_then(|secret| self.book.known(pair.client_id, &secret))
    }

    fn other(&self, pair: &InForce) -> Option<Secret<String>> {
        self.parts.keeper.status().other.clone().filter(|other| *other != pair.secret)
    }
}

fn end_of(record: &sso::Record) -> Option<End> {
    Some(End {
        what: filled("secret.of_record", &[("name", &record.details.name)]),
        codes: ["sso_secret_expires", "sso_secret_expired"],
        renew: filled("secret.renew_of_record", &[("id", &record.id().to_string())]),
        at: record.details.secret_expires_at?,
    })
}
