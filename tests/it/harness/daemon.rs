//! [`Daemon`]: the real `onedeskd` of a site, with a service manager that listens and a local API that answers.

use std::fs::{File, OpenOptions};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{Answer, Manager, Site, Target, eventually, send, wait_until};

/// A running daemon; dropping it kills it.
pub struct Daemon {
    /// Its files and addresses.
    pub site: Site,
    /// What it tells its service manager.
    pub manager: Manager,
    child: Child,
    launch: fn(&Site) -> Command,
    environment: Vec<(String, String)>,
}

impl Daemon {
    /// Starts and waits for READY.
    pub fn start(site: Site) -> Self {
        Self::start_with(site, &[])
    }

    /// The same with variables in its environment, which is empty otherwise.
    pub fn start_with(site: Site, environment: &[(&str, &str)]) -> Self {
        Self::launch(site, environment, plain)
    }

    /// The same by another command than the plain one; it must become the daemon in the end.
    pub fn start_by(site: Site, launch: fn(&Site) -> Command) -> Self {
        Self::launch(site, &[], launch)
    }

    fn launch(site: Site, environment: &[(&str, &str)], launch: fn(&Site) -> Command) -> Self {
        let manager = Manager::listen(&site.path("notify.sock"));
        let environment: Vec<_> = environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let child = prepared(launch(&site), &site, &manager, &environment).spawn().unwrap();
        let mut daemon = Self { site, manager, child, launch, environment };
        daemon.wait_until_ready();
        daemon
    }

    /// Runs `onedeskd` of this site with these further arguments where it is to end by itself; returns its exit code and what it said.
    pub fn run_to_the_end(site: &Site, arguments: &[&str]) -> (Option<i32>, String) {
        let said = site.path("said");
        let mut child = bare(plain(site), site).args(arguments).stderr(File::create(&said).unwrap()).spawn().unwrap();
        let ended = super::patiently(|| child.try_wait().unwrap());
        let _ = child.kill();
        let said = std::fs::read_to_string(said).unwrap();
        (ended.unwrap_or_else(|| panic!("onedeskd did not end by itself:\n{said}")).code(), said)
    }

    fn wait_until_ready(&mut self) {
        wait_until("READY=1", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("onedeskd ended with {status}:\n{}", self.log());
            }
            self.manager.heard("READY=1") > 0
        });
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        eventually("the daemon ends", || self.child.try_wait().unwrap())
    }

    /// Ends it with SIGTERM.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.ended()
    }

    /// Ends it at once, as a crash of the machine would.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.ended();
    }

    /// Starts it again after [`stop`](Self::stop) or [`kill`](Self::kill).
    pub fn start_again(&mut self) {
        self.manager.forget();
        self.child = prepared((self.launch)(&self.site), &self.site, &self.manager, &self.environment).spawn().unwrap();
        self.wait_until_ready();
    }

    /// Stops it and starts it again.
    pub fn restart(&mut self) {
        assert!(self.stop().success(), "{}", self.log());
        self.start_again();
    }

    /// Stops it and tries to start it again, which must end with that exit code.
    pub fn restart_is_refused_with(&mut self, code: i32) {
        assert!(self.stop().success(), "{}", self.log());
        self.child = prepared((self.launch)(&self.site), &self.site, &self.manager, &self.environment).spawn().unwrap();
        assert_eq!(self.ended().code(), Some(code), "{}", self.log());
    }

    /// SIGHUP, and waits until it has been dealt with.
    pub fn reload(&self) {
        self.manager.forget();
        self.signal(Signal::SIGHUP);
        wait_until("RELOADING=1, then READY=1", || self.manager.heard("RELOADING=1") > 0 && self.manager.heard("READY=1") > 0);
    }

    /// What it has logged, over all starts.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.site.path("log")).unwrap_or_default()
    }

    /// The local API, to send requests to.
    pub fn api(&self) -> Target {
        Target::Unix(self.site.socket())
    }

    /// A request to the local API, as root.
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string).unwrap_or_default();
        let headers = ["content-type: application/json".to_owned()];
        send(&self.api(), method, path, &headers, body.as_bytes())
            .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()))
    }

    /// GET on the local API.
    pub fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None)
    }

    /// `GET /v1/status`.
    pub fn status(&self) -> Value {
        self.get("/v1/status").expect(200).json()
    }

    /// Waits until the status is as `holds` wants it, and returns it.
    pub fn wait_for_status(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        eventually(what, || {
            last = self.status();
            holds(&last).then(|| last.clone())
        })
    }

    /// The mailbox as it is listed.
    pub fn mailbox(&self, address: &str) -> Value {
        let list = self.get("/v1/mailboxes").expect(200).json();
        let found = list.as_array().unwrap().iter().find(|mailbox| mailbox["address"] == address);
        found.cloned().unwrap_or(Value::Null)
    }

    /// Waits until the mailbox is in that state, and returns it.
    pub fn wait_for_mailbox(&self, address: &str, state: &str) -> Value {
        let mut last = Value::Null;
        let found = super::patiently(|| {
            last = self.mailbox(address);
            (last["state"] == state).then(|| last.clone())
        });
        found.unwrap_or_else(|| panic!("{address} never was {state} but {last}\n{}", self.log()))
    }

    /// `GET /v1/mailboxes/{address}/token`.
    pub fn token(&self, address: &str, purpose: &str) -> Answer {
        self.get(&format!("/v1/mailboxes/{address}/token?for={purpose}"))
    }

    /// A link to connect a mailbox, made with these wishes.
    pub fn mailbox_link(&self, wishes: &Value) -> String {
        let answer = self.call("POST", "/v1/mailboxes", Some(wishes)).expect(201).json();
        answer["connect_url"].as_str().unwrap().to_owned()
    }

    /// A link to connect the directory.
    pub fn directory_link(&self) -> String {
        let answer = self.call("POST", "/v1/directory", Some(&json!({}))).expect(201).json();
        answer["connect_url"].as_str().unwrap().to_owned()
    }

    /// The numbers in Prometheus' format.
    pub fn metrics(&self) -> String {
        send(&Target::Tcp(self.site.metrics()), "GET", "/metrics", &[], b"").unwrap().expect(200).body
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> =
                log.lines().filter(|line| !line.contains("local API request") && !line.contains("DEBUG answered")).collect();
            println!("the daemon's last words:\n{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        }
    }
}

fn prepared(command: Command, site: &Site, manager: &Manager, environment: &[(String, String)]) -> Command {
    let mut command = bare(command, site);
    command.env("NOTIFY_SOCKET", manager.socket());
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command
}

/// With an empty environment, and what it says kept in the site's log.
fn bare(mut command: Command, site: &Site) -> Command {
    assert!(nix::unistd::Uid::effective().is_root(), "these tests call the local API as root: run them as root");
    let log = OpenOptions::new().create(true).append(true).open(site.path("log")).unwrap();
    command.env_clear().env("RUST_BACKTRACE", "1").stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    command
}

fn plain(site: &Site) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onedeskd"));
    command.arg("--config").arg(site.config());
    command
}
