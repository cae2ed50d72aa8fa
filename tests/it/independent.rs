//! The certified `oidc-provider` in Microsoft's place: the proof that we don't only agree with our own simulator.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Once;

use entra_sim::{CLIENT_ID, SECRET};
use serde_json::{Value, json};

use crate::harness::{Browser, Daemon, SUPPORT, Site};

/// A running provider; dropping it ends it.
pub struct Provider {
    child: Child,
    /// Microsoft's login origin.
    pub origin: String,
    /// Stays open: a server that cannot say something ends.
    _says: BufReader<ChildStdout>,
}

impl Provider {
    /// Starts it for a client that has this redirect URI.
    pub fn start(redirect_uri: &str) -> Self {
        Self::start_with(redirect_uri, &[])
    }

    /// The same with more arguments.
    pub fn start_with(redirect_uri: &str, more: &[&str]) -> Self {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc-provider"));
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| {
            if !folder.join("node_modules/oidc-provider").exists() {
                let output = Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(folder).output();
                let output = output.expect("npm is needed for this test: install nodejs and npm");
                assert!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
            }
        });
        let mut command = Command::new("node");
        command.args(["server.mjs", "--client-id", CLIENT_ID, "--redirect-uri", redirect_uri]).args(more).current_dir(folder);
        let mut child =
            command.env("CLIENT_SECRET", SECRET).stdout(Stdio::piped()).spawn().expect("node is needed for this test: install nodejs");
        let mut line = String::new();
        let mut says = BufReader::new(child.stdout.take().unwrap());
        says.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let endpoint = url::Url::parse(ready["token_endpoint"].as_str().unwrap()).unwrap();
        Self { child, origin: endpoint.origin().ascii_serialization(), _says: says }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_independent_certified_provider_connects_a_mailbox_and_refreshes_it() {
    let mut site = Site::new("http://127.0.0.1:9");
    let provider = Provider::start(&format!("{}/integrations/office365/oauth2redirectWithAuthCode", site.origin()));
    site.set("microsoft.authority", &format!("{:?}", provider.origin));
    site.write_pair(CLIENT_ID, SECRET);
    let mut daemon = Daemon::start(site);
    daemon.wait_for_status("ready", |status| status["state"] == "ready");

    let mut browser = Browser::new();
    browser.open(&daemon.mailbox_link(&json!({"address": SUPPORT}))).expect(200).says(&["Mailbox connected", SUPPORT]);
    let first = daemon.token(SUPPORT, "imap").expect(200).json();

    for _ in 0..2 {
        daemon.stop();
        daemon.site.sql("UPDATE access_tokens SET expires_at = obtained_at + 1");
        daemon.start_again();
        let next = daemon.token(SUPPORT, "imap").expect(200).json();
        assert_ne!(next["access_token"], first["access_token"]);
        assert_eq!(daemon.wait_for_mailbox(SUPPORT, "healthy")["reason"], Value::Null);
    }
}
