//! `kill -9` at random moments while grants rotate, with the provider that leaves old refresh tokens valid (Entra), and with
//! one that kills them.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::Method;
use serde_json::{Value, json};

use crate::client::Connection;
use crate::programs::{Daemon, Installation, Scene, Simulator, address_of};
use crate::report::Figure;
use crate::scale::Scale;
use crate::sign_in::{self, Person};

/// Few, so that 500 rotations take some hundred kills.
const MAILBOXES: usize = 5;
/// Seconds that an access token lasts: every start finds all grants due, and they stay so.
const LIFETIME: u64 = 2;
/// Milliseconds. A kill comes within this after READY, which is about when all grants have been refreshed once: most kills hit
/// a refresh under way.
const LONGEST_LIFE: u64 = 60;

/// Nothing rotates if it takes more.
const MOST_KILLS: usize = 2_000;

struct Outcome {
    kills: usize,
    rotations: u64,
    /// Grants that the daemon found refused.
    lost: usize,
}

/// Kills with both kinds of provider.
pub async fn measure(scene: &Scene, scale: &Scale) -> Result<Figure> {
    let rolling = run(scene, "rolling", scale.rotations).await?;
    let strict = run(scene, "strict", scale.rotations).await?;
    Ok(Figure {
        what: "`kill -9` at random moments during 500 rotations",
        bar: "no grant lost under Entra's rotation (old token stays valid); for strict providers the window is documented",
        measured: format!("{} lost of {} rotations, {} kills (strict: {} lost, {} kills)", rolling.lost, rolling.rotations, rolling.kills, strict.lost, strict.kills),
        met: rolling.lost == 0,
        details: vec![
            format!("{MAILBOXES} mailboxes whose tokens last {LIFETIME} s; the daemon is killed 0 to {LONGEST_LIFE} ms after READY and started again, until the provider has rotated {} times.", scale.rotations),
            format!("Entra's rotation: {} rotations, {} kills, {} grants lost.", rolling.rotations, rolling.kills, rolling.lost),
            format!("Strict provider (a used refresh token dies, and using it again ends the grant): {} rotations, {} kills, {} grants lost and connected again.", strict.rotations, strict.kills, strict.lost),
            "The strict provider's window: from its rotation until its answer is on our disk, one way over the network and one synced write. A process that dies in it has a refresh token that is refused; nothing on this side can close it.".to_owned(),
        ],
    })
}

async fn run(scene: &Scene, policy: &str, rotations: u64) -> Result<Outcome> {
    let folder = scene.folder(policy)?;
    let simulator = Simulator::start(scene, &folder, MAILBOXES, json!({"refresh": policy, "access_token_lifetime": LIFETIME})).await?;
    let installation = Installation::new(scene, folder, &simulator, false).await?;
    let (daemon, _) = installation.start().await?;
    sign_in::connect_all(&daemon, &simulator, MAILBOXES).await?;
    daemon.stop().await?;
    simulator.order(Method::POST, "reset", None).await?;

    let random = RandomState::new();
    let mut outcome = Outcome { kills: 0, rotations: 0, lost: 0 };
    loop {
        let (daemon, _) = installation.start().await?;
        outcome.lost += reconnect_lost(&daemon, &simulator).await?;
        outcome.rotations = simulator.counters().await?["requests"]["refresh"].as_u64().unwrap_or_default();
        if outcome.rotations >= rotations {
            simulator.behave(json!({"access_token_lifetime": 4312})).await?;
            outcome.lost += read_all(&daemon, &simulator).await?;
            daemon.stop().await?;
            return Ok(outcome);
        }
        anyhow::ensure!(outcome.kills < MOST_KILLS, "only {} rotations during {MOST_KILLS} kills", outcome.rotations);
        let life = random.hash_one(outcome.kills) % LONGEST_LIFE;
        tokio::time::sleep(Duration::from_millis(life)).await;
        daemon.kill().await?;
        outcome.kills += 1;
    }
}

/// Connects again what the daemon knows to be lost; how many those were.
async fn reconnect_lost(daemon: &Daemon, simulator: &Simulator) -> Result<usize> {
    let mailboxes = Connection::open(&daemon.api).await?.json(Method::GET, "/v1/mailboxes", None).await?;
    let mailboxes = mailboxes.as_array().context("no list")?;
    anyhow::ensure!(mailboxes.len() == MAILBOXES, "{} mailboxes are left", mailboxes.len());
    let lost: Vec<&Value> = mailboxes.iter().filter(|mailbox| mailbox["state"] == "needs_reauth").collect();
    for mailbox in &lost {
        let address = mailbox["address"].as_str().context("no address")?;
        Person::new(daemon, simulator).await?.connect(address).await?;
    }
    Ok(lost.len())
}

/// Reads every token; how many mailboxes have none and want a sign-in.
async fn read_all(daemon: &Daemon, simulator: &Simulator) -> Result<usize> {
    let mut api = Connection::open(&daemon.api).await?;
    let mut lost = 0;
    for number in 0..MAILBOXES {
        let answer = api.get(&format!("/v1/mailboxes/{}/token?for=imap", address_of(number))).await?;
        match answer.status().as_u16() {
            200 => {
                let token: Value = serde_json::from_slice(answer.body())?;
                let known = simulator.order(Method::POST, "introspect", Some(&json!({"token": token["access_token"]}))).await?;
                anyhow::ensure!(known["upn"] == address_of(number), "the provider does not know the token of mailbox {number}");
            }
            409 => lost += 1,
            other => anyhow::bail!("mailbox {number} was answered {other}: {}", String::from_utf8_lossy(answer.body())),
        }
    }
    Ok(lost)
}
