//! Tokens that never go stale: refreshing, rotating, waiting, healing.

use std::sync::atomic::{AtomicUsize, Ordering};

use entra_sim::{ALWAYS, CLIENT_ID, Endpoint, Fault, GRAPH, Problem, SECOND_SECRET, SECRET};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::harness::{ANN, Connection, SUPPORT, World, eventually, wait_until};

/// A second of life: refreshed after half of it.
const SHORT: i64 = 1;

fn refreshes(world: &World) -> u64 {
    world.simulator.counters().requests.get(&Endpoint::Refresh).copied().unwrap_or_default()
}

/// Makes every stored access token end at `seconds` from now, an hour after it was given.
fn age(world: &mut World, seconds: i64) {
    world.daemon.stop();
    let end = (world.simulator.now() + seconds) * 1000;
    world.daemon.site.sql(&format!("UPDATE access_tokens SET expires_at = {end}, obtained_at = {}", end - 3_600_000));
    world.daemon.start_again();
}

fn wait_for_reason(world: &World, state: &str, reason: &str) -> Value {
    let mailbox = world.daemon.wait_for_mailbox(SUPPORT, state);
    assert_eq!(mailbox["reason"], reason, "{mailbox}");
    mailbox
}

#[test]
fn a_thousand_requests_for_an_expired_token_are_one_token_request() {
    let mut world = World::connected();
    world.simulator.reset();
    world.simulator.behave(|behaviour| behaviour.latency_ms = 1000);
    age(&mut world, -60);
    let answered = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..200 {
            scope.spawn(|| {
                let mut connection = Connection::open(&world.daemon.api());
                for _ in 0..5 {
                    connection.get(&format!("/v1/mailboxes/{SUPPORT}/token?for=imap")).expect(200);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!((answered.into_inner(), refreshes(&world)), (1000, 1));
    world.good_token(SUPPORT, "imap");
}

#[test]
fn a_token_that_is_handed_out_has_ten_minutes_left() {
    let mut world = World::connected();
    age(&mut world, 540);
    let token = world.daemon.token(SUPPORT, "imap").expect(200).json();
    let end: Timestamp = token["expires_at"].as_str().unwrap().parse().unwrap();
    assert!(end.as_second() - world.simulator.now() >= 600, "{end}");
}

#[test]
fn every_refresh_rotates_and_one_grant_is_refreshed_once_at_a_time() {
    let world = World::start();
    world.simulator.behave(|behaviour| (behaviour.access_token_lifetime, behaviour.latency_ms) = (SHORT, 30));
    world.connect(SUPPORT);
    world.connect(ANN);
    wait_until("ten refreshes", || {
        world.daemon.token(SUPPORT, "imap");
        world.daemon.token(SUPPORT, "graph");
        refreshes(&world) >= 10
    });
    let counters = world.simulator.counters();
    assert_eq!((counters.max_refreshes_of_one_grant, counters.stale_refreshes), (1, 0));
}

#[test]
fn a_rotation_that_was_lost_on_its_way_is_made_up_for_with_the_token_before() {
    let world = World::start();
    world.simulator.fault_at(Endpoint::Refresh, Fault::LoseResponse, 1);
    world.connect_for(SUPPORT, SHORT);
    wait_until("the second attempt", || refreshes(&world) >= 2);
    world.daemon.wait_for_mailbox(SUPPORT, "healthy");
    world.good_token(SUPPORT, "imap");
    assert_eq!(world.simulator.counters().stale_refreshes, 1);
}

#[test]
fn the_previous_refresh_token_is_tried_before_a_grant_is_called_dead() {
    let world = World::start();
    world.simulator.behave(|behaviour| behaviour.access_token_lifetime = SHORT);
    world.connect(SUPPORT);
    wait_until("two refreshes", || refreshes(&world) >= 2);
    world.simulator.fault_at(Endpoint::Refresh, Fault::Error(Problem { code: 70_000, ..Problem::default() }), 1);
    wait_until("the stale one is tried", || world.simulator.counters().stale_refreshes == 1);
    world.simulator.behave(|behaviour| behaviour.access_token_lifetime = 4000);
    world.daemon.wait_for_mailbox(SUPPORT, "healthy");
    world.good_token(SUPPORT, "imap");
}

#[test]
fn a_revoked_grant_needs_a_new_sign_in_and_says_why() {
    let world = World::start();
    world.connect_for(SUPPORT, SHORT);
    world.simulator.revoke(SUPPORT);
    let mailbox = wait_for_reason(&world, "needs_reauth", "grant_refused");
    assert_eq!(mailbox["problem"]["code"], "AADSTS50173");
    let refused = world.daemon.token(SUPPORT, "imap").expect(409).json();
    assert_eq!(
        (&refused["code"], &refused["reason"], &refused["cause"]),
        (&json!("needs_reauth"), &json!("grant_refused"), &json!("AADSTS50173"))
    );
    assert!(refused["hint"].as_str().unwrap().contains(&format!("onedeskctl mailbox connect {SUPPORT}")), "{refused}");
    let status = world.daemon.status();
    assert_eq!((&status["state"], &status["mailboxes"]["needs_reauth"]), (&json!("degraded"), &json!(1)));

    world.connect(SUPPORT);
    world.good_token(SUPPORT, "imap");
    assert_eq!(world.daemon.status()["state"], "ready");
}

#[test]
fn a_policy_that_wants_the_person_is_named() {
    let world = World::start();
    let problem =
        Problem { code: 50_076, error: Some("invalid_grant".into()), suberror: Some("basic_action".into()), ..Problem::default() };
    world.simulator.fault_at(Endpoint::Refresh, Fault::Error(problem), ALWAYS);
    world.connect_for(SUPPORT, SHORT);
    let mailbox = wait_for_reason(&world, "needs_reauth", "interaction_required");
    assert_eq!(mailbox["problem"]["code"], "AADSTS50076");
    world.simulator.clear_faults();
    world.connect(SUPPORT);
    world.daemon.wait_for_mailbox(SUPPORT, "healthy");
}

#[test]
fn refused_credentials_leave_the_grant_alone_and_good_ones_heal_it_at_once() {
    let mut world = World::start();
    world.daemon.wait_for_status("verified", |status| status["credentials"]["verified"] == "yes");
    world.connect_for(SUPPORT, 2);
    world.simulator.remove_secret(CLIENT_ID, SECRET);
    wait_for_reason(&world, "waiting", "credentials_rejected");
    let refused = eventually("nothing valid is left", || Some(world.daemon.token(SUPPORT, "imap")).filter(|answer| answer.status == 503));
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!((&refused.json()["reason"], &refused.json()["cause"]), (&json!("credentials_rejected"), &json!("AADSTS7000215")));
    world.daemon.restart();
    wait_for_reason(&world, "waiting", "credentials_rejected");

    world.daemon.site.write_pair(CLIENT_ID, SECOND_SECRET);
    world.daemon.wait_for_mailbox(SUPPORT, "healthy");
    world.good_token(SUPPORT, "imap");
}

#[test]
fn an_outage_ends_by_itself_and_what_is_left_of_a_token_is_served_meanwhile() {
    let mut world = World::connected();
    world.simulator.fault_at(Endpoint::Anywhere, Fault::Status { status: 503 }, ALWAYS);
    age(&mut world, 5);
    wait_for_reason(&world, "waiting", "provider_unavailable");
    world.good_token(SUPPORT, "imap");
    let refused = eventually("the last token ends", || Some(world.daemon.token(SUPPORT, "imap")).filter(|answer| answer.status != 200));
    assert_eq!(refused.clone().expect(503).json()["reason"], "provider_unavailable");
    assert!(refused.header("retry-after").is_some());
    world.simulator.clear_faults();
    world.daemon.wait_for_mailbox(SUPPORT, "healthy");
    world.good_token(SUPPORT, "imap");
}

#[test]
fn a_provider_that_is_not_there_at_the_start_is_waited_for() {
    let mut world = World::connected();
    let listen = world.simulator.address().to_string();
    world.daemon.stop();
    world.daemon.site.set("microsoft.authority", "\"http://127.0.0.1:9\"");
    world.daemon.start_again();
    let status = world.daemon.wait_for_status("taken without a verdict", |status| status["credentials"]["verified"] == "unverified");
    assert_eq!(status["state"], "ready");
    world.good_token(SUPPORT, "imap");
    world.daemon.site.set("microsoft.authority", &format!("\"http://{listen}\""));
    world.daemon.reload();
    world.connect(ANN);
}

#[test]
fn what_is_no_answer_of_the_provider_is_a_fault_of_the_network() {
    for fault in
        [Fault::HtmlOk, Fault::EmptyBody, Fault::InvalidJson, Fault::Reset, Fault::TruncatedBody, Fault::DeepJson, Fault::WrongTypes]
    {
        let world = World::start();
        world.simulator.fault_at(Endpoint::Refresh, fault.clone(), 1);
        world.connect_for(SUPPORT, SHORT);
        let mailbox = world.daemon.wait_for_mailbox(SUPPORT, "waiting");
        assert_eq!(mailbox["reason"], "provider_unavailable", "{fault:?}");
        world.daemon.wait_for_mailbox(SUPPORT, "healthy");
    }
}

#[test]
fn the_wait_that_a_throttling_provider_asks_for_is_kept() {
    for fault in [Fault::Throttle { retry_after: Some("2".into()) }, Fault::ThrottleUntil { seconds: 3 }] {
        let world = World::start();
        world.simulator.fault_at(Endpoint::Refresh, fault, 1);
        world.connect_for(SUPPORT, SHORT);
        wait_for_reason(&world, "waiting", "throttled");
        world.daemon.wait_for_mailbox(SUPPORT, "healthy");
        let at: Vec<i64> =
            world.simulator.requests().iter().filter(|request| request.endpoint == Endpoint::Refresh).map(|request| request.at).collect();
        assert!(at.len() == 2 && at[1] - at[0] >= 2, "{at:?}");
    }
}

#[test]
fn a_detected_loop_is_answered_by_five_minutes_of_silence() {
    let world = World::start();
    world.simulator.fault_at(Endpoint::Refresh, Fault::Error(Problem { code: 50_196, ..Problem::default() }), ALWAYS);
    world.connect_for(SUPPORT, SHORT);
    wait_for_reason(&world, "waiting", "throttled");
    let refused = eventually("nothing valid is left", || Some(world.daemon.token(SUPPORT, "imap")).filter(|answer| answer.status == 503));
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 290);
    assert_eq!(refreshes(&world), 1);
}

#[test]
fn a_missing_permission_for_graph_does_not_harm_the_mailbox() {
    let world = World::connected();
    let problem = Problem { code: 65_001, suberror: Some("consent_required".into()), ..Problem::default() };
    world.simulator.fault_at(Endpoint::Refresh, Fault::Error(problem), 1);
    let refused = world.daemon.token(SUPPORT, "graph").expect(409).json();
    assert_eq!(refused["code"], "scope_missing", "{refused}");
    assert_eq!(world.daemon.mailbox(SUPPORT)["state"], "healthy");
    world.good_token(SUPPORT, "imap");
    let asked = refreshes(&world);
    assert_eq!(world.daemon.token(SUPPORT, "graph").status, 409);
    assert_eq!(refreshes(&world), asked, "a reader that insists is not passed on to the provider");
}

#[test]
fn one_sign_in_serves_mail_and_graph() {
    let world = World::connected();
    let graph = world.simulator.introspect(&world.good_token(SUPPORT, "graph")).unwrap();
    assert_eq!((graph.resource.as_str(), graph.upn.as_deref()), (GRAPH, Some(SUPPORT)));
    assert_eq!(world.daemon.token(SUPPORT, "graph").json()["xoauth2"], Value::Null);
}

#[test]
fn a_permission_that_was_not_granted_is_missing_for_its_purpose_alone() {
    let world = World::start();
    world.simulator.fault_at(Endpoint::Code, Fault::ReducedScope, 1);
    world.connect(SUPPORT);
    let (imap, smtp) = (world.daemon.token(SUPPORT, "imap"), world.daemon.token(SUPPORT, "smtp"));
    assert_eq!((imap.status, smtp.status), (200, 409), "{}", smtp.body);
    assert_eq!(smtp.json()["code"], "scope_missing");
}

#[test]
fn a_refresh_without_a_new_refresh_token_keeps_the_old_one() {
    let world = World::start();
    world.simulator.fault_at(Endpoint::Refresh, Fault::NoRefreshToken, ALWAYS);
    world.simulator.behave(|behaviour| behaviour.access_token_lifetime = SHORT);
    world.connect(SUPPORT);
    wait_until("three refreshes", || refreshes(&world) >= 3);
    assert_eq!(world.daemon.wait_for_mailbox(SUPPORT, "healthy")["reason"], Value::Null);
}

#[test]
fn the_secret_is_rotated_in_the_middle_of_everything_without_a_failed_request() {
    let world = World::start();
    world.daemon.wait_for_status("verified", |status| status["credentials"]["verified"] == "yes");
    world.simulator.behave(|behaviour| (behaviour.access_token_lifetime, behaviour.latency_ms) = (2, 20));
    world.connect(SUPPORT);
    world.connect(ANN);
    let over = std::sync::atomic::AtomicBool::new(false);
    let (reads, journeys) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for user in [SUPPORT, ANN] {
            let (over, reads, world) = (&over, &reads, &world);
            scope.spawn(move || {
                let mut connection = Connection::open(&world.daemon.api());
                while !over.load(Ordering::Relaxed) {
                    connection.get(&format!("/v1/mailboxes/{user}/token?for=imap")).expect(200);
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                world.connect("bob@example.test");
                journeys.fetch_add(1, Ordering::Relaxed);
            }
        });
        let (mut old, mut new) = (SECRET, SECOND_SECRET);
        for _ in 0..12 {
            let before = world.daemon.status()["credentials"]["changed_at"].clone();
            world.simulator.set_secret(CLIENT_ID, new, i64::MAX / 2);
            world.daemon.site.write_pair(CLIENT_ID, new);
            world.daemon.wait_for_status("the new secret is in force", |status| {
                status["credentials"]["changed_at"] != before && status["credentials"]["verified"] == "yes"
            });
            // What is under way with the old one meets invalid_client now.
            world.simulator.remove_secret(CLIENT_ID, old);
            std::mem::swap(&mut old, &mut new);
            let done = journeys.load(Ordering::Relaxed);
            wait_until("a whole sign-in with the new secret", || journeys.load(Ordering::Relaxed) > done + 1);
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(reads.into_inner() > 100 && journeys.into_inner() > 20);
    assert_eq!(world.daemon.status()["state"], "ready");
}
