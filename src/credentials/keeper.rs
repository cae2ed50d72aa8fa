//! [`Keeper`]: the one writer of the credentials in force. An actor around the pure [`Ledger`]: it asks, waits, and publishes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use tokio::sync::{mpsc, oneshot, watch};

use super::Observation;
use super::ledger::Ledger;
use crate::model::{ClientId, Clock, Generation, Problem, Secret};
use crate::system::metrics::Metrics;
use crate::system::tasks::Tasks;

pub use super::in_force::{InForce, Slot, State, Status, Trial, Verdict, Verified};

/// How long a verdict is waited for before a new pair is taken unverified (interface, section 2): within a second of the
/// file's change it is in force, whatever the provider does.
const PATIENCE: Duration = Duration::from_millis(700);
/// Questions that wait for the actor; it answers each within microseconds.
const QUEUE: usize = 256;

/// Asks the provider about a pair.
#[async_trait]
pub trait Probe: Send + Sync {
    /// One question. [`Verdict::None`] without a note where there is nobody to ask.
    async fn probe(&self, client_id: ClientId, secret: &Secret<String>) -> Verdict;
}

/// The credentials in force, for everybody who needs them. Cheap to clone.
#[derive(Clone)]
pub struct Keeper {
    status: watch::Receiver<Arc<Status>>,
    events: mpsc::Sender<Event>,
}

enum Event {
    Verdict(u64, Verdict),
    Rejected(Generation, Problem, oneshot::Sender<Option<Arc<InForce>>>),
    Accepted(Generation),
}

impl Keeper {
    /// Starts keeping what `observations` bring. The first of them has been dealt with before anybody can ask.
    pub fn spawn(
        observations: watch::Receiver<Arc<Observation>>,
        probe: Arc<dyn Probe>,
        clock: Clock,
        tasks: &Tasks,
        metrics: Metrics,
    ) -> Self {
        let (events_in, events) = mpsc::channel(QUEUE);
        let ledger = Ledger::new();
        let (publish, status) = watch::channel(Arc::new(ledger.status()));
        let mut actor = Actor {
            ledger,
            observations,
            probe,
            clock,
            tasks: tasks.clone(),
            metrics,
            events_in: events_in.clone(),
            publish,
            deadline: None,
        };
        actor.observe();
        tasks.spawn_vital("credentials", actor.run(events));
        Self { status, events: events_in }
    }

    /// The credentials to use now.
    pub fn in_force(&self) -> Option<Arc<InForce>> {
        self.status.borrow().in_force.clone()
    }

    /// All that can be told.
    pub fn status(&self) -> Arc<Status> {
        self.status.borrow().clone()
    }

    /// All that can be told once the first pair was tried: right after a start nobody should be refused for a pair that is being
    /// looked at. Waits no longer than such a trial takes.
    pub async fn settled(&self) -> Arc<Status> {
        let mut status = self.status.clone();
        match status.wait_for(|status| !status.is_first_trial).await {
            Ok(status) => status.clone(),
            // The actor ends with the process only.
            Err(_) => self.status(),
        }
    }

    /// Wakes with every change.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Status>> {
        self.status.clone()
    }

    /// Reports that the provider refused `used` (`invalid_client`); returns what to try instead, once.
    pub async fn rejected(&self, used: &InForce, problem: &Problem) -> Option<Arc<InForce>> {
        let (answer, answered) = oneshot::channel();
        self.events.send(Event::Rejected(used.generation, problem.clone(), answer)).await.ok()?;
        answered.await.ok()?
    }

    /// Reports that the provider served `used`. Says nothing where that is known.
    pub async fn accepted(&self, used: &InForce) {
        let status = self.status();
        let is_news =
            status.in_force.as_deref().is_some_and(|known| known.generation == used.generation && known.verified != Verified::Yes);
        if is_news {
            // The actor ends with the process only.
            let _ = self.events.send(Event::Accepted(used.generation)).await;
        }
    }
}

struct Actor {
    ledger: Ledger,
    observations: watch::Receiver<Arc<Observation>>,
    probe: Arc<dyn Probe>,
    clock: Clock,
    tasks: Tasks,
    metrics: Metrics,
    events_in: mpsc::Sender<Event>,
    publish: watch::Sender<Arc<Status>>,
    deadline: Option<(u64, tokio::time::Instant)>,
}

impl Actor {
    async fn run(mut self, mut events: mpsc::Receiver<Event>) {
        let stop = self.tasks.token();
        loop {
            let retry_at = self.ledger.retry_at();
            let deadline = self.deadline;
            tokio::select! {
                () = stop.cancelled() => return,
                changed = self.observations.changed() => {
                    if changed.is_err() {
                        // The watcher ended before the stop: what is in force stays in force.
                        stop.cancelled().await;
                        return;
                    }
                    self.observe();
                }
                Some(event) = events.recv() => self.handle(event),
                () = until(deadline), if deadline.is_some() => self.deadline_passed(),
                () = self.clock.wait_until(retry_at.unwrap_or_else(|| self.clock.now() + SignedDuration::from_hours(1))) => {
                    let trial = self.ledger.retry(self.clock.now());
                    self.try_out(trial);
                }
            }
            self.publish();
        }
    }

    fn observe(&mut self) {
        let observation = self.observations.borrow_and_update().clone();
        let trial = self.ledger.observe(&observation);
        self.try_out(trial);
        self.publish();
    }

    fn handle(&mut self, event: Event) {
        let now = self.clock.now();
        match event {
            Event::Verdict(number, verdict) => {
                let trial = self.ledger.verdict(number, verdict, now);
                self.try_out(trial);
            }
            Event::Rejected(generation, problem, answer) => {
                let newer = self.ledger.rejected(generation, &problem, now);
                // Published first: whoever asks after the answer sees the same.
                self.publish();
                let _ = answer.send(newer);
            }
            Event::Accepted(generation) => self.ledger.accepted(generation),
        }
    }

    fn deadline_passed(&mut self) {
        if let Some((number, _)) = self.deadline.take() {
            self.ledger.deadline(number, self.clock.now());
        }
    }

    fn try_out(&mut self, trial: Option<Trial>) {
        let Some(trial) = trial else { return };
        self.deadline = Some((trial.number, tokio::time::Instant::now() + PATIENCE));
        let (probe, events) = (Arc::clone(&self.probe), self.events_in.clone());
        self.tasks.spawn("credential probe", async move {
            let verdict = probe.probe(trial.client_id, &trial.secret).await;
            let _ = events.send(Event::Verdict(trial.number, verdict)).await;
        });
    }

    fn publish(&self) {
        let status = Arc::new(self.ledger.status());
        let before = self.publish.borrow().clone();
        if *before == *status {
            return;
        }
        self.tell(&before, &status);
        self.publish.send_replace(status);
    }

    /// What an admin wants to find in the journal of last week.
    fn tell(&self, before: &Status, status: &Status) {
        let generation = |status: &Status| status.in_force.as_ref().map(|in_force| in_force.generation);
        if let (Some(in_force), true) = (&status.in_force, generation(before) != generation(status)) {
            self.metrics.credentials_changed("in_force");
            log::info!(ONEDESK_CLIENT_ID:% = in_force.client_id, verified:? = in_force.verified, slot:? = in_force.slot; "credentials are in force");
        }
        if let Some(problem) = status.problem.as_ref().filter(|problem| before.problem.as_ref() != Some(problem)) {
            self.metrics.credentials_changed("refused");
            let line = problem.line.map(|line| format!(" (line {line})")).unwrap_or_default();
            log::warn!(code = problem.code.as_str(), hint = problem.hint.as_str(); "the credentials are not well: {}{line}", problem.title);
        }
        for warning in status.warnings.iter().filter(|warning| !before.warnings.contains(warning)) {
            log::warn!(code = warning.code.as_str(), hint = warning.hint.as_str(); "the credentials should be mended: {}", warning.title);
        }
    }
}

async fn until(deadline: Option<(u64, tokio::time::Instant)>) {
    if let Some((_, at)) = deadline {
        tokio::time::sleep_until(at).await;
    }
}
