//! `onedeskctl support-bundle`: everything that support asks for, and nothing of what nobody may see.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use entra_sim::{CLIENT_ID, Fault, Problem, TENANT};
use serde_json::{Value, json};

use crate::canary::Canaries;
use crate::harness::{Daemon, SUPPORT, Site, World, eventually, wait_until};

const SECRET: &str = "Canary~bundle-secret.8Q~aaaaaaaaaaaaaaaaaaaa";
const RECORD: &str = "Canary~record-secret.8Q~bbbbbbbbbbbbbbbbbbbb";
const PROXY: &str = "CanaryProxyPassword";
const HOSTILE: &str = "Canary-hostile-words-of-a-foreign-process";

/// Unpacked: names without the folder, and contents.
fn unpacked(file: &Path) -> BTreeMap<String, String> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap()));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        assert_eq!(entry.header().mode().unwrap(), 0o600);
        let path = entry.path().unwrap().into_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), text)
    });
    entries.collect()
}

/// Programs of the host as a test wants them.
fn with_programs(site: &Site, programs: &[(&str, &str)]) {
    std::fs::create_dir_all(site.path("bin")).unwrap();
    for (name, output) in programs {
        std::fs::write(site.path(name), output).unwrap();
        let program = site.path("bin").join(name);
        std::fs::write(&program, format!("#!/bin/sh\nexec /bin/cat '{}'\n", site.path(name).display())).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn onedeskctl(site: &Site, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onedeskctl"));
    command.env_clear().env("PATH", site.path("bin")).current_dir(site.folder()).stdin(Stdio::null());
    command.arg("--socket").arg(site.socket()).arg("--config").arg(site.config()).arg("support-bundle").args(arguments);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A provider that throws everything it hears back, in every member and in more than one coat; its metadata is that of Entra.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            while reader.read_line(&mut head).is_ok_and(|bytes| bytes > 2) {
                let line = head.lines().last().unwrap_or_default().to_ascii_lowercase();
                length = line.strip_prefix("content-length: ").and_then(|value| value.parse().ok()).unwrap_or(length);
            }
            let mut body = vec![0; length];
            let _ = reader.read_exact(&mut body);
            let fields: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
            let values: Vec<&str> = fields.iter().map(|(_, value)| value.as_str()).collect();
            let raw = String::from_utf8_lossy(&body);
            let secret = fields.iter().find(|(name, _)| name.contains("secret")).map_or(head.as_str(), |(_, value)| value);
            let description =
                format!("AADSTS7000215: no {raw} or {} or {} or {head}", values.join(" "), values.map_each(|value| STANDARD.encode(value)));
            if head.starts_with("GET ") {
                let base = format!("http://{address}/{TENANT}");
                let key = json!({"kty": "RSA", "use": "sig", "kid": "k", "e": "AQAB", "n": URL_SAFE_NO_PAD.encode([0xc1; 256])});
                let published = json!({"issuer": format!("{base}/v2.0"), "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
                    "token_endpoint": format!("{base}/oauth2/v2.0/token"), "jwks_uri": format!("{base}/keys"), "keys": [key]})
                .to_string();
                let length = published.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{published}"
                );
                continue;
            }
            let answer = json!({"error": secret, "suberror": secret, "trace_id": secret, "correlation_id": secret, "timestamp": secret,
                "error_codes": [7_000_215], "error_description": description, "access_token": secret})
            .to_string();
            let _ = write!(
                stream,
                "HTTP/1.1 400 Bad\r\ncontent-type: application/json\r\nserver: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
                secret.lines().next().unwrap_or_default(),
                answer.len()
            );
        }
    });
    address
}

trait MapEach {
    fn map_each(&self, change: impl Fn(&str) -> String) -> String;
}

impl MapEach for Vec<&str> {
    fn map_each(&self, change: impl Fn(&str) -> String) -> String {
        self.iter().map(|value| change(value)).collect::<Vec<_>>().join(" ")
    }
}

/// The daemon's own log as the journal would give it, beside fields that no bundle may take.
fn journal_of(daemon: &Daemon) -> String {
    let log = daemon.log();
    let lines = log.lines().map(|line| {
        json!({"MESSAGE": line, "PRIORITY": "6", "_SYSTEMD_UNIT": "onedeskd.service", "_CMDLINE": HOSTILE, "ENVIRONMENT": SECRET,
            "COREDUMP_ENVIRON": RECORD, "_SOURCE_REALTIME_TIMESTAMP": HOSTILE})
        .to_string()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_bundle_holds_what_support_asks_for_and_none_of_the_canaries() {
    let mut canaries = Canaries::default();
    for (what, value) in [("secret", SECRET), ("record's secret", RECORD), ("proxy password", PROXY), ("foreign field", HOSTILE)] {
        canaries.add(what, value);
    }
    let (simulator, mut site) = World::apart();
    simulator.set_secret(CLIENT_ID, SECRET, i64::MAX / 2);
    site.set("log.level", "\"trace\"");
    site.set("microsoft.proxy", &format!("\"http://desk:{PROXY}@127.0.0.1:9\""));
    site.write_pair(CLIENT_ID, SECRET);
    let mut world = World { daemon: Daemon::start(site), simulator };
    world.connect_for(SUPPORT, 2);
    let daemon = &world.daemon;
    canaries.add("access token", daemon.token(SUPPORT, "imap").expect(200).json()["access_token"].as_str().unwrap());
    canaries.add("ticket", daemon.mailbox_link(&json!({})).split("ticket=").nth(1).unwrap());

    // Failures of each kind: a refusal of the simulator's, then a provider that echoes secrets, then none at all.
    let refusal = Problem { code: 50_173, ..Problem::default() };
    world.simulator.fault(Fault::Error(refusal), 1);
    wait_until("a refused refresh", || daemon.mailbox(SUPPORT)["state"] == "needs_reauth");
    let echo = echo();
    let hostile = json!({"address": "\"><script>alert(1)</script>@example.test"});
    daemon.call("POST", "/v1/mailboxes", Some(&hostile)).expect(400);
    world.daemon.site.set("microsoft.authority", &format!("\"http://{echo}\""));
    world.daemon.reload();
    let daemon = &world.daemon;
    let other = "Canary~second-secret.8Q~cccccccccccccccccccc";
    canaries.add("second secret", other);
    daemon.site.write_pair(CLIENT_ID, other);
    let tenant = format!("http://{echo}/{TENANT}/oauth2/v2.0");
    let body = json!({"name": "<script>\"@x.test", "audience": "users", "authorization_uri": format!("{tenant}/authorize"),
        "token_url": format!("{tenant}/token"), "client_id": CLIENT_ID, "client_secret": RECORD});
    daemon.call("POST", "/v1/sso/connections", Some(&body)).expect(201);
    let transcripts = eventually("the echo is recorded", || {
        let list = daemon.get("/v1/transcripts").expect(200).json();
        let is_of_echo = |item: &Value| item["host"] == echo.to_string() && item["grant_type"] == "client_credentials";
        list["items"].as_array().unwrap().iter().filter(|item| is_of_echo(item)).count().ge(&2).then_some(list)
    });
    canaries.add_from_requests(&world);
    let key = std::fs::read_to_string(daemon.site.path("master.key")).unwrap();
    key.lines().filter(|line| !line.starts_with('#') && !line.contains(' ')).for_each(|line| canaries.add("master key", line));
    let canaries = canaries.in_disguise();
    assert!(canaries.heard(format!("a {} b", STANDARD.encode(format!("desk:{SECRET}"))).as_bytes()).is_some(), "a canary sings in base64");
    canaries.assert_absent("the transcripts", transcripts.to_string().as_bytes());
    assert!(transcripts.to_string().contains("AADSTS7000215: no […]"), "{transcripts}");
    let refused = transcripts["items"].as_array().unwrap().iter().find(|item| item["error_codes"] == json!([50_173])).unwrap();
    assert_eq!(
        (&refused["status"], &refused["grant_type"], &refused["error"]),
        (&json!(400), &json!("refresh_token"), &json!("invalid_grant"))
    );

    // The bundle: with the journal, with a broken settings file, and with pseudonyms.
    let units = "Id=onedeskd.service\nActiveState=active\nStatusText=ready\n\nId=onedesk-credentials.service\nActiveState=active\n";
    with_programs(&daemon.site, &[("journalctl", &journal_of(daemon)), ("systemctl", units), ("rpm", "onedesk-db-utils-1.0.0-1.noarch\n")]);
    let made = onedeskctl(&daemon.site, &["--output", "bundle.tar.gz", "--yes"]);
    assert!(made.status.success(), "{made:?}");
    canaries.assert_absent("the listing", &made.stdout);
    for part in ["README.txt", "status.json", "transcripts.json", "journal.json", "versions.json", "units.json"] {
        assert!(text(&made.stdout).contains(part), "{part} is not listed");
    }
    let file = daemon.site.path("bundle.tar.gz");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    let files = unpacked(&file);
    let expected = "README.txt certificates.json checks.json database-files.json database.json directories.json journal.json mailboxes.json \
        settings-file.json settings-in-force.json sso.json status.json transcripts.json units.json versions.json";
    assert_eq!(files.keys().cloned().collect::<Vec<_>>().join(" "), expected);
    for (name, content) in &files {
        canaries.assert_absent(name, content.as_bytes());
    }
    assert!(files["journal.json"].contains("credentials are in force") && files["mailboxes.json"].contains("AADSTS50173"));
    assert!(files["settings-in-force.json"].contains("http://127.0.0.1:9/") && files["mailboxes.json"].contains(SUPPORT));
    assert!(files["units.json"].contains("\"ActiveState\": \"active\"") && files["versions.json"].contains("1.0.0-1.noarch"));

    let good = std::fs::read_to_string(daemon.site.config()).unwrap();
    std::fs::write(daemon.site.config(), format!("AZUREAD_CIS = \"{SECRET}\"\nproxi = \"http://desk:{PROXY}@proxy.test\"\n{good}"))
        .unwrap();
    let made = onedeskctl(&daemon.site, &["--output", "hidden.tar.gz", "--pseudonymize", "--yes"]);
    assert!(made.status.success(), "{made:?}");
    let all =
        unpacked(&daemon.site.path("hidden.tar.gz")).into_iter().map(|(name, content)| format!("{name}\n{content}")).collect::<String>();
    canaries.assert_absent("the bundle with pseudonyms", all.as_bytes());
    assert!(all.contains("unknown key") && all.contains("person-") && all.contains("AADSTS50173"));
    let host = nix::sys::utsname::uname().unwrap().nodename().to_str().unwrap().to_owned();
    for name in [SUPPORT, "example.test", TENANT, "support@", host.as_str()] {
        assert!(
            !all.contains(name),
            "{name} is in the bundle with pseudonyms: {:?}",
            all.find(name).map(|at| &all[at.saturating_sub(80)..at + 40])
        );
    }
    world.simulator.clear_faults();
}

#[test]
fn without_a_daemon_a_bundle_is_made_of_what_is_left_and_says_what_is_missing() {
    let (_simulator, site) = World::apart();
    let made = onedeskctl(&site, &["--output", "bundle.tar.gz", "--yes", "--json"]);
    assert_eq!((made.status.code(), text(&made.stderr)), (Some(0), String::new()));
    let listed: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(listed["path"], "bundle.tar.gz");
    let missing: Vec<&str> = listed["missing"].as_array().unwrap().iter().map(|part| part["name"].as_str().unwrap()).collect();
    assert_eq!(missing, ["status", "settings-in-force", "transcripts", "mailboxes", "directories", "sso", "database", "units", "journal"]);
    let files = unpacked(&site.path("bundle.tar.gz"));
    assert_eq!(
        files.keys().map(String::as_str).collect::<Vec<_>>(),
        ["README.txt", "certificates.json", "checks.json", "database-files.json", "settings-file.json", "versions.json"]
    );
    assert!(files["README.txt"].contains("there is no such socket") && files["README.txt"].contains("journalctl is not on this host"));
}

#[test]
fn nothing_is_written_over_and_nobody_need_be_there_to_say_yes() {
    let (_simulator, site) = World::apart();
    std::fs::write(site.path("taken"), "mine").unwrap();
    std::os::unix::fs::symlink(site.path("elsewhere"), site.path("link")).unwrap();
    for name in ["taken", "link"] {
        let refused = onedeskctl(&site, &["--output", name, "--yes"]);
        assert_eq!(refused.status.code(), Some(1), "{name}");
        assert!(text(&refused.stderr).contains("nothing is written over"), "{refused:?}");
    }
    assert_eq!(std::fs::read_to_string(site.path("taken")).unwrap(), "mine");
    assert!(!site.path("elsewhere").exists());

    let unattended = onedeskctl(&site, &["--output", "new"]);
    assert_eq!(unattended.status.code(), Some(0), "{unattended:?}");
    assert!(text(&unattended.stdout).contains("README.txt"), "listed first: {unattended:?}");
    assert!(site.path("new").exists());

    let made = onedeskctl(&site, &["--pseudonymize"]);
    assert!(made.status.success(), "{made:?}");
    let names = std::fs::read_dir(site.folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let found: Vec<String> = names.filter(|name| name.starts_with("onedesk-support-2")).collect();
    assert!(found.len() == 1 && found[0].ends_with("Z.tar.gz"), "{found:?}");
}
