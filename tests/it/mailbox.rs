//! Connecting a mailbox, from the link to the token: section 4 of the interface.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entra_sim::{Endpoint, OUTLOOK, User};
use serde_json::{Value, json};
use url::Url;

use crate::harness::{ANN, Browser, SUPPORT, World, wait_until};

fn named(address: &str) -> Value {
    json!({"address": address})
}

#[test]
fn a_mailbox_is_connected_by_its_link_and_has_a_token() {
    let world = World::start();
    let page = world.journey(&named(SUPPORT), SUPPORT).expect(200);
    page.says(&["Mailbox connected", SUPPORT, "What happens next"]);
    let access = world.simulator.introspect(&world.good_token(SUPPORT, "imap")).unwrap();
    assert_eq!((access.resource.as_str(), access.upn.as_deref()), (OUTLOOK, Some(SUPPORT)));
    let mailbox = world.daemon.mailbox(SUPPORT);
    assert_eq!((&mailbox["state"], &mailbox["signed_in_as"]), (&json!("healthy"), &json!(SUPPORT)));
}

#[test]
fn the_authorization_request_is_bound_to_one_browser_and_one_proof() {
    let world = World::start();
    let mut browser = Browser::new();
    let authorization = Url::parse(&browser.begin(&world.daemon.mailbox_link(&named(SUPPORT)))).unwrap();
    let parameter = |name: &str| authorization.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert_eq!(parameter("code_challenge_method").as_deref(), Some("S256"));
    assert_eq!(parameter("login_hint").as_deref(), Some(SUPPORT));
    assert_eq!(
        parameter("redirect_uri").unwrap(),
        format!("{}/integrations/office365/oauth2redirectWithAuthCode", world.daemon.site.origin())
    );
    for name in ["state", "nonce", "code_challenge"] {
        assert!(parameter(name).unwrap().len() >= 43, "{name}");
    }
    let cookies = browser.cookies(&world.daemon.site.origin());
    assert_eq!(cookies.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["onedesk-flow"]);
}

#[test]
fn a_link_for_one_mailbox_refuses_another_account_and_stays_usable() {
    let world = World::start();
    let link = world.daemon.mailbox_link(&named(ANN));
    let mut browser = Browser::new();
    let authorization = browser.begin(&link);
    let callback = browser.sign_in(&authorization, SUPPORT);
    browser.open(&callback).expect(403).says(&[ANN, SUPPORT, "other_account"]);
    assert_eq!(world.daemon.get("/v1/mailboxes").json(), json!([]));

    let authorization = browser.begin(&link);
    let callback = browser.sign_in(&authorization, ANN);
    browser.open(&callback).expect(200);
    world.good_token(ANN, "imap");
}

#[test]
fn somebody_signs_in_as_themselves_for_a_shared_mailbox() {
    const SHARED: &str = "sales@example.test";
    let world = World::start();
    let page = world.journey(&json!({"address": SHARED, "shared": true}), ANN).expect(200);
    page.says(&[SHARED, ANN]);
    let mailbox = world.daemon.mailbox(SHARED);
    assert_eq!((&mailbox["address"], &mailbox["signed_in_as"]), (&json!(SHARED), &json!(ANN)));
    for (purpose, user) in [("imap", SHARED), ("smtp", ANN)] {
        let token = world.daemon.token(SHARED, purpose).expect(200).json();
        assert_eq!(token["user"], user, "{purpose}");
        let line = String::from_utf8(STANDARD.decode(token["xoauth2"].as_str().unwrap()).unwrap()).unwrap();
        assert_eq!(line, format!("user={user}\u{1}auth=Bearer {}\u{1}\u{1}", token["access_token"].as_str().unwrap()));
    }
}

#[test]
fn another_person_takes_a_connected_mailbox_over_only_where_the_link_says_so() {
    const SHARED: &str = "sales@example.test";
    let world = World::start();
    world.journey(&json!({"address": SHARED, "shared": true}), ANN).expect(200);
    let refused = world.journey(&json!({"address": SHARED, "shared": true}), "bob@example.test").expect(403);
    refused.says(&[ANN, "other_person"]);
    assert_eq!(world.daemon.mailbox(SHARED)["signed_in_as"], ANN);
    world.journey(&json!({"address": SHARED, "shared": true}), ANN).expect(200).says(&["connected again"]);
    world.journey(&json!({"address": SHARED, "shared": true, "replace": true}), "bob@example.test").expect(200);
    assert_eq!(world.daemon.mailbox(SHARED)["signed_in_as"], "bob@example.test");
    world.good_token(SHARED, "imap");
}

#[test]
fn a_link_that_a_mail_scanner_opened_still_works_and_success_uses_it_up() {
    let world = World::start();
    let link = world.daemon.mailbox_link(&named(SUPPORT));
    let (mut scanner, mut person) = (Browser::new(), Browser::new());
    let scanned = scanner.begin(&link);
    let authorization = person.begin(&link);
    let callback = person.sign_in(&authorization, SUPPORT);
    person.open(&callback).expect(200);

    let late = scanner.sign_in(&scanned, SUPPORT);
    scanner.open(&late).expect(400);
    person.get(&link).expect(400).says(&["link_unknown", "onedeskctl mailbox connect"]);
}

#[test]
fn a_link_that_was_never_made_or_is_an_hour_old_leads_nowhere() {
    let mut world = World::start();
    let origin = world.daemon.site.origin();
    for query in ["?ticket=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "?ticket=", "", "?ticket=%00%ff"] {
        Browser::new().get(&format!("{origin}/integrations/office365/connect{query}")).expect(400).says(&["link_unknown"]);
    }
    let directory = world.daemon.directory_link();
    Browser::new().get(&directory.replace("azuread/connect", "office365/connect")).expect(400).says(&["link_unknown"]);

    let link = world.daemon.mailbox_link(&named(SUPPORT));
    world.daemon.stop();
    world.daemon.site.sql("UPDATE tickets SET expires_at = expires_at - 3600001");
    world.daemon.start_again();
    Browser::new().get(&link).expect(400).says(&["link_unknown"]);
}

#[test]
fn an_answer_without_its_own_state_is_refused_and_nothing_is_exchanged() {
    let world = World::start();
    let (mut browser, mut other) = (Browser::new(), Browser::new());
    let link = world.daemon.mailbox_link(&named(SUPPORT));
    let authorization = browser.begin(&link);
    let callback = browser.sign_in(&authorization, SUPPORT);
    let path = callback.split('?').next().unwrap();
    let (url, code) = (Url::parse(&callback).unwrap(), "code=1.abc");
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();

    for (query, what) in [
        (code.to_owned(), "callback_malformed"),
        (format!("{code}&state="), "callback_malformed"),
        (format!("state={state}"), "callback_malformed"),
        (format!("{code}&state={state}&state={state}"), "callback_malformed"),
        (format!("{code}&{code}&state={state}"), "callback_malformed"),
        (format!("{code}&state={state}&iss=a&iss=b"), "callback_malformed"),
        (format!("{code}&state={}", "x".repeat(43)), "state_unknown"),
        (format!("{code}&state={}", "x".repeat(9000)), "callback_malformed"),
    ] {
        browser.get(&format!("{path}?{query}")).expect(400).says(&[what]);
    }
    other.get(&callback).expect(400).says(&["state_foreign"]);
    other.begin(&world.daemon.mailbox_link(&named(ANN)));
    other.get(&callback).expect(400).says(&["state_foreign"]);
    let directory = callback.replace("office365/oauth2redirectWithAuthCode", "azuread/token");
    browser.get(&directory).expect(400).says(&["state_foreign"]);
    assert_eq!(world.simulator.counters().requests.get(&Endpoint::Code), None);

    browser.open(&callback).expect(200);
    browser.get(&callback).expect(400).says(&["state_unknown"]);
}

#[test]
fn of_two_answers_with_one_state_exactly_one_counts() {
    let world = World::start();
    let mut browser = Browser::new();
    let authorization = browser.begin(&world.daemon.mailbox_link(&named(SUPPORT)));
    let callback = browser.sign_in(&authorization, SUPPORT);
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let tabs: Vec<_> = (0..8).map(|_| scope.spawn(|| browser.clone().get(&callback).status)).collect();
        tabs.into_iter().map(|tab| tab.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|status| **status == 303).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|status| **status == 400).count(), 7, "{answers:?}");
    assert_eq!(world.simulator.counters().requests[&Endpoint::Code], 1);
}

#[test]
fn who_declines_is_told_so_and_may_try_again() {
    let world = World::start();
    let link = world.daemon.mailbox_link(&named(SUPPORT));
    let mut browser = Browser::new();
    let authorization = browser.begin(&link);
    let declined = browser.decline(&authorization);
    browser.get(&declined).expect(403).says(&["For support"]);
    let authorization = browser.begin(&link);
    let callback = browser.sign_in(&authorization, SUPPORT);
    browser.open(&callback).expect(200);
}

#[test]
fn the_answer_may_come_as_a_form() {
    let world = World::start();
    let mut browser = Browser::new();
    let authorization = browser.begin(&world.daemon.mailbox_link(&named(SUPPORT)));
    let callback = Url::parse(&browser.sign_in(&authorization, SUPPORT)).unwrap();
    let fields: Vec<(String, String)> = callback.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let form: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let path = callback.as_str().split('?').next().unwrap();
    browser.post(path, &[form[0], form[0], form[1]]).expect(400);
    let done = browser.post(path, &form).expect(303);
    browser.get(&format!("{}{}", world.daemon.site.origin(), done.header("location").unwrap())).expect(200).says(&["Mailbox connected"]);
}

#[test]
fn an_answer_that_names_another_issuer_is_refused_before_the_code_goes_anywhere() {
    let world = World::start();
    let link = world.daemon.mailbox_link(&named(SUPPORT));
    let mut browser = Browser::new();
    let mut answer = |iss: &str| {
        let authorization = browser.begin(&link);
        let callback = browser.sign_in(&authorization, SUPPORT);
        browser.open(&format!("{callback}&iss={iss}"))
    };
    answer("https%3A%2F%2Fevil.example").expect(400).says(&["issuer_mismatch"]);
    assert_eq!(world.simulator.counters().requests.get(&Endpoint::Code), None);
    answer(&format!("{}/{}/v2.0", world.simulator.authority(), entra_sim::TENANT)).expect(200);
}

#[test]
fn fifty_tabs_of_one_browser_finish_in_any_order() {
    let world = World::start();
    let mut browser = Browser::new();
    let users: Vec<String> = (100..150).map(|number| format!("user{number}@example.test")).collect();
    for (number, user) in users.iter().enumerate() {
        world.simulator.put_user(User::member(user, "Tab", 100 + number as u64));
    }
    let begun: Vec<String> = users.iter().map(|user| browser.begin(&world.daemon.mailbox_link(&named(user)))).collect();
    assert_eq!(browser.cookies(&world.daemon.site.origin()).len(), 1);
    let mut callbacks: Vec<String> = begun.iter().zip(&users).map(|(authorization, user)| browser.sign_in(authorization, user)).collect();
    callbacks.reverse();
    callbacks.rotate_left(17);
    for callback in &callbacks {
        browser.open(callback).expect(200);
    }
    assert_eq!(world.daemon.status()["mailboxes"]["healthy"], 50);
}

#[test]
fn a_connection_is_finished_though_the_browser_left_in_the_middle() {
    let world = World::start();
    let mut browser = Browser::new();
    let authorization = browser.begin(&world.daemon.mailbox_link(&named(SUPPORT)));
    let callback = Url::parse(&browser.sign_in(&authorization, SUPPORT)).unwrap();
    world.simulator.fault_at(Endpoint::Code, entra_sim::Fault::Held, 1);
    let mut connection = world.daemon.site.web().connect().unwrap();
    let (name, value) = browser.cookies(&world.daemon.site.origin()).remove(0);
    let request = format!("GET {}?{} HTTP/1.1\r\nhost: x\r\ncookie: {name}={value}\r\n\r\n", callback.path(), callback.query().unwrap());
    connection.write_all(request.as_bytes()).unwrap();
    wait_until("the code is being exchanged", || world.simulator.counters().token_requests_in_flight > 0);
    drop(connection);
    world.simulator.clear_faults();
    world.daemon.wait_for_mailbox(SUPPORT, "healthy");
}

#[test]
fn the_link_of_a_removed_mailbox_has_nothing_left() {
    let world = World::connected();
    world.daemon.call("DELETE", &format!("/v1/mailboxes/{SUPPORT}"), None).expect(204);
    world.daemon.token(SUPPORT, "imap").expect(404);
    world.daemon.call("DELETE", &format!("/v1/mailboxes/{SUPPORT}"), None).expect(404);
    world.connect(SUPPORT);
    world.good_token(SUPPORT, "imap");
}
