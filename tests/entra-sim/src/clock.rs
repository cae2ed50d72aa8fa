//! The simulator's time: the machine's clock plus what a test has advanced it by.

use std::sync::atomic::{AtomicI64, Ordering};

/// Seconds since the Unix epoch, as tokens carry them.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead_by: AtomicI64,
}

impl Clock {
    pub(crate) fn now(&self) -> i64 {
        machine_time() + self.ahead_by.load(Ordering::Relaxed)
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.ahead_by.fetch_add(seconds, Ordering::Relaxed);
    }

    /// The `Date` header that fits this clock, or `None` while it agrees with the machine's.
    pub(crate) fn date_header(&self) -> Option<String> {
        (self.ahead_by.load(Ordering::Relaxed) != 0).then(|| http_date(self.now()))
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the form of RFC 9110 section 5.6.7.
pub(crate) fn http_date(at: i64) -> String {
    format(at, "%a, %d %b %Y %H:%M:%S GMT")
}

/// `2026-09-21 10:11:12Z`: with a space, as Microsoft writes it in error bodies.
pub(crate) fn error_timestamp(at: i64) -> String {
    format(at, "%Y-%m-%d %H:%M:%SZ")
}

/// `2027-09-09T19:50:29.0000000Z`: seven fractional digits, as Graph writes times.
pub(crate) fn graph_time(at: i64) -> String {
    format(at, "%Y-%m-%dT%H:%M:%S.0000000Z")
}

#[expect(clippy::disallowed_methods, reason = "the simulator stands outside the product and has its own clock")]
fn machine_time() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn format(at: i64, pattern: &str) -> String {
    jiff::Timestamp::from_second(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH).strftime(pattern).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_the_way_each_interface_expects() {
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(error_timestamp(784_111_777), "1994-11-06 08:49:37Z");
        assert_eq!(graph_time(784_111_777), "1994-11-06T08:49:37.0000000Z");
    }

    #[test]
    fn an_advanced_clock_shows_in_the_date_header() {
        let clock = Clock::default();
        assert_eq!(clock.date_header(), None);
        clock.advance(3600);
        assert!(clock.date_header().is_some());
    }
}
