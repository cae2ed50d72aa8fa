//! Single sign-on: client records, the sign-in itself, people, sessions, and the ways out of them.
//!
//! ```text
//! depart   record -> metadata -> flow -> provider
//! arrive   flow -> issuer -> code -> ID token -> user information, groups -> person -> session
//! check    cookie -> session in memory, else in the store
//! ```

mod admins;
mod cache;
pub mod connections;
mod error;
mod flow;
pub mod groups;
mod hand_over;
mod knowledge;
mod known;
mod logout;
mod loops;
mod newcomer;
pub mod people;
mod probe;
mod record;
pub mod return_to;
mod rules;
mod sessions;
mod sign_in;
mod strangers;
mod trial;
mod wire;
mod wishes;

use std::sync::Arc;

use tokio::sync::watch;

use crate::audit::{self, Actor};
use crate::crypto::{Keyring, Sealed};
use crate::flows::Browser;
use crate::model::person::Kind;
use crate::model::{Clock, ConnectionId, PersonId, Problem, Secret};
use crate::settings::Settings;
use crate::store;
use crate::store::sso::Sso;
use crate::store::sso::transit::Transit;
use crate::system::http::Http;

pub use crate::store::sso::people::Known;
pub use admins::{AdminSession, Admins};
pub use connections::Connections;
pub use error::{Error, ErrorKind};
pub use flow::Purpose;
pub use people::People;
pub use record::Record;
pub use return_to::ReturnTo;
pub use sessions::{Current, Sessions};
pub use sign_in::{Arrival, Beginning, Departure, SignedIn};
pub use trial::Trial;
pub use wishes::Wishes;

/// The OpenID Connect redirect URI.
pub const CALLBACK_PATH: &str = crate::oauth::registration::SIGN_ON_CALLBACK;
/// Where the browser comes back to after signing out at the provider.
pub const SIGNED_OUT_PATH: &str = crate::oauth::registration::SIGNED_OUT;

/// What single sign-on is made of.
pub struct Parts {
    /// Where everything is kept.
    pub store: Sso,
    /// Seals secrets.
    pub keyring: Arc<Keyring>,
    /// The way out.
    pub http: watch::Receiver<Http>,
    /// The settings in force.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// Who did what.
    pub audit: Arc<audit::Service>,
    /// The time.
    pub clock: Clock,
}

/// Single sign-on.
pub struct Service {
    connections: Connections,
    people: People,
    sessions: Sessions,
    admins: Admins,
    sign_ins: flow::SignIns,
    loops: loops::Loops,
    hand_overs: hand_over::HandOvers,
    strangers: strangers::Strangers,
    wire: Arc<wire::Wire>,
    transit: Arc<dyn Transit>,
    keyring: Arc<Keyring>,
    settings: watch::Receiver<Arc<Settings>>,
    audit: Arc<audit::Service>,
    clock: Clock,
}

impl Service {
    /// Single sign-on as it is stored. No provider is asked: it may be down when we start.
    ///
    /// # Errors
    /// The database.
    pub async fn load(parts: Parts) -> Result<Self, store::Error> {
        let Parts { store, keyring, http, settings, audit, clock } = parts;
        let wire = Arc::new(wire::Wire::new(http, clock.clone()));
        let connections = Connections::load(connections::Parts {
            store: store.records,
            keyring: Arc::clone(&keyring),
            wire: Arc::clone(&wire),
            settings: settings.clone(),
            clock: clock.clone(),
        });
        Ok(Self {
            connections: connections.await?,
            people: People::new(store.people, clock.clone()),
            sessions: Sessions::new(store.sessions, settings.clone(), clock.clone()),
            admins: Admins::new(Arc::clone(&store.transit), Arc::clone(&audit), clock.clone()),
            sign_ins: flow::SignIns::new(Arc::clone(&store.transit), Arc::clone(&keyring), clock.clone()),
            loops: loops::Loops::default(),
            hand_overs: hand_over::HandOvers::default(),
            strangers: strangers::Strangers::default(),
            wire,
            transit: store.transit,
            keyring,
            settings,
            audit,
            clock,
        })
    }

    /// Client records and switches, to be looked at and added. What ends sessions goes by this service.
    pub const fn connections(&self) -> &Connections {
        &self.connections
    }

    /// People and the conflict desk, to be looked at and added.
    pub const fn people(&self) -> &People {
        &self.people
    }

    /// Who is signed in.
    pub const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Links to the administration pages.
    pub const fn admins(&self) -> &Admins {
        &self.admins
    }

    /// Sets a switch. Off ends every session of that kind at once.
    ///
    /// # Errors
    /// The database.
    pub async fn switch(&self, kind: Kind, enabled: bool, actor: &Actor) -> Result<(), Error> {
        self.connections.switch(kind, enabled, actor).await?;
        if !enabled {
            self.sessions.forget(|entry| entry.kind == kind);
        }
        Ok(())
    }

    /// Changes a client record; see [`Connections::change`].
    ///
    /// # Errors
    /// 400, 404, 409.
    pub async fn change(&self, id: ConnectionId, wishes: &Wishes, actor: &Actor) -> Result<Arc<Record>, Error> {
        let changed = self.connections.change(id, wishes, actor).await?;
        Ok(self.after(changed))
    }

    /// Moves a v1 record to v2; see [`Connections::upgrade`].
    ///
    /// # Errors
    /// 404, 409.
    pub async fn upgrade(&self, id: ConnectionId, seen: Option<&str>, actor: &Actor) -> Result<Arc<Record>, Error> {
        let changed = self.connections.upgrade(id, seen, actor).await?;
        Ok(self.after(changed))
    }

    /// What stands in the way of signing in by `record` now: its provider is asked for metadata, keys and, at Entra, about the secret.
    /// Nothing is changed.
    pub async fn condition(&self, record: &Record) -> Option<Problem> {
        match self.wire.examine(record).await.problem {
            Some(problem) => Some(problem),
            None => self.connections.probe(record).await,
        }
    }

    fn after(&self, changed: connections::Changed) -> Arc<Record> {
        let id = changed.record.id();
        if changed.ended_sessions {
            self.sessions.forget(|entry| entry.connection == id);
        }
        changed.record
    }

    /// Removes a client record and the sessions that it gave.
    ///
    /// # Errors
    /// 404.
    pub async fn remove(&self, id: ConnectionId, seen: Option<&str>, actor: &Actor) -> Result<(), Error> {
        self.connections.remove(id, seen, actor).await?;
        self.sessions.forget(|entry| entry.connection == id);
        Ok(())
    }

    /// Removes a person with accounts and sessions.
    ///
    /// # Errors
    /// 404.
    pub async fn remove_person(&self, id: PersonId, actor: &Actor) -> Result<(), Error> {
        self.people.remove(id, actor).await?;
        self.sessions.forget_person(id);
        Ok(())
    }

    /// The session that a request brings, if people of its kind may be signed in now.
    ///
    /// # Errors
    /// The database.
    pub async fn current(&self, session: &str) -> Result<Option<Current>, Error> {
        let current = self.sessions.find(session).await?;
        Ok(current.filter(|current| self.connections.switches().allow(current.entry.kind)))
    }

    /// Whoever may administer: by a session of the administration pages (`pass`), or signed in as a user with the admin role.
    ///
    /// # Errors
    /// The database.
    pub async fn administrator(&self, pass: Option<&str>, session: Option<&str>) -> Result<Option<AdminSession>, Error> {
        if let Some(value) = pass
            && let Some(admin) = self.admins.session(value).await?
        {
            return Ok(Some(admin));
        }
        let Some(value) = session else { return Ok(None) };
        let current = self.current(value).await?;
        // Given at this sign-in, by a rule of a record for users, and never for an unsigned ID token: see `groups`.
        let admin = current.filter(|current| current.entry.is_admin && current.entry.kind == Kind::User);
        Ok(admin.map(|current| {
            let person = current.entry.person.to_string();
            let who = if current.entry.email().is_empty() { person } else { current.entry.email().to_owned() };
            AdminSession::new(who, None, value)
        }))
    }

    /// Ends the session that another one replaces in the same browser. That it could not be ended is no reason to refuse the new one.
    pub async fn leave(&self, session: &str) {
        if let Ok(Some(current)) = self.sessions.find(session).await
            && let Err(error) = self.sessions.end(crate::store::sso::sessions::Ending::One(current.hash)).await
        {
            log::warn!(error:% = error; "the session before this one goes on until it idles out");
        }
    }

    /// The same without waiting; outer nothing: it is not in memory.
    pub fn current_at_hand(&self, session: &str) -> Option<Option<Current>> {
        let current = self.sessions.at_hand(session)?;
        Some(current.filter(|current| self.connections.switches().allow(current.entry.kind)))
    }

    /// Somebody acted in this browser: it runs in no circle.
    pub fn acted(&self, browser: &Browser) {
        self.loops.acted(browser.hash());
    }

    /// The address of `path` on our origin.
    ///
    /// # Errors
    /// 503 while `public_url` is not set.
    pub fn public_url(&self, path: &str) -> Result<String, Error> {
        let settings = self.settings.borrow();
        settings
            .public_url
            .as_ref()
            .map(|origin| origin.join(path))
            .ok_or_else(|| Error::new(ErrorKind::Unavailable, Problem::told("public_url_missing.sso", &[])))
    }

    /// What the background does about once a minute: writes uses, removes what has run out, looks for new keys.
    pub async fn tend(&self) {
        if let Err(error) = self.sessions.write_uses().await {
            log::warn!(error:% = error; "when sessions were used cannot be written");
        }
        let swept = async { self.sessions.sweep().await.and(self.transit.sweep_transit(self.clock.now()).await) };
        if let Err(error) = swept.await {
            log::warn!(error:% = error; "sessions and sign-ins that ran out cannot be removed");
        }
        self.wire.refresh_due().await;
    }

    /// What is done before the process ends.
    pub async fn wind_up(&self) {
        if let Err(error) = self.sessions.write_all_uses().await {
            log::warn!(error:% = error; "when sessions were used cannot be written");
        }
        if let Err(error) = self.transit.settle_sign_ins().await {
            log::warn!(error:% = error; "sign-ins that just began cannot be written: their people begin anew");
        }
    }
}

/// What a missing record of the store means here.
fn unknown_as(error: store::Error, unknown: impl Fn() -> Error) -> Error {
    match error {
        store::Error::NotFound => unknown(),
        error => error.into(),
    }
}

/// Seals a secret of single sign-on.
fn seal(keyring: &Keyring, context: &str, secret: &Secret<String>) -> Result<Sealed, Error> {
    keyring.seal(context, secret).map_err(|_| Error::new(ErrorKind::Unavailable, Problem::told("master_key.absent", &[])))
}

#[cfg(test)]
mod tests;
