//! [`Reporter`]: puts together what the status says, and says it in one sentence too. Answers from memory, but for one
//! question to the store.

use std::sync::Arc;

use tokio::sync::watch;

use super::checks::{Trouble, Verdict, Who};
use super::expiry::Expiry;
use super::status::{
    Check, CheckOutcome, CredentialsStatus, DirectoryCounts, Group, MailboxCounts, SecretInUse, SsoSwitches, State, Status, Verified,
};
use crate::credentials::keeper::{self, Keeper};
use crate::model::hint::naming;
use crate::model::person::Kind;
use crate::model::{GrantState, Hint, Problem};
use crate::settings::Settings;
use crate::store::Store;
use crate::system::metrics::Metrics;
use crate::{directory, mailboxes, sso};

/// What the reporter looks at.
pub struct Parts {
    /// The credentials in force.
    pub keeper: Keeper,
    /// Mailboxes.
    pub mailboxes: Arc<mailboxes::Service>,
    /// Directories.
    pub directory: Arc<directory::Service>,
    /// Single sign-on.
    pub sso: Arc<sso::Service>,
    /// The settings in force.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// What the settings file has that should be mended, and what waits for a restart.
    pub notes: watch::Receiver<Vec<Problem>>,
    /// What is wrong with pages and their overrides.
    pub pages: watch::Receiver<Vec<Problem>>,
    /// When secrets end.
    pub expiry: Arc<Expiry>,
    /// What is wrong with the master key.
    pub key_problem: Option<Problem>,
    /// The database.
    pub store: Store,
    /// The numbers.
    pub metrics: Metrics,
}

/// Computes the status.
pub struct Reporter {
    parts: Parts,
}

impl Reporter {
    /// A reporter on these parts.
    pub const fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// The status now.
    pub async fn report(&self) -> Status {
        // Taken once: what is told must be of one moment, whatever happens while the rest is gathered.
        let keeper = self.parts.keeper.status();
        let mut credentials = credentials(&keeper);
        self.parts.expiry.complete(&mut credentials);
        let mailboxes = self.mailbox_counts();
        let directory = self.directory_counts();
        let checks = self.checks(&credentials, mailboxes, directory).await;
        let mut warnings = keeper.warnings.clone();
        warnings.extend(self.parts.notes.borrow().iter().cloned());
        warnings.extend(self.parts.pages.borrow().iter().cloned());
        warnings.extend(self.parts.expiry.warnings());
        warnings.extend(self.parts.expiry.record_warnings());
        warnings.extend(self.parts.sso.connections().warnings());
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: self.state(keeper.state, &checks),
            credentials,
            warnings,
            mailboxes,
            directory,
            sso: self.sign_on().await,
            checks,
        }
    }

    /// Why requests cannot be served; nothing when they can.
    pub async fn unready(&self) -> Vec<Problem> {
        let mut reasons = Vec::new();
        let keeper = self.parts.keeper.status();
        // Signing in needs no credentials of the host: its client records have their own.
        if keeper.in_force.is_none() && !self.parts.sso.connections().is_any_enabled() {
            reasons.push(
                keeper.problem.clone().unwrap_or_else(|| credentials_missing().naming(self.parts.settings.borrow().credentials_path())),
            );
        }
        reasons.extend(self.parts.key_problem.clone());
        reasons.extend(self.store_problem().await);
        reasons
    }

    /// The state in one sentence: for `systemctl status`.
    pub fn sentence(&self) -> String {
        let mailboxes = self.mailbox_counts();
        let total = mailboxes.healthy + mailboxes.waiting + mailboxes.needs_reauth;
        let status = self.parts.keeper.status();
        let lead = match (status.state, &status.problem) {
            (keeper::State::Unconfigured, Some(problem)) => format!("unconfigured: {}", problem.title),
            (keeper::State::Unconfigured, None) => "unconfigured: no credentials yet".to_owned(),
            (keeper::State::Stale, Some(problem)) => format!("stale: {}; the last good credentials stay in force", problem.title),
            (keeper::State::Stale, None) => "stale: the last good credentials stay in force".to_owned(),
            (keeper::State::Ready, _) if self.parts.settings.borrow().public_url.is_none() => {
                "unconfigured: public_url is not set".to_owned()
            }
            (keeper::State::Ready, _) if self.parts.key_problem.is_some() => {
                format!("degraded: {}", self.parts.key_problem.as_ref().map_or("", |problem| problem.title.as_str()))
            }
            (keeper::State::Ready, _) if mailboxes.waiting + mailboxes.needs_reauth > 0 => "degraded".to_owned(),
            (keeper::State::Ready, _) => "ready".to_owned(),
        };
        let mut sentence = format!("{lead}; {total} mailbox{}", if total == 1 { "" } else { "es" });
        for (count, words) in [(mailboxes.waiting, "waiting"), (mailboxes.needs_reauth, "need somebody to sign in")] {
            if count > 0 {
                sentence += &format!(", {count} {words}");
            }
        }
        if let Some(ending) = self.parts.expiry.words() {
            sentence += &format!("; {ending}");
        }
        sentence
    }

    /// Brings the gauges up to date.
    pub fn update_metrics(&self) {
        let counts = self.mailbox_counts();
        let as_usize = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let metrics = &self.parts.metrics;
        metrics.set_mailboxes([
            ("healthy", as_usize(counts.healthy)),
            ("waiting", as_usize(counts.waiting)),
            ("needs_reauth", as_usize(counts.needs_reauth)),
        ]);
        let directories = self.directory_counts();
        metrics.set_directories([
            ("healthy", as_usize(directories.healthy)),
            ("waiting", as_usize(directories.waiting)),
            ("needs_reauth", as_usize(directories.needs_reauth)),
        ]);
        metrics.set_database_size(database_size(&self.parts.settings.borrow()));
        let state = match self.parts.keeper.status().state {
            keeper::State::Unconfigured => "unconfigured",
            keeper::State::Ready => "ready",
            keeper::State::Stale => "stale",
        };
        metrics.set_credentials_state(state);
        self.parts.expiry.update_metrics();
        let views = self.parts.mailboxes.views();
        let healthy = views.iter().filter(|view| view.state == GrantState::Healthy);
        metrics.set_soonest_access_expiry(healthy.filter_map(|view| view.access_expires_at).min().map(jiff::Timestamp::as_second));
    }

    fn state(&self, credentials: keeper::State, checks: &[Check]) -> State {
        if credentials == keeper::State::Unconfigured || self.parts.settings.borrow().public_url.is_none() {
            State::Unconfigured
        } else if credentials == keeper::State::Stale {
            State::Stale
        } else if checks.iter().any(|check| check.outcome == CheckOutcome::Failed) {
            State::Degraded
        } else {
            State::Ready
        }
    }

    async fn checks(&self, credentials: &CredentialsStatus, mailboxes: MailboxCounts, directory: DirectoryCounts) -> Vec<Check> {
        let public_url = self.parts.settings.borrow().public_url.is_none().then(public_url_missing);
        let settings = self.parts.settings.borrow().clone();
        let file = settings.credentials_path();
        let pair = match (&credentials.problem, &credentials.client_id) {
            (Some(problem), _) => Some(problem.clone()),
            (None, None) => Some(credentials_missing().naming(file)),
            (None, Some(_)) => None,
        };
        vec![
            check((Group::Network, Who::Root), "public_url", "the public URL is set", public_url),
            check((Group::Microsoft, Who::Owner), "credentials", &naming("the credentials in /root/.OneDesk are in force", file), pair),
            check((Group::Store, Who::Root), "master_key", "the master key opens what is stored", self.parts.key_problem.clone()),
            check((Group::Store, Who::Root), "store", "the database answers", self.store_problem().await),
            check(
                (Group::Mail, Who::Person),
                "mailboxes",
                "every mailbox is healthy",
                self.people_needed(mailboxes.waiting, mailboxes.needs_reauth, "mailboxes", "mailbox list"),
            ),
            check(
                (Group::Directory, Who::Tenant),
                "directory",
                "every connected directory is healthy",
                self.people_needed(directory.waiting, directory.needs_reauth, "directories", "directory status"),
            ),
        ]
    }

    fn people_needed(&self, waiting: u64, needs_reauth: u64, what: &str, command: &str) -> Option<Problem> {
        let lost = needs_reauth;
        let for_key = self.parts.key_problem.is_some();
        let problem = match (waiting, lost) {
            (0, 0) => return None,
            (_, 0) if for_key => Problem::told("grants.wait_for_key", &[("waiting", &waiting), ("what", &what), ("command", &command)]),
            (_, 0) => Problem::told("grants.wait", &[("waiting", &waiting), ("what", &what), ("command", &command)]),
            (0, _) => Problem::told("grants.lost", &[("lost", &lost), ("what", &what), ("command", &command)]),
            _ if for_key => Problem::told(
                "grants.lost_or_wait_for_key",
                &[("lost", &lost), ("waiting", &waiting), ("what", &what), ("command", &command)],
            ),
            _ => Problem::told("grants.lost_or_wait", &[("lost", &lost), ("waiting", &waiting), ("what", &what), ("command", &command)]),
        };
        Some(problem.under(what))
    }

    async fn store_problem(&self) -> Option<Problem> {
        let error = self.parts.store.audit.page(None, 1).await.err()?;
        Some(Problem::new("store", error.to_string(), error.hint().unwrap_or_default()))
    }

    async fn sign_on(&self) -> SsoSwitches {
        let switches = self.parts.sso.connections().switches();
        // A database that does not answer is told by its own check.
        let counts = self.parts.sso.sessions().count().await.unwrap_or([(Kind::User, 0), (Kind::Customer, 0)]);
        let signed_in = |kind| counts.iter().find(|(counted, _)| *counted == kind).map_or(0, |(_, count)| *count);
        SsoSwitches {
            users_enabled: switches.users,
            customers_enabled: switches.customers,
            user_sessions: signed_in(Kind::User),
            customer_sessions: signed_in(Kind::Customer),
        }
    }

    fn mailbox_counts(&self) -> MailboxCounts {
        let mut counts = MailboxCounts::default();
        for view in self.parts.mailboxes.views() {
            *match view.state {
                GrantState::Healthy => &mut counts.healthy,
                GrantState::Waiting { .. } => &mut counts.waiting,
                GrantState::NeedsReauth { .. } => &mut counts.needs_reauth,
            } += 1;
        }
        counts
    }

    fn directory_counts(&self) -> DirectoryCounts {
        let mut counts = DirectoryCounts::default();
        for directory in self.parts.directory.list() {
            *match directory.state {
                GrantState::Healthy => &mut counts.healthy,
                GrantState::Waiting { .. } => &mut counts.waiting,
                GrantState::NeedsReauth { .. } => &mut counts.needs_reauth,
            } += 1;
        }
        counts
    }
}

/// What the keeper knows, for the status.
pub(in crate::health) fn credentials(status: &keeper::Status) -> CredentialsStatus {
    let in_force = status.in_force.as_ref();
    CredentialsStatus {
        client_id: in_force.map(|pair| pair.client_id).or(status.refused_client_id).map(|client_id| client_id.to_string()),
        verified: match (in_force.map(|pair| pair.verified), status.refused_client_id) {
            (Some(keeper::Verified::Yes), _) => Verified::Yes,
            (Some(keeper::Verified::No), _) | (None, Some(_)) => Verified::No,
            (Some(keeper::Verified::Unverified), _) | (None, None) => Verified::Unverified,
        },
        secret_in_use: in_force.map(|pair| match pair.slot {
            keeper::Slot::Current => SecretInUse::Current,
            keeper::Slot::Next => SecretInUse::Next,
        }),
        secret_expires_at: None,
        secret_expiry_source: None,
        next_secret_expires_at: None,
        changed_at: in_force.map(|pair| pair.changed_at),
        problem: status.problem.clone(),
    }
}

/// Of the file and its write-ahead log; nothing is opened.
fn database_size(settings: &Settings) -> u64 {
    let Ok(database) = crate::store::sqlite::path_of(&settings.database.url) else { return 0 };
    let size = |suffix: &str| std::fs::metadata(format!("{}{suffix}", database.display())).map_or(0, |found| found.len());
    size("") + size("-wal")
}

/// What belongs to a group and can be mended by somebody.
fn check((group, who): (Group, Who), name: &str, good: &str, problem: Option<Problem>) -> Check {
    let verdict = match problem {
        None => Verdict::Fine(good.to_owned()),
        Some(problem) => Verdict::Fail(Trouble::of(&problem, who)),
    };
    verdict.on(group, name)
}

fn credentials_missing() -> Problem {
    Problem::told("credentials_missing.host", &[])
}

fn public_url_missing() -> Problem {
    Problem::told("public_url_missing.host", &[])
}
