//! [`Daemon`]: the real `onedeskd` with settings, database and sockets in a folder of its own.

use std::fs::{self, File, Permissions};
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::http::{Request, Response};

/// A debug build on a busy machine, with a database to make.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// A running daemon; dropping it stops it.
pub struct Daemon {
    folder: TempDir,
    port: u16,
    public_port: u16,
    child: Child,
    #[expect(dead_code, reason = "held open as a service manager does")]
    manager: UnixDatagram,
}

impl Daemon {
    /// Starts one with `authority` as Microsoft's login origin and further `settings` (whole sections); ready when it returns.
    pub fn start(authority: &str, settings: &str) -> Self {
        Self::start_behind(None, authority, settings)
    }

    /// The same behind a web server that people reach at another port.
    pub fn start_behind(public_port: Option<u16>, authority: &str, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let public_port = public_port.unwrap_or(port);
        let at = folder.path().display();
        let text = format!(
            "public_url = \"http://localhost:{public_port}\"\n[listen]\nhttp = \"127.0.0.1:{port}\"\nmetrics = \"\"\n\
             [credentials]\nfile = \"{at}/OneDesk\"\n\
             [database]\nurl = \"sqlite://{at}/onedesk.db\"\nmaster_key_file = \"{at}/master.key\"\n\
             [microsoft]\nauthority = \"{authority}\"\ngraph = \"{authority}\"\n\
             [local_api]\nsocket = \"{at}/api.sock\"\n{settings}\n"
        );
        fs::write(folder.path().join("onedeskd.toml"), text).unwrap();
        let (child, manager) = launch(folder.path());
        Self { folder, port, public_port, child, manager }
    }

    /// Stops it and starts it again with all that it stored.
    pub fn restart(&mut self) {
        self.stop();
        (self.child, self.manager) = launch(self.folder.path());
    }

    /// An absolute URL below `public_url`.
    pub fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.public_port)
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The local API's socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("api.sock")
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A call of the local API, as root.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Response {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let headers: &[(&str, &str)] = if text.is_empty() { &[] } else { &[("Content-Type", "application/json")] };
        Request { method, target: path, host: "localhost", headers, body: text.as_bytes() }.over_unix(&self.socket())
    }

    /// The same where only success counts; the JSON of the answer.
    #[track_caller]
    pub fn api(&self, method: &str, path: &str, body: &Value) -> Value {
        let response = self.call(method, path, body);
        assert!((200..300).contains(&response.status), "{method} {path} {body}: {response}");
        response.json()
    }

    /// What it wrote to standard error so far.
    pub fn journal(&self) -> String {
        fs::read_to_string(self.folder.path().join("journal")).unwrap_or_default()
    }

    fn stop(&mut self) {
        let id = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        let _ = nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            let journal = self.journal();
            let from = journal.len().saturating_sub(6000);
            eprintln!("--- onedeskd said ---\n{}", String::from_utf8_lossy(&journal.as_bytes()[from..]));
        }
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts the daemon as a service manager does, and waits for its word.
fn launch(folder: &Path) -> (Child, UnixDatagram) {
    let credentials = folder.join("OneDesk");
    if !credentials.exists() {
        fs::write(&credentials, "AZUREAD_CID=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee\nAZUREAD_CIS=not~a~real.secret\n").unwrap();
        fs::set_permissions(&credentials, Permissions::from_mode(0o600)).unwrap();
    }
    let manager = folder.join("notify.sock");
    let _ = fs::remove_file(&manager);
    let manager_socket = UnixDatagram::bind(&manager).unwrap();
    manager_socket.set_read_timeout(Some(READY_WITHIN)).unwrap();
    let journal = File::options().create(true).append(true).open(folder.join("journal")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_onedeskd"))
        .arg("--config")
        .arg(folder.join("onedeskd.toml"))
        .env("NOTIFY_SOCKET", &manager)
        .env_remove("HTTPS_PROXY")
        .env_remove("https_proxy")
        .stderr(journal)
        .spawn()
        .unwrap();
    let mut word = [0; 4096];
    loop {
        match manager_socket.recv(&mut word) {
            Ok(length) if String::from_utf8_lossy(&word[..length]).lines().any(|line| line == "READY=1") => return (child, manager_socket),
            Ok(_) => {}
            Err(error) => {
                let _ = child.kill();
                let mut said = String::new();
                let _ = File::open(folder.join("journal")).and_then(|mut file| file.read_to_string(&mut said));
                panic!("onedeskd did not become ready ({error}): {said}");
            }
        }
    }
}
