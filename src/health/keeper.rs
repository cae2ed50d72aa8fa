//! [`Keeper`]: the credentials in force, published to whoever uses them. Decides by `decision`, asks by [`Probe`].

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::decision::{Action, Decision, Event, Trial, VERDICT_WITHIN};
use super::in_force::{Condition, InForce, Verified};
use super::probe::Probe;
use crate::credentials::Observation;
use crate::model::{Clock, Generation, Problem};

/// Reports that may wait for the keeper; who reports waits when there are more.
const QUEUE: usize = 64;

/// The credentials as everybody sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// How they are doing.
    pub condition: Condition,
    /// What to use; nothing before the first good file.
    pub in_force: Option<InForce>,
    /// What is wrong with the file, or with what the provider says of it.
    pub problem: Option<Problem>,
    /// What should be mended or can be done, though all works.
    pub warnings: Vec<Problem>,
}

/// The way to the keeper. Cheap to clone.
#[derive(Clone)]
pub struct Keeper {
    credentials: watch::Receiver<Arc<Credentials>>,
    reports: mpsc::Sender<Report>,
}

enum Report {
    Rejected(Generation, Problem, oneshot::Sender<()>),
    Accepted(Generation),
    Recheck,
}

impl Keeper {
    /// A keeper that follows `observations`, and the future that does its work until every keeper and subscriber is gone.
    /// The first observation counts already when this returns.
    pub fn new(
        observations: watch::Receiver<Arc<Observation>>,
        probe: Arc<dyn Probe>,
        clock: Clock,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (reports, inbox) = mpsc::channel(QUEUE);
        let mut observations = observations;
        let first = Observation::clone(&observations.borrow_and_update());
        let mut decision = Decision::default();
        let actions = decision.decide(Event::Observed(first), clock.now());
        let (publisher, credentials) = watch::channel(Arc::new(Credentials::of(&decision)));
        let work = Work { decision, probe, clock, publisher, pending: FuturesUnordered::new(), recheck: None };
        (Self { credentials, reports }, work.run(actions, observations, inbox))
    }

    /// The newest, and every change.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Credentials>> {
        self.credentials.clone()
    }

    /// What to use now.
    pub fn in_force(&self) -> Option<InForce> {
        self.credentials.borrow().in_force.clone()
    }

    /// Says that a token request made with `generation` met `invalid_client`, in `problem`'s words. Gives the id and secret to
    /// try once more with, if there are newer or other ones.
    pub async fn rejected(&self, generation: Generation, problem: Problem) -> Option<InForce> {
        let (done, decided) = oneshot::channel();
        if self.reports.send(Report::Rejected(generation, problem, done)).await.is_ok() {
            let _ = decided.await;
        }
        self.in_force().filter(|used| used.generation > generation && used.verified != Verified::No)
    }

    /// Says that a token request made with `generation` was answered with tokens: better than any probe.
    pub fn accepted(&self, generation: Generation) {
        let is_news =
            self.credentials.borrow().in_force.as_ref().is_some_and(|used| used.generation == generation && used.verified != Verified::Yes);
        if is_news {
            // A full queue may drop it: the next token says the same.
            let _ = self.reports.try_send(Report::Accepted(generation));
        }
    }

    /// Says that a probe may be possible or go better now: a first tenant is known, the network is back, the proxy changed.
    pub fn recheck(&self) {
        let _ = self.reports.try_send(Report::Recheck);
    }
}

impl Credentials {
    fn of(decision: &Decision) -> Self {
        Self {
            condition: decision.condition(),
            in_force: decision.in_force().cloned(),
            problem: decision.problem().cloned(),
            warnings: decision.warnings(),
        }
    }
}

struct Work {
    decision: Decision,
    probe: Arc<dyn Probe>,
    clock: Clock,
    publisher: watch::Sender<Arc<Credentials>>,
    /// Probes under way and the wait for them; of one trial only.
    pending: FuturesUnordered<BoxFuture<'static, Event>>,
    recheck: Option<(Trial, Instant)>,
}

impl Work {
    async fn run(mut self, actions: Vec<Action>, mut observations: watch::Receiver<Arc<Observation>>, mut inbox: mpsc::Receiver<Report>) {
        self.begin(actions);
        let publisher = self.publisher.clone();
        let mut unheard = pin!(publisher.closed());
        loop {
            let mut done = None;
            let event = tokio::select! {
                () = &mut unheard => return,
                event = newest(&mut observations) => event,
                Some(event) = self.pending.next() => event,
                event = due(self.recheck) => {
                    self.recheck = None;
                    event
                }
                Some(report) = inbox.recv() => match report {
                    Report::Rejected(generation, problem, decided) => {
                        done = Some(decided);
                        Event::Rejected(generation, problem)
                    }
                    Report::Accepted(generation) => Event::Accepted(generation),
                    Report::Recheck => Event::Recheck(self.decision.trial()),
                },
            };
            self.handle(event);
            if let Some(done) = done {
                let _ = done.send(());
            }
        }
    }

    fn handle(&mut self, event: Event) {
        let before = self.decision.trial();
        let actions = self.decision.decide(event, self.clock.now());
        if self.decision.trial() != before {
            self.pending.clear();
            self.recheck = None;
        }
        self.begin(actions);
        self.publish();
    }

    fn begin(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Probe(trial, slot, client_id, secret) => {
                    let probe = Arc::clone(&self.probe);
                    self.pending.push(Box::pin(async move { Event::Judged(trial, slot, probe.try_out(client_id, secret).await) }));
                }
                Action::Wait(trial) => self.pending.push(Box::pin(async move {
                    sleep(VERDICT_WITHIN).await;
                    Event::WaitOver(trial)
                })),
                Action::RecheckAfter(trial, pause) => self.recheck = Some((trial, Instant::now() + pause)),
            }
        }
    }

    fn publish(&self) {
        let newest = Credentials::of(&self.decision);
        self.publisher.send_if_modified(|current| {
            if **current == newest {
                return false;
            }
            tell(current, &newest);
            *current = Arc::new(newest);
            true
        });
    }
}

async fn newest(observations: &mut watch::Receiver<Arc<Observation>>) -> Event {
    if observations.changed().await.is_err() {
        // Nobody watches any more; what is in force stays.
        pending::<()>().await;
    }
    Event::Observed(Observation::clone(&observations.borrow_and_update()))
}

async fn due(recheck: Option<(Trial, Instant)>) -> Event {
    match recheck {
        Some((trial, at)) => {
            sleep_until(at).await;
            Event::Recheck(trial)
        }
        None => pending().await,
    }
}

/// Writes the change to the journal, each fact once.
fn tell(before: &Credentials, after: &Credentials) {
    if let Some(used) = &after.in_force
        && before.in_force.as_ref().map(|used| (used.generation, used.verified)) != Some((used.generation, used.verified))
    {
        log::info!(
            ONEDESK_CLIENT:% = used.client_id, ONEDESK_SECRET = used.slot.as_str(), ONEDESK_VERIFIED = used.verified.as_str();
            "these credentials are in force"
        );
    }
    if let Some(problem) = after.problem.as_ref().filter(|problem| before.problem.as_ref() != Some(*problem)) {
        log::warn!(ONEDESK_PROBLEM = problem.code.as_str(); "{}; {}", problem.title, problem.hint);
    }
    for warning in after.warnings.iter().filter(|warning| !before.warnings.contains(warning)) {
        log::warn!(ONEDESK_PROBLEM = warning.code.as_str(); "{}; {}", warning.title, warning.hint);
    }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
