//! A system booted by systemd-nspawn over an overlay of the tree, and its end: nothing of it stays behind.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::command::{command, quiet};

/// A boot takes half a second; a loaded machine needs more.
const BOOT_LIMIT: Duration = Duration::from_secs(60);
const END_LIMIT: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How the guest goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// To be booted again over the same overlay.
    Reboot,
    /// For good.
    PowerOff,
}

/// The guest.
pub struct Container {
    overlay: PathBuf,
    served: PathBuf,
    log: PathBuf,
    cgroups: Vec<PathBuf>,
    nspawn: Option<Child>,
    /// The guest's PID 1 as this machine counts.
    leader: Option<u32>,
}

impl Container {
    /// Lays an overlay over `tree`; `served` will be `/srv/onedesk` in the guest.
    pub fn over(tree: &Path, work: &Path, served: &Path) -> Result<Self> {
        let overlay = work.join("overlay");
        // What a killed run left.
        let _ = quiet(command("umount", ["-l"]).arg(overlay.join("root")));
        if overlay.exists() {
            fs::remove_dir_all(&overlay)?;
        }
        for folder in ["upper", "work", "root"] {
            fs::create_dir_all(overlay.join(folder))?;
        }
        let options =
            format!("lowerdir={},upperdir={},workdir={}", tree.display(), overlay.join("upper").display(), overlay.join("work").display());
        quiet(command("mount", ["-t", "overlay", "overlay", "-o", &options]).arg(overlay.join("root")))?;
        Ok(Self { overlay, served: served.into(), log: work.join("nspawn.log"), cgroups: cgroups(), nspawn: None, leader: None })
    }

    /// Boots and waits until the guest's service manager answers.
    pub fn boot(&mut self) -> Result<()> {
        // nspawn makes cgroups beside its own, so it gets one to make them in. The bpf options let IPAddressDeny= and
        // DevicePolicy= be enforced in the guest, which they silently are not otherwise.
        let enter = "for folder in $CGROUPS; do mkdir -p \"$folder\"; echo $$ >\"$folder/cgroup.procs\"; done; exec \"$@\"";
        let mut nspawn = command("sh", ["-ec", enter, "sh", "systemd-nspawn", "--quiet", "--boot", "--machine=onedesk-test"]);
        nspawn.arg(format!("--directory={}", self.overlay.join("root").display()));
        nspawn.arg(format!("--bind-ro={}:/srv/onedesk", self.served.display()));
        nspawn.args(["--private-network", "--system-call-filter=bpf", "--capability=CAP_BPF", "--register=no", "--keep-unit"]);
        nspawn.args(["--link-journal=no", "--console=pipe", "--kill-signal=SIGRTMIN+4", "--resolv-conf=off", "--timezone=off"]);
        let groups: Vec<String> = self.cgroups.iter().map(|path| path.display().to_string()).collect();
        nspawn.env("CGROUPS", groups.join(" ")).env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1");
        nspawn.stdout(File::create(&self.log)?).stderr(File::options().append(true).open(&self.log)?);

        let before = self.leader.take();
        let parent = nspawn.spawn().context("cannot start systemd-nspawn")?;
        let id = parent.id();
        self.nspawn = Some(parent);
        let started = Instant::now();
        while started.elapsed() < BOOT_LIMIT {
            self.still_running()?;
            if let Some(leader) = child_of(id, "systemd").filter(|leader| Some(*leader) != before) {
                // "degraded" is an answer too: which unit failed is for the steps inside to say.
                let state = inside(leader, &["systemctl", "is-system-running"]).output()?;
                let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
                if ["running", "degraded", "starting"].contains(&state.as_str()) {
                    self.leader = Some(leader);
                    return Ok(());
                }
            }
            sleep(LOOK_AGAIN);
        }
        bail!("the guest did not come up within {BOOT_LIMIT:?}:\n{}", fs::read_to_string(&self.log).unwrap_or_default());
    }

    /// Runs a part of the test as a unit of the guest, shows what it writes, and gives it back.
    pub fn run(&mut self, part: &str) -> Result<String> {
        let leader = self.leader.context("the guest is not up")?;
        let script = format!("/srv/onedesk/{part}.sh");
        let mut unit =
            inside(leader, &["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "-p", "TimeoutStopSec=2", "bash", &script]);
        let mut child = unit.stdout(Stdio::piped()).spawn().context("cannot start nsenter")?;
        let stdout = child.stdout.take().context("no output")?;
        let mut everything = String::new();
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            println!("  {line}");
            everything.push_str(&line);
            everything.push('\n');
        }
        child.wait()?;
        Ok(everything)
    }

    /// Takes the guest down, the way it is done on a real machine.
    pub fn end(&mut self, ending: Ending) -> Result<()> {
        let leader = self.leader.context("the guest is not up")?;
        let verb = if ending == Ending::Reboot { "reboot" } else { "poweroff" };
        // The connection may break before the answer is there.
        let _ = inside(leader, &["systemctl", verb]).output();
        let mut nspawn = self.nspawn.take().context("the guest is not up")?;
        let started = Instant::now();
        loop {
            if let Some(status) = nspawn.try_wait()? {
                // With --keep-unit nspawn ends with 133 for a reboot instead of starting the guest anew.
                let expected = if ending == Ending::Reboot { 133 } else { 0 };
                ensure!(status.code() == Some(expected), "the guest's {verb} ended with {status}");
                return Ok(());
            }
            if started.elapsed() > END_LIMIT {
                self.nspawn = Some(nspawn);
                bail!("the guest did not go down within {END_LIMIT:?}");
            }
            sleep(LOOK_AGAIN);
        }
    }

    fn still_running(&mut self) -> Result<()> {
        if let Some(nspawn) = &mut self.nspawn
            && let Some(status) = nspawn.try_wait()?
        {
            self.nspawn = None;
            bail!("systemd-nspawn ended with {status}:\n{}", fs::read_to_string(&self.log).unwrap_or_default());
        }
        Ok(())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Some(mut nspawn) = self.nspawn.take() {
            // By its leader: nspawn killed alone would orphan the guest.
            if let Some(leader) = child_of(nspawn.id(), "systemd") {
                let _ = quiet(&mut command("kill", ["-KILL", &leader.to_string()]));
            }
            let started = Instant::now();
            while started.elapsed() < Duration::from_secs(5) && matches!(nspawn.try_wait(), Ok(None)) {
                sleep(LOOK_AGAIN);
            }
            let _ = nspawn.kill();
            let _ = nspawn.wait();
        }
        let _ = quiet(command("umount", ["-l"]).arg(self.overlay.join("root")));
        let _ = fs::remove_dir_all(&self.overlay);
        for group in &self.cgroups {
            let _ = quiet(command("find", [group]).args(["-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]));
        }
    }
}

/// The cgroups of ours: one in a unified hierarchy, or one in each that a hybrid machine has systemd in.
fn cgroups() -> Vec<PathBuf> {
    let name = format!("onedesk-test-{}", std::process::id());
    let hybrid: Vec<PathBuf> = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"]
        .into_iter()
        .map(PathBuf::from)
        .filter(|folder| folder.join("cgroup.procs").exists())
        .map(|folder| folder.join(&name))
        .collect();
    if hybrid.is_empty() { vec![PathBuf::from("/sys/fs/cgroup").join(name)] } else { hybrid }
}

fn child_of(parent: u32, name: &str) -> Option<u32> {
    quiet(&mut command("pgrep", ["-P", &parent.to_string(), "-x", name])).ok()?.lines().next()?.parse().ok()
}

fn inside(leader: u32, words: &[&str]) -> Command {
    let leader = leader.to_string();
    let mut nsenter = command("nsenter", ["-a", "-t", &leader]);
    nsenter.args(words);
    nsenter
}
