//! From the start of the process to READY.

use std::time::Duration;

use anyhow::Result;

use super::Connected;
use crate::report::{Figure, Times};
use crate::scale::Scale;

const BAR: Duration = Duration::from_millis(100);

/// Starts the daemon again and again.
pub async fn measure(connected: &Connected, scale: &Scale) -> Result<Figure> {
    let mut times = Vec::new();
    for _ in 0..scale.starts {
        let (daemon, took) = connected.installation.start().await?;
        times.push(took);
        daemon.stop().await?;
    }
    let times = Times::new(times);
    let milliseconds = |share| times.quantile(share).as_secs_f64() * 1e3;
    Ok(Figure {
        what: "start to READY with 1,000 mailboxes in SQLite",
        bar: "<= 100 ms",
        measured: format!("median {:.1} ms, max {:.1} ms", milliseconds(0.5), milliseconds(1.0)),
        met: times.quantile(0.5) <= BAR,
        details: vec![
            format!(
                "From the fork to the datagram `READY=1` on `NOTIFY_SOCKET`, {} starts, {} mailboxes; files in the page cache. The median counts.",
                scale.starts, connected.mailboxes
            ),
            format!("{}.", times.summary()),
        ],
    })
}
