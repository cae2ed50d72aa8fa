//! [`Admins`]: one-time links to the administration pages, made on this host only, and the sessions that they open.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::error::Error;
use crate::audit::{self, Actor};
use crate::crypto;
use crate::model::{Clock, Secret};
use crate::store;
use crate::store::sso::transit::{PassKind, PassRow, Transit};

/// A link is opened at once, by whoever asked for it.
const LINK_LIFE: SignedDuration = SignedDuration::from_mins(15);
/// A working day; whoever needs longer makes another link.
const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(8);

/// A link or a session in the hands of whoever made it.
#[derive(Debug)]
pub struct Pass {
    /// What the browser carries.
    pub value: Secret<String>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Admins.
pub struct Admins {
    store: Arc<dyn Transit>,
    audit: Arc<audit::Service>,
    clock: Clock,
}

impl Admins {
    /// Kept in `store`.
    pub fn new(store: Arc<dyn Transit>, audit: Arc<audit::Service>, clock: Clock) -> Self {
        Self { store, audit, clock }
    }

    /// Makes a link.
    ///
    /// # Errors
    /// The database.
    pub async fn invite(&self, actor: &Actor) -> Result<Pass, Error> {
        let (pass, row) = self.fresh(PassKind::Link, &actor.who, LINK_LIFE);
        self.store.add_pass(row).await?;
        self.audit.record(actor.entry(self.clock.now(), "admin.link", "")).await;
        Ok(pass)
    }

    /// Whether a link may still be used. Looking does not use it up.
    ///
    /// # Errors
    /// 400 when not.
    pub async fn look(&self, link: &str) -> Result<(), Error> {
        self.store.pass(PassKind::Link, &hash(link), self.clock.now()).await.map(drop).map_err(unknown_link)
    }

    /// Uses a link up and opens a session.
    ///
    /// # Errors
    /// 400 when it was used, is too old, or was never made here.
    pub async fn enter(&self, link: &str, actor: &Actor) -> Result<Pass, Error> {
        let now = self.clock.now();
        let made_by = self.store.pass(PassKind::Link, &hash(link), now).await.map_err(unknown_link)?.made_by;
        let (pass, row) = self.fresh(PassKind::Session, &made_by, SESSION_LIFE);
        self.store.exchange_pass(&hash(link), row, now).await.map_err(unknown_link)?;
        let mut line = actor.entry(now, "admin.enter", "");
        line.detail = format!("link made by {made_by}");
        self.audit.record(line).await;
        Ok(pass)
    }

    /// Who made the link behind a session, if the session runs.
    ///
    /// # Errors
    /// The database.
    pub async fn session(&self, value: &str) -> Result<Option<String>, Error> {
        match self.store.pass(PassKind::Session, &hash(value), self.clock.now()).await {
            Ok(pass) => Ok(Some(pass.made_by)),
            Err(store::Error::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
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

fn unknown_link(error: store::Error) -> Error {
    match error {
        store::Error::NotFound => Error::bad_request(
            "admin_link_unknown",
            "this link was used, has expired, or was never made by this OneDesk",
            "make a new one on this host: onedeskctl admin-link",
        ),
        error => error.into(),
    }
}
