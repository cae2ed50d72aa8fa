//! Token reads on the local API beside a bare hyper answer of the same size, by the same client, in turns.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::process::Child;
use tokio::task::JoinSet;

use super::Connected;
use crate::client::{Connection, Place};
use crate::machine;
use crate::programs::{Scene, address_of};
use crate::report::Figure;
use crate::scale::Scale;

const BAR: f64 = 0.5;
/// Connections at once, each with one request at a time.
const CONNECTIONS: usize = 8;

/// Alternates between the two.
pub async fn measure(connected: &Connected, scale: &Scale) -> Result<Figure> {
    let (daemon, _) = connected.installation.start().await?;
    let path = format!("/v1/mailboxes/{}/token?for=imap", address_of(0));
    let answer = Connection::open(&daemon.api).await?.get(&path).await?;
    ensure!(answer.status() == 200, "no token: {}", answer.status());
    let size = answer.body().len();
    let (bare_process, baseline) = bare(connected.installation.scene(), &connected.installation.folder, answer.body()).await?;

    let warm_up = scale.round / 2;
    for place in [&daemon.api, &baseline] {
        rate(place, &path, warm_up).await?;
    }
    let pids = [daemon.pid()?, bare_process.id().context("the baseline has ended")?];
    let before = pids.map(machine::cpu_time);
    let mut rounds = Vec::new();
    for _ in 0..scale.rounds {
        rounds.push((rate(&daemon.api, &path, scale.round).await?, rate(&baseline, &path, scale.round).await?));
    }
    let answered = [rounds.iter().map(|(ours, _)| ours).sum::<f64>(), rounds.iter().map(|(_, bare)| bare).sum::<f64>()];
    let mut costs = Vec::new();
    for ((pid, before), rates) in pids.into_iter().zip(before).zip(answered) {
        let spent = machine::cpu_time(pid)?.saturating_sub(before?);
        costs.push(spent.as_secs_f64() * 1e6 / (rates * scale.round.as_secs_f64()));
    }
    daemon.stop().await?;
    let ratio = median(rounds.iter().map(|(ours, bare)| ours / bare));
    let ours = median(rounds.iter().map(|(ours, _)| *ours));
    let bare = median(rounds.iter().map(|(_, bare)| *bare));
    Ok(Figure {
        what: "token read on the local API",
        bar: ">= 0.5 of the requests/s of a bare hyper answer of the same size on a Unix socket, same client, same run",
        measured: format!("{ratio:.2} ({ours:.0}/s beside {bare:.0}/s)"),
        met: ratio >= BAR,
        details: vec![
            format!(
                "{size} bytes of body, {CONNECTIONS} connections with one request at a time, {} rounds of {:.1} s each in turns (A B A B); medians.",
                scale.rounds,
                scale.round.as_secs_f64()
            ),
            format!(
                "Ratios of the rounds: {}.",
                rounds.iter().map(|(ours, bare)| format!("{:.2}", ours / bare)).collect::<Vec<_>>().join(", ")
            ),
            format!("Processor time of the server for a request, user and kernel: {:.0} us, the bare one {:.0} us.", costs[0], costs[1]),
            "Client and server share the machine; each server is a process of its own.".to_owned(),
        ],
    })
}

/// A process that answers `body` to everything.
async fn bare(scene: &Scene, folder: &Path, body: &[u8]) -> Result<(Child, Place)> {
    let (socket, file) = (folder.join("bare.sock"), folder.join("answer.json"));
    std::fs::write(&file, body)?;
    let process = scene.myself().arg("bare").arg(&socket).arg(&file).spawn().context("the baseline cannot be started")?;
    let place = Place::Unix(socket);
    let deadline = Instant::now() + Duration::from_secs(10);
    while Connection::open(&place).await.is_err() {
        ensure!(Instant::now() < deadline, "the baseline does not listen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok((process, place))
}

/// Requests a second.
async fn rate(place: &Place, path: &str, lasts: Duration) -> Result<f64> {
    let mut clients = JoinSet::new();
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(Connection::open(place).await?);
    }
    let began = Instant::now();
    for mut connection in connections {
        let path = path.to_owned();
        clients.spawn(async move {
            let mut answered = 0_u32;
            while began.elapsed() < lasts {
                let answer = connection.get(&path).await?;
                ensure!(answer.status() == 200, "answered {}", answer.status());
                answered += 1;
            }
            Ok(answered)
        });
    }
    let mut all = 0.0;
    while let Some(answered) = clients.join_next().await {
        all += f64::from(answered??);
    }
    Ok(all / began.elapsed().as_secs_f64())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
