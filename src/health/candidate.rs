//! The file's newest pair and what the provider said of its secrets.

use std::time::Duration;

use super::in_force::Slot;
use super::probe::Verdict;
use crate::credentials::Pair;
use crate::model::{Problem, Secret};

/// A secret takes a minute or two to be known everywhere (entra.md 7.3), so what was refused or unclear is tried again:
/// first after this, then after twice as long, up to [`LONGEST_RECHECK`].
const FIRST_RECHECK: Duration = Duration::from_secs(15);
const LONGEST_RECHECK: Duration = Duration::from_secs(600);

/// A pair on trial.
#[derive(Debug, Clone)]
pub(in crate::health) struct Candidate {
    pub pair: Pair,
    pub verdicts: [Option<Verdict>; 2],
    /// Its first verdict is still awaited.
    pub is_awaited: bool,
    /// The pause before the next recheck.
    pub pause: Duration,
}

impl Candidate {
    /// A pair nobody has said anything about yet.
    pub const fn new(pair: Pair, is_awaited: bool) -> Self {
        Self { pair, verdicts: [None, None], is_awaited, pause: FIRST_RECHECK }
    }

    /// Notes a verdict. What says nothing leaves standing what was said before.
    pub fn note(&mut self, slot: Slot, verdict: Verdict) {
        let noted = &mut self.verdicts[slot as usize];
        let says_nothing = matches!(verdict, Verdict::Unclear(_) | Verdict::NoTenant);
        if !(says_nothing && matches!(noted, Some(Verdict::Accepted | Verdict::Refused(_)))) {
            *noted = Some(verdict);
        }
    }

    /// One try more has passed.
    pub fn lengthen_pause(&mut self) {
        self.pause = (self.pause * 2).min(LONGEST_RECHECK);
    }

    pub fn secret(&self, slot: Slot) -> Option<&Secret<String>> {
        match slot {
            Slot::Current => Some(&self.pair.secret),
            Slot::Next => self.pair.next.as_ref(),
        }
    }

    pub const fn verdict(&self, slot: Slot) -> Option<&Verdict> {
        self.verdicts[slot as usize].as_ref()
    }

    pub fn is_refused(&self, slot: Slot) -> bool {
        self.secret(slot).is_none() || matches!(self.verdict(slot), Some(Verdict::Refused(_)))
    }

    /// The secret to use: the first that was accepted, else the first that was not refused.
    pub fn choice(&self) -> Option<Slot> {
        let slots = [Slot::Current, Slot::Next];
        let accepted = slots.into_iter().find(|slot| self.verdict(*slot) == Some(&Verdict::Accepted));
        accepted.or_else(|| slots.into_iter().find(|slot| !self.is_refused(*slot)))
    }

    /// The secret to try next: the second one when the first is refused (to use it), or accepted (to tell when the old one can go).
    pub fn untried(&self) -> Option<Slot> {
        match (self.verdict(Slot::Current), self.verdict(Slot::Next)) {
            (None, _) => Some(Slot::Current),
            (Some(Verdict::Refused(_) | Verdict::Accepted), None) if self.pair.next.is_some() => Some(Slot::Next),
            _ => None,
        }
    }

    /// Why the provider does not take it, or what it said instead of a verdict.
    pub fn problem(&self) -> Option<&Problem> {
        let slot = self.choice().unwrap_or(Slot::Current);
        match self.verdict(slot) {
            Some(Verdict::Refused(problem) | Verdict::Unclear(problem)) => Some(problem),
            _ => None,
        }
    }
}
