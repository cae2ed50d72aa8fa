//! What people and admins do on ordinary and on bad days.

use op_sim::{Endpoint, Fault, Script};
use serde_json::{Value, json};

use super::browser::{Browser, parameter};
use super::stage::{Stage, assert_refused, assert_signed_in};

#[test]
fn fifty_tabs_sign_in_at_once_and_finish_in_any_order() {
    let stage = Stage::new();
    let record = stage.record("tabs", Script::default());
    let mut browser = Browser::new();
    let starts: Vec<String> =
        (0..50).map(|tab| browser.get(&format!("{}?return_to=/tab/{tab}", record.url("main"))).location().to_owned()).collect();
    assert_eq!(browser.cookies("flow").len(), 1, "one cookie for all tabs");
    let mut callbacks: Vec<_> = starts.iter().map(|start| browser.at_provider(start, "ann")).enumerate().collect();
    // The last one first, then in an order that has no system.
    callbacks.reverse();
    callbacks.sort_by_key(|(tab, _)| (tab * 37) % 50);
    for (tab, callback) in callbacks {
        let response = browser.call_back(&callback);
        assert_signed_in(&stage, &mut browser, &response);
        assert!(response.location().ends_with(&format!("/tab/{tab}")), "{response}");
    }
    assert!(stage.op.violations("tabs").is_empty(), "{:?}", stage.op.violations("tabs"));
}

#[test]
fn a_session_id_is_new_at_each_sign_in_and_the_cookie_is_closed_to_scripts() {
    let stage = Stage::new();
    let record = stage.record("cookies", Script::default());
    let mut browser = Browser::new();
    let response = browser.sign_in(record.url("main"), "ann");
    assert_signed_in(&stage, &mut browser, &response);
    for (_, cookie) in response.headers.iter().filter(|(name, _)| name == "set-cookie") {
        let cookie = cookie.to_ascii_lowercase();
        assert!(cookie.contains("httponly") && cookie.contains("samesite=lax") && cookie.contains("path=/"), "{cookie}");
        assert!(!cookie.contains("domain="), "{cookie}");
    }
    let first = browser.cookies("session");
    let response = browser.sign_in(record.url("main"), "ann");
    assert_signed_in(&stage, &mut browser, &response);
    assert_ne!(browser.cookies("session"), first);
}

#[test]
fn web_servers_hear_who_it_is_and_customers_never_reach_the_main_app() {
    let stage = Stage::new();
    let user = stage.record("staff", Script::default());
    let customer = stage.record_with("clients", Script::default(), &json!({"audience": "customers"}));
    assert!(customer.urls["main"].is_null(), "{}", customer.urls);
    let (mut ann, mut carl, mut nobody) = (Browser::new(), Browser::new(), Browser::new());
    ann.sign_in(user.url("main"), "ann");
    let check = stage.check(&mut ann, "main");
    assert_eq!(check.status, 200, "{check}");
    let header = |name: &str| check.header(&format!("x-onedesk-{name}")).unwrap_or_default().to_owned();
    assert_eq!(
        (header("email").as_str(), header("name").as_str(), header("kind").as_str()),
        ("ann@example.test", "ann%20of%20staff", "user")
    );
    assert_eq!(header("user"), stage.people_with("ann@example.test")[0]["id"].as_str().unwrap());
    carl.sign_in(customer.url("portal"), "carl");
    assert_eq!(stage.check(&mut carl, "portal").status, 200);
    assert_eq!(stage.check(&mut carl, "main").status, 403);
    assert_eq!(stage.check(&mut nobody, "main").status, 401);
    assert_eq!(carl.get(&stage.daemon.url(&format!("/sso/login/{}/main", customer.id))).status / 100, 4);
}

#[test]
fn switching_off_ends_the_sessions_of_that_kind_and_the_generated_urls_say_why() {
    let stage = Stage::new();
    let user = stage.record("staff", Script::default());
    let customer = stage.record_with("clients", Script::default(), &json!({"audience": "customers"}));
    let (mut ann, mut carl) = (Browser::new(), Browser::new());
    ann.sign_in(user.url("main"), "ann");
    carl.sign_in(customer.url("portal"), "carl");
    stage.daemon.api("PATCH", "/v1/sso", &json!({"users_enabled": false}));
    // "off" lets a web server fall through to the app's own sign-in: only when nobody can sign in here any more.
    for app in ["kb", "main"] {
        let check = stage.check(&mut ann, app);
        assert_eq!((check.status, check.header("x-onedesk-sso")), (401, None), "{app}: {check}");
    }
    assert!(stage.is_signed_in(&mut carl, "portal"));
    let page = ann.get(user.url("main"));
    assert_eq!(page.status, 403, "{page}");
    stage.daemon.api("PATCH", "/v1/sso", &json!({"customers_enabled": false}));
    let check = stage.check(&mut carl, "portal");
    assert_eq!((check.status, check.header("x-onedesk-sso")), (401, Some("off")), "{check}");
    stage.daemon.api("PATCH", "/v1/sso", &json!({"users_enabled": true}));
    assert!(!stage.is_signed_in(&mut ann, "main"), "an ended session stays ended");
}

#[test]
fn a_sign_in_under_way_when_the_switch_goes_off_is_refused() {
    let stage = Stage::new();
    let record = stage.record("late", Script::default());
    let mut browser = Browser::new();
    let start = browser.get(record.url("main"));
    let callback = browser.at_provider(start.location(), "ann");
    stage.daemon.api("PATCH", "/v1/sso", &json!({"users_enabled": false}));
    let response = browser.call_back(&callback);
    assert_refused(&stage, &mut browser, &response, 403);
    assert_eq!(
        stage.op.count("late", Endpoint::Token),
        stage.op.requests("late").iter().filter(|seen| seen.parameter("grant_type") == Some("client_credentials")).count() as u64
    );
}

#[test]
fn sessions_and_sign_ins_under_way_outlive_a_restart() {
    let mut stage = Stage::new();
    let record = stage.record("restart", Script::default());
    let (mut ann, mut ben) = (Browser::new(), Browser::new());
    ann.sign_in(record.url("main"), "ann");
    let start = ben.get(record.url("main"));
    let callback = ben.at_provider(start.location(), "ben");
    stage.daemon.restart();
    assert!(stage.is_signed_in(&mut ann, "main"));
    let response = ben.call_back(&callback);
    assert_signed_in(&stage, &mut ben, &response);
}

#[test]
fn a_provider_that_is_down_is_a_502_and_comes_back_by_itself() {
    let mut stage = Stage::new();
    let record = stage.record("down", Script::default());
    for endpoint in [Endpoint::Discovery, Endpoint::Jwks, Endpoint::Token] {
        stage.op.change("down", |script| drop(script.faults.insert(endpoint, Fault::default())));
    }
    stage.daemon.restart();
    let mut browser = Browser::new();
    let start = browser.get(record.url("main"));
    assert_eq!(start.status, 502, "{start}");
    stage.op.change("down", |script| script.faults.retain(|endpoint, _| *endpoint == Endpoint::Token));
    let start = browser.get(record.url("main"));
    let callback = browser.at_provider(start.location(), "ann");
    let response = browser.call_back(&callback);
    assert_refused(&stage, &mut browser, &response, 502);
    stage.op.change("down", |script| script.faults.clear());
    let response = browser.sign_in(record.url("main"), "ann");
    assert_signed_in(&stage, &mut browser, &response);
}

#[test]
fn a_refused_secret_is_a_503_that_names_the_record_to_mend() {
    let stage = Stage::new();
    let record = stage.record("secret", Script::default());
    stage.op.change("secret", |script| script.client.secrets = vec!["another".to_owned()]);
    let mut browser = Browser::new();
    let response = browser.sign_in(record.url("main"), "ann");
    assert_refused(&stage, &mut browser, &response, 503);
}

#[test]
fn the_second_secret_bridges_a_rotation() {
    let stage = Stage::new();
    let record = stage.record_with("rotation", Script::default(), &json!({"client_secret_next": "the-next-one"}));
    stage.op.change("rotation", |script| script.client.secrets = vec!["the-next-one".to_owned()]);
    let mut browser = Browser::new();
    let response = browser.sign_in(record.url("main"), "ann");
    assert_signed_in(&stage, &mut browser, &response);
}

#[test]
fn a_clock_that_is_wrong_is_named_with_its_error() {
    let stage = Stage::new();
    let record = stage.record("clock", Script { clock_ahead: 1800, ..Script::default() });
    let mut browser = Browser::new();
    let response = browser.sign_in(record.url("main"), "ann");
    assert!(response.status >= 400, "{response}");
    assert!(response.text().contains("clock"), "{response}");
}

#[test]
fn an_app_that_sends_signed_in_browsers_back_to_sign_in_gets_a_page_after_three_rounds() {
    let stage = Stage::new();
    let record = stage.record("circle", Script::default());
    let mut browser = Browser::new();
    for round in 1..=3 {
        let response = browser.sign_in(record.url("main"), "ann");
        assert_eq!(response.status, 303, "round {round}: {response}");
    }
    let broken = browser.get(record.url("main"));
    assert!(
        broken.header("location").is_none() && broken.header("content-type").is_some_and(|kind| kind.starts_with("text/html")),
        "{broken}"
    );
}

#[test]
fn scripts_get_json_and_every_error_has_its_request_id() {
    let stage = Stage::new();
    let response = Browser::script().get(&stage.daemon.url("/sso/openid?code=x&state=y"));
    assert_eq!((response.status, response.header("content-type")), (400, Some("application/problem+json")), "{response}");
    assert!(response.json()["status"] == 400, "{response}");
    let me = Browser::script().get(&stage.daemon.url("/sso/me"));
    assert_eq!(me.status, 401, "{me}");
}

#[test]
fn forward_auth_sends_pages_to_the_sign_in_and_refuses_scripts() {
    let stage = Stage::new();
    stage.record("forward", Script::default());
    let mut browser = Browser::new();
    browser.headers =
        vec![("X-Forwarded-Uri".to_owned(), "/tickets/7?view=all".to_owned()), ("X-Forwarded-Method".to_owned(), "GET".to_owned())];
    let url = stage.daemon.url("/sso/check?app=main&redirect=1");
    let response = browser.get(&url);
    assert_eq!(response.status, 302, "{response}");
    let target = url::Url::parse(&url).unwrap().join(response.location()).unwrap();
    assert_eq!(parameter(&target, "return_to").as_deref(), Some("/tickets/7?view=all"), "{target}");
    assert_eq!(Browser::script().get(&url).status, 401);
}

#[test]
fn a_record_cannot_be_enabled_unasked_and_shows_no_secret() {
    let stage = Stage::new();
    let record = stage.record("asked", Script::default());
    let path = format!("/v1/sso/connections/{}", record.id);
    stage.daemon.api("PATCH", &path, &json!({"enabled": false}));
    let response = Browser::new().get(record.url("main"));
    assert_eq!(response.status, 403, "{response}");
    assert_eq!(stage.daemon.call("PATCH", &path, &json!({"enabled": true})).status, 409);
    let shown = stage.daemon.api("GET", &path, &Value::Null);
    assert!(shown.get("client_secret").is_none() && !shown.to_string().contains("s3cret"), "{shown}");
    assert_eq!(shown["redirect_uri"], stage.daemon.url("/sso/openid"));
}
