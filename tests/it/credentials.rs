//! `/root/.OneDesk` through the running daemon: section 2 of the interface.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use entra_sim::{CLIENT_ID, EXPIRED_SECRET, Endpoint, Fault, SECOND_SECRET, SECRET, Simulator, TENANT};
use serde_json::{Value, json};

use crate::harness::{Browser, Daemon, SUPPORT, World, send, wait_until};

const OTHER_CLIENT: &str = "bbbbbbbb-bbbb-cccc-dddd-eeeeeeeeeeee";

/// Files that are rejected or hold too little, with the code of the problem and what its words must hold.
fn faults() -> Vec<(String, &'static str, &'static str)> {
    let guid = "cccccccc-bbbb-cccc-dddd-eeeeeeeeeeee";
    vec![
        (format!("AZUREAD_CID={CLIENT_ID}\n"), "key_missing", "AZUREAD_CIS is not in"),
        (format!("# nothing yet\nAZUREAD_CIS={SECRET}\n"), "key_missing", "AZUREAD_CID is not in"),
        (String::new(), "key_missing", "AZUREAD_CID and AZUREAD_CIS"),
        (format!("AZUREAD_CID=helpdesk\nAZUREAD_CIS={SECRET}\n"), "client_id_malformed", "not an Application (client) ID"),
        (format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS={guid}\n"), "secret_is_id", "this looks like the Secret ID, copy the secret Value"),
        (format!("AZUREAD_CID={CLIENT_ID}\n\nAZUREAD_CIS=\n"), "value_empty", ":3: the AZUREAD_CIS line has no value"),
        (format!("AZUREAD_CID {CLIENT_ID}\nAZUREAD_CIS={SECRET}\n"), "line_malformed", ":1: the AZUREAD_CID line has no ="),
        (format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS=\"{SECRET}\n"), "line_malformed", "opens a quote"),
        (format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS={SECRET}\n#{}", "x".repeat(70_000)), "file_too_large", ""),
    ]
}

fn problem(status: &Value) -> &Value {
    &status["credentials"]["problem"]
}

fn wait_for_problem(daemon: &Daemon, state: &str, code: &str) -> Value {
    wait_for_words(daemon, state, code, "")
}

fn wait_for_words(daemon: &Daemon, state: &str, code: &str, words: &str) -> Value {
    daemon.wait_for_status(&format!("{state} with {code} {words}"), |status| {
        let problem = problem(status);
        status["state"] == state && problem["code"] == code && problem["title"].as_str().unwrap_or_default().contains(words)
    })
}

fn wait_until_ready(daemon: &Daemon) -> Value {
    daemon.wait_for_status("ready", |status| status["state"] == "ready" && status["credentials"]["verified"] == "yes")
}

fn secret_of_last_probe(simulator: &Simulator) -> Option<String> {
    let requests = simulator.requests();
    let probe = requests.iter().rev().find(|request| request.endpoint == Endpoint::ClientCredentials)?;
    probe.parameters.get("client_secret").cloned()
}

#[test]
fn without_a_good_file_the_daemon_runs_unconfigured_and_says_what_to_add() {
    let world = World::start_with(|_| {});
    let daemon = &world.daemon;
    let status = wait_for_problem(daemon, "unconfigured", "file_missing");
    assert!(problem(&status)["hint"].as_str().unwrap().contains("AZUREAD_CID="), "{status}");
    for (text, code, words) in faults() {
        daemon.site.write_credentials(&text);
        let status = wait_for_words(daemon, "unconfigured", code, words);
        assert_eq!(status["credentials"]["client_id"], Value::Null);
    }
    let ready = send(&daemon.site.web(), "GET", "/readyz", &[], b"").unwrap().expect(503);
    ready.says(&["file_too_large"]);
    send(&daemon.site.web(), "GET", "/healthz", &[], b"").unwrap().expect(200);
    let link = daemon.mailbox_link(&json!({}));
    Browser::new().get(&link).expect(503).says(&["larger than"]);

    daemon.site.write_pair(CLIENT_ID, SECRET);
    wait_until_ready(daemon);
    send(&daemon.site.web(), "GET", "/readyz", &[], b"").unwrap().expect(200);
    Browser::new().get(&link).expect(303);
}

#[test]
fn a_bad_file_leaves_the_good_pair_in_force_and_says_why() {
    let world = World::connected();
    let daemon = &world.daemon;
    for (text, code, words) in faults() {
        daemon.site.write_credentials(&text);
        let status = wait_for_words(daemon, "stale", code, words);
        assert_eq!(status["credentials"]["client_id"], CLIENT_ID);
        assert!(!status.to_string().contains(SECRET));
    }
    fs::remove_file(daemon.site.credentials()).unwrap();
    wait_for_problem(daemon, "stale", "file_missing");
    world.connect("ann@example.test");

    daemon.site.write_pair(CLIENT_ID, SECRET);
    wait_until_ready(daemon);
}

#[test]
fn owner_and_mode_of_the_file_decide_and_a_change_of_them_counts() {
    let world = World::start();
    let daemon = &world.daemon;
    let file = daemon.site.credentials();
    let mode = |mode| fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
    wait_until_ready(daemon);

    mode(0o644);
    let status = daemon.wait_for_status("a warning", |status| status["warnings"][0]["code"] == "file_readable");
    assert_eq!(status["state"], "ready");
    assert_eq!(status["warnings"][0]["hint"], format!("run: chmod 600 {}", file.display()));
    for writable in [0o620, 0o602] {
        mode(writable);
        let status = wait_for_problem(daemon, "stale", "file_writable");
        assert!(problem(&status)["hint"].as_str().unwrap().contains("chmod 600"), "{status}");
        mode(0o600);
        wait_until_ready(daemon);
    }
    chown(&file, Some(65_534), None).unwrap();
    wait_for_problem(daemon, "stale", "file_owner");
    chown(&file, Some(0), None).unwrap();
    wait_until_ready(daemon);
}

#[test]
fn a_key_given_twice_is_reported_with_its_line_and_the_last_one_counts() {
    let world = World::start_with(|site| {
        site.write_credentials(&format!(
            "export AZUREAD_CID = '{CLIENT_ID}'\r\nAZUREAD_CIS=wrong\r\nOTHER=1\r\nAZUREAD_CIS = \"{SECRET}\" # new\r\n"
        ));
    });
    let status = wait_until_ready(&world.daemon);
    let warning = &status["warnings"][0];
    assert_eq!((warning["code"].as_str(), warning["line"].as_u64()), (Some("key_repeated"), Some(4)), "{status}");
    assert_eq!(secret_of_last_probe(&world.simulator).as_deref(), Some(SECRET));
}

#[test]
fn the_file_counts_whatever_way_it_is_written() {
    let world = World::start_with(|site| {
        fs::create_dir(site.path("etc")).unwrap();
        let file = format!("\"{}\"", site.path("etc/OneDesk").display());
        site.set("credentials.file", &file);
    });
    let daemon = &world.daemon;
    let at = |name: &str| daemon.site.path(name);
    let new = |name: &str, secret: &str| {
        fs::write(at(name), format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS={secret}\n")).unwrap();
        fs::set_permissions(at(name), Permissions::from_mode(0o600)).unwrap();
    };
    type Way<'a> = (&'a str, &'a dyn Fn(&str));
    let ways: [Way<'_>; 8] = [
        ("a first file", &|secret| new("etc/OneDesk", secret)),
        ("in place", &|secret| new("etc/OneDesk", secret)),
        ("truncated, then written", &|secret| {
            fs::write(at("etc/OneDesk"), "").unwrap();
            new("etc/OneDesk", secret);
        }),
        ("renamed by an editor", &|secret| {
            new("etc/OneDesk~", secret);
            fs::rename(at("etc/OneDesk~"), at("etc/OneDesk")).unwrap();
        }),
        ("copied over", &|secret| {
            new("copy", secret);
            fs::copy(at("copy"), at("etc/OneDesk")).unwrap();
        }),
        ("deleted and made again", &|secret| {
            fs::remove_file(at("etc/OneDesk")).unwrap();
            new("etc/OneDesk", secret);
        }),
        ("a symbolic link that is swapped", &|secret| {
            new("target", secret);
            symlink(at("target"), at("etc/OneDesk~")).unwrap();
            fs::rename(at("etc/OneDesk~"), at("etc/OneDesk")).unwrap();
        }),
        ("the whole folder replaced", &|secret| {
            fs::create_dir(at("new")).unwrap();
            new("new/OneDesk", secret);
            fs::rename(at("etc"), at("old")).unwrap();
            fs::rename(at("new"), at("etc")).unwrap();
        }),
    ];
    for (number, (way, write)) in ways.iter().enumerate() {
        let secret = if number % 2 == 0 { SECRET } else { SECOND_SECRET };
        write(secret);
        wait_until(&format!("the new secret is tried: {way}"), || secret_of_last_probe(&world.simulator).as_deref() == Some(secret));
        wait_until_ready(daemon);
    }
}

#[test]
fn a_pair_is_tried_at_a_concrete_tenant() {
    let world = World::start();
    wait_until_ready(&world.daemon);
    let requests = world.simulator.requests();
    let probe = requests.iter().find(|request| request.endpoint == Endpoint::ClientCredentials).unwrap();
    assert_eq!(probe.path, format!("/{TENANT}/oauth2/v2.0/token"));
    assert_eq!(probe.parameters["scope"], format!("{}/.default", world.simulator.graph()));
}

#[test]
fn with_a_shared_tenant_nobody_is_asked_until_a_grant_tells_one() {
    let world = World::start_with(|site| {
        site.set("microsoft.tenant", "\"organizations\"");
        site.write_pair(CLIENT_ID, SECRET);
    });
    let daemon = &world.daemon;
    let status = daemon.wait_for_status("taken", |status| status["credentials"]["client_id"] == CLIENT_ID);
    assert_eq!((&status["state"], &status["credentials"]["verified"]), (&json!("ready"), &json!("unverified")));
    assert_eq!(secret_of_last_probe(&world.simulator), None);

    world.connect(SUPPORT);
    daemon.site.write_pair(CLIENT_ID, SECOND_SECRET);
    wait_until("the second secret is tried", || secret_of_last_probe(&world.simulator).as_deref() == Some(SECOND_SECRET));
    wait_until_ready(daemon);
}

#[test]
fn a_refused_secret_is_explained_and_the_old_pair_stays_in_force() {
    let world = World::start();
    let daemon = &world.daemon;
    let before = wait_until_ready(daemon)["credentials"]["changed_at"].clone();
    for (secret, code) in [("wrong~secret", "AADSTS7000215"), (EXPIRED_SECRET, "AADSTS7000222")] {
        daemon.site.write_pair(CLIENT_ID, secret);
        let status = wait_for_problem(daemon, "stale", code);
        assert!(!problem(&status)["hint"].as_str().unwrap().is_empty(), "{status}");
        assert_eq!((&status["credentials"]["changed_at"], &status["credentials"]["verified"]), (&before, &json!("yes")));
        world.connect(SUPPORT);
    }
    daemon.site.write_pair(CLIENT_ID, SECRET);
    assert_eq!(wait_until_ready(daemon)["credentials"]["changed_at"], before);
}

#[test]
fn another_answer_than_invalid_client_is_no_verdict_but_is_explained() {
    let world = World::start_with(|site| site.write_pair(OTHER_CLIENT, SECRET));
    let explained = |status: &Value| status["warnings"].as_array().unwrap().iter().any(|warning| warning["code"] == "AADSTS700016");
    let status = world.daemon.wait_for_status("AADSTS700016 is explained", explained);
    assert_eq!((&status["state"], &status["credentials"]["verified"]), (&json!("ready"), &json!("unverified")));
}

#[test]
fn a_refusal_that_comes_late_brings_the_previous_pair_back() {
    let world = World::start();
    let daemon = &world.daemon;
    wait_until_ready(daemon);
    world.simulator.fault_at(Endpoint::ClientCredentials, Fault::Held, 1);
    daemon.site.write_pair(CLIENT_ID, "wrong~secret");
    daemon.wait_for_status("taken unverified", |status| status["credentials"]["verified"] == "unverified" && status["state"] == "ready");
    world.simulator.clear_faults();
    let status = wait_for_problem(daemon, "stale", "AADSTS7000215");
    assert_eq!(status["credentials"]["verified"], "yes");
    world.connect(SUPPORT);
}

#[test]
fn a_sign_in_under_way_goes_on_with_the_newer_secret() {
    let world = World::start();
    wait_until_ready(&world.daemon);
    let mut browser = Browser::new();
    let authorization = browser.begin(&world.daemon.mailbox_link(&json!({})));
    let callback = browser.sign_in(&authorization, SUPPORT);
    world.simulator.remove_secret(CLIENT_ID, SECRET);
    world.simulator.fault_at(Endpoint::Code, Fault::Held, 1);
    let arriving = std::thread::spawn(move || browser.open(&callback));
    wait_until("the code is being exchanged", || world.simulator.counters().token_requests_in_flight > 0);
    let taken = || world.daemon.log().matches("credentials are in force").count();
    let before = taken();
    world.daemon.site.write_pair(CLIENT_ID, SECOND_SECRET);
    wait_until("the newer secret is in force", || taken() > before);
    world.simulator.clear_faults();
    arriving.join().unwrap().expect(200).says(&["Mailbox connected"]);
}

#[test]
fn the_first_secret_that_the_provider_accepts_is_used() {
    let both = |first: &str, second: &str| format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS={first}\nAZUREAD_CIS_NEXT={second}\n");
    let world = World::start_with(|site| site.write_credentials(&both(EXPIRED_SECRET, SECRET)));
    let daemon = &world.daemon;
    let with = |slot: &'static str, code: &'static str| {
        daemon.wait_for_status(&format!("{slot} with {code}"), move |status| {
            let warned = status["warnings"].as_array().unwrap().iter().any(|warning| warning["code"] == code);
            status["state"] == "ready" && status["credentials"]["secret_in_use"] == slot && warned
        })
    };
    with("next", "current_secret_refused");
    daemon.site.write_credentials(&both(SECRET, SECOND_SECRET));
    with("current", "next_secret_accepted");

    world.connect_for(SUPPORT, 2);
    world.simulator.remove_secret(CLIENT_ID, SECRET);
    with("next", "current_secret_refused");
    daemon.wait_for_mailbox(SUPPORT, "healthy");
    world.good_token(SUPPORT, "imap");

    daemon.site.write_pair(CLIENT_ID, SECOND_SECRET);
    let status = daemon.wait_for_status("the rotation is over", |status| {
        status["credentials"]["secret_in_use"] == "current" && status["credentials"]["verified"] == "yes" && status["warnings"] == json!([])
    });
    assert_eq!(status["state"], "ready");
}

#[test]
fn a_changed_client_id_asks_for_new_sign_ins_and_putting_the_old_one_back_heals() {
    let mut world = World::connected();
    let mut app = entra_sim::Config::default().apps.remove(0);
    OTHER_CLIENT.clone_into(&mut app.client_id);
    world.simulator.put_app(app);

    world.daemon.site.write_pair(OTHER_CLIENT, SECRET);
    let mailbox = world.daemon.wait_for_mailbox(SUPPORT, "needs_reauth");
    assert_eq!(mailbox["reason"], "client_changed");
    world.daemon.restart();
    world.daemon.wait_for_mailbox(SUPPORT, "needs_reauth");
    let refused = world.daemon.token(SUPPORT, "imap").expect(409).json();
    assert_eq!((&refused["code"], &refused["reason"]), (&json!("needs_reauth"), &json!("client_changed")), "{refused}");

    world.daemon.site.write_pair(CLIENT_ID, SECRET);
    world.daemon.wait_for_mailbox(SUPPORT, "healthy");
    world.good_token(SUPPORT, "imap");
}
