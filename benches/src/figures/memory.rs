//! The memory of both processes, idle.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::Connected;
use crate::client::Connection;
use crate::machine;
use crate::programs::{Daemon, address_of};
use crate::report::Figure;
use crate::scale::Scale;

/// KiB.
const BAR: u64 = 20 * 1024;
/// Idle is after this.
const SETTLED: Duration = Duration::from_secs(2);

/// After the start, after every token was read once, and after the status was asked for.
pub async fn measure(connected: &Connected, _: &Scale) -> Result<Figure> {
    let (daemon, _) = connected.installation.start().await?;
    tokio::time::sleep(SETTLED).await;
    let started = sizes(connected, &daemon)?;
    let mut api = Connection::open(&daemon.api).await?;
    for number in 0..connected.mailboxes {
        let answer = api.get(&format!("/v1/mailboxes/{}/token?for=imap", address_of(number))).await?;
        ensure!(answer.status() == 200, "{}: {}", answer.status(), String::from_utf8_lossy(answer.body()));
    }
    drop(api);
    tokio::time::sleep(SETTLED).await;
    let read = sizes(connected, &daemon)?;
    daemon.stop().await?;
    let mib = |kib: u64| format!("{}.{} MiB", kib / 1024, kib % 1024 * 10 / 1024);
    let line =
        |(daemon, helper): (u64, u64)| format!("{} = onedeskd {} + onedesk-credentials {}", mib(daemon + helper), mib(daemon), mib(helper));
    Ok(Figure {
        what: "memory (PSS), idle with 1,000 mailboxes",
        bar: "<= 20 MiB both processes together",
        measured: format!("{} after the start, {} after every token was read", mib(started.0 + started.1), mib(read.0 + read.1)),
        met: read.0 + read.1 <= BAR,
        details: vec![
            format!(
                "`Pss` of `/proc/PID/smaps_rollup` with {} mailboxes, {} s after the last request.",
                connected.mailboxes,
                SETTLED.as_secs()
            ),
            format!("After the start: {}.", line(started)),
            format!("After every mailbox's token was read once: {}.", line(read)),
        ],
    })
}

/// Daemon and helper, in KiB.
fn sizes(connected: &Connected, daemon: &Daemon) -> Result<(u64, u64)> {
    let helper = connected.installation.helper().map(machine::pss).transpose()?;
    Ok((machine::pss(daemon.pid()?)?, helper.unwrap_or_default()))
}
