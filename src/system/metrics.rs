//! What is counted, and its text for Prometheus. Passed to whoever counts; there is no global.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// Labels are words of ours from a closed list, never an address, a name or anything a client sends: the number of series
/// stays bounded and no series tells who does what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Read {
    purpose: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    door: &'static str,
    status: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Secret {
    secret: &'static str,
}

/// The counters of one process. Cheap to clone; every clone counts into the same ones.
#[derive(Clone)]
pub struct Metrics(Arc<Counters>);

struct Counters {
    registry: Registry,
    refreshes: Family<Outcome, Counter>,
    refresh_duration: Histogram,
    refreshes_in_flight: Gauge,
    mailboxes: Family<State, Gauge>,
    directories: Family<State, Gauge>,
    sign_ins: Family<Outcome, Counter>,
    database_size: Gauge,
    token_reads: Family<Read, Counter>,
    http_requests: Family<Answered, Counter>,
    credentials_changes: Family<Outcome, Counter>,
    credentials_state: Family<State, Gauge>,
    secret_expiry: Family<Secret, Gauge>,
    soonest_access_expiry: Gauge<f64, AtomicU64>,
}

impl Metrics {
    /// All counters at zero, of this version of the program.
    pub fn new(version: &'static str) -> Self {
        let mut registry = Registry::with_prefix("onedesk");
        let metrics = Counters {
            registry: Registry::default(),
            refreshes: Family::default(),
            // 10 ms to 41 s: longer than the deadline of a token request.
            refresh_duration: Histogram::new(exponential_buckets(0.01, 2.0, 13)),
            refreshes_in_flight: Gauge::default(),
            mailboxes: Family::default(),
            directories: Family::default(),
            sign_ins: Family::default(),
            database_size: Gauge::default(),
            token_reads: Family::default(),
            http_requests: Family::default(),
            credentials_changes: Family::default(),
            credentials_state: Family::default(),
            secret_expiry: Family::default(),
            soonest_access_expiry: Gauge::default(),
        };
        registry.register("build", "The program's version", Info::new([("version", version)]));
        registry.register("token_refreshes", "Refreshes by outcome", metrics.refreshes.clone());
        registry.register_with_unit("token_refresh_duration", "How long a refresh took", Unit::Seconds, metrics.refresh_duration.clone());
        registry.register("token_refreshes_in_flight", "Refreshes under way", metrics.refreshes_in_flight.clone());
        registry.register("mailboxes", "Connected mailboxes by state", metrics.mailboxes.clone());
        registry.register("directories", "Connected directories by state", metrics.directories.clone());
        registry.register("sign_ins", "Finished sign-ins by outcome", metrics.sign_ins.clone());
        let size = metrics.database_size.clone();
        registry.register_with_unit("database_size", "Size of the database with its write-ahead log", Unit::Bytes, size);
        registry.register("token_reads", "Tokens asked for by purpose and outcome", metrics.token_reads.clone());
        registry.register("http_requests", "Requests by door and status", metrics.http_requests.clone());
        registry.register("credentials_changes", "Changed credentials by outcome", metrics.credentials_changes.clone());
        registry.register("credentials_state", "1 for the state of the credentials", metrics.credentials_state.clone());
        registry.register_with_unit(
            "secret_expiry_timestamp",
            "When a client secret ends, as far as it is known",
            Unit::Seconds,
            metrics.secret_expiry.clone(),
        );
        registry.register_with_unit(
            "soonest_access_expiry_timestamp",
            "When the first access token of a healthy mailbox ends; 0 without one",
            Unit::Seconds,
            metrics.soonest_access_expiry.clone(),
        );
        Self(Arc::new(Counters { registry, ..metrics }))
    }

    /// A refresh begins; it is in flight until the answer is dropped or finished.
    pub fn refresh_begins(&self) -> InFlight {
        self.0.refreshes_in_flight.inc();
        InFlight(self.0.refreshes_in_flight.clone())
    }

    /// A refresh has ended.
    pub fn refreshed(&self, outcome: &'static str, took: Duration) {
        self.0.refreshes.get_or_create(&Outcome { outcome }).inc();
        self.0.refresh_duration.observe(took.as_secs_f64());
    }

    /// How many mailboxes are in each state; a state that is not named keeps its number.
    pub fn set_mailboxes(&self, counts: impl IntoIterator<Item = (&'static str, usize)>) {
        for (state, count) in counts {
            self.0.mailboxes.get_or_create(&State { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// How many directories are in each state; a state that is not named keeps its number.
    pub fn set_directories(&self, counts: impl IntoIterator<Item = (&'static str, usize)>) {
        for (state, count) in counts {
            self.0.directories.get_or_create(&State { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// Somebody came back from a provider, and that is what became of it.
    pub fn signed_in(&self, outcome: &'static str) {
        self.0.sign_ins.get_or_create(&Outcome { outcome }).inc();
    }

    /// How many bytes the database takes.
    pub fn set_database_size(&self, bytes: u64) {
        self.0.database_size.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Somebody asked for a token.
    pub fn token_read(&self, purpose: &'static str, outcome: &'static str) {
        self.0.token_reads.get_or_create(&Read { purpose, outcome }).inc();
    }

    /// A door answered a request.
    pub fn http_answered(&self, door: &'static str, status: u16) {
        self.0.http_requests.get_or_create(&Answered { door, status }).inc();
    }

    /// The credentials changed, or would have.
    pub fn credentials_changed(&self, outcome: &'static str) {
        self.0.credentials_changes.get_or_create(&Outcome { outcome }).inc();
    }

    /// The one state that the credentials are in.
    pub fn set_credentials_state(&self, state: &'static str) {
        self.0.credentials_state.clear();
        self.0.credentials_state.get_or_create(&State { state }).set(1);
    }

    /// When the secret (`current`, `next`, or `sso`: the first of the client records) ends, as seconds since 1970; nothing = unknown, and no series.
    pub fn set_secret_expiry(&self, secret: &'static str, at: Option<i64>) {
        match at {
            Some(at) => drop(self.0.secret_expiry.get_or_create(&Secret { secret }).set(at)),
            None => drop(self.0.secret_expiry.remove(&Secret { secret })),
        }
    }

    /// When the first access token of a healthy mailbox ends, as seconds since 1970.
    pub fn set_soonest_access_expiry(&self, at: Option<i64>) {
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a double for longer than we do")]
        self.0.soonest_access_expiry.set(at.unwrap_or_default() as f64);
    }

    /// Everything in the Prometheus text format.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail, and our labels encode themselves.
        let _ = text::encode(&mut text, &self.0.registry);
        classic(&text)
    }
}

/// The `Content-Type` of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// OpenMetrics made into the text format 0.0.4, which every scraper reads: there, comments name a series as its samples do,
/// and there is neither a unit, nor an end mark, nor the type `info`.
fn classic(open: &str) -> String {
    let mut text = String::with_capacity(open.len());
    let mut types = HashMap::new();
    for line in open.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            types.insert(name, kind);
        }
    }
    for line in open.lines() {
        let comment = ["# HELP ", "# TYPE "].into_iter().find_map(|mark| Some((mark, line.strip_prefix(mark)?.split_once(' ')?)));
        match comment {
            Some((mark, (name, words))) => {
                let (suffix, kind) = match types.get(name) {
                    Some(&"counter") => ("_total", "counter"),
                    Some(&"info") => ("_info", "gauge"),
                    Some(other) => ("", *other),
                    None => ("", words),
                };
                let words = if mark == "# TYPE " { kind } else { words };
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{mark}{name}{suffix} {words}");
            }
            None if line.starts_with('#') => {}
            None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

/// A refresh under way.
#[must_use = "the refresh counts as under way until this is dropped"]
pub struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_happens_shows_in_the_text() {
        let metrics = Metrics::new("1.2.3");
        let in_flight = metrics.refresh_begins();
        metrics.refreshed("refreshed", Duration::from_millis(15));
        metrics.set_mailboxes([("healthy", 3), ("waiting", 0)]);
        metrics.token_read("imap", "given");
        metrics.http_answered("web", 303);
        metrics.credentials_changed("in_force");
        metrics.set_credentials_state("stale");
        metrics.set_credentials_state("ready");
        metrics.set_secret_expiry("current", Some(1_800_000_000));
        metrics.set_secret_expiry("next", None);
        let text = metrics.encode();
        for line in [
            "# TYPE onedesk_build_info gauge",
            "# TYPE onedesk_token_refreshes_total counter",
            "# TYPE onedesk_token_refresh_duration_seconds histogram",
            "# HELP onedesk_mailboxes Connected mailboxes by state.",
            "onedesk_build_info{version=\"1.2.3\"} 1",
            "onedesk_token_refreshes_total{outcome=\"refreshed\"} 1",
            "onedesk_token_refresh_duration_seconds_count 1",
            "onedesk_token_refreshes_in_flight 1",
            "onedesk_mailboxes{state=\"healthy\"} 3",
            "onedesk_token_reads_total{purpose=\"imap\",outcome=\"given\"} 1",
            "onedesk_http_requests_total{door=\"web\",status=\"303\"} 1",
            "onedesk_credentials_changes_total{outcome=\"in_force\"} 1",
            "onedesk_credentials_state{state=\"ready\"} 1",
            "onedesk_secret_expiry_timestamp_seconds{secret=\"current\"} 1800000000",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
        metrics.set_directories([("healthy", 1)]);
        metrics.signed_in("signed_in");
        metrics.set_database_size(4096);
        for line in [
            "onedesk_directories{state=\"healthy\"} 1",
            "onedesk_sign_ins_total{outcome=\"signed_in\"} 1",
            "onedesk_database_size_bytes 4096",
        ] {
            assert!(metrics.encode().lines().any(|shown| shown == line), "{line}");
        }
        assert!(!text.contains("stale") && !text.contains("\"next\"") && !text.contains("# EOF"));
        drop(in_flight);
        assert!(metrics.encode().contains("onedesk_token_refreshes_in_flight 0"));
    }

    /// The names of all series, without the endings of a histogram. One without a sample is not encoded, so each gets one.
    fn names() -> BTreeSet<String> {
        let metrics = Metrics::new("1.2.3");
        metrics.refreshed("ok", Duration::ZERO);
        metrics.set_mailboxes([("healthy", 0)]);
        metrics.set_directories([("healthy", 0)]);
        metrics.signed_in("signed_in");
        metrics.token_read("imap", "ok");
        metrics.http_answered("http", 200);
        metrics.credentials_changed("in_force");
        metrics.set_credentials_state("ready");
        metrics.set_secret_expiry("current", Some(0));
        let text = metrics.encode();
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let names: BTreeSet<String> = types.map(|(name, _)| name.to_owned()).collect();
        let registered = include_str!("metrics.rs").matches(concat!("        registry", ".register")).count();
        assert_eq!(names.len(), registered, "a series that is registered has no sample here");
        names
    }

    fn named_in(text: &str) -> BTreeSet<String> {
        let is_part = |c: char| c.is_ascii_lowercase() || c == '_';
        let names = text.match_indices("onedesk_").filter(|(at, _)| !text[..*at].ends_with(is_part));
        let names = names.map(|(at, _)| text[at..].chars().take_while(|c| is_part(*c)).collect::<String>());
        names.map(|name| ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name).to_owned()).collect()
    }

    #[test]
    fn rules_and_dashboard_name_series_that_exist_and_the_dashboard_shows_all() {
        let names = names();
        let dashboard = include_str!("../../packaging/monitoring/onedesk-dashboard.json");
        assert_eq!(named_in(dashboard), names);
        let board: serde_json::Value = serde_json::from_str(dashboard).unwrap();
        assert!(board["panels"].as_array().unwrap().iter().all(|panel| panel["targets"][0]["expr"].is_string()));
        let rules = named_in(include_str!("../../packaging/monitoring/onedesk-alerts.yml"));
        assert!(rules.len() > 5 && rules.is_subset(&names), "{:?}", rules.difference(&names));
    }

    #[test]
    fn onedeskd_8_has_every_series_and_no_other() {
        let manual = include_str!("../../packaging/man/onedeskd.8");
        let written = manual.lines().filter_map(|line| line.strip_prefix(".It Li onedesk_")).map(|name| format!("onedesk_{name}"));
        assert_eq!(written.collect::<BTreeSet<_>>(), names());
    }
}
