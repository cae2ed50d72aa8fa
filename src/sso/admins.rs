//! [`Admins`]: one-time links to the administration pages, made on this host only, and the sessions that they open.
//!
//! Links and sessions are in the database, so that a restart ends neither. While the database cannot be written or read,
//! this process remembers them: the pages are needed most when something is broken.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};

use super::error::Error;
use crate::audit::{self, Actor};
use crate::crypto;
use crate::model::{Clock, Problem, Secret};
use crate::store;
use crate::store::sso::transit::{PassKind, PassRow, Transit};

/// A link is opened at once, by whoever asked for it.
const LINK_LIFE: SignedDuration = SignedDuration::from_mins(15);
/// A working day; whoever needs longer makes another link.
const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(8);
/// Links and sessions that are remembered for the case that the database is out of order.
const MOST_REMEMBERED: usize = 256;

/// A link or a session in the hands of whoever made it.
#[derive(Debug)]
pub struct Pass {
    /// What the browser carries.
    pub value: Secret<String>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A session of the administration pages that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminSession {
    /// Who made its link, or who signed in.
    pub who: String,
    /// When it ends, if it is one of a link.
    pub ends_at: Option<Timestamp>,
    /// What every form of this session carries, so that no other site can make this browser send one.
    pub form_token: String,
}

impl AdminSession {
    /// The session that the cookie `value` stands for.
    pub fn new(who: String, ends_at: Option<Timestamp>, value: &str) -> Self {
        Self { who, ends_at, form_token: form_token(value) }
    }

    /// Whether a form carries this session's token. Hashes are compared, so that the time it takes tells nothing.
    pub fn made(&self, form_token: &str) -> bool {
        crypto::sha256(form_token.as_bytes()) == crypto::sha256(self.form_token.as_bytes())
    }
}

/// Admins.
pub struct Admins {
    store: Arc<dyn Transit>,
    audit: Arc<audit::Service>,
    clock: Clock,
    remembered: Mutex<HashMap<[u8; 32], Remembered>>,
}

#[derive(Clone)]
struct Remembered {
    row: PassRow,
    /// The database could not take it.
    is_only_here: bool,
}

impl Admins {
    /// Kept in `store`.
    pub fn new(store: Arc<dyn Transit>, audit: Arc<audit::Service>, clock: Clock) -> Self {
        Self { store, audit, clock, remembered: Mutex::default() }
    }

    /// Makes a link.
    ///
    /// # Errors
    /// None while this process can remember it; the database need not work.
    pub async fn invite(&self, actor: &Actor) -> Result<Pass, Error> {
        let (pass, row) = self.fresh(PassKind::Link, &actor.who, LINK_LIFE);
        self.keep(row).await;
        self.audit.record(actor.entry(self.clock.now(), "admin.link", "")).await;
        Ok(pass)
    }

    /// Whether a link may still be used. Looking does not use it up.
    ///
    /// # Errors
    /// 400 when not.
    pub async fn look(&self, link: &str) -> Result<(), Error> {
        let hash = hash(link);
        if self.recall(PassKind::Link, &hash).is_some() {
            return Ok(());
        }
        self.store.pass(PassKind::Link, &hash, self.clock.now()).await.map(drop).map_err(unknown_link)
    }

    /// Uses a link up and opens a session.
    ///
    /// # Errors
    /// 400 when it was used, is too old, or was never made here.
    pub async fn enter(&self, link: &str, actor: &Actor) -> Result<Pass, Error> {
        let (now, link) = (self.clock.now(), hash(link));
        let recalled = self.recall(PassKind::Link, &link).and_then(|_| self.lock().remove(&link));
        let (pass, made_by) = match recalled {
            Some(Remembered { row: known, .. }) => {
                let (pass, row) = self.fresh(PassKind::Session, &known.made_by, SESSION_LIFE);
                self.keep(row).await;
                (pass, known.made_by)
            }
            None => {
                let made_by = self.store.pass(PassKind::Link, &link, now).await.map_err(unknown_link)?.made_by;
                let (pass, row) = self.fresh(PassKind::Session, &made_by, SESSION_LIFE);
                self.store.exchange_pass(&link, row.clone(), now).await.map_err(unknown_link)?;
                self.remember(row, false);
                (pass, made_by)
            }
        };
        let mut line = actor.entry(now, "admin.enter", "");
        line.detail = format!("link made by {made_by}");
        self.audit.record(line).await;
        Ok(pass)
    }

    /// The session behind a cookie, if it runs.
    ///
    /// # Errors
    /// The database, for a session that this process never saw.
    pub async fn session(&self, value: &str) -> Result<Option<AdminSession>, Error> {
        let hash = hash(value);
        let session = |pass: PassRow| AdminSession::new(pass.made_by, Some(pass.expires_at), value);
        match self.store.pass(PassKind::Session, &hash, self.clock.now()).await {
            Ok(pass) => {
                self.remember(pass.clone(), false);
                Ok(Some(session(pass)))
            }
            Err(error) => match (self.recall(PassKind::Session, &hash), error) {
                // Ended elsewhere, unless the database never had it.
                (known, store::Error::NotFound) => Ok(known.filter(|known| known.is_only_here).map(|known| session(known.row))),
                (Some(known), _) => Ok(Some(session(known.row))),
                (None, error) => Err(error.into()),
            },
        }
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The database: the session would come back with the next start.
    pub async fn leave(&self, value: &str, actor: &Actor) -> Result<(), Error> {
        let hash = hash(value);
        self.lock().remove(&hash);
        self.store.remove_pass(PassKind::Session, &hash).await?;
        self.audit.record(actor.entry(self.clock.now(), "admin.leave", "")).await;
        Ok(())
    }

    /// Writes a link or a session, or remembers it where that is not possible.
    async fn keep(&self, row: PassRow) {
        if let Err(error) = self.store.add_pass(row.clone()).await {
            log::warn!(error:% = error; "a link or session of the administration is kept in memory only: it ends with this process");
            self.remember(row, true);
        } else if row.kind == PassKind::Session {
            self.remember(row, false);
        }
    }

    fn remember(&self, row: PassRow, is_only_here: bool) {
        let now = self.clock.now();
        let mut remembered = self.lock();
        if remembered.len() >= MOST_REMEMBERED {
            remembered.retain(|_, known| known.row.expires_at > now);
        }
        if remembered.len() < MOST_REMEMBERED {
            remembered.insert(row.hash, Remembered { row, is_only_here });
        }
    }

    fn recall(&self, kind: PassKind, hash: &[u8; 32]) -> Option<Remembered> {
        let now = self.clock.now();
        self.lock().get(hash).filter(|known| known.row.kind == kind && known.row.expires_at > now).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Remembered>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self, kind: PassKind, made_by: &str, life: SignedDuration) -> (Pass, PassRow) {
        let value = crypto::random_token(32);
        let expires_at = self.clock.now() + life;
        let row = PassRow { hash: hash(value.expose()), kind, made_by: made_by.to_owned(), expires_at };
        (Pass { value, expires_at }, row)
    }
}

fn hash(value: &str) -> [u8; 32] {
    crypto::sha256(value.as_bytes())
}

/// What only this server and this browser's session can know, and what tells nothing about the session.
fn form_token(value: &str) -> String {
    URL_SAFE_NO_PAD.encode(crypto::sha256(format!("form of the administration {value}").as_bytes()))
}

fn unknown_link(error: store::Error) -> Error {
    match error {
        store::Error::NotFound => Error::bad_request(Problem::told("admin_link_unknown", &[])),
        error => Error::new(super::ErrorKind::Unavailable, Problem::told("store.link", &[("error", &error)])),
    }
}
