//! How much is measured.

use std::time::Duration;

/// The counts of one run.
#[derive(Debug, Clone)]
pub struct Scale {
    /// Swaps of the credentials file.
    pub swaps: usize,
    /// Requests that must not fail meanwhile.
    pub requests: usize,
    /// Starts of the daemon.
    pub starts: usize,
    /// Mailboxes in the database of starts, memory and token reads.
    pub mailboxes: usize,
    /// Mailboxes that are due at once after a suspend.
    pub many: usize,
    /// People in the database of the administration pages.
    pub people: usize,
    /// Alternations between the local API and the bare answer.
    pub rounds: usize,
    /// How long each of them lasts.
    pub round: Duration,
    /// Rotations during which the daemon is killed, for each kind of provider.
    pub rotations: u64,
}

impl Scale {
    /// What the bars speak of.
    pub const fn full() -> Self {
        Self {
            swaps: 200,
            requests: 10_000,
            starts: 20,
            mailboxes: 1_000,
            many: 10_000,
            people: 100_000,
            rounds: 15,
            round: Duration::from_millis(600),
            rotations: 500,
        }
    }

    /// Enough to see that everything runs.
    pub const fn quick() -> Self {
        Self {
            swaps: 40,
            requests: 1_000,
            starts: 5,
            mailboxes: 100,
            many: 500,
            people: 2_000,
            rounds: 5,
            round: Duration::from_millis(300),
            rotations: 50,
        }
    }
}
