//! [`Ledger`]: which credentials are in force, and why. Pure: events and `now` in, what to ask the provider out.
//!
//! The rules are those of the interface, section 2: a good pair is never given up for a bad one, only `invalid_client` refuses
//! a pair, and the first accepted of two secrets is used.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::in_force::{InForce, Slot, State, Status, Trial, Verdict, Verified};
use super::{Observation, Outcome, Pair};
use crate::model::{Generation, Problem};

/// The first wait before a refused pair is tried again: a new secret takes a minute or two to spread at Microsoft.
const FIRST_RETRY: SignedDuration = SignedDuration::from_secs(30);
/// The longest such wait.
const LAST_RETRY: SignedDuration = SignedDuration::from_mins(15);

/// Which credentials are in force, and why.
#[derive(Debug)]
pub struct Ledger {
    generation: Generation,
    in_force: Option<Arc<InForce>>,
    /// The pair that `in_force` is of.
    pair: Option<Pair>,
    /// What was in force before an unverified pair was taken.
    previous: Option<(Arc<InForce>, Pair)>,
    candidate: Option<Candidate>,
    refused: Option<Refused>,
    file_problem: Option<(bool, Problem)>,
    refusal: Option<Problem>,
    file_warnings: Vec<Problem>,
    notes: Vec<Problem>,
    trials: u64,
    /// The trial that only looks whether the other secret would do.
    side_trial: Option<u64>,
}

#[derive(Debug)]
struct Candidate {
    number: u64,
    pair: Pair,
    slot: Slot,
    is_taken: bool,
    /// It was refused before: only acceptance takes it now.
    is_retry: bool,
}

impl Candidate {
    /// Its first verdict is awaited, while another pair serves.
    const fn waits(&self) -> bool {
        !self.is_taken && !self.is_retry
    }
}

#[derive(Debug)]
struct Refused {
    pair: Pair,
    attempts: u32,
    retry_at: Timestamp,
}

impl Ledger {
    /// Nothing is in force.
    pub const fn new() -> Self {
        Self {
            generation: Generation::ZERO,
            in_force: None,
            pair: None,
            previous: None,
            candidate: None,
            refused: None,
            file_problem: None,
            refusal: None,
            file_warnings: Vec::new(),
            notes: Vec::new(),
            trials: 0,
            side_trial: None,
        }
    }

    /// The file was read. A new pair is to be tried.
    pub fn observe(&mut self, observation: &Observation) -> Option<Trial> {
        self.file_warnings.clone_from(&observation.warnings);
        match &observation.outcome {
            Outcome::Missing(problem) => {
                self.file_problem = Some((false, problem.clone()));
                None
            }
            Outcome::Rejected(problem) => {
                self.file_problem = Some((true, problem.clone()));
                None
            }
            Outcome::Pair(pair) => {
                self.file_problem = None;
                self.observe_pair(pair)
            }
        }
    }

    fn observe_pair(&mut self, pair: &Pair) -> Option<Trial> {
        if self.candidate.as_ref().is_some_and(|candidate| candidate.pair == *pair) {
            return None;
        }
        if self.pair.as_ref() == Some(pair) {
            // Back to what is in force: what was tried meanwhile no longer matters.
            self.candidate = None;
            if self.refused.take().is_some() {
                self.refusal = None;
            }
            return None;
        }
        self.refused = None;
        Some(self.begin(pair.clone(), Slot::Current, false, false))
    }

    fn begin(&mut self, pair: Pair, slot: Slot, is_taken: bool, is_retry: bool) -> Trial {
        self.trials += 1;
        self.side_trial = None;
        let secret = slot.of(&pair).unwrap_or(&pair.secret).clone();
        let trial = Trial { number: self.trials, client_id: pair.client_id, secret };
        self.candidate = Some(Candidate { number: self.trials, pair, slot, is_taken, is_retry });
        trial
    }

    /// No verdict in time: the pair is taken unverified, what was in force before is kept beside it.
    pub fn deadline(&mut self, number: u64, now: Timestamp) {
        if self.candidate.as_ref().is_some_and(|candidate| candidate.number == number) {
            self.take_waiting(now);
        }
    }

    /// Takes the pair that waits for its first verdict, if one does.
    fn take_waiting(&mut self, now: Timestamp) {
        let Some(candidate) = self.candidate.as_mut().filter(|candidate| candidate.waits()) else { return };
        candidate.is_taken = true;
        let (pair, slot) = (candidate.pair.clone(), candidate.slot);
        self.take(pair, slot, Verified::Unverified, now);
    }

    /// A trial has ended; the other secret may be to be tried next.
    pub fn verdict(&mut self, number: u64, verdict: Verdict, now: Timestamp) -> Option<Trial> {
        if self.side_trial == Some(number) {
            self.side_trial = None;
            self.note_other_secret(&verdict);
            return None;
        }
        let candidate = self.candidate.take_if(|candidate| candidate.number == number)?;
        match verdict {
            Verdict::None(_) if candidate.is_retry => {
                let attempts = self.refused.as_ref().map_or(1, |refused| refused.attempts);
                self.remember_refused(candidate.pair, attempts, now);
                None
            }
            Verdict::Accepted => {
                self.refused = None;
                if candidate.is_taken {
                    self.confirm();
                } else {
                    self.take(candidate.pair.clone(), candidate.slot, Verified::Yes, now);
                    self.previous = None;
                }
                self.try_other_secret(&candidate)
            }
            Verdict::Refused(problem) => self.refused(candidate, problem, now),
            Verdict::None(note) => {
                if !candidate.is_taken {
                    self.take(candidate.pair, candidate.slot, Verified::Unverified, now);
                }
                self.notes = note.into_iter().collect();
                None
            }
        }
    }

    fn refused(&mut self, candidate: Candidate, problem: Problem, now: Timestamp) -> Option<Trial> {
        let attempts = self.refused.take().map_or(1, |refused| refused.attempts + 1);
        if candidate.slot == Slot::Current && candidate.pair.next.is_some() {
            self.notes = vec![Slot::Next.in_place_of_the_other(&problem)];
            if candidate.is_taken {
                self.put_in_force(candidate.pair.clone(), Slot::Next, Verified::Unverified, now);
            }
            return Some(self.begin(candidate.pair, Slot::Next, candidate.is_taken, candidate.is_retry));
        }
        self.notes.clear();
        if candidate.is_taken {
            self.bring_back(now);
        }
        self.refusal = Some(problem);
        self.remember_refused(candidate.pair, attempts, now);
        None
    }

    fn remember_refused(&mut self, pair: Pair, attempts: u32, now: Timestamp) {
        let wait = FIRST_RETRY.saturating_mul(1 << attempts.saturating_sub(1).min(10)).min(LAST_RETRY);
        self.refused = Some(Refused { pair, attempts, retry_at: now.saturating_add(wait).unwrap_or(now) });
    }

    /// When a refused pair is tried again.
    pub fn retry_at(&self) -> Option<Timestamp> {
        self.refused.as_ref().filter(|_| self.candidate.is_none()).map(|refused| refused.retry_at)
    }

    /// Tries the refused pair again: a new secret may have arrived at Microsoft by now.
    pub fn retry(&mut self, now: Timestamp) -> Option<Trial> {
        let pair = self.refused.as_ref().filter(|refused| refused.retry_at <= now)?.pair.clone();
        Some(self.begin(pair, Slot::Current, false, true))
    }

    /// Somebody was refused (`invalid_client`) with `generation`; returns what to try instead, once.
    pub fn rejected(&mut self, generation: Generation, problem: &Problem, now: Timestamp) -> Option<Arc<InForce>> {
        let in_force = self.in_force.clone()?;
        if in_force.generation != generation {
            return Some(in_force);
        }
        let refused = InForce { verified: Verified::No, ..(*in_force).clone() };
        if self.candidate.as_ref().is_some_and(Candidate::waits) {
            // A newer pair that still waits for its verdict is worth more than one that was refused.
            self.in_force = Some(Arc::new(refused));
            self.take_waiting(now);
            return self.in_force.clone();
        }
        let pair = self.pair.clone()?;
        let other = in_force.slot.other();
        let other_may_do = other.of(&pair).is_some() && in_force.verified != Verified::No && !self.is_known_refused(other);
        if other_may_do {
            self.notes = vec![other.in_place_of_the_other(problem)];
            self.put_in_force(pair, other, Verified::Unverified, now);
            return self.in_force.clone();
        }
        self.refusal = Some(problem.clone());
        if self.previous.is_some() {
            self.candidate = None;
            self.bring_back(now);
            self.remember_refused(pair, 1, now);
            return self.in_force.clone();
        }
        self.in_force = Some(Arc::new(refused));
        None
    }

    /// The other secret was left because it was refused: the note about that says so.
    fn is_known_refused(&self, slot: Slot) -> bool {
        let marker = slot.refused_code();
        self.notes.iter().any(|note| note.code == marker)
    }

    /// Somebody was served with `generation`: it is good.
    pub fn accepted(&mut self, generation: Generation) {
        if self.in_force.as_ref().is_some_and(|in_force| in_force.generation == generation) {
            self.confirm();
        }
    }

    fn confirm(&mut self) {
        if let Some(in_force) = &self.in_force {
            self.in_force = Some(Arc::new(InForce { verified: Verified::Yes, ..(**in_force).clone() }));
        }
        self.previous = None;
        if self.refused.is_none() {
            self.refusal = None;
        }
    }

    fn take(&mut self, pair: Pair, slot: Slot, verified: Verified, now: Timestamp) {
        if let (Some(in_force), Some(of)) = (self.in_force.take(), self.pair.take())
            && (in_force.verified == Verified::Yes || in_force.verified == Verified::Unverified && self.previous.is_none())
        {
            // The last that was accepted is worth more than one that nobody ever accepted.
            self.previous = Some((in_force, of));
        }
        self.refusal = None;
        if slot == Slot::Current {
            self.notes.clear();
        }
        self.put_in_force(pair, slot, verified, now);
    }

    fn put_in_force(&mut self, pair: Pair, slot: Slot, verified: Verified, now: Timestamp) {
        self.generation = self.generation.next();
        let secret = slot.of(&pair).unwrap_or(&pair.secret).clone();
        let in_force = InForce { generation: self.generation, client_id: pair.client_id, secret, slot, verified, changed_at: now };
        self.in_force = Some(Arc::new(in_force));
        self.pair = Some(pair);
    }

    fn bring_back(&mut self, now: Timestamp) {
        match self.previous.take() {
            Some((before, pair)) => self.put_in_force(pair, before.slot, before.verified, now),
            None => (self.in_force, self.pair) = (None, None),
        }
    }

    fn try_other_secret(&mut self, accepted: &Candidate) -> Option<Trial> {
        if accepted.slot != Slot::Current {
            return None;
        }
        let secret = accepted.pair.next.clone()?;
        self.trials += 1;
        self.side_trial = Some(self.trials);
        Some(Trial { number: self.trials, client_id: accepted.pair.client_id, secret })
    }

    fn note_other_secret(&mut self, verdict: &Verdict) {
        self.notes = match verdict {
            Verdict::Accepted => vec![Problem::told("next_secret_accepted", &[])],
            Verdict::Refused(problem) => vec![Problem::told("next_secret_refused.waiting", &[("why", &problem.title)])],
            Verdict::None(note) => note.iter().cloned().collect(),
        };
    }

    /// All that can be told.
    pub fn status(&self) -> Status {
        let problem = match (&self.file_problem, &self.refusal) {
            (Some((_, problem)), _) => Some(problem.clone()),
            (None, refusal) => refusal.clone(),
        };
        let state = match (&self.in_force, &problem) {
            (Some(_), None) => State::Ready,
            (Some(_), Some(_)) => State::Stale,
            // Also where the provider refused the only pair that there ever was: nothing good stays in force then.
            (None, _) => State::Unconfigured,
        };
        let refused_client_id = self.refused.as_ref().filter(|_| self.in_force.is_none()).map(|refused| refused.pair.client_id);
        let is_first_trial = self.in_force.is_none() && self.candidate.as_ref().is_some_and(|candidate| !candidate.is_retry);
        let warnings = self.file_warnings.iter().chain(&self.notes).cloned().collect();
        let slot = self.in_force.as_ref().map(|in_force| in_force.slot.other());
        let other = self.pair.as_ref().zip(slot).and_then(|(pair, slot)| slot.of(pair)).cloned();
        Status { state, in_force: self.in_force.clone(), other, refused_client_id, is_first_trial, problem, warnings }
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
