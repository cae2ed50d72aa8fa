//! [`Clock`]: the only place that reads the time. Tests hold a manual one and never sleep.

#[cfg(test)]
use std::sync::Arc;
use std::time::Duration;

#[cfg(test)]
use jiff::SignedDuration;
use jiff::Timestamp;
#[cfg(test)]
use tokio::sync::watch;

/// Where `now` comes from. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    #[cfg(test)]
    Manual(Arc<watch::Sender<Timestamp>>),
}

/// The longest nap of [`Clock::wait_until`]: a suspended machine or a clock that was set notices within this time,
/// because the timers below count time awake only.
const LONGEST_NAP: Duration = Duration::from_secs(10);

impl Clock {
    /// The machine's own clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock for tests that stands still until [`Clock::advance`].
    #[cfg(test)]
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(watch::Sender::new(start))))
    }

    /// The time now, in whole milliseconds.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the time")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            // What is kept in memory is then what comes back from the database.
            Source::System => Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap_or_default(),
            #[cfg(test)]
            Source::Manual(time) => *time.borrow(),
        }
    }

    /// Moves a manual clock and wakes who waits on it; a system clock stays as it is.
    #[cfg(test)]
    pub fn advance(&self, by: SignedDuration) {
        if let Source::Manual(time) = &self.0 {
            time.send_modify(|now| *now = now.saturating_add(by).unwrap_or(*now));
        }
    }

    /// Returns when `now` has reached `deadline`, however the machine was suspended or its clock set meanwhile.
    pub async fn wait_until(&self, deadline: Timestamp) {
        match &self.0 {
            Source::System => loop {
                let Ok(left) = Duration::try_from(deadline.duration_since(self.now())) else { return };
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LONGEST_NAP)).await;
            },
            #[cfg(test)]
            Source::Manual(time) => {
                let mut time = time.subscribe();
                // The sender lives in `self`, so waiting cannot fail.
                let _ = time.wait_for(|now| *now >= deadline).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_the_waiting_when_it_is_advanced() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let deadline = clock.now() + SignedDuration::from_mins(5);
        tokio::join!(clock.wait_until(deadline), async { clock.advance(SignedDuration::from_mins(6)) });
        assert!(clock.now() > deadline);
    }
}
