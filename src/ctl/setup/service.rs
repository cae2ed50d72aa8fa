//! Starts the service and waits until it has taken the answers.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use super::answers::Answers;
use super::documents::Plan;
use super::{Paths, in_words};
use crate::ctl::client::Client;
use crate::ctl::failure::Failure;
use crate::ctl::output::Output;
use crate::health::status::{CredentialsStatus, State, Status};

const UNIT: &str = "onedeskd.service";
/// A start takes milliseconds, a migration after an upgrade seconds.
const START: Duration = Duration::from_secs(60);
/// A running daemon takes changed files within a second, and asks the provider about them.
const CHANGE: Duration = Duration::from_secs(10);
const GLANCE: Duration = Duration::from_millis(100);
/// Somebody who pressed Ctrl-C waits no longer than this for the last word.
const FAREWELL: Duration = Duration::from_secs(1);

/// How it went.
pub enum Started {
    /// It serves and has taken the answers.
    Ready {
        /// Its state in one word.
        state: &'static str,
    },
    /// It was not for us to start it.
    Skipped {
        /// The command that does.
        how: String,
    },
}

/// The service, or a daemon with settings of its own.
pub struct Service {
    client: Client,
    /// Whether the service manager starts it.
    is_managed: bool,
    how: String,
}

impl Service {
    /// The one that reads these files.
    pub fn of(paths: &Paths, client: Client) -> Self {
        // sd_booted(3)
        let is_managed = paths.is_installed && Path::new("/run/systemd/system").is_dir();
        let how = if paths.is_installed { format!("systemctl enable --now {UNIT}") } else { format!("onedeskd{}", paths.config_flag()) };
        Self { client, is_managed, how }
    }

    /// What it says, if it runs.
    pub async fn status(&self) -> Option<Status> {
        self.client.get::<Status>("/v1/status").await.ok().map(|answer| answer.value)
    }

    /// Starts it if that is ours to do, and waits until it has taken `answers`; `before` is what it said before the files were written.
    pub async fn start(&self, answers: &Answers, plan: &Plan, before: Option<&Status>, output: Output) -> Result<Started, Failure> {
        if self.is_managed {
            output.say("Starting the service.\n");
            self.enable().await?;
        } else if before.is_none() {
            return Ok(Started::Skipped { how: self.how.clone() });
        }
        output.say("Waiting until the service has taken these answers.\n");
        let deadline = Instant::now() + if before.is_some() { CHANGE } else { START };
        let before = before.filter(|_| plan.has_new_pair());
        loop {
            let now = self.status().await;
            if let Some(status) = now.as_ref().filter(|status| has_taken(status, answers, before)) {
                return judged(status);
            }
            if Instant::now() >= deadline {
                return match now {
                    Some(status) => judged(&status),
                    None => Err(Failure::unreachable("the service does not answer").hint("see what it says: systemctl status onedeskd")),
                };
            }
            sleep(GLANCE).await;
        }
    }

    /// What somebody hears who does not wait for the end of [`start`](Self::start).
    pub async fn left_alone(&self, answers: &Answers, plan: &Plan, before: Option<&Status>) -> Failure {
        let files = if plan.is_change() { "the files are written" } else { "the files hold these answers" };
        let before = before.filter(|_| plan.has_new_pair());
        let service = match timeout(FAREWELL, self.status()).await.ok().flatten() {
            Some(status) if has_taken(&status, answers, before) => "the service runs and has taken the answers",
            Some(_) => "the service runs and has not taken the answers yet",
            None => "the service does not answer yet",
        };
        let start = if self.is_managed { format!("; to be sure that it is started: {}", self.how) } else { String::new() };
        Failure::found(format!("interrupted: {files}; {service}")).hint(format!("see how it is: onedeskctl status{start}"))
    }

    async fn enable(&self) -> Result<(), Failure> {
        let failed = |why: &str| {
            Failure::found(format!("the files are written, but the service does not start: {why}"))
                .hint("see what it says: systemctl status onedeskd onedesk-credentials; journalctl -u onedeskd")
        };
        let output = Command::new("systemctl").args(["enable", "--now", UNIT]).kill_on_drop(true).output().await;
        let output = output.map_err(|error| failed(&error.to_string()))?;
        if output.status.success() { Ok(()) } else { Err(failed(String::from_utf8_lossy(&output.stderr).trim())) }
    }
}

/// Whether the pair in the file has been looked at: it is in force, or it was refused and the state says why. `before` is given where
/// the daemon had another pair.
fn has_taken(status: &Status, answers: &Answers, before: Option<&Status>) -> bool {
    let now = &status.credentials;
    let was = before.map(|status| &status.credentials);
    let is_ours = |now: &CredentialsStatus| now.client_id.as_deref() == Some(answers.client_id.to_string().as_str());
    match status.state {
        // Without a pair in force, its id is that of the pair that was refused.
        State::Unconfigured => is_ours(now) && now.problem.is_some() && was.is_none_or(|was| was.problem != now.problem),
        State::Stale => was.is_none_or(|was| was.problem != now.problem),
        State::Ready | State::Degraded => is_ours(now) && was.is_none_or(|was| was.changed_at != now.changed_at),
    }
}

fn judged(status: &Status) -> Result<Started, Failure> {
    let problem = status.credentials.problem.as_ref();
    match (status.state, problem) {
        (State::Ready, _) => Ok(Started::Ready { state: "ready" }),
        (State::Degraded, _) => Ok(Started::Ready { state: "degraded" }),
        (State::Stale | State::Unconfigured, Some(problem)) => {
            Err(Failure::found(format!("the files are written, but the credentials cannot be used: {}", in_words(problem))))
        }
        (State::Stale | State::Unconfigured, None) => {
            Err(Failure::found("the files are written, but the service is not set up yet").hint("see why: onedeskctl status"))
        }
    }
}
