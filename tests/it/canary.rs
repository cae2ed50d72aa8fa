//! A canary in every secret place: none of them may be heard anywhere.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use entra_sim::{ALWAYS, CLIENT_ID, Fault};
use serde_json::{Value, json};

use crate::harness::{ANN, Answer, Browser, SUPPORT, World, wait_until};

const SECRET: &str = "Canary~first-secret.8Q~aaaaaaaaaaaaaaaaaaaaa";
const NEXT: &str = "Canary~next-secret.8Q~bbbbbbbbbbbbbbbbbbbbbb";
const PASTED: &str = "Canary~pasted-wrongly.8Q~ccccccccccccccccccc";
const PROXY: &str = "CanaryProxyPassword";

/// Everything secret that was seen, by what it is.
#[derive(Default)]
pub struct Canaries(BTreeMap<String, String>);

impl Canaries {
    pub fn add(&mut self, what: &str, value: &str) {
        assert!(value.len() >= 12, "{what} is too short to be looked for");
        self.0.insert(value.to_owned(), what.to_owned());
    }

    /// Secrets that only the provider saw.
    pub fn add_from_requests(&mut self, world: &World) {
        for request in world.simulator.requests() {
            for name in ["client_secret", "code", "code_verifier", "refresh_token", "state", "nonce"] {
                if let Some(value) = request.parameters.get(name) {
                    self.add(name, value);
                }
            }
        }
    }

    /// The same canaries in every form in which they could be smuggled out.
    pub fn in_disguise(&self) -> Self {
        let mut disguised = BTreeMap::new();
        for (value, what) in &self.0 {
            disguised.insert(value.clone(), what.clone());
            disguised.insert(form_urlencoded::byte_serialize(value.as_bytes()).collect(), format!("{what}, percent-encoded"));
            // Wherever it stands in what is encoded; the first and the last letters hang on its neighbours.
            for skipped in 0..3 {
                let shifted = [&b"xx"[..skipped], value.as_bytes()].concat();
                for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
                    disguised.insert(encoded[4..encoded.len() - 3].to_owned(), format!("{what}, in base64"));
                }
            }
        }
        Self(disguised)
    }

    /// The first canary in `bytes`, with what is around it.
    pub fn heard(&self, bytes: &[u8]) -> Option<String> {
        // Of an ID token we know no more than how it begins.
        let jwt = [("eyJhbGciO", "a JWT"), ("eyJ0eXAiO", "a JWT")];
        let known = self.0.iter().map(|(value, what)| (value.as_str(), what.as_str()));
        known.chain(jwt).find_map(|(value, what)| {
            let at = bytes.windows(value.len()).position(|window| window == value.as_bytes())?;
            let around = &bytes[at.saturating_sub(80)..(at + 80).min(bytes.len())];
            Some(format!("{what}: …{}…", String::from_utf8_lossy(around)))
        })
    }

    #[track_caller]
    pub fn assert_absent(&self, place: &str, bytes: &[u8]) {
        assert_eq!(self.heard(bytes), None, "in {place}");
    }
}

/// Pages and documents with their headers, but for the redirect to the provider and our cookie, which carry state by nature.
fn text(answer: &Answer) -> String {
    let headers =
        answer.headers.iter().filter(|(name, value)| name != "set-cookie" && !(name == "location" && value.contains("/authorize?")));
    headers.map(|(name, value)| format!("{name}: {value}\n")).chain([answer.body.clone()]).collect()
}

#[test]
fn no_secret_is_heard_in_any_log_page_number_table_or_answer() {
    let mut canaries = Canaries::default();
    for (what, value) in [("secret", SECRET), ("next secret", NEXT), ("pasted secret", PASTED), ("proxy password", PROXY)] {
        canaries.add(what, value);
    }
    let (simulator, mut site) = World::apart();
    simulator.set_secret(CLIENT_ID, SECRET, i64::MAX / 2);
    simulator.set_secret(CLIENT_ID, NEXT, i64::MAX / 2);
    site.set("log.level", "\"trace\"");
    site.write_credentials(&format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS={SECRET}\nAZUREAD_CIS_NEXT={NEXT}\n"));
    let mut world = World { daemon: crate::harness::Daemon::start(site), simulator };
    let mut pages = Vec::new();
    let daemon = &world.daemon;
    daemon.wait_for_status("verified", |status| status["credentials"]["verified"] == "yes");

    // Journeys that work, and a refresh for each resource.
    world.simulator.behave(|behaviour| behaviour.access_token_lifetime = 2);
    let link = daemon.mailbox_link(&json!({"address": SUPPORT}));
    canaries.add("ticket", link.split("ticket=").nth(1).unwrap());
    let mut browser = Browser::new();
    let authorization = browser.begin(&link);
    let callback = browser.sign_in(&authorization, SUPPORT);
    pages.push(text(&browser.get(&callback).expect(303)));
    pages.push(text(&browser.get(&callback).expect(400)));
    pages.push(text(&world.directory_journey("admin@example.test").expect(200)));
    for (_, cookie) in browser.cookies(&daemon.site.origin()) {
        canaries.add("cookie", &cookie);
    }
    for purpose in ["imap", "graph"] {
        let answer = daemon.token(SUPPORT, purpose).expect(200);
        let token = answer.json();
        canaries.add("access token", token["access_token"].as_str().unwrap());
        assert!(canaries.heard(answer.body.as_bytes()).is_some(), "the one call that gives a token");
        if let Some(line) = token["xoauth2"].as_str() {
            canaries.add("xoauth2", line);
        }
    }
    wait_until("a rotation", || daemon.mailbox(SUPPORT)["last_refresh_at"].is_string());

    // Journeys that do not, each in another place.
    let other = daemon.mailbox_link(&json!({"address": ANN}));
    for fault in
        [Fault::Status { status: 500 }, Fault::InvalidJson, Fault::WrongTypes, Fault::HugeBody, Fault::LoseResponse, Fault::TruncatedBody]
    {
        world.simulator.fault(fault, 1);
        let authorization = browser.begin(&other);
        let callback = browser.sign_in(&authorization, ANN);
        pages.push(text(&browser.get(&callback)));
    }
    let authorization = browser.begin(&other);
    let callback = browser.sign_in(&authorization, SUPPORT);
    pages.push(text(&browser.get(&callback).expect(403)));
    pages.push(text(&Browser::of_a_program().get(&callback).expect(400)));

    // Secrets in the wrong place.
    for file in [
        format!("AZUREAD_CID={PASTED}\nAZUREAD_CIS={SECRET}\n"),
        format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS \"{PASTED}\"\n"),
        format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS=\"{PASTED}\n"),
        format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS={PASTED}\n"),
    ] {
        daemon.site.write_credentials(&file);
        pages.push(daemon.wait_for_status("stale", |status| status["state"] == "stale").to_string());
        daemon.site.write_pair(CLIENT_ID, NEXT);
        daemon.wait_for_status("ready", |status| status["state"] == "ready");
    }
    let body = json!({"address": PASTED, "shared": PASTED, "replace": false});
    pages.push(text(&daemon.call("POST", "/v1/mailboxes", Some(&body)).expect(400)));
    let good = std::fs::read_to_string(daemon.site.config()).unwrap();
    for line in [format!("AZUREAD_CIS = \"{PASTED}\"\n"), format!("proxi = \"http://desk:{PROXY}@proxy.test\"\n")] {
        std::fs::write(daemon.site.config(), format!("{line}{good}")).unwrap();
        daemon.reload();
        pages.push(daemon.status().to_string());
    }

    // A proxy that refuses, with a password in its address.
    daemon.site.write_settings();
    canaries.add_from_requests(&world);
    world.daemon.site.set("microsoft.proxy", &format!("\"http://desk:{PROXY}@127.0.0.1:9\""));
    world.daemon.reload();
    let daemon = &world.daemon;
    world.simulator.fault(Fault::Status { status: 503 }, ALWAYS);
    let authorization = browser.begin(&other);
    let callback = browser.sign_in(&authorization, ANN);
    pages.push(text(&browser.get(&callback).expect(502)));
    wait_until("a refresh that fails", || daemon.mailbox(SUPPORT)["state"] == "waiting");
    world.simulator.clear_faults();

    canaries.add_from_requests(&world);
    let key = std::fs::read_to_string(daemon.site.path("master.key")).unwrap();
    key.lines().filter(|line| !line.starts_with('#') && !line.contains(' ')).for_each(|line| canaries.add("master key", line));
    for path in ["/v1/status", "/v1/mailboxes", "/v1/directory", "/v1/audit?limit=1000", "/v1/openapi.json"] {
        pages.push(text(&daemon.get(path)));
    }
    pages.push(daemon.metrics());
    pages.push(daemon.manager.messages().join("\n"));
    let process = format!("/proc/{}", daemon.pid());
    pages.push(["cmdline", "environ"].map(|name| std::fs::read_to_string(format!("{process}/{name}")).unwrap_or_default()).join("\n"));

    assert!(canaries.0.values().filter(|what| *what == "refresh_token").count() >= 2, "rotations were seen");
    for page in &pages {
        canaries.assert_absent("an answer", page.as_bytes());
    }
    assert!(daemon.log().contains(" DEBUG "), "all that can be logged was");
    canaries.assert_absent("the log", daemon.log().as_bytes());
    world.daemon.stop();
    let folder = std::fs::read_dir(world.daemon.site.folder()).unwrap().chain(backups(&world));
    for entry in folder.map(Result::unwrap).filter(|entry| entry.file_type().unwrap().is_file()) {
        let name = entry.file_name().into_string().unwrap();
        if !["OneDesk", "onedeskd.toml", "master.key"].contains(&name.as_str()) {
            canaries.assert_absent(&name, &std::fs::read(entry.path()).unwrap());
        }
    }
    assert_eq!(Value::from(world.simulator.violations().len()), 0);
}

fn backups(world: &World) -> Vec<std::io::Result<std::fs::DirEntry>> {
    std::fs::read_dir(world.daemon.site.path("backups")).map(Iterator::collect).unwrap_or_default()
}
