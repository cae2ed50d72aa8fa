//! What is done without being asked: keeping the lease, refreshing, sweeping, and telling the service manager the state.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::watch;

use crate::audit::Actor;
use crate::credentials::keeper::Keeper;
use crate::flows::connect::Connector;
use crate::grants::Grants;
use crate::health::expiry::{self, Expiry};
use crate::health::reporter::Reporter;
use crate::model::Clock;
use crate::store::Store;
use crate::store::leases::Fence;
use crate::system::notify::Notifier;
use crate::system::tasks::Tasks;
use crate::{audit, directory, mailboxes, sso};

/// The lease on refreshing: who holds it may use refresh tokens.
const LEASE: &str = "refresh";
/// How long a lease runs: a node that dies is replaced after that.
const LEASE_LIFE: Duration = Duration::from_secs(30);
/// How often it is renewed: three times in its life.
const LEASE_RENEWAL: SignedDuration = SignedDuration::from_secs(10);
/// How often what ran out is removed.
const SWEEP: SignedDuration = SignedDuration::from_hours(1);
/// How often single sign-on writes when sessions were used and removes those that ended.
const TEND: SignedDuration = SignedDuration::from_mins(1);
/// How long grants of a client id that was replaced are kept.
const LEFT_BEHIND: SignedDuration = SignedDuration::from_hours(24 * 30);
/// How long the audit log is kept: two yearly reviews.
const AUDIT_KEPT: SignedDuration = SignedDuration::from_hours(24 * 730);
/// How often the service manager's status line is compared with the state.
const STATUS: SignedDuration = SignedDuration::from_secs(2);

/// What the jobs work on.
#[derive(Clone)]
pub struct Jobs {
    /// The token engine.
    pub grants: Arc<Grants>,
    /// The credentials in force.
    pub keeper: Keeper,
    /// Mailboxes.
    pub mailboxes: Arc<mailboxes::Service>,
    /// Directories.
    pub directory: Arc<directory::Service>,
    /// Single sign-on.
    pub sso: Arc<sso::Service>,
    /// Tickets and flows.
    pub connector: Arc<Connector>,
    /// The audit log.
    pub audit: Arc<audit::Service>,
    /// The state in words.
    pub reporter: Arc<Reporter>,
    /// When secrets end.
    pub expiry: Arc<Expiry>,
    /// The database.
    pub store: Store,
    /// This node's name among those that share the database.
    pub node: String,
    /// Where the fence of the lease is published.
    pub fence: watch::Sender<Option<Fence>>,
    /// The time.
    pub clock: Clock,
}

/// Starts them.
pub fn spawn(jobs: &Jobs, tasks: &Tasks, notifier: &Notifier) {
    tasks.spawn_vital("schedule", Arc::clone(&jobs.grants).keep_fresh());
    let stop = tasks.token();
    let lease = {
        let (jobs, stop) = (jobs.clone(), stop.clone());
        async move {
            let _ = stop.run_until_cancelled(jobs.keep_lease()).await;
            jobs.give_lease_back().await;
        }
    };
    tasks.spawn("lease", lease);
    let sweep = {
        let (jobs, stop) = (jobs.clone(), stop.clone());
        async move {
            let _ = stop.run_until_cancelled(jobs.sweep()).await;
        }
    };
    tasks.spawn("sweep", sweep);
    let tend = {
        let (jobs, stop) = (jobs.clone(), stop.clone());
        async move {
            let _ = stop.run_until_cancelled(jobs.tend_sso()).await;
            jobs.sso.wind_up().await;
        }
    };
    tasks.spawn("sso", tend);
    let credentials = {
        let (jobs, stop) = (jobs.clone(), stop.clone());
        async move {
            let _ = stop.run_until_cancelled(jobs.record_credentials()).await;
        }
    };
    tasks.spawn("credentials audit", credentials);
    let secrets = {
        let (jobs, stop) = (jobs.clone(), stop.clone());
        async move {
            let _ = stop.run_until_cancelled(jobs.watch_secrets()).await;
        }
    };
    tasks.spawn("secrets", secrets);
    let status = {
        let (jobs, notifier) = (jobs.clone(), notifier.clone());
        async move {
            let _ = stop.run_until_cancelled(jobs.tell_status(&notifier)).await;
        }
    };
    tasks.spawn("status", status);
}

impl Jobs {
    /// Takes the lease, or renews it, once.
    pub async fn renew_lease(&self) {
        let fence = match self.store.leases.acquire(LEASE, &self.node, self.clock.now(), LEASE_LIFE).await {
            Ok(fence) => fence,
            Err(error) => {
                log::warn!(error:% = error; "the lease on refreshing cannot be renewed");
                return;
            }
        };
        self.fence.send_if_modified(|known| {
            let is_news = *known != fence;
            known.clone_from(&fence);
            is_news
        });
    }

    async fn keep_lease(&self) {
        loop {
            self.clock.wait_until(self.clock.now() + LEASE_RENEWAL).await;
            self.renew_lease().await;
        }
    }

    async fn give_lease_back(&self) {
        // A rotation under way still has to be written under this lease.
        let _none_under_way = self.grants.all_landed().await;
        let fence = self.fence.borrow().clone();
        if let Some(fence) = fence
            && let Err(error) = self.store.leases.release(&fence).await
        {
            log::debug!(error:% = error; "the lease on refreshing was not given back");
        }
    }

    async fn sweep(&self) {
        loop {
            let now = self.clock.now();
            if let Err(error) = self.connector.flows().sweep().await {
                log::warn!(error:% = error; "links and sign-ins that ran out cannot be removed");
            }
            match self.store.grants.erase_left_behind(now - LEFT_BEHIND).await {
                Ok(erased) if erased.is_empty() => {}
                Ok(erased) => self.forget(&erased).await,
                Err(error) => log::warn!(error:% = error; "grants of a replaced client id cannot be erased"),
            }
            if let Err(error) = self.audit.trim(now - AUDIT_KEPT).await {
                log::warn!(error:% = error; "old lines of the audit log cannot be removed");
            }
            self.clock.wait_until(now + SWEEP).await;
        }
    }

    async fn tend_sso(&self) {
        loop {
            self.clock.wait_until(self.clock.now() + TEND).await;
            self.sso.tend().await;
        }
    }

    async fn forget(&self, erased: &[crate::model::GrantId]) {
        log::info!(count = erased.len(); "erased grants of a client id that was replaced 30 days ago");
        for id in erased {
            self.grants.forget(*id);
        }
        if let (Err(error), _) | (_, Err(error)) = (self.mailboxes.reload().await, self.directory.reload().await) {
            log::warn!(error:% = error; "the lists of mailboxes and directories cannot be read anew");
        }
    }

    /// Writes into the audit log what becomes of the credentials: they change by an editor, not by a call that could do it.
    async fn record_credentials(&self) {
        let mut changes = self.keeper.subscribe();
        let mut known = None;
        loop {
            let status = changes.borrow_and_update().clone();
            let generation = status.in_force.as_ref().map(|in_force| in_force.generation);
            if let Some(in_force) = status.in_force.as_ref().filter(|_| generation != known) {
                let entry = Actor::daemon().entry(self.clock.now(), "credentials.in_force", in_force.client_id.to_string());
                self.audit.record(entry).await;
                known = generation;
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Learns when secrets end, and tells in time: after every change of the credentials, and now and then.
    async fn watch_secrets(&self) {
        let mut changes = self.keeper.subscribe();
        loop {
            changes.borrow_and_update();
            self.expiry.turn().await;
            tokio::select! {
                () = self.clock.wait_until(self.clock.now() + expiry::TURN) => {}
                changed = changes.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }

    async fn tell_status(&self, notifier: &Notifier) {
        let mut told = String::new();
        loop {
            let sentence = self.reporter.sentence();
            if sentence != told {
                notifier.status(&sentence);
                told = sentence;
            }
            self.clock.wait_until(self.clock.now() + STATUS).await;
        }
    }
}
