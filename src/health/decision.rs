//! Which pair is in force: the table of interface section 2 as a pure function of events. The keeper carries out its actions.
//!
//! The newest good pair of the file is on *trial*: its secrets collect verdicts. A trial waits a moment for its first verdict, then
//! its pair is taken into force; what it replaced is kept until the provider has accepted the new one.

use std::time::Duration;

use jiff::Timestamp;

use super::candidate::Candidate;
use super::in_force::{Condition, InForce, Slot, Verified};
use super::probe::Verdict;
use crate::credentials::{Observation, Outcome};
use crate::model::{ClientId, Generation, Problem, Secret};

/// How long a verdict on a new pair is awaited while an older pair serves. With the watcher's time it fits in the promised second.
pub const VERDICT_WITHIN: Duration = Duration::from_millis(700);

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The file was read.
    Observed(Observation),
    /// The probe of that trial's secret has answered.
    Judged(Trial, Slot, Verdict),
    /// [`VERDICT_WITHIN`] has passed.
    WaitOver(Trial),
    /// It is time to try again, or something changed that makes it worth it.
    Recheck(Trial),
    /// A token request of this generation met `invalid_client`.
    Rejected(Generation, Problem),
    /// A token request of this generation was answered with tokens.
    Accepted(Generation),
}

/// What to do; each ends in an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ask the provider; then [`Event::Judged`].
    Probe(Trial, Slot, ClientId, Secret<String>),
    /// Let [`VERDICT_WITHIN`] pass; then [`Event::WaitOver`].
    Wait(Trial),
    /// Let this time pass, whatever was planned before; then [`Event::Recheck`].
    RecheckAfter(Trial, Duration),
}

/// Which trial an answer belongs to; answers of an older one are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trial(Generation);

/// Everything that the next decision depends on.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    in_force: Option<InForce>,
    /// The last that was known to be good, until its successor is.
    previous: Option<InForce>,
    candidate: Option<Candidate>,
    trial: Trial,
    generation: Generation,
    /// Why the file gives no pair now.
    file_problem: Option<Problem>,
    warnings: Vec<Problem>,
}

impl Decision {
    /// Takes note of `event` and says what to do about it.
    pub fn decide(&mut self, event: Event, now: Timestamp) -> Vec<Action> {
        match event {
            Event::Observed(observation) => self.observed(observation, now),
            Event::Judged(trial, slot, verdict) if trial == self.trial => self.judged(slot, verdict, now),
            Event::WaitOver(trial) if trial == self.trial => {
                self.stop_waiting();
                self.settle(now);
                Vec::new()
            }
            Event::Recheck(trial) if trial == self.trial => self.recheck(),
            Event::Rejected(generation, problem) if generation == self.generation => self.rejected(problem, now),
            Event::Accepted(generation) if generation == self.generation => {
                let slot = self.slot_on_trial();
                slot.map_or_else(Vec::new, |slot| self.judged(slot, Verdict::Accepted, now))
            }
            Event::Judged(..) | Event::WaitOver(_) | Event::Recheck(_) | Event::Rejected(..) | Event::Accepted(_) => Vec::new(),
        }
    }

    /// What to use now.
    pub const fn in_force(&self) -> Option<&InForce> {
        self.in_force.as_ref()
    }

    /// The trial that runs.
    pub const fn trial(&self) -> Trial {
        self.trial
    }

    /// How the credentials are doing.
    pub fn condition(&self) -> Condition {
        match &self.in_force {
            None => Condition::Unconfigured,
            Some(used) if used.verified == Verified::No && !used.was_accepted => Condition::Unconfigured,
            Some(used) if used.verified == Verified::No || self.file_problem.is_some() || self.is_refused() => Condition::Stale,
            Some(_) => Condition::Ready,
        }
    }

    /// What is wrong with the file, or with what the provider says of it.
    pub fn problem(&self) -> Option<&Problem> {
        self.file_problem.as_ref().or_else(|| self.candidate.as_ref()?.problem())
    }

    /// What should be mended or can be done, though all works.
    pub fn warnings(&self) -> Vec<Problem> {
        self.warnings.iter().cloned().chain(self.advice()).collect()
    }

    fn observed(&mut self, observation: Observation, now: Timestamp) -> Vec<Action> {
        self.warnings = observation.warnings;
        let pair = match observation.outcome {
            Outcome::Missing(problem) | Outcome::Rejected(problem) => {
                self.file_problem = Some(problem);
                return Vec::new();
            }
            Outcome::Pair(pair) => pair,
        };
        self.file_problem = None;
        if self.candidate.as_ref().is_some_and(|candidate| candidate.pair == pair) {
            return Vec::new();
        }
        self.trial = Trial(self.trial.0.next());
        let mut candidate = Candidate::new(pair, self.in_force.is_some());
        // A secret that already serves need not prove itself again: only the one beside it is new.
        if let Some(used) = self.in_force.as_mut().filter(|used| used.is(candidate.pair.client_id, &candidate.pair.secret)) {
            used.slot = Slot::Current;
            candidate.is_awaited = false;
            candidate.verdicts[0] = (used.verified == Verified::Yes).then_some(Verdict::Accepted);
        }
        let awaited = candidate.is_awaited;
        self.candidate = Some(candidate);
        self.settle(now);
        let mut actions = self.probe_untried();
        actions.extend(awaited.then_some(Action::Wait(self.trial)));
        actions
    }

    fn judged(&mut self, slot: Slot, verdict: Verdict, now: Timestamp) -> Vec<Action> {
        let is_in_use = self.slot_on_trial() == Some(slot);
        let Some(candidate) =
            self.candidate.as_mut().filter(|candidate| candidate.verdict(slot) != Some(&Verdict::Accepted) || verdict != Verdict::Accepted)
        else {
            return Vec::new();
        };
        // Marked before it is replaced: a refused secret is nothing to come back to.
        if let (true, Verdict::Refused(_), Some(used)) = (is_in_use, &verdict, &mut self.in_force) {
            used.verified = Verified::No;
        }
        candidate.note(slot, verdict);
        let unused = candidate.choice().filter(|choice| candidate.verdict(*choice).is_none());
        if unused.is_none() {
            candidate.is_awaited = false;
        }
        self.settle(now);
        let actions = self.probe_untried();
        if actions.is_empty() { self.recheck_later() } else { actions }
    }

    /// Brings what is in force in line with the verdicts.
    fn settle(&mut self, now: Timestamp) {
        let Some(candidate) = self.candidate.as_ref().filter(|candidate| !candidate.is_awaited) else { return };
        let client_id = candidate.pair.client_id;
        let Some((slot, secret)) = candidate.choice().and_then(|slot| Some((slot, candidate.secret(slot)?.clone()))) else {
            return self.refuse(now);
        };
        let verified = match candidate.verdict(slot) {
            Some(Verdict::Accepted) => Verified::Yes,
            _ => Verified::Unverified,
        };
        self.take(client_id, secret, slot, verified, now);
        if verified == Verified::Yes {
            self.previous = None;
        }
    }

    fn take(&mut self, client_id: ClientId, secret: Secret<String>, slot: Slot, verified: Verified, now: Timestamp) {
        if let Some(used) = self.in_force.as_mut().filter(|used| used.is(client_id, &secret)) {
            let is_healed = used.verified == Verified::No && verified == Verified::Yes;
            if is_healed {
                self.generation = self.generation.next();
                used.generation = self.generation;
            }
            if verified == Verified::Yes {
                (used.verified, used.was_accepted) = (verified, true);
            }
            used.slot = slot;
            return;
        }
        let was_accepted = verified == Verified::Yes;
        let replaced =
            self.replace(InForce { generation: self.generation, client_id, secret, slot, verified, changed_at: now, was_accepted });
        // The last that was known to be good is worth more than one that nobody ever accepted.
        if let Some(replaced) = replaced.filter(|replaced| replaced.verified != Verified::No)
            && (replaced.verified == Verified::Yes || self.previous.is_none())
        {
            self.previous = Some(replaced);
        }
    }

    /// Every secret of the pair is refused: the previous one comes back, or stays; the only one stays too, marked.
    fn refuse(&mut self, now: Timestamp) {
        let Some(candidate) = &self.candidate else { return };
        let pair = &candidate.pair;
        let on_trial =
            |used: &InForce| used.is(pair.client_id, &pair.secret) || pair.next.as_ref().is_some_and(|next| used.is(pair.client_id, next));
        match &mut self.in_force {
            None => {}
            Some(used) if !on_trial(used) => {}
            Some(used) => match self.previous.take() {
                Some(previous) => drop(self.replace(InForce { changed_at: now, ..previous })),
                None => used.verified = Verified::No,
            },
        }
    }

    fn replace(&mut self, successor: InForce) -> Option<InForce> {
        self.generation = self.generation.next();
        self.in_force.replace(InForce { generation: self.generation, ..successor })
    }

    fn rejected(&mut self, problem: Problem, now: Timestamp) -> Vec<Action> {
        if let Some(slot) = self.slot_on_trial() {
            return self.judged(slot, Verdict::Refused(problem), now);
        }
        // The older pair is refused now: whatever the file's pair is worth, it is worth more.
        if let Some(used) = &mut self.in_force {
            used.verified = Verified::No;
        }
        self.stop_waiting();
        self.settle(now);
        self.recheck()
    }

    /// Which secret of the file's pair is in force, if one is.
    fn slot_on_trial(&self) -> Option<Slot> {
        let (used, candidate) = (self.in_force.as_ref()?, self.candidate.as_ref()?);
        candidate.secret(used.slot).filter(|secret| used.is(candidate.pair.client_id, secret)).map(|_| used.slot)
    }

    const fn stop_waiting(&mut self) {
        if let Some(candidate) = &mut self.candidate {
            candidate.is_awaited = false;
        }
    }

    fn probe_untried(&self) -> Vec<Action> {
        let probe = |candidate: &Candidate| {
            let slot = candidate.untried()?;
            Some(Action::Probe(self.trial, slot, candidate.pair.client_id, candidate.secret(slot)?.clone()))
        };
        self.candidate.as_ref().and_then(probe).into_iter().collect()
    }

    /// Plans another try unless the provider has said yes to all there is.
    fn recheck_later(&self) -> Vec<Action> {
        let Some(candidate) = &self.candidate else { return Vec::new() };
        if candidate.verdicts.iter().flatten().all(|verdict| *verdict == Verdict::Accepted) {
            return Vec::new();
        }
        vec![Action::RecheckAfter(self.trial, candidate.pause)]
    }

    /// Tries every secret again that is not accepted; what was said of it stands until there is an answer.
    fn recheck(&mut self) -> Vec<Action> {
        let Some(candidate) = &mut self.candidate else { return Vec::new() };
        candidate.lengthen_pause();
        let open = [Slot::Current, Slot::Next].into_iter().filter(|slot| candidate.verdict(*slot) != Some(&Verdict::Accepted));
        let probe = |slot| Some(Action::Probe(self.trial, slot, candidate.pair.client_id, candidate.secret(slot)?.clone()));
        open.filter_map(probe).collect()
    }

    fn is_refused(&self) -> bool {
        self.candidate.as_ref().is_some_and(|candidate| candidate.choice().is_none())
    }

    /// What to do about the two secrets of a rotation.
    fn advice(&self) -> Option<Problem> {
        let candidate = self.candidate.as_ref().filter(|candidate| candidate.pair.next.is_some() && self.file_problem.is_none())?;
        let slot = self.slot_on_trial()?;
        match (slot, candidate.verdict(slot), candidate.verdict(slot.other())) {
            (Slot::Current, Some(Verdict::Accepted), Some(Verdict::Accepted)) => Some(Problem::new(
                "old_secret_can_go",
                "the provider accepts AZUREAD_CIS_NEXT too: the old secret can go",
                "put the value of AZUREAD_CIS_NEXT into AZUREAD_CIS, remove the AZUREAD_CIS_NEXT line, then delete the old secret at the app registration",
            )),
            (Slot::Current, _, Some(Verdict::Refused(refused))) => Some(Problem::new(
                "next_secret_refused",
                format!("the provider refuses AZUREAD_CIS_NEXT: {}", refused.title),
                &*refused.hint,
            )),
            (Slot::Next, _, Some(Verdict::Refused(refused))) => Some(Problem::new(
                "next_secret_in_use",
                format!("AZUREAD_CIS_NEXT is in use, the provider refuses AZUREAD_CIS: {}", refused.title),
                "put the value of AZUREAD_CIS_NEXT into AZUREAD_CIS and remove the AZUREAD_CIS_NEXT line; the old secret can go",
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
