//! The machine: what it is, and a corner of it for this run alone.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::Uid;

/// Where the root helper hands over; the daemon knows no other place.
pub const HAND_OVER: &str = "/run/onedesk-credentials";

/// Gives this process, and those that it starts, a hand-over folder of their own, so that an installed helper is neither
/// disturbed nor asked.
pub fn stand_apart() -> Result<()> {
    fs::create_dir_all(HAND_OVER)?;
    unshare(CloneFlags::CLONE_NEWNS).context("no mount namespace")?;
    let nothing: Option<&str> = None;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing).context("the mounts cannot be made private")?;
    mount(Some("tmpfs"), HAND_OVER, Some("tmpfs"), MsFlags::empty(), Some("mode=0755")).context("no folder for the hand-over")?;
    Ok(())
}

/// Whether both processes can run as they are installed.
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Date, processor, memory, kernel and load, a line each.
pub fn describe(two_processes: bool) -> Result<Vec<String>> {
    let read = |path: &str| fs::read_to_string(path).with_context(|| format!("cannot read {path}"));
    let value = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).and_then(|line| line.split_once(':'));
        line.map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism()?;
    let kernel = read("/proc/sys/kernel/osrelease")?;
    let load = read("/proc/loadavg")?;
    Ok(vec![
        format!("Date: {}", today()),
        format!("Processor: {}, {cores} cores", value(&read("/proc/cpuinfo")?, "model name")),
        format!("Memory: {}", value(&read("/proc/meminfo")?, "MemTotal")),
        format!("Kernel: Linux {}", kernel.trim()),
        format!("Load at the end of the run (1, 5, 15 minutes): {}", load.split(' ').take(3).collect::<Vec<_>>().join(", ")),
        format!("Programs: {}", if two_processes { "root helper and daemon, as installed" } else { "one process" }),
    ])
}

#[expect(clippy::disallowed_methods, reason = "the date of the run: no test depends on it")]
fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// The proportional set size of a process in KiB: its share of every page, shared ones divided by their sharers (proc_pid_smaps(5)).
pub fn pss(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(Path::new(&path)).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss line")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

/// The processor time that a process has used so far, in user mode and in the kernel (proc_pid_stat(5)).
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).context("the process has ended")?;
    // The name before may hold anything but ends with the last parenthesis; the state is field 3, the times 14 and 15.
    let (_, fields) = text.rsplit_once(')').context("no stat line")?;
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap_or_default()).sum();
    // USER_HZ, which is 100 on every architecture that we build for.
    Ok(Duration::from_millis(ticks * 10))
}
