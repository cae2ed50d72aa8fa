//! What changes in the middle of something: settings, credentials, clocks, locks, the end of the process.

use std::time::{Duration, Instant};

use entra_sim::{ALWAYS, CLIENT_ID, Config, Endpoint, Fault, REDIRECT_PATHS, SECRET, Simulator};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::harness::{ANN, Browser, SUPPORT, Site, World, eventually, wait_until};

/// Another provider at which this site is registered too.
fn other_provider(site: &Site) -> Simulator {
    let simulator = Simulator::start(Config::default());
    let mut app = Config::default().apps.remove(0);
    app.redirect_uris = REDIRECT_PATHS.iter().map(|path| format!("{}{path}", site.origin())).collect();
    simulator.put_app(app);
    simulator
}

#[test]
fn a_code_goes_to_nobody_when_the_provider_was_changed_meanwhile() {
    let mut world = World::start();
    let other = other_provider(&world.daemon.site);
    let link = world.daemon.mailbox_link(&json!({"address": SUPPORT}));
    let mut browser = Browser::new();
    let authorization = browser.begin(&link);
    let callback = browser.sign_in(&authorization, SUPPORT);
    world.daemon.site.set("microsoft.graph", &format!("{:?}", other.graph()));
    world.daemon.site.set("microsoft.authority", &format!("{:?}", other.authority()));
    world.daemon.reload();
    browser.open(&callback).expect(503).says(&["changed while you signed in"]);
    for provider in [&world.simulator, &other] {
        assert_eq!(provider.counters().requests.get(&Endpoint::Code), None);
    }
    let authorization = browser.begin(&link);
    let callback = browser.sign_in(&authorization, SUPPORT);
    browser.open(&callback).expect(200);
    assert_eq!(other.violations(), []);
}

#[test]
fn a_code_of_one_client_is_never_sent_as_another() {
    let world = World::start();
    let mut app = Config::default().apps.remove(0);
    app.client_id = CLIENT_ID.replace('a', "b");
    world.simulator.put_app(app.clone());
    let mut browser = Browser::new();
    let authorization = browser.begin(&world.daemon.mailbox_link(&json!({})));
    let callback = browser.sign_in(&authorization, SUPPORT);
    world.daemon.site.write_pair(&app.client_id, SECRET);
    world.daemon.wait_for_status("the other client", |status| status["credentials"]["client_id"] == app.client_id);
    browser.open(&callback).expect(503);
    assert_eq!(world.simulator.counters().requests.get(&Endpoint::Code), None);
}

#[test]
fn of_two_people_with_one_link_exactly_one_connects() {
    let world = World::start();
    let link = world.daemon.mailbox_link(&json!({}));
    world.simulator.behave(|behaviour| behaviour.latency_ms = 100);
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let people = [SUPPORT, ANN].map(|user| {
            let link = &link;
            scope.spawn(move || {
                let mut browser = Browser::new();
                let authorization = browser.begin(link);
                let callback = browser.sign_in(&authorization, user);
                browser.get(&callback).status
            })
        });
        people.into_iter().map(|person| person.join().unwrap()).collect()
    });
    assert!(answers.contains(&303) && answers.contains(&400), "{answers:?}");
    assert_eq!(world.daemon.get("/v1/mailboxes").json().as_array().unwrap().len(), 1);
}

#[test]
fn a_mailbox_is_the_same_in_any_case() {
    let world = World::start();
    world.journey(&json!({"address": "Support@Example.test"}), SUPPORT).expect(200);
    world.journey(&json!({"address": SUPPORT}), SUPPORT).expect(200).says(&["connected again"]);
    world.daemon.token("SUPPORT@example.TEST", "imap").expect(200);
    assert_eq!(world.daemon.get("/v1/mailboxes").json().as_array().unwrap().len(), 1);
}

#[test]
fn a_terminate_waits_for_a_rotation_under_way() {
    let mut world = World::start();
    world.simulator.fault_at(Endpoint::Refresh, Fault::Held, 1);
    world.connect_for(SUPPORT, 1);
    wait_until("a refresh", || world.simulator.counters().token_requests_in_flight > 0);
    world.daemon.signal(Signal::SIGTERM);
    wait_until("STOPPING=1", || world.daemon.manager.heard("STOPPING=1") == 1);
    world.simulator.clear_faults();
    assert!(world.daemon.ended().success());
    world.daemon.start_again();
    world.good_token(SUPPORT, "imap");
    let counters = world.simulator.counters();
    assert_eq!((counters.requests[&Endpoint::Refresh], counters.stale_refreshes), (1, 0), "the new token was on disk");
}

#[test]
fn a_token_that_cannot_be_written_down_is_not_handed_out() {
    let mut world = World::connected();
    world.daemon.stop();
    world.daemon.site.sql("UPDATE access_tokens SET expires_at = obtained_at + 1");
    world.simulator.fault_at(Endpoint::Refresh, Fault::Held, 1);
    world.daemon.start_again();
    wait_until("a refresh", || world.simulator.counters().token_requests_in_flight > 0);
    let lock = world.daemon.site.lock_database();
    let answered = std::thread::scope(|scope| {
        let reader = scope.spawn(|| (world.daemon.token(SUPPORT, "imap").expect(200), Instant::now()));
        world.simulator.clear_faults();
        wait_until("the provider has answered", || world.simulator.counters().token_requests_in_flight == 0);
        // Reading is possible meanwhile, and the writer had its chance.
        for _ in 0..100 {
            world.daemon.get("/v1/mailboxes").expect(200);
        }
        let unlocked = Instant::now();
        drop(lock);
        reader.join().unwrap().1.duration_since(unlocked)
    });
    assert!(answered > Duration::ZERO, "the answer waited for the disk");
    world.daemon.kill();
    world.daemon.start_again();
    world.good_token(SUPPORT, "imap");
    assert_eq!(world.simulator.counters().requests[&Endpoint::Refresh], 1, "the token was on disk");
}

#[test]
fn a_reader_is_told_in_time_that_the_database_is_locked() {
    let mut world = World::connected();
    world.daemon.stop();
    world.daemon.site.sql("UPDATE access_tokens SET expires_at = obtained_at + 1");
    world.simulator.fault_at(Endpoint::Refresh, Fault::Held, 1);
    world.daemon.start_again();
    wait_until("a refresh", || world.simulator.counters().token_requests_in_flight > 0);
    let lock = world.daemon.site.lock_database();
    world.simulator.clear_faults();
    let asked = Instant::now();
    let refused = world.daemon.token(SUPPORT, "imap").expect(503);
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert!(refused.header("retry-after").is_some());
    let problem = refused.says(&["database"]).json();
    assert!(problem["hint"].is_string() && problem["request_id"].is_string(), "{problem}");
    drop(lock);
    wait_until("the token is handed out", || world.daemon.token(SUPPORT, "imap").status == 200);
    assert_eq!(world.simulator.counters().requests[&Endpoint::Refresh], 1, "what the provider gave was not lost");
}

#[test]
fn a_token_that_ended_before_it_was_written_down_is_fetched_again() {
    let mut world = World::connected();
    world.daemon.stop();
    world.daemon.site.sql("UPDATE access_tokens SET expires_at = obtained_at + 1");
    world.simulator.behave(|behaviour| behaviour.access_token_lifetime = 1);
    world.simulator.fault_at(Endpoint::Refresh, Fault::Held, 1);
    world.daemon.start_again();
    wait_until("a refresh", || world.simulator.counters().token_requests_in_flight > 0);
    let lock = world.daemon.site.lock_database();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| world.daemon.token(SUPPORT, "imap").expect(200));
        world.simulator.clear_faults();
        wait_until("the provider has answered", || world.simulator.counters().token_requests_in_flight == 0);
        world.simulator.behave(|behaviour| behaviour.access_token_lifetime = 4000);
        let answered = Instant::now();
        wait_until("the token has ended", || answered.elapsed() > Duration::from_millis(1500));
        drop(lock);
        reader.join().unwrap();
    });
    world.good_token(SUPPORT, "imap");
    assert_eq!(world.simulator.counters().requests[&Endpoint::Refresh], 2);
}

#[test]
fn clocks_that_differ_by_a_minute_disturb_nobody_and_by_an_hour_are_named() {
    let world = World::start();
    world.simulator.advance(60);
    world.connect(SUPPORT);
    world.good_token(SUPPORT, "imap");
    world.simulator.advance(3600);
    let answer = world.journey(&json!({}), ANN);
    assert_eq!(answer.status, 502, "{}", answer.body);
    answer.says(&["clock"]);
}

#[test]
fn metadata_and_keys_that_cannot_be_had_are_the_providers_fault() {
    for endpoint in [Endpoint::Discovery, Endpoint::Keys] {
        let world = World::start();
        let link = world.daemon.mailbox_link(&json!({}));
        let mut browser = Browser::new();
        world.simulator.fault_at(endpoint, Fault::Status { status: 503 }, ALWAYS);
        let authorization = browser.begin(&link);
        let callback = browser.sign_in(&authorization, SUPPORT);
        let answer = browser.open(&callback);
        assert_eq!(answer.status, 502, "{endpoint:?}: {}", answer.body);
        world.simulator.clear_faults();
        let authorization = browser.begin(&link);
        let callback = browser.sign_in(&authorization, SUPPORT);
        eventually("it is asked for again", || {
            let answer = browser.open(&callback);
            (answer.status == 200).then_some(()).or_else(|| panic!("{endpoint:?}: {} {}", answer.status, answer.body))
        });
    }
}

#[test]
fn the_client_behind_a_proxy_is_the_one_in_the_audit_log() {
    let world = World::start();
    let mut browser = Browser::new();
    let authorization = browser.begin(&world.daemon.mailbox_link(&json!({})));
    let callback = browser.sign_in(&authorization, SUPPORT);
    browser.request("GET", &callback, &["x-forwarded-for: 203.0.113.7, 198.51.100.9".to_owned()], "").expect(303);
    let audit = world.daemon.get("/v1/audit").json();
    let connected = audit["items"].as_array().unwrap().iter().find(|line| line["action"] == "mailbox.connect").unwrap();
    assert_eq!(connected["origin"], "198.51.100.9", "the right-most address that is no proxy of ours");
}

#[test]
fn behind_https_the_cookie_is_bound_to_the_host() {
    let world = World::start_with(|site| {
        site.set("public_url", "\"https://helpdesk.example.test\"");
        site.write_pair(CLIENT_ID, SECRET);
    });
    let link = world.daemon.mailbox_link(&json!({}));
    let path = link.strip_prefix("https://helpdesk.example.test").unwrap();
    let answer = crate::harness::send(&world.daemon.site.web(), "GET", path, &[], b"").unwrap().expect(303);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-onedesk-flow="), "{cookie}");
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[test]
fn the_web_door_may_be_a_socket_for_a_proxy_on_this_host() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_simulator, mut site) = World::apart();
    let socket = site.path("http.sock");
    site.set("listen.http", &format!("\"unix:{}\"", socket.display()));
    site.set("listen.group", "\"root\"");
    let _daemon = crate::harness::Daemon::start(site);
    crate::harness::send(&crate::harness::Target::Unix(socket.clone()), "GET", "/healthz", &[], b"").unwrap().expect(200);
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
}
