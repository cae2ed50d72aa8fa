//! The calendar of secrets' ends at the real daemon: each step in every place where an admin may look, in the journal once. The
//! daemon's clock is the machine's, so it is the end that moves.

use std::process::Command;

use entra_sim::{CLIENT_ID, SECRET, TENANT};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::harness::{Daemon, World, wait_until};

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
/// It begins unlike the other one: by that Graph tells them apart.
const NEXT: &str = "Nxt~Secret.Value-8Q~dddddddddddddddddddd";

/// Seconds until the end, and how it is told then.
const STEPS: [(i64, &str); 9] = [
    (60 * DAY - HOUR, "ends DAY, in 60 days"),
    (30 * DAY - HOUR, "ends DAY, in 30 days"),
    (14 * DAY - HOUR, "ends DAY, in 14 days"),
    (7 * DAY - HOUR, "ends DAY, in 7 days"),
    (DAY - HOUR, "ends DAY, within a day"),
    (-HOUR, "ended DAY"),
    (-DAY - HOUR, "ended DAY"),
    (-2 * DAY - HOUR, "ended DAY"),
    (-40 * DAY - HOUR, "ended DAY"),
];

/// Whose secret ends, and where that shows.
struct Secret {
    what: &'static str,
    codes: [&'static str; 2],
    label: &'static str,
}

fn onedeskctl(daemon: &Daemon, command: &str) -> String {
    let mut onedeskctl = Command::new(env!("CARGO_BIN_EXE_onedeskctl"));
    let output = onedeskctl.arg("--config").arg(daemon.site.config()).arg(command).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// How often the journal warned with these words.
fn told(daemon: &Daemon, words: &str) -> usize {
    daemon.log().lines().filter(|line| line.contains("WARN") && line.contains(words)).count()
}

/// Lets the end come nearer by `set`, with two starts at each step.
fn every_step_is_told(world: &mut World, secret: &Secret, set: impl Fn(&Daemon, &str)) {
    let Secret { what, codes, label } = secret;
    set(&world.daemon, &at(world.simulator.now() + 60 * DAY + HOUR).to_string());
    world.daemon.restart();
    assert!(!onedeskctl(&world.daemon, "status").contains(what), "too early to be told");
    let mut all = Vec::new();
    for (left, words) in STEPS {
        let ends = at(world.simulator.now() + left);
        let title = format!("{what} {}", words.replace("DAY", &ends.strftime("%Y-%m-%d").to_string()));
        set(&world.daemon, &ends.to_string());
        world.daemon.restart();
        wait_until(&format!("the journal tells: {title}"), || told(&world.daemon, &title) >= 1);
        world.daemon.restart();

        let status = world.daemon.status();
        let code = codes[usize::from(left < 0)];
        let warning = status["warnings"].as_array().unwrap().iter().find(|warning| warning["code"] == code);
        let warning = warning.unwrap_or_else(|| panic!("{code} is not in {status}"));
        assert_eq!(warning["title"], title.as_str());
        assert!(!warning["hint"].as_str().unwrap().is_empty());
        let text = onedeskctl(&world.daemon, "status");
        assert!(text.contains(&title), "{title:?} is not in: {text}");
        world.daemon.manager.wait_for_status(&[&title]);
        let line = format!("onedesk_secret_expiry_timestamp_seconds{{secret=\"{label}\"}} {}", ends.as_second());
        assert!(world.daemon.metrics().contains(&line), "{line}");
        all.push(title);
    }
    world.daemon.stop();
    for title in all {
        assert_eq!(told(&world.daemon, &title), 1, "once, also over restarts: {title}");
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn every_step_of_the_end_of_azuread_cis_is_told_in_every_place() {
    let mut world = World::start();
    world.daemon.wait_for_status("in force", |status| status["state"] == "ready");
    let secret = Secret { what: "AZUREAD_CIS", codes: ["secret_expires", "secret_expired"], label: "current" };
    every_step_is_told(&mut world, &secret, |daemon, ends| {
        daemon.wait_for_status("in force", |status| status["credentials"]["client_id"] == CLIENT_ID);
        daemon.call("PUT", "/v1/credentials/expiry", Some(&json!({"expires_at": ends}))).expect(200);
    });
}

/// An enabled client record of that name.
fn record(world: &World, name: &str) -> String {
    let base = format!("{}/{TENANT}/oauth2/v2.0", world.simulator.authority());
    let body = json!({"name": name, "audience": "users", "authorization_uri": format!("{base}/authorize"),
        "token_url": format!("{base}/token"), "client_id": CLIENT_ID, "client_secret": SECRET});
    let id = world.daemon.call("POST", "/v1/sso/connections", Some(&body)).expect(201).json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/sso/connections/{id}");
    world.daemon.call("PATCH", &path, Some(&json!({"enabled": true, "confirm": true}))).expect(200);
    path
}

#[test]
fn every_step_of_the_end_of_a_records_secret_is_told_in_every_place() {
    let mut world = World::start();
    let path = record(&world, "acme");
    let codes = ["sso_secret_expires", "sso_secret_expired"];
    let secret = Secret { what: "the client secret of the SSO record acme", codes, label: "sso" };
    every_step_is_told(&mut world, &secret, |daemon, ends| {
        daemon.call("PATCH", &path, Some(&json!({"secret_expires_at": ends}))).expect(200);
    });
}

#[test]
fn where_several_secrets_end_the_first_is_named_in_the_service_managers_line_and_the_others_are_counted() {
    let world = World::start();
    world.daemon.wait_for_status("in force", |status| status["state"] == "ready");
    let in_days = |days: i64| at(world.simulator.now() + days * DAY).to_string();
    for (name, days) in [("acme", 20), ("other", 5)] {
        let path = record(&world, name);
        world.daemon.call("PATCH", &path, Some(&json!({"secret_expires_at": in_days(days)}))).expect(200);
    }
    world.daemon.call("PUT", "/v1/credentials/expiry", Some(&json!({"expires_at": in_days(10)}))).expect(200);
    world.daemon.manager.wait_for_status(&["; the client secret of the SSO record other ends ", "; 2 other secrets end soon"]);
    let text = onedeskctl(&world.daemon, "status");
    let checks = world.daemon.get("/v1/checks?offline=true").expect(200).json();
    let warned = |name: &str| {
        checks["checks"].as_array().unwrap().iter().filter(|check| check["name"] == name && check["outcome"] == "warning").count()
    };
    assert_eq!((warned("secret_expiry"), warned("sso_records")), (1, 2), "{checks}");
    for what in ["AZUREAD_CIS ends", "SSO record acme ends", "SSO record other ends"] {
        assert!(text.contains(what), "{what:?} is not in: {text}");
    }
}

#[test]
fn each_of_two_secrets_has_its_own_end_whichever_is_in_use() {
    let (simulator, site) = World::apart();
    site.write_credentials(&format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS={SECRET}\nAZUREAD_CIS_NEXT={NEXT}\n"));
    let now = simulator.now();
    let (old, new, past) = (now + 12 * DAY, now + 400 * DAY, now - DAY);
    simulator.set_secret(CLIENT_ID, SECRET, old);
    simulator.set_secret(CLIENT_ID, NEXT, new);
    let mut world = World { daemon: Daemon::start(site), simulator };
    world.daemon.wait_for_status("in force", |status| status["credentials"]["client_id"] == CLIENT_ID);
    world.directory_journey("admin@example.test").expect(200);
    let ends = |status: &Value, end: &str| status["credentials"][end].as_str().map(str::to_owned);
    let shown = |second: i64| Some(at(second).to_string());
    let metrics = |world: &World, current: i64, next: i64| {
        let metrics = world.daemon.metrics();
        for (label, at) in [("current", current), ("next", next)] {
            let line = format!("onedesk_secret_expiry_timestamp_seconds{{secret=\"{label}\"}} {at}");
            assert!(metrics.contains(&line), "{line}: {metrics}");
        }
    };
    // The check asks Graph at once.
    world.daemon.get("/v1/checks").expect(200);
    let status = world.daemon.status();
    assert_eq!(status["credentials"]["secret_in_use"], "current");
    assert_eq!((ends(&status, "secret_expires_at"), ends(&status, "next_secret_expires_at")), (shown(old), shown(new)));
    metrics(&world, old, new);

    world.simulator.set_secret(CLIENT_ID, SECRET, past);
    world.daemon.restart();
    let status = world.daemon.wait_for_status("the next one is in use", |status| status["credentials"]["secret_in_use"] == "next");
    assert_eq!((ends(&status, "secret_expires_at"), ends(&status, "next_secret_expires_at")), (shown(new), shown(new)));
    world.daemon.get("/v1/checks").expect(200);
    metrics(&world, past, new);
}
