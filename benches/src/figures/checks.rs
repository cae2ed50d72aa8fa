//! `onedeskctl check`, as an administrator runs it: from the start of the program to its end.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;

use super::Connected;
use crate::mail::MailHosts;
use crate::report::{Figure, Times};

const OFFLINE_BAR: Duration = Duration::from_millis(200);
const WHOLE_BAR: Duration = Duration::from_secs(3);
/// Runs of each kind.
const RUNS: usize = 15;
/// What goes over the network; on a host without units of ours the rest has its own findings.
const FAR: [&str; 3] = ["network", "microsoft", "mail"];

/// Checks a host that reaches everything, without the network and whole.
pub async fn measure(connected: &Connected) -> Result<Figure> {
    let installation = &connected.installation;
    let hosts = MailHosts::start(&installation.folder).await?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let before = installation.amend(|settings| {
        let (_, rest) = settings.split_once('\n').unwrap_or_default();
        let http = format!("http = \"unix:{}/http.sock\"", installation.folder.display());
        let rest = rest.replace(&http, &format!("http = \"127.0.0.1:{port}\""));
        let rest = rest.replace("[microsoft]\n", &format!("[microsoft]\nca_file = \"{}\"\n", hosts.ca_file.display()));
        format!("public_url = \"http://localhost:{port}\"\n{rest}{}", hosts.settings)
    })?;
    let (daemon, _) = installation.start().await?;
    let (offline, _) = run(connected, true).await?;
    let (whole, report) = run(connected, false).await?;
    daemon.stop().await?;
    installation.amend(|_| before)?;

    let checks: Vec<&Value> = report["checks"].as_array().into_iter().flatten().collect();
    let far = checks.iter().filter(|check| FAR.iter().any(|group| check["group"] == *group));
    let unreached: Vec<&str> = far.filter(|check| check["outcome"] == "failed").filter_map(|check| check["title"].as_str()).collect();
    ensure!(unreached.is_empty(), "not everything was reached: {}", unreached.join("; "));
    let high = |times: &Times| times.quantile(0.95);
    Ok(Figure {
        what: "onedeskctl check",
        bar: "<= 200 ms with --offline, <= 3 s whole with everything reachable; the 95th percentile",
        measured: format!("{:.0} ms, {:.2} s", high(&offline).as_secs_f64() * 1e3, high(&whole).as_secs_f64()),
        met: high(&offline) <= OFFLINE_BAR && high(&whole) <= WHOLE_BAR,
        details: vec![
            format!("The program from fork to end, beside a running daemon with {} mailboxes; {} checks.", connected.mailboxes, checks.len()),
            "Entra and Graph are played by entra-sim, the mail hosts by scripted servers with TLS, all on loopback: the time that the way to Microsoft takes comes on top.".to_owned(),
            format!("--offline: {}.", offline.summary()),
            format!("Whole: {}.", whole.summary()),
        ],
    })
}

async fn run(connected: &Connected, offline: bool) -> Result<(Times, Value)> {
    let mut times = Vec::new();
    let mut report = Value::Null;
    for _ in 0..RUNS {
        let mut command = connected.installation.ctl();
        command.args(["--json", "check"]);
        if offline {
            command.arg("--offline");
        }
        let began = Instant::now();
        let output = command.output().await?;
        times.push(began.elapsed());
        report = serde_json::from_slice(&output.stdout)?;
    }
    Ok((Times::new(times), report))
}
