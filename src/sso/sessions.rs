//! [`Sessions`]: who is signed in. The id is opaque, new at every sign-in, and stored hashed.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::cache::{Cache, Endings, Entry, seconds};
use crate::crypto;
use crate::model::person::Person;
use crate::model::{Clock, PersonId, Secret};
use crate::settings::Settings;
use crate::store::sso::sessions::{Ending, Held, SessionHash, SessionRow, Sessions as Store};
use crate::store::{self};

/// The store learns this often when a session was used.
const STEP: u32 = 60;
/// 32 random bytes as base64url without padding.
const LENGTH: usize = 43;
/// Uses that wait to be written; what comes on top is written with the session's next use.
const MOST_UNWRITTEN: usize = 100_000;

/// A session that runs, with the hash that it is known by.
#[derive(Debug, Clone)]
pub struct Current {
    /// Its hash.
    pub hash: SessionHash,
    /// What is known of it.
    pub entry: Arc<Entry>,
}

/// Sessions.
pub struct Sessions {
    store: Arc<dyn Store>,
    cache: Cache,
    settings: watch::Receiver<Arc<Settings>>,
    clock: Clock,
    used: Mutex<Vec<(SessionHash, u32)>>,
}

impl Sessions {
    /// Kept in `store`.
    pub fn new(store: Arc<dyn Store>, settings: watch::Receiver<Arc<Settings>>, clock: Clock) -> Self {
        Self { store, cache: Cache::new(), settings, clock, used: Mutex::default() }
    }

    /// A fresh id with its hash.
    pub fn fresh() -> (Secret<String>, SessionHash) {
        let id = crypto::random_token(32);
        let hash = hash(id.expose());
        (id, hash)
    }

    /// When a session that begins at `now` ends, however busy.
    pub fn end_of(&self, now: Timestamp) -> Timestamp {
        let lifetime = self.settings.borrow().sso.session_lifetime;
        now.saturating_add(SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
    }

    /// The session with that id if it is in memory and runs: answers without waiting. Outer nothing: ask the store.
    pub fn at_hand(&self, id: &str) -> Option<Option<Current>> {
        let hash = well_formed(id)?;
        let entry = self.cache.get(&hash)?;
        Some(self.use_it(hash, entry))
    }

    /// The session with that id, if it runs. Using it counts against idling.
    ///
    /// # Errors
    /// The database.
    pub async fn find(&self, id: &str) -> Result<Option<Current>, store::Error> {
        let Some(hash) = well_formed(id) else { return Ok(None) };
        if let Some(entry) = self.cache.get(&hash) {
            return Ok(self.use_it(hash, entry));
        }
        let since = self.cache.endings();
        let held = match self.store.session(&hash).await {
            Ok(held) => held,
            Err(store::Error::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        let entry = Arc::new(Entry::new(&held));
        let current = self.use_it(hash, Arc::clone(&entry));
        if current.is_some() {
            self.cache.keep(hash, entry, since);
        }
        Ok(current)
    }

    fn use_it(&self, hash: SessionHash, entry: Arc<Entry>) -> Option<Current> {
        let now = seconds(self.clock.now());
        let idle = u32::try_from(self.settings.borrow().sso.session_idle.as_secs()).unwrap_or(u32::MAX);
        if !entry.runs(now, idle) {
            return None;
        }
        if entry.touch(now, STEP) {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            if used.len() < MOST_UNWRITTEN {
                used.push((hash, now));
            }
        }
        Some(Current { hash, entry })
    }

    /// To be called before a session is written that [`Sessions::welcome`] is told of.
    pub fn endings(&self) -> Endings {
        self.cache.endings()
    }

    /// A session was written: its first check follows at once, and finds it in memory.
    pub fn welcome(&self, session: SessionRow, person: &Person, since: Endings) {
        let email = person.email.as_ref().map(|email| email.as_str().to_owned());
        let (hash, held) = (session.hash, Held { session, email, name: person.name.clone() });
        self.cache.keep(hash, Arc::new(Entry::new(&held)), since);
    }

    /// Adds a session beside the one that vouches for it.
    ///
    /// # Errors
    /// The database.
    pub async fn add(&self, session: SessionRow) -> Result<(), store::Error> {
        self.store.add_session(session).await
    }

    /// The stored session behind one that runs.
    ///
    /// # Errors
    /// The database; [`store::Error::NotFound`] when it ended meanwhile.
    pub async fn row(&self, hash: &SessionHash) -> Result<SessionRow, store::Error> {
        Ok(self.store.session(hash).await?.session)
    }

    /// Ends sessions, at once; returns which.
    ///
    /// # Errors
    /// The database; nothing has ended then.
    pub async fn end(&self, ending: Ending) -> Result<Vec<SessionRow>, store::Error> {
        let ended = self.store.end(ending).await?;
        for session in &ended {
            self.cache.end_one(&session.hash);
        }
        Ok(ended)
    }

    /// Forgets sessions that the store has removed.
    pub fn forget(&self, ends: impl Fn(&Entry) -> bool) {
        self.cache.end(|_, entry| ends(entry));
    }

    /// Forgets what was shown of a person, or the person.
    pub fn forget_person(&self, person: PersonId) {
        self.forget(|entry| entry.person == person);
    }

    /// Writes when sessions were used. To be called about once a minute.
    ///
    /// # Errors
    /// The database; what was not written is written with the next use.
    pub async fn write_uses(&self) -> Result<(), store::Error> {
        let used = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        self.write(used).await
    }

    /// The same for all that the store does not know yet: at the end of the process.
    ///
    /// # Errors
    /// The database.
    pub async fn write_all_uses(&self) -> Result<(), store::Error> {
        self.write_uses().await?;
        self.write(self.cache.unwritten()).await
    }

    async fn write(&self, used: Vec<(SessionHash, u32)>) -> Result<(), store::Error> {
        if used.is_empty() {
            return Ok(());
        }
        let at = |seconds| Timestamp::from_second(i64::from(seconds)).unwrap_or(Timestamp::UNIX_EPOCH);
        self.store.seen(used.into_iter().map(|(hash, seconds)| (hash, at(seconds))).collect()).await
    }

    /// Removes what has run out.
    ///
    /// # Errors
    /// The database.
    pub async fn sweep(&self) -> Result<u64, store::Error> {
        let now = self.clock.now();
        // What the store knows of a use is up to a minute old, and a minute older while writing fails.
        let idle = self.settings.borrow().sso.session_idle + std::time::Duration::from_secs(u64::from(2 * STEP));
        let idle_since = now.saturating_sub(SignedDuration::try_from(idle).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MIN);
        self.store.sweep_sessions(now, idle_since).await
    }

    /// How many there are of each kind.
    ///
    /// # Errors
    /// The database.
    pub async fn count(&self) -> Result<[(crate::model::person::Kind, u64); 2], store::Error> {
        self.store.count().await
    }
}

/// The hash of an id that is shaped like one of ours.
fn well_formed(id: &str) -> Option<SessionHash> {
    let is_ours = id.len() == LENGTH && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    is_ours.then(|| hash(id))
}

fn hash(id: &str) -> SessionHash {
    SessionHash(crypto::sha256(id.as_bytes()))
}
