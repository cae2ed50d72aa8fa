//! [`Lifecycle`]: the one owner of the process's life, from its protection to the soft stop, the drain and the hard stop.
//!
//! Nothing ends the process: `main` returns, and what has not ended by then is dropped with the runtime.

use std::future::Future;
use std::io;
use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::Duration;

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, umask};
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::system::fd;
use crate::system::notify::Notifier;
use crate::system::tasks::Tasks;

/// Requests in hand have this long to end. With [`HARD_STOP`] it stays within the 10 s that are promised.
const DRAIN: Duration = Duration::from_secs(9);
/// Threads for blocking work have this long to end after the drain.
const HARD_STOP: Duration = Duration::from_millis(500);
/// Threads that serve, at most: enough for all mailboxes of one host, and a box of 64 cores does not pay for 64 stacks and heaps.
const WORKERS: usize = 4;
/// Threads for blocking work (files, the user database) at once; more wait in line.
const BLOCKING_THREADS: usize = 32;

/// Keeps secrets in this process: no core dump, no debugger of the same user, no file that others can read. Call it first.
///
/// # Errors
/// When the kernel refuses; nothing secret should be read then.
pub fn protect() -> io::Result<()> {
    umask(Mode::from_bits_truncate(0o077));
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    fd::forbid_dumps()
}

/// Runs `life` on the serving runtime, then drops what is left: the hard stop.
///
/// # Errors
/// When the runtime cannot begin.
pub fn run<T>(life: impl Future<Output = T>) -> io::Result<T> {
    let workers = available_parallelism().map_or(1, NonZero::get).min(WORKERS);
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .worker_threads(workers)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("onedeskd")
        .build()?;
    let ended = runtime.block_on(life);
    runtime.shutdown_timeout(HARD_STOP);
    Ok(ended)
}

/// The process's life between `begin` and the stop.
pub struct Lifecycle {
    tasks: Tasks,
    notifier: Notifier,
    terminate: Signal,
    interrupt: Signal,
}

/// Requests to reload (SIGHUP); several at once are one.
pub struct ReloadRequests(Signal);

impl ReloadRequests {
    /// Waits for the next one. Cancel safe.
    pub async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            // The signal driver ends with the runtime alone.
            std::future::pending::<()>().await;
        }
    }
}

/// A task without which there is no service ended by itself.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the task \"{0}\" ended, although the service needs it")]
pub struct Failed(pub &'static str);

impl Lifecycle {
    /// Takes the signals over. From now on SIGTERM and SIGINT are requests, and SIGHUP does not end the process.
    ///
    /// # Errors
    /// When the signals cannot be taken.
    pub fn begin(notifier: Notifier) -> io::Result<(Self, ReloadRequests)> {
        let life = Self {
            tasks: Tasks::new(),
            notifier,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        };
        Ok((life, ReloadRequests(signal(SignalKind::hangup())?)))
    }

    /// Where every task of the process goes.
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// The way to the service manager.
    pub fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    /// Lives until somebody asks for the end, then stops softly: nothing new begins, what is in hand is finished. A second
    /// signal ends the wait.
    ///
    /// # Errors
    /// [`Failed`] when not a signal but a broken part was the cause: the exit code tells the service manager to restart.
    pub async fn until_stopped(mut self) -> Result<(), Failed> {
        let stop = self.tasks.token();
        tokio::select! {
            () = self.asked_to_stop() => log::info!("stopping: finishing requests in hand"),
            // The task has been named in the log already.
            () = stop.cancelled() => {}
        }
        self.notifier.stopping();
        self.tasks.soft_stop();
        let tasks = self.tasks.clone();
        tokio::select! {
            ended = tasks.wait(DRAIN) => match ended {
                Ok(()) => log::info!("stopped"),
                Err(still) => log::warn!(ONEDESK_TASK = still.0.join(", ").as_str(); "stopped, though not all tasks ended in time"),
            },
            () = self.asked_to_stop() => log::warn!("stopped at once by a second signal"),
        }
        self.tasks.failed().map_or(Ok(()), |name| Err(Failed(name)))
    }

    async fn asked_to_stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::{Signal as Number, raise};
    use tokio::sync::oneshot;
    use tokio::time::timeout;

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn a_large_box_gets_no_more_workers_than_the_service_needs() {
        let workers = run(async { tokio::runtime::Handle::current().metrics().num_workers() }).unwrap();
        assert!((1..=WORKERS).contains(&workers), "{workers}");
    }

    // One test for all signals: they reach every Lifecycle of this process.
    #[tokio::test]
    async fn a_hangup_asks_for_a_reload_and_a_terminate_drains() {
        let (life, mut reloads) = Lifecycle::begin(Notifier::default()).unwrap();
        raise(Number::SIGHUP).unwrap();
        timeout(SOON, reloads.next()).await.unwrap();

        let (finish, finished) = oneshot::channel();
        let stop = life.tasks().token();
        life.tasks().spawn("request", async move {
            stop.cancelled().await;
            finish.send("finished").unwrap();
        });
        raise(Number::SIGTERM).unwrap();
        assert_eq!(timeout(SOON, life.until_stopped()).await.unwrap(), Ok(()));
        assert_eq!(finished.await, Ok("finished"));

        let (life, _reloads) = Lifecycle::begin(Notifier::default()).unwrap();
        life.tasks().spawn_vital("scheduler", async {});
        assert_eq!(timeout(SOON, life.until_stopped()).await.unwrap(), Err(Failed("scheduler")));

        let (life, _reloads) = Lifecycle::begin(Notifier::default()).unwrap();
        life.tasks().spawn("deaf", std::future::pending());
        let stop = life.tasks().token();
        let (stopping, twice) = tokio::join!(life.until_stopped(), async {
            raise(Number::SIGINT).unwrap();
            stop.cancelled().await;
            raise(Number::SIGINT).unwrap();
        });
        assert_eq!((stopping, twice), (Ok(()), ()));
    }
}
