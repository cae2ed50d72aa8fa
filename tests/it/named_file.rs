//! Where the credentials are elsewhere than usual, every text names that place.

use std::process::Command;

use entra_sim::{CLIENT_ID, EXPIRED_SECRET, SECRET};
use serde_json::json;

use crate::admin::{Desk, plain};
use crate::harness::{Browser, Daemon, SUPPORT, World, send};

const USUAL: &str = "/root/.OneDesk";

/// Texts, each with whether it has to name the file.
struct Texts {
    file: String,
}

impl Texts {
    /// It names no other place, and this one if it is about the file.
    #[track_caller]
    fn check(&self, what: &str, text: &str, is_about_it: bool) {
        let text = plain(text);
        assert!(!text.contains(USUAL), "{what}: {text}");
        assert!(!is_about_it || text.contains(&self.file), "{what} does not name {}: {text}", self.file);
    }

    fn command(&self, daemon: &Daemon, arguments: &[&str], is_about_it: bool) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_onedeskctl"));
        let output = command.arg("--config").arg(daemon.site.config()).args(arguments).output().unwrap();
        let text = format!("{}{}", String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        self.check(&arguments.join(" "), &text, is_about_it);
    }
}

#[test]
fn every_text_names_the_credentials_file_of_the_settings() {
    let mut world = World::start_with(|_| {});
    let texts = Texts { file: world.daemon.site.credentials().display().to_string() };
    let everywhere = |daemon: &Daemon, state: &str| {
        texts.check(&format!("{state}: the status"), &daemon.status().to_string(), true);
        texts.check(&format!("{state}: the checks"), &daemon.get("/v1/checks?offline=true").body, true);
        texts.check(&format!("{state}: /readyz"), &send(&daemon.site.web(), "GET", "/readyz", &[], b"").unwrap().body, false);
        texts.command(daemon, &["status"], true);
        texts.command(daemon, &["check", "--offline"], true);
        let mut desk = Desk::enter(daemon);
        for path in ["/admin", "/admin/credentials"] {
            texts.check(&format!("{state}: {path}"), &desk.get(path).expect(200).body, true);
        }
        for code in ["AADSTS7000222", "AADSTS7000215"] {
            texts.check(&format!("{state}: explain {code}"), &desk.post("/admin/explain", &[("text", code)]).expect(200).body, true);
            texts.command(daemon, &["explain", code], true);
        }
        texts.command(daemon, &["app-registration", "--format", "azcli"], true);
        texts.command(daemon, &["app-registration", "--format", "powershell"], true);
        texts.check(&format!("{state}: the journal"), &daemon.log(), false);
    };
    everywhere(&world.daemon, "unconfigured");
    let link = world.daemon.mailbox_link(&json!({}));
    texts.check("a link without credentials", &Browser::new().get(&link).expect(503).body, true);
    let nothing = world.daemon.call("PUT", "/v1/credentials/expiry", Some(&json!({"expires_at": "2031-01-31T00:00:00Z"})));
    texts.check("an end of nothing", &nothing.expect(409).body, true);

    world.daemon.site.write_pair(CLIENT_ID, SECRET);
    world.daemon.wait_for_status("in force", |status| status["state"] == "ready");
    world.connect_for(SUPPORT, 600);
    world.daemon.call("PUT", "/v1/credentials/expiry", Some(&json!({"expires_at": "2020-01-31T00:00:00Z"}))).expect(200);
    world.daemon.restart();
    everywhere(&world.daemon, "with a secret that ends");

    world.daemon.site.write_pair(CLIENT_ID, EXPIRED_SECRET);
    world.daemon.restart();
    let status = world.daemon.wait_for_status("refused", |status| status["credentials"]["problem"]["code"] == "AADSTS7000222");
    assert_eq!((&status["state"], &status["credentials"]["verified"]), (&"unconfigured".into(), &"no".into()), "nothing good is in force");
    everywhere(&world.daemon, "refused");
    world.daemon.manager.wait_for_status(&["unconfigured: The client secret has expired."]);
    texts.check("a link with a refused secret", &Browser::new().get(&link).expect(503).body, true);
    texts.check("the mailboxes", &world.daemon.get("/v1/mailboxes").body, false);
    texts.check("a token", &world.daemon.token(SUPPORT, "imap").body, false);
    assert!(!world.daemon.log().contains("line=0"), "{}", world.daemon.log());
}
