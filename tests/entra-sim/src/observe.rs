//! What the simulator has seen: requests, counters, and the list of what clients did wrong.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::Serialize;

use crate::fault::Endpoint;

/// Entra's window for similar requests, in seconds.
const LOOP_WINDOW: i64 = 300;

/// Something a client must not do. Tests expect none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which rule, in kebab case: `pkce-missing`, `state-missing`, `redirect-uri`, ….
    pub rule: &'static str,
    /// What was received.
    pub detail: String,
    /// Where.
    pub path: String,
}

/// A request as it arrived, and how it was answered. Parameters are kept as they came, secrets included: this is a test tool.
#[derive(Clone, Debug, Serialize)]
pub struct RequestRecord {
    /// Seconds since the epoch, by the simulator's clock.
    pub at: i64,
    /// Which endpoint.
    pub endpoint: Endpoint,
    /// HTTP method.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// Query and form parameters.
    pub parameters: BTreeMap<String, String>,
    /// Header fields, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// HTTP status of the answer; 0 if the connection was broken or left hanging.
    pub status: u16,
    /// AADSTS number of the answer, if it was an error.
    pub code: Option<u32>,
}

/// Numbers since the start or the last reset.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Counters {
    /// Requests by endpoint.
    pub requests: BTreeMap<Endpoint, u64>,
    /// Token requests that are being answered now.
    pub token_requests_in_flight: usize,
    /// The most token requests that were being answered at once.
    pub max_token_requests_in_flight: usize,
    /// The most refreshes of one and the same grant at once; a client that serialises them keeps this at 1.
    pub max_refreshes_of_one_grant: usize,
    /// Refreshes that presented another token than the newest of their grant.
    pub stale_refreshes: u64,
    /// ID tokens signed.
    pub id_tokens: u64,
}

/// The simulator's notebook.
#[derive(Debug, Default)]
pub(crate) struct Notebook {
    pub(crate) requests: VecDeque<RequestRecord>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) counters: Counters,
    grants_in_flight: HashMap<usize, usize>,
    failures: HashMap<u64, Vec<i64>>,
}

impl Notebook {
    pub(crate) fn violation(&mut self, rule: &'static str, path: &str, detail: impl Into<String>) {
        self.violations.push(Violation { rule, detail: detail.into(), path: path.to_owned() });
    }

    pub(crate) fn record(&mut self, record: RequestRecord, limit: usize) {
        self.requests.push_back(record);
        while self.requests.len() > limit {
            self.requests.pop_front();
        }
    }

    pub(crate) fn arrived(&mut self, endpoint: Endpoint, grant: Option<usize>) {
        *self.counters.requests.entry(endpoint).or_default() += 1;
        if !Endpoint::Token.covers(endpoint) {
            return;
        }
        self.counters.token_requests_in_flight += 1;
        self.counters.max_token_requests_in_flight = self.counters.max_token_requests_in_flight.max(self.counters.token_requests_in_flight);
        if let Some(grant) = grant {
            let now = self.grants_in_flight.entry(grant).or_default();
            *now += 1;
            self.counters.max_refreshes_of_one_grant = self.counters.max_refreshes_of_one_grant.max(*now);
        }
    }

    pub(crate) fn left(&mut self, endpoint: Endpoint, grant: Option<usize>) {
        if !Endpoint::Token.covers(endpoint) {
            return;
        }
        self.counters.token_requests_in_flight = self.counters.token_requests_in_flight.saturating_sub(1);
        if let Some(now) = grant.and_then(|grant| self.grants_in_flight.get_mut(&grant)) {
            *now = now.saturating_sub(1);
        }
    }

    /// Notes that the request with this fingerprint failed.
    pub(crate) fn failed(&mut self, fingerprint: u64, now: i64) {
        self.failures.entry(fingerprint).or_default().push(now);
    }

    /// Whether the request with this fingerprint failed too often lately.
    pub(crate) fn loops(&mut self, fingerprint: u64, now: i64, threshold: usize) -> bool {
        let Some(times) = self.failures.get_mut(&fingerprint) else { return false };
        times.retain(|at| now - at < LOOP_WINDOW);
        times.len() >= threshold
    }

    /// Forgets everything but what is in flight.
    pub(crate) fn clear(&mut self) {
        let in_flight = self.counters.token_requests_in_flight;
        let grants = std::mem::take(&mut self.grants_in_flight);
        *self = Self { grants_in_flight: grants, ..Self::default() };
        self.counters.token_requests_in_flight = in_flight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_within_five_minutes_make_a_loop() {
        let mut notebook = Notebook::default();
        (0..15).for_each(|second| notebook.failed(1, second));
        assert!(notebook.loops(1, 20, 15));
        assert!(!notebook.loops(2, 20, 15));
        assert!(!notebook.loops(1, 310, 15));
    }

    #[test]
    fn the_peak_of_requests_in_flight_is_kept() {
        let mut notebook = Notebook::default();
        notebook.arrived(Endpoint::Refresh, Some(1));
        notebook.arrived(Endpoint::Refresh, Some(1));
        notebook.left(Endpoint::Refresh, Some(1));
        notebook.arrived(Endpoint::Keys, None);
        assert_eq!(notebook.counters.token_requests_in_flight, 1);
        assert_eq!(notebook.counters.max_token_requests_in_flight, 2);
        assert_eq!(notebook.counters.max_refreshes_of_one_grant, 2);
    }
}
