//! What survives: restarts, crashes in the middle of rotations, and a master key that was lost.

use entra_sim::{Endpoint, TENANT, User};
use serde_json::{Value, json};

use crate::harness::{ANN, Browser, SUPPORT, World, wait_until};

#[test]
fn a_restart_keeps_everything_and_asks_the_provider_for_nothing() {
    let mut world = World::connected();
    world.directory_journey("admin@example.test").expect(200);
    let link = world.daemon.mailbox_link(&json!({"address": ANN}));
    let mut browser = Browser::new();
    let authorization = browser.begin(&link);
    let callback = browser.sign_in(&authorization, ANN);
    let before = (world.good_token(SUPPORT, "imap"), world.daemon.mailbox(SUPPORT), world.daemon.get("/v1/directory").json());

    world.daemon.restart();
    assert_eq!((world.good_token(SUPPORT, "imap"), world.daemon.mailbox(SUPPORT), world.daemon.get("/v1/directory").json()), before);
    assert_eq!(world.daemon.get("/v1/directory").json()["tenants"][0]["tenant_id"], TENANT);
    assert_eq!(world.simulator.counters().requests.get(&Endpoint::Refresh), None);
    browser.open(&callback).expect(200);
    let audit = world.daemon.get("/v1/audit").expect(200).json();
    let actions: Vec<&str> = audit["items"].as_array().unwrap().iter().filter_map(|line| line["action"].as_str()).collect();
    assert_eq!(actions.iter().filter(|action| **action == "mailbox.connect").count(), 2, "{actions:?}");
}

#[test]
fn kill_at_any_moment_of_a_rotation_loses_no_grant() {
    let mut world = World::start();
    let users: Vec<String> = (200..206).map(|number| format!("user{number}@example.test")).collect();
    for (number, user) in users.iter().enumerate() {
        world.simulator.put_user(User::member(user, "Crash", 200 + number as u64));
    }
    world.simulator.behave(|behaviour| (behaviour.access_token_lifetime, behaviour.latency_ms) = (1, 15));
    users.iter().for_each(|user| world.connect(user));
    let refreshed = |world: &World| world.simulator.counters().requests.get(&Endpoint::Refresh).copied().unwrap_or_default();
    for round in 0..15 {
        let seen = refreshed(&world);
        // Not always at the same point of a refresh: the count goes up when a request arrives at the provider.
        wait_until("rotations", || refreshed(&world) > seen + round % 5);
        world.daemon.kill();
        world.daemon.start_again();
    }
    world.simulator.behave(|behaviour| behaviour.access_token_lifetime = 4000);
    for user in &users {
        let mailbox = world.daemon.wait_for_mailbox(user, "healthy");
        assert_eq!(mailbox["reason"], Value::Null);
        world.good_token(user, "imap");
    }
    assert!(refreshed(&world) > 30, "{} rotations", refreshed(&world));
}

#[test]
fn without_its_master_key_nothing_is_handed_out_and_putting_it_back_heals() {
    let mut world = World::connected();
    let (key, away) = (world.daemon.site.path("master.key"), world.daemon.site.path("away"));
    world.daemon.stop();
    std::fs::rename(&key, &away).unwrap();
    world.daemon.start_again();

    let status = world.daemon.wait_for_status("the key is missed", |status| status["state"] == "degraded");
    let check = status["checks"].as_array().unwrap().iter().find(|check| check["name"] == "master_key").unwrap();
    assert_eq!(check["outcome"], "failed");
    assert!(check["hint"].as_str().unwrap().contains("estore"), "{check}");
    for purpose in ["imap", "graph"] {
        let answer = world.daemon.token(SUPPORT, purpose);
        assert!([409, 503].contains(&answer.status), "{} {}", answer.status, answer.body);
    }
    let mut browser = Browser::new();
    let link = world.daemon.call("POST", "/v1/mailboxes", Some(&json!({"address": ANN})));
    if link.status == 201 {
        browser.get(link.json()["connect_url"].as_str().unwrap()).expect(503);
    }
    assert!(!key.exists(), "no new key is made while there are sealed rows");

    world.daemon.stop();
    std::fs::rename(&away, &key).unwrap();
    world.daemon.start_again();
    world.daemon.wait_for_mailbox(SUPPORT, "healthy");
    world.good_token(SUPPORT, "imap");
    assert_eq!(world.daemon.status()["state"], "ready");
}

#[test]
fn a_foreign_master_key_harms_nothing_that_the_right_one_could_not_heal() {
    let mut world = World::connected();
    let (key, away) = (world.daemon.site.path("master.key"), world.daemon.site.path("away"));
    let (_other_simulator, other) = World::apart();
    let other = crate::harness::Daemon::start(other);
    world.daemon.stop();
    std::fs::rename(&key, &away).unwrap();
    std::fs::copy(other.site.path("master.key"), &key).unwrap();
    world.daemon.start_again();
    let answer = world.daemon.token(SUPPORT, "imap");
    assert!([409, 503].contains(&answer.status), "{} {}", answer.status, answer.body);

    world.daemon.stop();
    std::fs::rename(&away, &key).unwrap();
    world.daemon.start_again();
    world.daemon.wait_for_mailbox(SUPPORT, "healthy");
    world.good_token(SUPPORT, "imap");
}

#[test]
fn the_key_and_the_database_are_for_the_daemon_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::connected();
    for name in ["master.key", "onedesk.db", "onedesk.db-wal"] {
        let mode = std::fs::metadata(world.daemon.site.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
