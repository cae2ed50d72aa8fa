//! [`Connections`]: the client records and the two switches, in force and stored. Secrets go in and never come out again.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use jiff::Timestamp;
use tokio::sync::watch;

use super::error::{Error, ErrorKind};
use super::known::Known;
use super::record::Record;
use super::rules::{may_enable, means_another, means_other_metadata};
use super::wire::Wire;
use super::wishes::{Details, Wishes};
use crate::audit::Actor;
use crate::crypto::Keyring;
use crate::model::person::{App, Kind};
use crate::model::{Clock, ConnectionId, Problem, Secret, ids};
use crate::oauth::endpoints::Endpoints;
use crate::oauth::issuer::Issuer;
use crate::oauth::token::ClientAuth;
use crate::settings::Settings;
use crate::store;
use crate::store::audit::AuditEntry;
use crate::store::sso::records::{RecordRow, Records, Switches};

/// More than anybody needs; each is held in memory.
const MOST: usize = 200;

/// What client records are made of and kept in.
pub struct Parts {
    /// Where they are kept.
    pub store: Arc<dyn Records>,
    /// Seals their secrets.
    pub keyring: Arc<Keyring>,
    /// The way to the providers.
    pub wire: Arc<Wire>,
    /// The settings in force.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// The time.
    pub clock: Clock,
}

/// Client records and switches.
pub struct Connections {
    pub(super) parts: Parts,
    known: RwLock<Known>,
    /// One change at a time: each reads, asks the provider, and writes.
    changing: tokio::sync::Mutex<()>,
    /// One reading of the store at a time, so that the newest is what stays.
    reading: tokio::sync::Mutex<()>,
}

/// What a change did to the sessions that the record gave.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The record as it is now.
    pub record: Arc<Record>,
    /// Whether its sessions have ended.
    pub ended_sessions: bool,
}

impl Connections {
    /// Those of the store.
    ///
    /// # Errors
    /// The database.
    pub async fn load(parts: Parts) -> Result<Self, store::Error> {
        let connections =
            Self { parts, known: RwLock::default(), changing: tokio::sync::Mutex::default(), reading: tokio::sync::Mutex::default() };
        connections.reload().await?;
        Ok(connections)
    }

    /// The switches.
    pub fn switches(&self) -> Switches {
        self.known().switches
    }

    /// Sets one. Off ends every session of that kind in the store. Nothing but the store is needed for it, and no
    /// change of a record is waited for: that one may be waiting for a provider.
    ///
    /// # Errors
    /// The database.
    pub async fn switch(&self, kind: Kind, enabled: bool, actor: &Actor) -> Result<(), Error> {
        if enabled {
            self.parts.wire.forget();
        }
        let action = if enabled { "sso.enable" } else { "sso.disable" };
        self.parts.store.switch(kind, enabled, actor.entry(self.now(), action, kind.plural())).await?;
        self.reload().await?;
        log::info!(kind = kind.plural(), enabled = enabled; "single sign-on was switched");
        Ok(())
    }

    /// All records, in the order in which they were made.
    pub fn list(&self) -> Vec<Arc<Record>> {
        self.known().records.clone()
    }

    /// One record.
    ///
    /// # Errors
    /// 404.
    pub fn get(&self, id: ConnectionId) -> Result<Arc<Record>, Error> {
        let found = self.known().records.iter().find(|record| record.id() == id).cloned();
        found.ok_or_else(|| Error::not_found(Problem::told("client_record_unknown", &[])))
    }

    /// The records by which people may sign in to `app` now.
    pub fn for_app(&self, app: App) -> Vec<Arc<Record>> {
        let known = self.known();
        let is_open =
            |record: &&Arc<Record>| record.row.enabled && known.switches.allow(record.kind()) && record.kind().apps().contains(app);
        known.records.iter().filter(is_open).cloned().collect()
    }

    /// Whether a record is enabled.
    pub fn is_any_enabled(&self) -> bool {
        self.known().records.iter().any(|record| record.row.enabled)
    }

    /// The records of an issuer: by which somebody may sign in that the provider itself sends.
    pub fn of_issuer(&self, issuer: &str) -> Vec<Arc<Record>> {
        let is_of = |record: &&Arc<Record>| record.issuer().is_some_and(|own| Issuer::new(own).matches(issuer));
        self.known().records.iter().filter(is_of).cloned().collect()
    }

    /// How we prove ourselves as a record's client: its secret, then the next one.
    ///
    /// # Errors
    /// 503 when the master key does not open it.
    pub fn clients(&self, record: &Record) -> Result<Vec<ClientAuth>, Error> {
        let context = RecordRow::secret_context(record.id());
        let sealed = std::iter::once(&record.row.secret).chain(&record.row.secret_next);
        let opened = sealed.map(|sealed| {
            let secret = self
                .parts
                .keyring
                .open(&context, sealed)
                .map_err(|error| Error::new(ErrorKind::Unavailable, Problem::told("master_key.record", &[("error", &error)])))?;
            Ok(ClientAuth { client_id: record.details.client_id.clone(), secret, method: record.auth_method() })
        });
        opened.collect()
    }

    /// Makes a record.
    ///
    /// # Errors
    /// 400 for what cannot be, 409 for what must be confirmed.
    pub async fn add(&self, wishes: &Wishes, actor: &Actor) -> Result<Arc<Record>, Error> {
        let _changing = self.changing.lock().await;
        if self.known().records.len() >= MOST {
            return Err(Error::conflict(Problem::told("too_many", &[])));
        }
        let kind = wishes.audience.as_deref().and_then(Kind::from_word);
        let kind = kind.ok_or_else(|| Error::bad_request(Problem::told("audience", &[])))?;
        let secret = wishes.client_secret.as_ref().ok_or_else(|| Error::bad_request(Problem::told("client_secret", &[])))?;
        let id = ConnectionId::new();
        let mut details = Details::default();
        wishes.apply(&mut details, kind)?;
        let row = RecordRow {
            id,
            kind,
            enabled: wishes.enabled.unwrap_or(false),
            version: 1,
            generation: 1,
            tried_at: None,
            problem: None,
            secret: self.seal(id, secret, &details)?,
            secret_next: wishes
                .client_secret_next
                .as_ref()
                .and_then(Option::as_ref)
                .map(|next| self.seal(id, next, &details))
                .transpose()?,
            details: String::new(),
        };
        let record = self.finish(row, details, true).await?;
        if record.row.enabled {
            may_enable(&record, wishes.confirm)?;
        }
        let line = self.line(actor, "sso.connection.add", &record);
        self.parts.store.add_record(record.row.clone(), line).await?;
        self.reload().await?;
        self.get(id)
    }

    /// Changes a record. Sign-ins that began before end with it only if they still mean the same provider and client.
    ///
    /// # Errors
    /// 400, 404, 409; [`ErrorKind::Outdated`] where the wishes were made from another revision.
    pub async fn change(&self, id: ConnectionId, wishes: &Wishes, actor: &Actor) -> Result<Changed, Error> {
        let _changing = self.changing.lock().await;
        let old = self.get(id)?;
        if wishes.made_from.as_ref().is_some_and(|revision| *revision != old.revision()) {
            return Err(outdated());
        }
        if wishes.audience.as_deref().is_some_and(|word| Kind::from_word(word) != Some(old.kind())) {
            return Err(Error::bad_request(Problem::told("audience.fixed", &[])));
        }
        let mut details = old.details.clone();
        wishes.apply(&mut details, old.kind())?;
        self.write(&old, details, wishes, "sso.connection.change", actor).await
    }

    /// Moves a v1 record to v2. Everybody stays linked, by tenant and object id.
    ///
    /// # Errors
    /// 404, 409 when it is not of v1; [`ErrorKind::Outdated`] where it no longer has the [standing](Record::standing) or revision `seen`.
    pub async fn upgrade(&self, id: ConnectionId, seen: Option<&str>, actor: &Actor) -> Result<Changed, Error> {
        let _changing = self.changing.lock().await;
        let old = self.seen(id, seen)?;
        let Some(upgraded) = old.endpoints.as_ref().and_then(Endpoints::upgraded) else {
            return Err(Error::conflict(Problem::told("not_v1", &[])));
        };
        let mut details = old.details.clone();
        details.authorization_uri = upgraded.authorization.into();
        details.token_url = upgraded.token.into();
        details.unsigned_v1 = None;
        self.write(&old, details, &Wishes::default(), "sso.connection.upgrade", actor).await
    }

    /// Removes a record; its sessions end.
    ///
    /// # Errors
    /// 404; [`ErrorKind::Outdated`] where it no longer has the [standing](Record::standing) or revision `seen`.
    pub async fn remove(&self, id: ConnectionId, seen: Option<&str>, actor: &Actor) -> Result<(), Error> {
        let _changing = self.changing.lock().await;
        let record = self.seen(id, seen)?;
        self.parts.store.remove_record(id, self.line(actor, "sso.connection.remove", &record)).await?;
        Ok(self.reload().await?)
    }

    /// Notes that a sign-in with `tried` worked. A record that was changed meanwhile is left alone.
    ///
    /// # Errors
    /// The database.
    pub async fn worked(&self, tried: &Record) -> Result<(), Error> {
        let is_news = |record: &Record| record.row.tried_at.is_none() || record.row.problem.is_some();
        if !is_news(tried) {
            return Ok(());
        }
        let _changing = self.changing.lock().await;
        let now = self.get(tried.id())?;
        if now.row.generation != tried.row.generation || !is_news(&now) {
            return Ok(());
        }
        let row = RecordRow { tried_at: Some(self.now()), problem: None, version: now.row.version + 1, ..now.row.clone() };
        self.parts.store.change_record(row, false, None).await?;
        Ok(self.reload().await?)
    }

    /// What was found wrong with the records by which people may sign in.
    pub fn warnings(&self) -> Vec<Problem> {
        self.known().records.iter().filter(|record| record.row.enabled).filter_map(|record| record.row.problem.clone()).collect()
    }

    /// The record, if it still is as somebody saw it who did not have to change it: by its standing, or by its revision alone.
    fn seen(&self, id: ConnectionId, seen: Option<&str>) -> Result<Arc<Record>, Error> {
        let record = self.get(id)?;
        if seen.is_some_and(|seen| seen != record.standing() && seen != record.revision()) {
            return Err(Error::new(ErrorKind::Outdated, Problem::told("changed_meanwhile.button", &[])));
        }
        Ok(record)
    }

    async fn write(&self, old: &Record, details: Details, wishes: &Wishes, action: &str, actor: &Actor) -> Result<Changed, Error> {
        let id = old.id();
        let mut row = old.row.clone();
        row.version += 1;
        if means_another(&old.details, &details) {
            row.generation += 1;
            row.tried_at = None;
        }
        if let Some(secret) = &wishes.client_secret {
            row.secret = self.seal(id, secret, &details)?;
        }
        if let Some(next) = &wishes.client_secret_next {
            row.secret_next = next.as_ref().map(|next| self.seal(id, next, &details)).transpose()?;
        }
        row.enabled = wishes.enabled.unwrap_or(row.enabled);
        let was_enabled = old.row.enabled;
        let is_other = row.generation != old.row.generation || !was_enabled && row.enabled;
        if is_other {
            // Switching a record off and on reads discovery and keys anew.
            self.parts.wire.forget();
        }
        let ended_sessions = was_enabled && !row.enabled;
        let examine = is_other || old.row.problem.is_some() || wishes.brings_secret() || means_other_metadata(&old.details, &details);
        let record = self.finish(row, details, examine).await?;
        if record.row.enabled && !was_enabled {
            may_enable(&record, wishes.confirm)?;
        }
        self.parts.store.change_record(record.row.clone(), ended_sessions, Some(self.line(actor, action, &record))).await?;
        self.reload().await?;
        Ok(Changed { record: self.get(id)?, ended_sessions })
    }

    /// Looks at what a record means and asks its provider.
    async fn finish(&self, row: RecordRow, details: Details, examine: bool) -> Result<Record, Error> {
        let authority = self.parts.settings.borrow().microsoft.authority.clone();
        let endpoints = Endpoints::from_urls(&details.authorization_uri, &details.token_url, &authority)?;
        if endpoints.version.is_entra() && !ids::is_guid(&details.client_id) {
            return Err(Error::bad_request(Problem::told("client_id", &[])));
        }
        let row = RecordRow { details: to_json(&details), ..row };
        let mut record = Record::new(row, &authority).map_err(|error| damaged(&error))?;
        if examine {
            let found = self.parts.wire.examine(&record).await;
            record.details.found_issuer = found.issuer;
            record.details.is_given = found.is_given;
            record.row.details = to_json(&record.details);
            record.row.problem = match found.problem {
                Some(problem) => Some(problem),
                None => self.probe(&record).await,
            };
        }
        Ok(record)
    }

    fn seal(&self, id: ConnectionId, secret: &Secret<String>, details: &Details) -> Result<crate::crypto::Sealed, Error> {
        let text = secret.expose().trim();
        if text.is_empty() || text.len() > 2000 || text.contains(char::is_control) {
            return Err(Error::bad_request(Problem::told("client_secret.malformed", &[])));
        }
        let authority = self.parts.settings.borrow().microsoft.authority.clone();
        let endpoints = Endpoints::from_urls(&details.authorization_uri, &details.token_url, &authority)?;
        if endpoints.version.is_entra() && ids::is_guid(text) {
            return Err(Error::bad_request(Problem::told("client_secret.is_id", &[])));
        }
        super::seal(&self.parts.keyring, &RecordRow::secret_context(id), &Secret::from(text))
    }

    fn line(&self, actor: &Actor, action: &str, record: &Record) -> AuditEntry {
        let mut line = actor.entry(self.now(), action, record.id().to_string());
        line.detail = format!("{} for {}", record.details.name, record.kind().plural());
        line
    }

    async fn reload(&self) -> Result<(), store::Error> {
        let _reading = self.reading.lock().await;
        let switches = self.parts.store.switches().await?;
        let authority = self.parts.settings.borrow().microsoft.authority.clone();
        let rows = self.parts.store.records().await?;
        let records = rows.into_iter().map(|row| Record::new(row, &authority).map(Arc::new)).collect::<Result<_, _>>();
        let records = records.map_err(|error| store::Error::Damaged(format!("details of a client record: {error}")))?;
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Known { switches, records, authority };
        Ok(())
    }

    /// What is known, read with the settings in force.
    fn known(&self) -> RwLockReadGuard<'_, Known> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let settings = self.parts.settings.borrow().clone();
        if known.authority == settings.microsoft.authority {
            return known;
        }
        drop(known);
        self.known.write().unwrap_or_else(PoisonError::into_inner).follow(&settings.microsoft.authority);
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }
}

fn to_json(details: &Details) -> String {
    // Strings, numbers and lists: serialising them cannot fail.
    serde_json::to_string(details).unwrap_or_default()
}

fn outdated() -> Error {
    Error::new(ErrorKind::Outdated, Problem::told("changed_meanwhile", &[]))
}

fn damaged(error: &serde_json::Error) -> Error {
    store::Error::Damaged(format!("details of a client record: {error}")).into()
}
