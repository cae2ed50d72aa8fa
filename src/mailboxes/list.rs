//! [`Listing`]: some of the mailboxes, for people who look for one among ten thousand. Answers from memory.

use std::sync::{Arc, PoisonError};

use jiff::Timestamp;

use super::{MailboxStatus, Mark, Service};
use crate::model::EmailAddress;
use crate::store::connections::MailboxRow;

/// What is looked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// A part of the address or of who signed in; empty for all.
    pub text: &'a str,
    /// The word of a state; nothing for all.
    pub state: Option<&'a str>,
    /// How many are left out from the beginning.
    pub skip: usize,
    /// How many at most.
    pub limit: usize,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Some of them, by address.
    pub items: Vec<MailboxStatus>,
    /// How many there are of that text and state.
    pub found: usize,
    /// How many of that text are `healthy`, `waiting` and `needs_reauth`.
    pub states: [usize; 3],
}

/// The words of the states, in the order in which [`Listing::states`] counts them.
pub const STATES: [&str; 3] = ["healthy", "waiting", "needs_reauth"];

impl Service {
    /// The mailboxes that are wanted.
    pub fn search(&self, wanted: Wanted<'_>) -> Listing {
        let text = wanted.text.trim().to_lowercase();
        let rows: Vec<Arc<MailboxRow>> = {
            let mailboxes = self.mailboxes.read().unwrap_or_else(PoisonError::into_inner);
            let has =
                |key: &str, row: &MailboxRow| text.is_empty() || key.contains(&text) || row.signed_in_as.to_lowercase().contains(&text);
            mailboxes.iter().filter(|(key, row)| has(key, row)).map(|(_, row)| Arc::clone(row)).collect()
        };
        let mut listing = Listing::default();
        for row in rows {
            let state = match self.parts.grants.mark(row.grant) {
                Mark::Nothing | Mark::Worked => 0,
                Mark::Waited => 1,
                Mark::Refused => 2,
            };
            listing.states[state] += 1;
            if wanted.state.is_some_and(|word| word != STATES[state]) {
                continue;
            }
            if listing.found >= wanted.skip && listing.items.len() < wanted.limit {
                listing.items.push(self.status(&row));
            }
            listing.found += 1;
        }
        listing
    }

    /// When the sign-ins end that are not used until then, the next one first.
    pub fn ends(&self) -> Vec<(Timestamp, EmailAddress)> {
        let rows: Vec<Arc<MailboxRow>> = self.mailboxes.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        let ends = rows.iter().filter_map(|row| Some((self.parts.grants.view(row.grant).grant_expires_at?, row.address.clone())));
        let mut ends: Vec<_> = ends.collect();
        ends.sort_by_key(|(at, _)| *at);
        ends
    }

    /// One mailbox.
    ///
    /// # Errors
    /// [`super::Error::Unknown`].
    pub fn get(&self, address: &EmailAddress) -> Result<MailboxStatus, super::Error> {
        self.find(address).map(|row| self.status(&row))
    }
}
