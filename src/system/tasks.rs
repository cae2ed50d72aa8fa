//! [`Tasks`]: every task of the process, with its name. The only place that spawns one.
//!
//! A task stops because it watches [`Tasks::token`]; nothing is aborted from here. What has not ended when
//! [`Tasks::wait`] gives up is dropped with the runtime.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tracker of all tasks. Cheap to clone; every clone is the same tracker.
#[derive(Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
    running: Arc<Mutex<BTreeMap<&'static str, usize>>>,
    failed: Arc<OnceLock<&'static str>>,
}

impl Tasks {
    /// A tracker without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `task` beside the caller. A panic ends that task alone and is logged with its name.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let running = Running::begin(&self.running, name);
        self.tracker.spawn(async move {
            let _running = running;
            outcome(name, task).await;
        });
    }

    /// Runs a task that the process cannot do without: if it ends by a panic, or before the soft stop, the process stops
    /// softly and [`Tasks::failed`] names it, so that the service manager starts a healthy one.
    pub fn spawn_vital<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks = self.clone();
        self.spawn(name, async move {
            let ended = outcome(name, task).await;
            if ended == Ended::Panicked || !tasks.stop.is_cancelled() {
                log::error!(ONEDESK_TASK = name; "a task that must not end has ended, stopping");
                // Only the first one is the cause; what others do during the stop is its effect.
                let _ = tasks.failed.set(name);
                tasks.soft_stop();
            }
        });
    }

    /// Cancelled when the soft stop begins. Tasks finish what they have in hand then, and begin nothing new.
    pub fn token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Begins the soft stop; a second call changes nothing.
    pub fn soft_stop(&self) {
        self.stop.cancel();
    }

    /// The vital task that ended too early, if one did.
    pub fn failed(&self) -> Option<&'static str> {
        self.failed.get().copied()
    }

    /// Waits until every task has ended.
    ///
    /// # Errors
    /// [`StillRunning`] names what has not ended within `deadline`.
    pub async fn wait(&self, deadline: Duration) -> Result<(), StillRunning> {
        self.tracker.close();
        tokio::time::timeout(deadline, self.tracker.wait()).await.map_err(|_| StillRunning(self.names()))
    }

    fn names(&self) -> Vec<&'static str> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }
}

/// Tasks that did not end in time.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("still running: {}", .0.join(", "))]
pub struct StillRunning(pub Vec<&'static str>);

#[derive(PartialEq, Eq)]
enum Ended {
    Returned,
    Panicked,
}

/// Runs `task` to its end. The panic's words are the panic hook's business (see `journal`); here the task gets its name.
async fn outcome(name: &'static str, task: impl Future<Output = ()>) -> Ended {
    // The task is dropped after a panic and what it shared is behind locks that tell of poison.
    if AssertUnwindSafe(task).catch_unwind().await.is_ok() {
        return Ended::Returned;
    }
    log::error!(ONEDESK_TASK = name; "a task panicked");
    Ended::Panicked
}

/// Counts a task by name as long as it lives.
struct Running {
    names: Arc<Mutex<BTreeMap<&'static str, usize>>>,
    name: &'static str,
}

impl Running {
    fn begin(names: &Arc<Mutex<BTreeMap<&'static str, usize>>>, name: &'static str) -> Self {
        *names.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
        Self { names: Arc::clone(names), name }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = names.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                names.remove(self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn the_soft_stop_ends_tasks_that_watch_the_token() {
        let tasks = Tasks::new();
        let token = tasks.token();
        tasks.spawn("watcher", async move { token.cancelled().await });
        tasks.soft_stop();
        assert_eq!(tasks.wait(SOON).await, Ok(()));
    }

    #[tokio::test]
    async fn a_panic_ends_its_own_task_alone() {
        let tasks = Tasks::new();
        tasks.spawn("broken", async { panic!("on purpose") });
        assert_eq!(tasks.wait(SOON).await, Ok(()));
        assert!(!tasks.token().is_cancelled());
    }

    #[tokio::test]
    async fn a_vital_task_that_ends_early_stops_the_process_and_is_named() {
        let tasks = Tasks::new();
        tasks.spawn_vital("scheduler", async { panic!("on purpose") });
        tasks.token().cancelled().await;
        assert_eq!(tasks.failed(), Some("scheduler"));
    }

    #[tokio::test]
    async fn a_vital_task_that_ends_by_the_soft_stop_is_no_failure() {
        let tasks = Tasks::new();
        let token = tasks.token();
        tasks.spawn_vital("scheduler", async move { token.cancelled().await });
        tasks.soft_stop();
        assert_eq!(tasks.wait(SOON).await, Ok(()));
        assert_eq!(tasks.failed(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_outlives_the_deadline_is_named() {
        let tasks = Tasks::new();
        tasks.spawn("deaf", std::future::pending());
        tasks.soft_stop();
        assert_eq!(tasks.wait(SOON).await, Err(StillRunning(vec!["deaf"])));
    }
}
