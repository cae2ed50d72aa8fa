//! [`Host`]: the daemon of a stage, and the origin by which browsers know it.

use std::net::{SocketAddr, TcpListener};

use serde_json::Value;

use super::http::Response;
use crate::harness::{Daemon, Site};

/// A running daemon; dropping it kills it.
pub struct Host {
    daemon: Daemon,
    origin: String,
}

impl Host {
    /// Starts one with `authority` as Microsoft's login origin, behind a web server where `origin` is that one's.
    pub fn start(authority: &str, origin: Option<String>) -> Self {
        let mut site = Site::new(authority);
        if let Some(origin) = &origin {
            site.set("public_url", &format!("{origin:?}"));
        }
        site.write_pair("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "not~a~real.secret");
        let origin = origin.unwrap_or_else(|| site.origin());
        Self { daemon: Daemon::start(site), origin }
    }

    /// Starts one on a site that was prepared, with `authority` as Microsoft's login origin.
    pub fn on(mut site: Site, authority: &str) -> Self {
        site.set("microsoft.authority", &format!("{authority:?}"));
        site.write_pair("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "not~a~real.secret");
        let origin = site.origin();
        Self { daemon: Daemon::start(site), origin }
    }

    /// Stops it and starts it again with all that it stored.
    pub fn restart(&mut self) {
        self.daemon.restart();
    }

    /// An absolute URL below `public_url`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.daemon.site.http()
    }

    /// A call of the local API, as root.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Response {
        self.daemon.call(method, path, Some(body).filter(|body| !body.is_null())).into()
    }

    /// The same where only success counts; the JSON of the answer.
    #[track_caller]
    pub fn api(&self, method: &str, path: &str, body: &Value) -> Value {
        let response = self.call(method, path, body);
        assert!((200..300).contains(&response.status), "{method} {path} {body}: {response}");
        response.json()
    }

    /// What it has logged.
    pub fn journal(&self) -> String {
        self.daemon.log()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let journal = self.journal();
            let lines: Vec<&str> = journal.lines().rev().take(40).collect();
            println!("--- onedeskd said, the newest first ---\n{}", lines.join("\n"));
        }
    }
}

/// A port on 127.0.0.1 that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
