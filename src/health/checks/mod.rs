//! The checks behind `onedeskctl check` and `GET /v1/checks`: what has to be well on this machine, on the way out, at
//! Microsoft and inside. Looks run side by side; what they found is judged by pure functions.
//!
//! ```text
//! machine   files, units, sockets, firewall, SELinux, FIPS, disk      onedeskctl, who is root and has no sandbox
//! network   names, ports, certificates, clock, the public URL         the daemon where it runs, else onedeskctl
//! outside   the secret                                               onedeskctl, while the daemon does not run
//! inside    consent, secrets, mail sign-in, client records            the daemon alone
//! ```

mod commands;
mod examiner;
mod files;
mod firewall;
mod inside;
mod machine;
mod mail;
mod network;
mod outside;
pub mod public;
mod service;
mod space;
mod verdict;

use std::future::Future;
use std::time::Instant;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::status::{Check, CheckOutcome};
pub use examiner::{Examiner, Parts};
pub use machine::Machine;
pub use network::Network;
pub use verdict::{Trouble, Verdict, Who};

/// The answer of `GET /v1/checks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Checks {
    /// The worst of them; what was skipped does not count.
    pub outcome: CheckOutcome,
    /// How long all took together, in milliseconds.
    pub took_ms: u64,
    /// One for each thing that was looked at.
    pub checks: Vec<Check>,
}

impl Checks {
    /// These, which took so long together.
    pub fn new(checks: Vec<Check>, began: Instant) -> Self {
        Self { outcome: worst(&checks), took_ms: milliseconds(began), checks }
    }
}

/// The worst outcome of `checks`; what was skipped does not count.
pub fn worst(checks: &[Check]) -> CheckOutcome {
    let any = |outcome| checks.iter().any(|check| check.outcome == outcome);
    if any(CheckOutcome::Failed) {
        CheckOutcome::Failed
    } else if any(CheckOutcome::Warning) {
        CheckOutcome::Warning
    } else {
        CheckOutcome::Ok
    }
}

/// One thing to look at: it becomes one check, or some that belong together.
pub struct Look<'a> {
    what: &'static str,
    future: BoxFuture<'a, Vec<Check>>,
}

impl<'a> Look<'a> {
    /// Looks at `what` by `future`.
    pub fn new(what: &'static str, future: impl Future<Output = Vec<Check>> + Send + 'a) -> Self {
        Self { what, future: Box::pin(future) }
    }
}

/// Takes all looks at once; `told` hears how many have ended, of how many, and which was the last. The order is that of `looks`.
pub async fn side_by_side(looks: Vec<Look<'_>>, mut told: impl FnMut(usize, usize, &str)) -> Vec<Check> {
    let total = looks.len();
    let began = Instant::now();
    let mut running: FuturesUnordered<_> = looks
        .into_iter()
        .enumerate()
        .map(|(place, look)| async move {
            let mut checks = look.future.await;
            for check in &mut checks {
                check.took_ms.get_or_insert(milliseconds(began));
            }
            (place, look.what, checks)
        })
        .collect();
    let mut ended = Vec::with_capacity(total);
    while let Some((place, what, checks)) = running.next().await {
        ended.push((place, checks));
        told(ended.len(), total, what);
    }
    ended.sort_by_key(|(place, _)| *place);
    ended.into_iter().flat_map(|(_, checks)| checks).collect()
}

fn milliseconds(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// `path` as a shell takes it, for commands that people copy out of a hint.
fn shell(path: &std::path::Path) -> String {
    let text = path.display().to_string();
    if text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c)) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::status::Group;

    #[tokio::test]
    async fn looks_run_at_once_and_keep_their_order() {
        let (first, second) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
        let fine = |name: &str| vec![Verdict::Fine(name.to_owned()).on(Group::Files, name)];
        // Each waits for the other: one after the other they would never end.
        let looks = vec![
            Look::new("one", async {
                first.notify_one();
                second.notified().await;
                fine("one")
            }),
            Look::new("two", async {
                first.notified().await;
                second.notify_one();
                fine("two")
            }),
        ];
        let mut told = Vec::new();
        let checks = side_by_side(looks, |ended, total, what| told.push(format!("{ended}/{total} {what}"))).await;
        assert_eq!(checks.iter().map(|check| check.name.as_str()).collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(told, ["1/2 two", "2/2 one"]);
        assert!(checks.iter().all(|check| check.took_ms.is_some()));
    }

    #[test]
    fn the_worst_counts_and_what_was_skipped_does_not() {
        let trouble = || Trouble::new("x", Who::Root, "y");
        let of = |verdicts: Vec<Verdict>| worst(&verdicts.into_iter().map(|verdict| verdict.on(Group::Files, "x")).collect::<Vec<_>>());
        assert_eq!(of(vec![Verdict::Fine("a".into()), Verdict::Skip("b".into())]), CheckOutcome::Ok);
        assert_eq!(of(vec![Verdict::Warn(trouble()), Verdict::Skip("b".into())]), CheckOutcome::Warning);
        assert_eq!(of(vec![Verdict::Warn(trouble()), Verdict::Fail(trouble())]), CheckOutcome::Failed);
    }
}
