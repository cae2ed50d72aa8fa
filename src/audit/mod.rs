//! Who did what: the one writer of the audit log, and the rule that keeps repeated token reads out of it.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use crate::model::{Clock, EmailAddress};
pub use crate::store::audit::AuditEntry as Entry;
use crate::store::audit::{AuditEntry, AuditLog, Page};
use crate::store::{self};

/// Who acts, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// `uid:0 (root)`, `daemon`, `browser`.
    pub who: String,
    /// `local-api`, a client address, `daemon`.
    pub origin: String,
}

impl Actor {
    /// Somebody on the local API.
    pub fn local(uid: u32, name: Option<&str>) -> Self {
        let who = name.map_or_else(|| format!("uid:{uid}"), |name| format!("uid:{uid} ({name})"));
        Self { who, origin: "local-api".to_owned() }
    }

    /// Whoever holds the browser at that client address.
    pub fn browser(address: impl fmt::Display) -> Self {
        Self { who: "browser".to_owned(), origin: address.to_string() }
    }

    /// Somebody in the administration pages at that client address: who made their link, or who signed in.
    pub fn admin(who: &str, address: impl fmt::Display) -> Self {
        Self { who: format!("admin ({who})"), origin: address.to_string() }
    }

    /// The daemon itself.
    pub fn daemon() -> Self {
        Self { who: "daemon".to_owned(), origin: "daemon".to_owned() }
    }

    /// The line that says that this actor did `action` to `subject` at `at`.
    pub fn entry(&self, at: Timestamp, action: &str, subject: impl Into<String>) -> AuditEntry {
        AuditEntry {
            at,
            actor: self.who.clone(),
            origin: self.origin.clone(),
            action: action.to_owned(),
            subject: subject.into(),
            outcome: "ok".to_owned(),
            detail: String::new(),
        }
    }
}

/// Entries of the set below before it is emptied early: bounds the memory, at the price of a second line for some reader.
const REMEMBERED_READS: usize = 50_000;

/// How long work waits for its line to be written; the line stays in the store's queue.
const PATIENCE: Duration = Duration::from_secs(1);

/// The audit log's one writer.
pub struct Service {
    store: Arc<dyn AuditLog>,
    clock: Clock,
    reads: Mutex<Reads>,
    hasher: RandomState,
}

#[derive(Default)]
struct Reads {
    hour: i64,
    /// Hashes of reader and address: enough to tell them apart, and no copy of a name for every request.
    seen: HashSet<u64>,
}

impl Service {
    /// Writes into `store`.
    pub fn new(store: Arc<dyn AuditLog>, clock: Clock) -> Self {
        Self { store, clock, reads: Mutex::default(), hasher: RandomState::new() }
    }

    /// Adds a line. A log that cannot be written is reported and neither stops nor delays the work that it tells of.
    pub async fn record(&self, entry: AuditEntry) {
        match timeout(PATIENCE, self.store.append(entry)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log::error!(error:% = error; "cannot write the audit log"),
            Err(_) => log::warn!("the audit log takes long to be written; the line is lost if the database stays as it is"),
        }
    }

    /// Adds the line that `actor` did `action` to `subject` now.
    pub async fn note(&self, actor: &Actor, action: &str, subject: &str) {
        self.record(actor.entry(self.clock.now(), action, subject)).await;
    }

    /// The lines older than `before`, newest first.
    ///
    /// # Errors
    /// What the store says.
    pub async fn page(&self, before: Option<i64>, limit: u32) -> Result<Page, store::Error> {
        self.store.page(before, limit).await
    }

    /// The lines older than `before` that hold `text`, newest first. Looks a bounded way back: a page with few lines and a `next` says
    /// that there is more to look through.
    ///
    /// # Errors
    /// What the store says.
    pub async fn search(&self, text: &str, before: Option<i64>, limit: u32) -> Result<Page, store::Error> {
        let text = text.trim();
        if text.is_empty() { self.store.page(before, limit).await } else { self.store.search(text, before, limit).await }
    }

    /// Whether this token read is the first of its user, mailbox and hour: only that one gets a line.
    pub fn is_first_read(&self, actor: &Actor, address: &EmailAddress) -> bool {
        let key = self.hasher.hash_one((&actor.who, address));
        let hour = self.clock.now().as_second().div_euclid(3600);
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        if reads.hour != hour || reads.seen.len() >= REMEMBERED_READS {
            *reads = Reads { hour, seen: HashSet::new() };
        }
        reads.seen.insert(key)
    }

    /// Removes lines older than `before`.
    ///
    /// # Errors
    /// What the store says.
    pub async fn trim(&self, before: Timestamp) -> Result<u64, store::Error> {
        self.store.trim(before).await
    }
}
