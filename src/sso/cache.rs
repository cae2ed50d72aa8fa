//! [`Cache`]: sessions in memory, so that a check costs microseconds. Bounded in bytes; what is evicted is read from the store again.
//!
//! A session that ends while it is being read from the store must not stay here: whoever reads notes the count of endings
//! first, and what was read is kept only if nothing ended since.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use arrayvec::ArrayString;
use jiff::Timestamp;

use crate::model::person::{Apps, Kind};
use crate::model::{ConnectionId, PersonId};
use crate::store::sso::sessions::{Held, SessionHash};

/// Shards: threads that check different sessions seldom wait for each other.
const SHARDS: usize = 64;
/// Bytes that one shard may hold: 32 MiB in all, which is 100,000 sessions with room to spare.
const SHARD_BYTES: usize = 32 * 1024 * 1024 / SHARDS;
/// What an entry costs beside a long text: itself, key, pointer, the allocation's head, and the table's spare room.
const OVERHEAD: usize = 208;
/// Bytes of text that an entry holds itself.
const SHORT: usize = 56;
/// Entries looked at to find one to evict.
const SAMPLE: usize = 8;

/// A session as a check needs it.
#[derive(Debug)]
pub struct Entry {
    /// Whose it is.
    pub person: PersonId,
    /// The client record that gave it.
    pub connection: ConnectionId,
    /// What the person is.
    pub kind: Kind,
    /// What they may use.
    pub apps: Apps,
    /// Whether this sign-in gave the admin role.
    pub is_admin: bool,
    /// Seconds since 1970.
    expires_at: u32,
    /// Seconds since 1970; moves with every check.
    seen_at: AtomicU32,
    /// What the store knows of `seen_at`.
    written_at: AtomicU32,
    /// Address, name and groups, one behind the other.
    text: Text,
    name_at: u16,
    groups_at: u16,
}

/// In the entry itself where it is short: among 100,000 sessions, each further place in memory costs a check more than its arithmetic.
#[derive(Debug)]
enum Text {
    Short(ArrayString<SHORT>),
    Long(Box<str>),
}

impl Text {
    fn new(text: String) -> Self {
        match ArrayString::from(&text) {
            Ok(short) => Self::Short(short),
            Err(_) => Self::Long(text.into_boxed_str()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Short(text) => text,
            Self::Long(text) => text,
        }
    }

    /// Bytes beside the entry.
    fn beside(&self) -> usize {
        match self {
            Self::Short(_) => 0,
            Self::Long(text) => text.len(),
        }
    }
}

impl Entry {
    /// The entry of a session that was read from the store.
    pub fn new(held: &Held) -> Self {
        let (email, name) = (held.email.as_deref().unwrap_or_default(), held.name.as_deref().unwrap_or_default());
        let (email, name) = (clipped(email, 512), clipped(name, 1024));
        let seen_at = seconds(held.session.seen_at);
        Self {
            person: held.session.person,
            connection: held.session.connection,
            kind: held.session.kind,
            apps: held.session.apps,
            is_admin: held.session.is_admin,
            expires_at: seconds(held.session.expires_at),
            seen_at: AtomicU32::new(seen_at),
            written_at: AtomicU32::new(seen_at),
            text: Text::new(format!("{email}{name}{}", held.session.groups)),
            name_at: u16::try_from(email.len()).unwrap_or(0),
            groups_at: u16::try_from(email.len() + name.len()).unwrap_or(0),
        }
    }

    /// The person's address, or nothing.
    pub fn email(&self) -> &str {
        self.text.as_str().get(..usize::from(self.name_at)).unwrap_or_default()
    }

    /// The person's name, or nothing.
    pub fn name(&self) -> &str {
        self.text.as_str().get(usize::from(self.name_at)..usize::from(self.groups_at)).unwrap_or_default()
    }

    /// The groups that apps get to see, separated by commas.
    pub fn groups(&self) -> &str {
        self.text.as_str().get(usize::from(self.groups_at)..).unwrap_or_default()
    }

    /// Whether it still runs, with so many seconds of idling allowed.
    pub fn runs(&self, now: u32, idle: u32) -> bool {
        now < self.expires_at && now.saturating_sub(self.seen_at.load(Ordering::Relaxed)) < idle
    }

    /// Notes a use; returns whether the store should learn of it. It does once in `step` seconds.
    pub fn touch(&self, now: u32, step: u32) -> bool {
        self.seen_at.fetch_max(now, Ordering::Relaxed);
        let written = self.written_at.load(Ordering::Relaxed);
        now.saturating_sub(written) >= step && self.written_at.compare_exchange(written, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// When it was last used, where the store does not know.
    fn unwritten(&self) -> Option<u32> {
        let seen = self.seen_at.load(Ordering::Relaxed);
        (seen > self.written_at.swap(seen, Ordering::Relaxed)).then_some(seen)
    }

    fn cost(&self) -> usize {
        OVERHEAD + self.text.beside()
    }
}

/// Seconds since 1970, as entries keep them: enough until 2106.
pub fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.as_second().max(0)).unwrap_or(u32::MAX)
}

/// Sessions in memory.
pub struct Cache {
    shards: Vec<RwLock<Shard>>,
    endings: AtomicU64,
}

#[derive(Default)]
struct Shard {
    entries: HashMap<SessionHash, Arc<Entry>>,
    bytes: usize,
}

/// How many endings there had been when somebody began to read from the store.
#[derive(Debug, Clone, Copy)]
pub struct Endings(u64);

impl Cache {
    /// An empty one.
    pub fn new() -> Self {
        Self { shards: (0..SHARDS).map(|_| RwLock::default()).collect(), endings: AtomicU64::new(0) }
    }

    /// A session, if it is here.
    pub fn get(&self, hash: &SessionHash) -> Option<Arc<Entry>> {
        self.read(hash).entries.get(hash).cloned()
    }

    /// To be called before a session is read from the store.
    pub fn endings(&self) -> Endings {
        Endings(self.endings.load(Ordering::SeqCst))
    }

    /// Keeps what was read, unless something ended since.
    pub fn keep(&self, hash: SessionHash, entry: Arc<Entry>, since: Endings) {
        let mut shard = self.write(&hash);
        if self.endings.load(Ordering::SeqCst) != since.0 {
            return;
        }
        shard.bytes += entry.cost();
        if let Some(old) = shard.entries.insert(hash, entry) {
            shard.bytes -= old.cost();
        }
        while shard.bytes > SHARD_BYTES {
            shard.evict();
        }
    }

    /// Takes sessions out that `ends` says have ended; the store has removed them before.
    pub fn end(&self, ends: impl Fn(&SessionHash, &Entry) -> bool) {
        self.endings.fetch_add(1, Ordering::SeqCst);
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.entries.retain(|hash, entry| !ends(hash, entry));
            shard.bytes = shard.entries.values().map(|entry| entry.cost()).sum();
        }
    }

    /// Takes one session out.
    pub fn end_one(&self, hash: &SessionHash) {
        self.endings.fetch_add(1, Ordering::SeqCst);
        let mut shard = self.write(hash);
        if let Some(old) = shard.entries.remove(hash) {
            shard.bytes -= old.cost();
        }
    }

    /// What the store does not know yet of when sessions were used: for the end of the process.
    pub fn unwritten(&self) -> Vec<(SessionHash, u32)> {
        let shards = self.shards.iter().map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner));
        shards
            .flat_map(|shard| shard.entries.iter().filter_map(|(hash, entry)| Some((*hash, entry.unwritten()?))).collect::<Vec<_>>())
            .collect()
    }

    fn shard(&self, hash: &SessionHash) -> &RwLock<Shard> {
        // A hash is as good as random, so its first byte spreads evenly.
        &self.shards[usize::from(hash.0[0]) % SHARDS]
    }

    fn read(&self, hash: &SessionHash) -> RwLockReadGuard<'_, Shard> {
        self.shard(hash).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, hash: &SessionHash) -> RwLockWriteGuard<'_, Shard> {
        self.shard(hash).write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// Evicts the least recently used of a few. The table's order is arbitrary, so the few are as good as drawn.
    fn evict(&mut self) {
        let sample = self.entries.iter().take(SAMPLE);
        let oldest = sample.min_by_key(|(_, entry)| entry.seen_at.load(Ordering::Relaxed)).map(|(hash, _)| *hash);
        match oldest.and_then(|hash| self.entries.remove(&hash)) {
            Some(evicted) => self.bytes -= evicted.cost(),
            None => self.bytes = 0,
        }
    }
}

fn clipped(text: &str, longest: usize) -> &str {
    let end = (0..=longest.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sso::sessions::SessionRow;

    fn held(number: u32, groups: &str) -> (SessionHash, Held) {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
        hash[4..8].copy_from_slice(&number.to_be_bytes());
        let hash = SessionHash(hash);
        let session = SessionRow {
            hash,
            person: PersonId::new(),
            connection: ConnectionId::new(),
            kind: Kind::User,
            issuer: "https://op.test".to_owned(),
            subject: "s".to_owned(),
            sid: None,
            apps: Kind::User.apps(),
            is_admin: false,
            groups: groups.to_owned(),
            created_at: Timestamp::from_second(1_000).unwrap(),
            expires_at: Timestamp::from_second(5_000).unwrap(),
            seen_at: Timestamp::from_second(1_000).unwrap(),
            hints: None,
        };
        (hash, Held { session, email: Some("ann@example.test".to_owned()), name: Some("Ann \u{e9}".to_owned()) })
    }

    #[test]
    fn an_entry_shows_what_was_put_in() {
        for groups in ["", "a,b", &"group,".repeat(500)] {
            let entry = Entry::new(&held(1, groups).1);
            assert_eq!((entry.email(), entry.name(), entry.groups()), ("ann@example.test", "Ann \u{e9}", groups));
        }
    }

    #[test]
    fn a_session_ends_by_age_and_by_idling() {
        let entry = Entry::new(&held(1, "").1);
        assert!(entry.runs(1_059, 60) && !entry.runs(1_060, 60));
        assert!(!entry.touch(1_050, 60));
        assert!(entry.runs(1_100, 60));
        assert!(entry.touch(1_060, 60) && !entry.touch(1_061, 60), "the store learns of it once a minute");
        entry.touch(4_999, 60);
        assert!(entry.runs(4_999, 60) && !entry.runs(5_000, 60));
    }

    #[test]
    fn what_ended_while_it_was_read_is_not_kept() {
        let cache = Cache::new();
        let (hash, held) = held(1, "");
        let since = cache.endings();
        cache.end_one(&hash);
        cache.keep(hash, Arc::new(Entry::new(&held)), since);
        assert!(cache.get(&hash).is_none());
        cache.keep(hash, Arc::new(Entry::new(&held)), cache.endings());
        assert!(cache.get(&hash).is_some());
        cache.end(|_, entry| entry.kind == Kind::User);
        assert!(cache.get(&hash).is_none());
    }

    #[test]
    fn a_hundred_thousand_sessions_fit_and_memory_has_a_bound() {
        let cache = Cache::new();
        for number in 0..100_000 {
            let (hash, held) = held(number, "");
            cache.keep(hash, Arc::new(Entry::new(&held)), cache.endings());
        }
        assert!((0..100_000).all(|number| cache.get(&held(number, "").0).is_some()));
        let long = "g".repeat(2048);
        for number in 100_000..140_000 {
            let (hash, held) = held(number, &long);
            cache.keep(hash, Arc::new(Entry::new(&held)), cache.endings());
        }
        let bytes: usize = cache.shards.iter().map(|shard| shard.read().unwrap().bytes).sum();
        assert!(bytes <= SHARDS * SHARD_BYTES, "{bytes}");
    }
}
