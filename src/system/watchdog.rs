//! The watchdog's food: a sign of life goes out only after every accept loop has answered a knock.
//!
//! The knock travels through the runtime that serves: this task is polled by the same workers as the connections, and each
//! answer comes out of the very loop that accepts them. Workers that are all blocked, or a loop that hangs, stop the signs,
//! and the service manager restarts us. A thread of its own would go on saying "alive" over a dead service.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::notify::Notifier;
use super::tasks::Tasks;

/// The asking end of an accept loop; `accept::serve` gives it.
#[derive(Clone)]
pub struct Pulse(mpsc::Sender<oneshot::Sender<()>>);

/// The answering end, held by the loop.
pub(in crate::system) type Knocks = mpsc::Receiver<oneshot::Sender<()>>;

impl Pulse {
    /// Both ends.
    pub(in crate::system) fn new() -> (Self, Knocks) {
        let (sender, receiver) = mpsc::channel(1);
        (Self(sender), receiver)
    }

    /// Whether the loop answers.
    pub(in crate::system) async fn beats(&self) -> bool {
        let (answer, answered) = oneshot::channel();
        self.0.send(answer).await.is_ok() && answered.await.is_ok()
    }
}

/// Feeds the watchdog, if there is one, until the soft stop.
pub fn feed(tasks: &Tasks, notifier: Notifier, loops: Vec<Pulse>) {
    let Some(every) = notifier.watchdog_interval() else { return };
    let stop = tasks.token();
    tasks.spawn("watchdog", async move {
        let _ = stop.run_until_cancelled(feed_forever(&notifier, &loops, every)).await;
        // The drain is bounded by the unit's stop timeout; one more sign keeps the watchdog quiet until then.
        notifier.alive();
    });
}

async fn feed_forever(notifier: &Notifier, loops: &[Pulse], every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let knocks = join_all(loops.iter().map(Pulse::beats));
        // The interval is half the watchdog's patience: an answer later than that comes too late anyway.
        match timeout(every, knocks).await {
            Ok(answers) if answers.iter().all(|beats| *beats) => notifier.alive(),
            Ok(_) | Err(_) => log::error!("an accept loop does not answer, the watchdog goes hungry"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::notify::tests::line;
    use tokio::net::UnixDatagram;
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_does_not_answer_starves_the_watchdog() {
        let Some((manager, notifier)) = line("system::watchdog::tests::a_loop_that_does_not_answer_starves_the_watchdog") else { return };
        manager.set_nonblocking(true).unwrap();
        let manager = UnixDatagram::from_std(manager).unwrap();
        let every = Duration::from_secs(15);
        assert_eq!(notifier.watchdog_interval(), Some(every));
        let tasks = Tasks::new();
        let (pulse, mut knocks) = Pulse::new();
        feed(&tasks, notifier, vec![pulse]);

        let mut message = [0; 64];
        knocks.recv().await.unwrap().send(()).unwrap();
        let length = manager.recv(&mut message).await.unwrap();
        assert_eq!(&message[..length], b"WATCHDOG=1\n");

        let _unanswered = knocks.recv().await.unwrap();
        sleep(every * 3).await;
        assert_eq!(manager.try_recv(&mut message).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}
