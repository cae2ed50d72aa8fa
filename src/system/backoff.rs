//! How long to wait before the next attempt: exponential with full jitter, pure. The caller brings the randomness.

use std::time::Duration;

/// A growing wait between `first` and `cap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait after the first failure.
    pub first: Duration,
    /// The longest wait after any number of failures.
    pub cap: Duration,
}

impl Backoff {
    /// The wait after `failures` attempts in a row went wrong (1 = the first one), where `draw` is a random number, uniform over `u64`.
    ///
    /// Full jitter: anything up to the bound is equally probable, so that ten thousand who failed together come back
    /// apart. What the provider asked for (`Retry-After`) comes before the jitter, not instead of it, for the same reason.
    pub fn delay(&self, failures: u32, retry_after: Option<Duration>, draw: u64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let bound = self.first.saturating_mul(1 << doublings).min(self.cap);
        let millis = u64::try_from(bound.as_millis()).unwrap_or(u64::MAX);
        // The upper half of a 128-bit product maps the whole range of `draw` evenly onto 0..=millis.
        let jitter = (u128::from(draw) * (u128::from(millis) + 1)) >> 64;
        retry_after.unwrap_or_default().saturating_add(Duration::from_millis(u64::try_from(jitter).unwrap_or(millis)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(60) };

    #[test]
    fn the_bound_doubles_up_to_the_cap() {
        for (failures, seconds) in [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (u32::MAX, 60)] {
            assert_eq!(BACKOFF.delay(failures, None, u64::MAX), Duration::from_secs(seconds), "{failures}");
        }
    }

    #[test]
    fn the_draw_spreads_the_wait_over_the_whole_range() {
        assert_eq!(BACKOFF.delay(3, None, 0), Duration::ZERO);
        assert_eq!(BACKOFF.delay(3, None, u64::MAX / 2), Duration::from_secs(2));
    }

    #[test]
    fn nobody_comes_back_before_retry_after() {
        let asked = Duration::from_secs(120);
        assert_eq!(BACKOFF.delay(1, Some(asked), 0), asked);
        assert_eq!(BACKOFF.delay(1, Some(asked), u64::MAX), Duration::from_secs(121));
    }

    #[test]
    fn extreme_bounds_do_not_overflow() {
        let backoff = Backoff { first: Duration::MAX, cap: Duration::MAX };
        assert!(backoff.delay(9, Some(Duration::MAX), u64::MAX) == Duration::MAX);
    }
}
