//! Leases with fencing, and notifications between nodes. On SQLite there is one node and both are cheap; the traits are
//! shaped for several, so that an engine for several needs no other callers.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::broadcast;

use super::Error;

/// Proof of having held a lease: a number that grows with every change of holder. Writes that rely on the lease carry it, so
/// that a node that slept through the end of its lease cannot write over its successor's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The lease's name.
    pub lease: String,
    /// The number.
    pub token: u64,
}

/// What another node (or another part of this one) changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A grant or its tokens.
    Grant(crate::model::GrantId),
    /// The list of mailboxes or directories.
    Connections,
}

/// Leases and notifications.
#[async_trait]
pub trait Leases: Send + Sync {
    /// Takes or renews the lease `name` for `holder` until `now + life`. The holder keeps its fence while it renews in time;
    /// nothing while another holder's lease runs.
    async fn acquire(&self, name: &str, holder: &str, now: Timestamp, life: Duration) -> Result<Option<Fence>, Error>;

    /// Gives the lease back; a lease that is held by another is left alone.
    async fn release(&self, fence: &Fence) -> Result<(), Error>;

    /// What is changed from now on. A receiver that lags reads everything anew.
    #[cfg_attr(not(test), expect(dead_code, reason = "one node has nobody to hear from; several will"))]
    fn subscribe(&self) -> broadcast::Receiver<Change>;
}
