//! The programs as processes, each in a scratch folder of its own.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hyper::Method;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::client::{Connection, Place};
use crate::machine::HAND_OVER;

/// Where the installations believe to be reached; the benches come by their Unix sockets.
pub const PUBLIC_URL: &str = "http://localhost:8380";
/// Ids and secrets that entra-sim begins with.
pub const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CLIENT_ID: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
/// Two secrets of the application, as long as each other.
pub const SECRETS: [&str; 2] = ["Sim~Secret.Value_One-8Q~aaaaaaaaaaaaaaaaaaaa", "Sim~Secret.Value_Two-8Q~bbbbbbbbbbbbbbbbbbbb"];
/// What the packages of pages bring.
const PAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/pages");
/// A program that does not begin or end in this time never will.
const PATIENCE: Duration = Duration::from_secs(30);

/// The mailbox with that number.
pub fn address_of(number: usize) -> String {
    format!("mailbox{number:05}@example.test")
}

/// The content of the credentials file with that secret.
pub fn credentials(secret: &str) -> String {
    format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS={secret}\n")
}

/// Where programs come from and where their files go.
#[derive(Debug, Clone)]
pub struct Scene {
    programs: PathBuf,
    scratch: PathBuf,
    two_processes: bool,
}

impl Scene {
    /// With these folders; `two_processes` where root helper and daemon run as on an installed system.
    pub fn new(programs: &Path, scratch: &Path, two_processes: bool) -> Result<Self> {
        fs::create_dir_all(scratch)?;
        let programs = programs.canonicalize().with_context(|| format!("no folder {}", programs.display()))?;
        Ok(Self { programs, scratch: scratch.canonicalize()?, two_processes })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// This program itself, for the parts that run beside it.
    pub fn myself(&self) -> Command {
        self.command("figures")
    }

    /// An empty folder of that name.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(folder)
    }
}

/// entra-sim.
pub struct Simulator {
    _process: Child,
    /// Its origin.
    pub authority: String,
    /// Where it listens.
    pub place: Place,
}

impl Simulator {
    /// With people who own the mailboxes `0..people`.
    pub async fn start(scene: &Scene, folder: &Path, people: usize, behaviour: Value) -> Result<Self> {
        let users: Vec<Value> = (0..people)
            .map(|number| {
                let address = address_of(number);
                let oid = format!("99999999-8888-7777-6666-{number:012}");
                json!({"upn": address, "name": address, "tenant": TENANT, "oid": oid, "mail": address})
            })
            .collect();
        let config = folder.join("entra-sim.json");
        fs::write(&config, json!({"users": users, "behaviour": behaviour}).to_string())?;
        let mut process = scene.command("entra-sim").arg("--config").arg(&config).stdout(Stdio::piped()).spawn().context("no entra-sim")?;
        let mut lines = BufReader::new(process.stdout.take().context("no output")?).lines();
        let ready = timeout(PATIENCE, lines.next_line()).await??.context("entra-sim ended at once")?;
        let ready: Value = serde_json::from_str(&ready)?;
        let text = |name: &str| ready[name].as_str().map(str::to_owned).with_context(|| format!("entra-sim does not tell its {name}"));
        Ok(Self { _process: process, authority: text("authority")?, place: Place::Tcp(text("address")?.parse()?) })
    }

    /// Asks its control API.
    pub async fn order(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        Connection::open(&self.place).await?.json(method, &format!("/_sim/{path}"), body).await
    }

    /// Changes how it behaves.
    pub async fn behave(&self, changes: Value) -> Result<()> {
        self.order(Method::POST, "behaviour", Some(&changes)).await.map(drop)
    }

    /// Its counters.
    pub async fn counters(&self) -> Result<Value> {
        self.order(Method::GET, "counters", None).await
    }

    /// What the daemon did wrong in its eyes, by rule.
    pub async fn violations(&self) -> Result<Vec<String>> {
        let violations = self.order(Method::GET, "violations", None).await?;
        let rules = violations.as_array().into_iter().flatten();
        Ok(rules.map(|violation| violation["rule"].as_str().unwrap_or_default().to_owned()).collect())
    }
}

/// Settings, credentials and database of a daemon; the root helper beside it where there is root and it is wanted.
pub struct Installation {
    /// Its folder.
    pub folder: PathBuf,
    /// The credentials file, alone in a folder.
    pub credentials: PathBuf,
    scene: Scene,
    helper: Option<Service>,
}

impl Installation {
    /// In an empty folder of that name. `installed` runs the two processes of an installed system (one of those at a time).
    pub async fn new(scene: &Scene, folder: PathBuf, simulator: &Simulator, installed: bool) -> Result<Self> {
        let secrets = folder.join("secrets");
        fs::DirBuilder::new().mode(0o700).create(&secrets)?;
        let credentials_file = secrets.join("OneDesk");
        write_private(&credentials_file, &credentials(SECRETS[0]))?;
        let with_helper = installed && scene.two_processes;
        let shown = folder.display();
        let file = if with_helper { String::new() } else { credentials_file.display().to_string() };
        let settings = format!(
            r#"public_url = "{PUBLIC_URL}"
[listen]
http = "unix:{shown}/http.sock"
metrics = ""
[credentials]
file = "{file}"
[database]
url = "sqlite://{shown}/onedesk.db"
master_key_file = "{shown}/master.key"
[microsoft]
authority = "{authority}"
graph = "{authority}"
tenant = "{TENANT}"
[local_api]
socket = "{shown}/api.sock"
[pages]
webapps = "{PAGES}/webapps"
customerapps = "{PAGES}/customerapps"
overrides = "{shown}/templates"
"#,
            authority = simulator.authority,
        );
        write_private(&folder.join("onedeskd.toml"), &settings)?;
        let mut installation = Self { folder, credentials: credentials_file, scene: scene.clone(), helper: None };
        if with_helper {
            installation.helper = Some(installation.start_helper().await?);
        }
        Ok(installation)
    }

    async fn start_helper(&self) -> Result<Service> {
        let socket = Path::new(HAND_OVER).join("handover.sock");
        let mut command = self.scene.command("onedesk-credentials");
        command.arg("--file").arg(&self.credentials).arg("--socket").arg(&socket).args(["--user", "root"]);
        let (helper, _) = start(&mut command, &self.folder, "onedesk-credentials").await?;
        Ok(helper)
    }

    /// Starts the daemon; returns when it says READY, and how long that took.
    pub async fn start(&self) -> Result<(Daemon, Duration)> {
        let mut command = self.scene.command("onedeskd");
        command.arg("--config").arg(self.folder.join("onedeskd.toml"));
        let (service, took) = start(&mut command, &self.folder, "onedeskd").await?;
        let socket = |name: &str| Place::Unix(self.folder.join(name));
        Ok((Daemon { service, api: socket("api.sock"), web: socket("http.sock") }, took))
    }

    /// Writes the settings anew; returns what they were.
    pub fn amend(&self, change: impl FnOnce(&str) -> String) -> Result<String> {
        let path = self.folder.join("onedeskd.toml");
        let before = fs::read_to_string(&path)?;
        fs::write(&path, change(&before))?;
        Ok(before)
    }

    /// The admin's tool, with these settings.
    pub fn ctl(&self) -> Command {
        let mut command = self.scene.command("onedeskctl");
        command.arg("--config").arg(self.folder.join("onedeskd.toml"));
        command
    }

    /// The helper's process id, where there is one.
    pub fn helper(&self) -> Option<u32> {
        self.helper.as_ref().and_then(|helper| helper.process.id())
    }

    /// The scene that it is part of.
    pub const fn scene(&self) -> &Scene {
        &self.scene
    }
}

/// A running onedeskd.
pub struct Daemon {
    service: Service,
    /// Its local API.
    pub api: Place,
    /// Its web door.
    pub web: Place,
}

impl Daemon {
    /// Its process id.
    pub fn pid(&self) -> Result<u32> {
        self.service.process.id().context("the daemon has ended")
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(i32::try_from(self.pid()?)?), signal)?)
    }

    /// Ends it as the service manager does.
    pub async fn stop(mut self) -> Result<()> {
        self.signal(Signal::SIGTERM)?;
        let status = timeout(PATIENCE, self.service.process.wait()).await.context("the daemon does not end")??;
        ensure!(status.success(), "the daemon ended with {status}");
        Ok(())
    }

    /// Ends it as a power cut does to a process.
    pub async fn kill(mut self) -> Result<()> {
        self.service.process.kill().await.context("the daemon cannot be killed")
    }
}

/// A process with a service manager that listens to it.
struct Service {
    process: Child,
    _manager: JoinSet<()>,
}

/// Starts a program that tells the service manager when it is ready (`sd_notify(3)`); what it logs goes to a file.
async fn start(command: &mut Command, folder: &Path, name: &str) -> Result<(Service, Duration)> {
    let socket = folder.join(format!("{name}.notify"));
    if socket.exists() {
        fs::remove_file(&socket)?;
    }
    let manager = UnixDatagram::bind(&socket)?;
    let log = folder.join(format!("{name}.log"));
    let log = fs::OpenOptions::new().create(true).append(true).open(&log)?;
    command.envs(environment(name)?).env("NOTIFY_SOCKET", &socket).env_remove("JOURNAL_STREAM").stdout(Stdio::null()).stderr(log);
    let began = Instant::now();
    let mut process = command.spawn().with_context(|| format!("{name} cannot be started"))?;
    let ready = async {
        let mut message = vec![0; 4096];
        loop {
            let length = manager.recv(&mut message).await?;
            if message[..length].split(|byte| *byte == b'\n').any(|line| line == b"READY=1") {
                return anyhow::Ok(began.elapsed());
            }
        }
    };
    let took = tokio::select! {
        took = timeout(PATIENCE, ready) => took.with_context(|| format!("{name} does not become ready"))??,
        ended = process.wait() => anyhow::bail!("{name} ended with {}; see its log in {}", ended?, folder.display()),
    };
    let mut listening = JoinSet::new();
    listening.spawn(async move { while manager.recv(&mut [0; 4096]).await.is_ok() {} });
    Ok((Service { process, _manager: listening }, took))
}

/// What the unit of a program sets in its environment: a program is measured as it is installed.
fn environment(name: &str) -> Result<Vec<(String, String)>> {
    let path = format!("{}/../systemd/{name}.service", env!("CARGO_MANIFEST_DIR"));
    let unit = fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
    let variables = unit.lines().filter_map(|line| line.strip_prefix("Environment=")?.split_once('='));
    Ok(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// Writes a file that only its owner may read.
pub fn write_private(path: &Path, content: &str) -> Result<()> {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    Ok(file.write_all(content.as_bytes())?)
}
