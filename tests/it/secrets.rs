//! The life of client secrets: their end learnt from Graph or typed, told once at each step, never inherited by another secret.

use std::process::Command;

use entra_sim::{CLIENT_ID, SECOND_SECRET, SECRET};
use serde_json::{Value, json};

use crate::harness::{Daemon, World};

const DAY: i64 = 86_400;
/// An administrator of the tenant.
const ADMIN: &str = "admin@example.test";

/// A day so many days from now, as the simulator and the status write it.
fn in_days(world: &World, days: i64) -> (i64, String) {
    let at = world.simulator.now() + days * DAY;
    (at, jiff::Timestamp::from_second(at).unwrap().to_string())
}

fn credentials(daemon: &Daemon) -> Value {
    daemon.status()["credentials"].clone()
}

/// How often the journal told of a secret that ends.
fn told(daemon: &Daemon) -> usize {
    daemon.log().lines().filter(|line| line.contains("WARN") && line.contains("AZUREAD_CIS ends")).count()
}

#[test]
fn the_end_is_learnt_from_graph_and_told_once_in_every_place() {
    let mut world = World::start();
    let (at, shown) = in_days(&world, 12);
    world.simulator.set_secret(CLIENT_ID, SECRET, at);
    world.directory_journey(ADMIN).expect(200);
    world.daemon.restart();
    let status = world.daemon.wait_for_status("Graph was asked", |status| !status["credentials"]["secret_expires_at"].is_null());
    assert_eq!(status["credentials"]["secret_expires_at"], shown);
    assert_eq!(status["credentials"]["secret_expiry_source"], "graph");
    let warning = status["warnings"].as_array().unwrap().iter().find(|warning| warning["code"] == "secret_expires").unwrap();
    assert!(
        warning["title"].as_str().unwrap().starts_with("AZUREAD_CIS ends ")
            && warning["hint"].as_str().unwrap().contains("AZUREAD_CIS_NEXT")
    );
    world.daemon.manager.wait_for_status(&["; AZUREAD_CIS ends "]);
    assert!(world.daemon.metrics().contains(&format!("onedesk_secret_expiry_timestamp_seconds{{secret=\"current\"}} {at}")));
    crate::harness::wait_until("the journal tells it", || told(&world.daemon) == 1);
    world.daemon.restart();
    world.daemon.wait_for_status("known over a restart", |status| status["credentials"]["secret_expires_at"] == shown.as_str());
    assert_eq!(told(&world.daemon), 1, "once, also over restarts");
}

#[test]
fn a_typed_end_belongs_to_that_very_secret() {
    let world = World::start();
    world.simulator.set_secret(CLIENT_ID, SECOND_SECRET, world.simulator.now() + 400 * DAY);
    world.daemon.wait_for_status("in force", |status| status["state"] == "ready");
    assert!(credentials(&world.daemon)["secret_expires_at"].is_null());
    let mut command = Command::new(env!("CARGO_BIN_EXE_onedeskctl"));
    let output = command.arg("--config").arg(world.daemon.site.config()).args(["credentials", "expires", "2031-01-31"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("Noted: the client secret in force ends 2031-01-31."));
    let known = credentials(&world.daemon);
    assert_eq!(
        (known["secret_expires_at"].as_str(), known["secret_expiry_source"].as_str()),
        (Some("2031-01-31T00:00:00Z"), Some("typed"))
    );
    let in_use = |secret: &str, ends: Value| {
        world.daemon.site.write_pair(CLIENT_ID, secret);
        world.daemon.wait_for_status("the other secret", |status| status["credentials"]["secret_expires_at"] == ends);
    };
    in_use(SECOND_SECRET, Value::Null);
    in_use(SECRET, json!("2031-01-31T00:00:00Z"));
    let book = std::fs::read_to_string(world.daemon.site.path("secret-expiry.json")).unwrap();
    assert!(!book.contains(SECRET) && !book.contains(&SECRET[..8]), "{book}");
}

#[test]
fn a_secret_that_has_ended_is_told_as_ended() {
    let world = World::start();
    world.daemon.wait_for_status("in force", |status| status["state"] == "ready");
    let (_, shown) = in_days(&world, -2);
    world.daemon.call("PUT", "/v1/credentials/expiry", Some(&json!({"expires_at": shown}))).expect(200);
    let status = world.daemon.status();
    assert!(status["warnings"].as_array().unwrap().iter().any(|warning| warning["code"] == "secret_expired"), "{status}");
}

#[test]
fn no_date_is_noted_where_there_is_no_secret() {
    let world = World::start_with(|_| {});
    let refused =
        world.daemon.call("PUT", "/v1/credentials/expiry", Some(&json!({"expires_at": "2031-01-31T00:00:00Z"}))).expect(409).json();
    assert_eq!(refused["code"], "unconfigured");
}
