//! Ten thousand mailboxes that are due at once after a suspend: the daemon is stopped (SIGSTOP) until every access token has
//! ended, and then goes on as if nothing had been.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hyper::Method;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::client::{Connection, Place};
use crate::programs::{Daemon, Installation, Scene, Simulator, address_of};
use crate::report::{Figure, Times};
use crate::scale::Scale;
use crate::sign_in;

/// The daemon's own bound on token requests at once (`grants::IN_FLIGHT`).
const SET_NUMBER: u64 = 16;
/// Seconds that the tokens of before the suspend last: longer than connecting all mailboxes takes, twice.
const LIFETIME: u64 = 90;
/// Milliseconds that the provider takes for a token request at least.
const LATENCY: u64 = 10;
/// All must be well again within this.
const PATIENCE: Duration = Duration::from_secs(300);

/// A daemon that sleeps.
pub struct Asleep {
    daemon: Daemon,
    simulator: Simulator,
    _installation: Installation,
    mailboxes: usize,
    all_ended: Instant,
}

/// Connects the mailboxes and stops the daemon.
pub async fn fall_asleep(scene: &Scene, scale: &Scale) -> Result<Asleep> {
    let folder = scene.folder("suspend")?;
    let simulator = Simulator::start(scene, &folder, scale.many, json!({"access_token_lifetime": LIFETIME})).await?;
    let installation = Installation::new(scene, folder, &simulator, false).await?;
    let (daemon, _) = installation.start().await?;
    sign_in::connect_all(&daemon, &simulator, scale.many).await?;
    daemon.signal(Signal::SIGSTOP)?;
    let all_ended = Instant::now() + Duration::from_secs(LIFETIME + 1);
    Ok(Asleep { daemon, simulator, _installation: installation, mailboxes: scale.many, all_ended })
}

impl Asleep {
    /// Lets it go on, and watches until all mailboxes are fresh.
    pub async fn wake_up(self) -> Result<Figure> {
        tokio::time::sleep_until(self.all_ended.into()).await;
        self.simulator.order(Method::POST, "reset", None).await?;
        self.simulator.behave(json!({"access_token_lifetime": 4312, "latency_ms": LATENCY})).await?;
        let woken = Instant::now();
        self.daemon.signal(Signal::SIGCONT)?;
        let (done, is_done) = watch::channel(false);
        let reader = read_meanwhile(self.daemon.api.clone(), self.mailboxes, is_done);
        let watcher = async {
            let fresh = self.until_fresh(woken).await;
            done.send_replace(true);
            fresh
        };
        let (took, reads) = tokio::join!(watcher, reader);
        let (took, reads) = (took?, Times::new(reads?));
        let counters = self.simulator.counters().await?;
        let violations = self.simulator.violations().await?;
        let states = Connection::open(&self.daemon.api).await?.json(Method::GET, "/v1/mailboxes", None).await?;
        let unhealthy = states.as_array().into_iter().flatten().filter(|mailbox| mailbox["state"] != "healthy").count();
        self.daemon.stop().await?;

        let number = |name: &str| counters[name].as_u64().with_context(|| format!("entra-sim does not count {name}"));
        let (most, of_one) = (number("max_token_requests_in_flight")?, number("max_refreshes_of_one_grant")?);
        let refreshes = counters["requests"]["refresh"].as_u64().unwrap_or_default();
        let loops = violations.iter().filter(|rule| *rule == "loop").count();
        let met = most <= SET_NUMBER && loops == 0 && violations.is_empty() && unhealthy == 0 && of_one <= 1;
        Ok(Figure {
            what: "10,000 mailboxes due at once after a suspend",
            bar: "never more than the set number of requests in flight; all fresh without a single 50196-style loop",
            measured: format!(
                "at most {most} in flight (set number {SET_NUMBER}), {loops} loops, all fresh after {:.1} s",
                took.as_secs_f64()
            ),
            met,
            details: vec![
                format!(
                    "{} mailboxes; the daemon was stopped until every access token had ended; the provider takes {LATENCY} ms or more for a token request and counts.",
                    self.mailboxes
                ),
                format!(
                    "{refreshes} refreshes, at most {of_one} of one grant at once, {unhealthy} mailboxes not healthy afterwards, {} violations.",
                    violations.len()
                ),
                format!(
                    "A reader of random mailboxes meanwhile, who has to wait for a refresh where none was made yet: {}.",
                    reads.summary()
                ),
            ],
        })
    }

    /// How long until every mailbox has been refreshed.
    async fn until_fresh(&self, woken: Instant) -> Result<Duration> {
        let many = u64::try_from(self.mailboxes)?;
        loop {
            let refreshed = self.simulator.counters().await?["requests"]["refresh"].as_u64().unwrap_or_default();
            if refreshed >= many && self.all_fresh().await? {
                return Ok(woken.elapsed());
            }
            ensure!(woken.elapsed() < PATIENCE, "after {PATIENCE:?} {refreshed} refreshes were made");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn all_fresh(&self) -> Result<bool> {
        let mailboxes = Connection::open(&self.daemon.api).await?.json(Method::GET, "/v1/mailboxes", None).await?;
        let mailboxes = mailboxes.as_array().context("no list")?;
        let is_fresh = |mailbox: &Value| mailbox["state"] == "healthy" && mailbox["last_refresh_at"].is_string();
        Ok(mailboxes.len() == self.mailboxes && mailboxes.iter().all(is_fresh))
    }
}

/// Reads one token after the other until all is done; each must be given.
async fn read_meanwhile(api: Place, mailboxes: usize, is_done: watch::Receiver<bool>) -> Result<Vec<Duration>> {
    let mut connection = Connection::open(&api).await?;
    let mut times = Vec::new();
    let mut number = 0;
    while !*is_done.borrow() {
        // A step that shares no factor with the count visits every mailbox in an order that has nothing to do with the schedule.
        number = (number + 7_919) % mailboxes;
        let began = Instant::now();
        let answer = connection.get(&format!("/v1/mailboxes/{}/token?for=imap", address_of(number))).await?;
        ensure!(answer.status() == 200, "a reader was answered {}: {}", answer.status(), String::from_utf8_lossy(answer.body()));
        times.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(times)
}
