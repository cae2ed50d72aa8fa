//! The scratch directory, the two programs in it, and how they are spoken to.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::browser;
use crate::command::command;

/// The mailbox of the simulated company.
pub const MAILBOX: &str = "support@example.test";
/// The app registration, and two of its secrets that the simulator accepts.
pub const CLIENT_ID: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
pub const SECRET: &str = "Sim~Secret.Value_One-8Q~aaaaaaaaaaaaaaaaaaaa";
pub const SECOND_SECRET: &str = "Sim~Secret.Value_Two-8Q~bbbbbbbbbbbbbbbbbbbb";

/// How long anything may take here before it counts as broken.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at something that is about to change.
const GLANCE: Duration = Duration::from_millis(10);
/// Half of what the daemon promises: nothing is in hand here that it could wait for.
const STOPPING: Duration = Duration::from_secs(5);
/// Lines of the daemon's log that explain a failure.
const LAST_WORDS: usize = 15;

/// Where everything is.
#[derive(Debug, Clone)]
pub struct Place {
    pub folder: PathBuf,
    /// Origin of the daemon's web door.
    pub web: String,
    /// Origin of the simulator.
    pub simulator: String,
    programs: PathBuf,
}

impl Place {
    pub fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("api.sock")
    }

    pub fn credentials(&self) -> PathBuf {
        self.folder.join("OneDesk")
    }

    /// Writes the credentials as an editor does: a new file beside the old one, and a rename.
    pub fn write_credentials(&self, secret: &str) -> Result<()> {
        self.write_file(&format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS={secret}\n"))
    }

    pub fn write_file(&self, text: &str) -> Result<()> {
        let draft = self.folder.join("OneDesk.new");
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        fs::rename(draft, self.credentials())?;
        Ok(())
    }

    pub fn chmod(&self, mode: u32) -> Result<()> {
        Ok(fs::set_permissions(self.credentials(), Permissions::from_mode(mode))?)
    }

    /// What `onedeskctl` prints.
    ///
    /// # Errors
    /// Its own words, when its exit status is neither "done" nor "found problems".
    pub fn ctl(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(self.program("onedeskctl"))
            .arg("--socket")
            .arg(self.socket())
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .context("cannot start onedeskctl")?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => Ok(said),
            Some(1) if complaint.is_empty() => Ok(said),
            _ => bail!("onedeskctl {}: {}", arguments.join(" "), complaint.trim()),
        }
    }

    /// The same for programs to read.
    pub fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let said = self.ctl(&[&["--json"], arguments].concat())?;
        serde_json::from_str(&said).with_context(|| format!("onedeskctl {} printed no JSON: {said}", arguments.join(" ")))
    }

    /// Asks until the answer is the expected one.
    pub fn ask_until(&self, arguments: &[&str], expected: impl Fn(&Value) -> bool) -> Result<Value> {
        let patience = Instant::now() + PATIENCE;
        loop {
            let answer = self.ask(arguments)?;
            if expected(&answer) {
                return Ok(answer);
            }
            ensure!(Instant::now() < patience, "after {PATIENCE:?} onedeskctl {} still says {answer}", arguments.join(" "));
            sleep(GLANCE);
        }
    }

    /// Tells the simulator what to do.
    pub fn order(&self, method: &str, what: &str, body: &Value) -> Result<Value> {
        let answer = browser::send(method, &format!("{}/_sim/{what}", self.simulator).parse()?, "", &body.to_string())?;
        ensure!(answer.status == 200, "the simulator refused {what}: {}", answer.body);
        Ok(serde_json::from_str(&answer.body)?)
    }
}

/// Both programs, running.
pub struct Stage {
    pub place: Place,
    simulator: Child,
    daemon: Child,
}

impl Stage {
    /// Starts both, with nothing configured but who they are to each other.
    pub fn set() -> Result<Self> {
        Self::set_in(std::env::current_exe()?.parent().context("this program is in no folder")?)
    }

    /// The same with the programs of that folder.
    pub fn set_in(programs: &Path) -> Result<Self> {
        let programs = programs.to_path_buf();
        let folder = std::env::temp_dir().join(format!("onedesk-demo-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let mut simulator = start(Command::new(programs.join("entra-sim")).stdout(Stdio::piped()))?;
        let mut ready = String::new();
        BufReader::new(simulator.stdout.take().context("entra-sim has no output")?).read_line(&mut ready)?;
        let ready: Value = serde_json::from_str(&ready).context("entra-sim did not start")?;
        let origin = ready["authority"].as_str().context("entra-sim did not say where it is")?.to_owned();
        let tenant = ready["tenant"].as_str().context("entra-sim did not name its tenant")?;

        let [web, metrics] = free_ports()?;
        fs::write(folder.join("onedeskd.toml"), settings(&folder, web, metrics, &origin, tenant))?;
        let log = File::create(folder.join("onedeskd.log"))?;
        let daemon = start(
            Command::new(programs.join("onedeskd")).arg("--config").arg(folder.join("onedeskd.toml")).stderr(log.try_clone()?).stdout(log),
        )?;
        let place = Place { folder, web: format!("http://127.0.0.1:{web}"), simulator: origin, programs };
        let mut stage = Self { place, simulator, daemon };
        stage.wait_for_daemon().with_context(|| stage.last_words())?;
        Ok(stage)
    }

    fn wait_for_daemon(&mut self) -> Result<()> {
        let alive = format!("{}/healthz", self.place.web).parse()?;
        let patience = Instant::now() + PATIENCE;
        while !browser::send("GET", &alive, "", "").is_ok_and(|answer| answer.status == 200) {
            self.still_stands()?;
            ensure!(Instant::now() < patience, "onedeskd does not answer");
            sleep(GLANCE);
        }
        Ok(())
    }

    /// Whether both still run.
    pub fn still_stands(&mut self) -> Result<()> {
        for (name, child) in [("onedeskd", &mut self.daemon), ("entra-sim", &mut self.simulator)] {
            if let Some(status) = child.try_wait()? {
                bail!("{name} ended by itself with {status}");
            }
        }
        Ok(())
    }

    /// The end of the daemon's log.
    pub fn last_words(&self) -> String {
        let log = fs::read_to_string(self.place.folder.join("onedeskd.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        format!("onedeskd's last words:\n{}\n", lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n"))
    }

    /// Stops the daemon as the service manager does, and removes everything.
    pub fn strike(mut self) -> Result<()> {
        let started = Instant::now();
        kill(pid(&self.daemon)?, Signal::SIGTERM)?;
        while started.elapsed() < STOPPING {
            if let Some(status) = self.daemon.try_wait()? {
                ensure!(status.success(), "onedeskd was asked to stop and ended with {status}");
                println!("{:>7.2} s  stopped, nothing left behind", started.elapsed().as_secs_f64());
                return Ok(());
            }
            sleep(GLANCE);
        }
        bail!("onedeskd did not stop within {STOPPING:?}");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in [&mut self.daemon, &mut self.simulator] {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.place.folder);
    }
}

/// In a process group of its own: Ctrl-C is for us, who stop both in order.
fn start(program: &mut Command) -> Result<Child> {
    program.stdin(Stdio::null()).process_group(0).spawn().with_context(|| format!("cannot start {}", program.get_program().display()))
}

fn pid(child: &Child) -> Result<Pid> {
    Ok(Pid::from_raw(i32::try_from(child.id())?))
}

/// Held together until both are known, so that they differ.
fn free_ports() -> Result<[u16; 2]> {
    let listeners = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    Ok([listeners[0].local_addr()?.port(), listeners[1].local_addr()?.port()])
}

fn settings(folder: &std::path::Path, web: u16, metrics: u16, origin: &str, tenant: &str) -> String {
    let folder = folder.display();
    let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/pages");
    // The one who plays may do on the local API what root may on a host.
    let me = command("id", ["-un"]).output().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    format!(
        "public_url = \"http://127.0.0.1:{web}\"\n\
         [listen]\nhttp = \"127.0.0.1:{web}\"\nmetrics = \"127.0.0.1:{metrics}\"\n\
         [credentials]\nfile = \"{folder}/OneDesk\"\n\
         [database]\nurl = \"sqlite://{folder}/onedesk.db\"\nmaster_key_file = \"{folder}/master.key\"\n\
         [microsoft]\nauthority = \"{origin}\"\ngraph = \"{origin}\"\ntenant = \"{tenant}\"\n\
         [pages]\nwebapps = \"{pages}/webapps\"\ncustomerapps = \"{pages}/customerapps\"\noverrides = \"{folder}/templates\"\n\
         [local_api]\nsocket = \"{folder}/api.sock\"\ntoken_readers = [\"{me}\"]\n"
    )
}
