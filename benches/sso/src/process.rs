//! Processes as the kernel sees them: CPU time and memory of a server with all its children.

use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// A server that ends with this value.
pub struct Server(pub Child);

impl Server {
    /// CPU seconds that it and its children have used.
    pub fn cpu(&self) -> f64 {
        self.family().iter().filter_map(|id| cpu_of(*id)).sum()
    }

    /// Resident memory in MiB.
    pub fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or_default() / 1024.0
    }

    fn family(&self) -> Vec<u32> {
        let parent_of = |id: u32| stat(id).and_then(|fields| fields.get(1)?.parse::<u32>().ok());
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        ids.filter(|id| *id == self.0.id() || parent_of(*id) == Some(self.0.id())).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(id) = i32::try_from(self.0.id()) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGTERM);
        }
        let _ = self.0.wait();
    }
}

/// The fields of `/proc/PID/stat` behind the name (proc(5)): state, parent, …
fn stat(id: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect())
}

/// User and system time, with that of children that have ended; in ticks of 10 ms, so measure seconds.
fn cpu_of(id: u32) -> Option<f64> {
    let fields = stat(id)?;
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<f64>().ok()).sum::<f64>();
    Some(ticks / 100.0)
}

/// Starts a server and waits until it listens on `address`.
pub fn start(command: &mut Command, address: &str) -> Result<Server> {
    let server = Server(command.spawn().with_context(|| format!("{command:?}"))?);
    for _ in 0..1500 {
        if std::net::TcpStream::connect(address).is_ok() {
            return Ok(server);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    anyhow::bail!("{command:?} does not listen on {address}")
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
