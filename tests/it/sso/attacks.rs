//! Published attacks on relying parties: each is tried against the daemon, and none gets anybody in.

use op_sim::{Edit, Endpoint, Keys, Script};
use proptest::prelude::*;
use serde_json::{Value, json};
use url::Url;

use super::browser::{Browser, parameter};
use super::logout::forbids_frames;
use super::stage::{Stage, assert_refused, assert_signed_in};

/// Composed from the published ways to leave an origin, one a line.
const PAYLOADS: &str = include_str!("../../fixtures/open_redirects.txt");

fn family(family: u8) -> Script {
    Script { keys: Keys { family, ..Keys::default() }, ..Script::default() }
}

#[test]
fn an_answer_counts_once() {
    let stage = Stage::new();
    let record = stage.record("once", Script::default());
    let mut browser = Browser::new();
    let start = browser.get(record.url("main"));
    let callback = browser.at_provider(start.location(), "ann");
    let first = browser.call_back(&callback);
    assert_signed_in(&stage, &mut browser, &first);
    let again = browser.call_back(&callback);
    assert_eq!(again.status, 400, "{again}");
    assert_eq!(stage.op.count("once", Endpoint::Token), 1);
    assert!(stage.is_signed_in(&mut browser, "main"), "the first sign-in holds");
}

#[test]
fn an_answer_in_another_browser_is_refused_and_stays_good_for_the_right_one() {
    let stage = Stage::new();
    let record = stage.record("foreign", Script::default());
    let (mut victim, mut thief) = (Browser::new(), Browser::new());
    let start = victim.get(record.url("main"));
    thief.get(record.url("main"));
    let callback = victim.at_provider(start.location(), "ann");
    let stolen = thief.call_back(&callback);
    assert_refused(&stage, &mut thief, &stolen, 400);
    assert_eq!(stage.op.count("foreign", Endpoint::Token), 0);
    let own = victim.call_back(&callback);
    assert_signed_in(&stage, &mut victim, &own);
}

#[test]
fn an_answer_without_the_cookie_begins_anew_once_and_signs_nobody_in() {
    let stage = Stage::new();
    let record = stage.record("cookieless", Script::default());
    let mut browser = Browser::new();
    let start = browser.get(record.url("main"));
    let callback = browser.at_provider(start.location(), "ann");
    browser.forget("flow");
    let anew = browser.call_back(&callback);
    assert!((302..=303).contains(&anew.status) && anew.location().contains("/cookieless/authorize"), "{anew}");
    assert_eq!(stage.op.count("cookieless", Endpoint::Token), 0);
    let mut again = browser.clone();
    let callback = browser.at_provider(anew.location(), "ann");
    let response = browser.call_back(&callback);
    assert_signed_in(&stage, &mut browser, &response);
    let callback = again.at_provider(anew.location(), "ann");
    again.forget("flow");
    let response = again.call_back(&callback);
    assert_refused(&stage, &mut again, &response, 400);
}

#[test]
fn doubled_parameters_and_made_up_answers_are_refused_before_anything_is_sent() {
    let stage = Stage::new();
    let record = stage.record("doubled", Script::default());
    for change in ["&code=x", "&state=x", "&iss=a&iss=b", "&error=a&error=b"] {
        let mut browser = Browser::new();
        let start = browser.get(record.url("main"));
        let callback = browser.at_provider(start.location(), "ann");
        let response = browser.get(&format!("{}{change}", callback.url));
        assert_refused(&stage, &mut browser, &response, 400);
    }
    for query in ["", "?code=x", "?state=x", "?code=x&state=made-up", "?error=access_denied&state=made-up", "?code=&state="] {
        let mut browser = Browser::new();
        let response = browser.get(&stage.daemon.url(&format!("/sso/openid{query}")));
        assert_refused(&stage, &mut browser, &response, 400);
    }
    assert_eq!(stage.op.count("doubled", Endpoint::Token), 0);
}

#[test]
fn a_stolen_code_signs_nobody_in() {
    // With PKCE the provider refuses; a provider that ignores PKCE leaves it to the nonce.
    for (alias, checks_pkce) in [("pkce", true), ("nonce", false)] {
        let stage = Stage::new();
        let record = stage.record(alias, Script { checks_pkce, ..Script::default() });
        let (mut victim, mut thief) = (Browser::new(), Browser::new());
        let start = victim.get(record.url("main"));
        let code = victim.at_provider(start.location(), "victim").parameter("code").unwrap();
        let start = thief.get(record.url("main"));
        let own = thief.at_provider(start.location(), "thief");
        let response = thief.call_back(&own.with("code", Some(&code)));
        assert!(response.status >= 400, "{response}");
        assert!(!stage.is_signed_in(&mut thief, "main"));
        assert!(stage.people().is_empty());
    }
}

#[test]
fn a_record_that_was_edited_meanwhile_sends_no_code_to_the_new_token_url() {
    let stage = Stage::new();
    let record = stage.record("honest", Script::default());
    let evil = stage.op.issuer("evil", Script::default());
    let mut browser = Browser::new();
    let start = browser.get(record.url("main"));
    let callback = browser.at_provider(start.location(), "ann");
    let path = format!("/v1/sso/connections/{}", record.id);
    stage.daemon.call("PATCH", &path, &json!({"token_url": evil.token_url, "confirm": true}));
    let response = browser.call_back(&callback);
    assert_eq!(stage.op.requests("evil").iter().filter(|seen| seen.parameter("code").is_some()).count(), 0);
    assert_refused(&stage, &mut browser, &response, response.status);
    assert!(response.status >= 400, "{response}");
}

#[test]
fn no_answer_of_one_provider_completes_a_sign_in_with_another() {
    let stage = Stage::new();
    let honest = stage.record("b", family(0));
    stage.record("a", family(1));
    let a = stage.op.origin().to_owned() + "/a";
    let b = stage.op.origin().to_owned() + "/b";
    proptest!(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() },
    |(iss in prop::option::of(prop::sample::select(vec![a, b, String::new()])), promises: bool, ignores_pkce: bool, person in "[a-c]")| {
        stage.op.change("b", |script| {
            script.checks_pkce = !ignores_pkce;
            script.metadata = vec![Edit::set("authorization_response_iss_parameter_supported", promises)];
        });
        let mut browser = Browser::new();
        // The attacker turns the browser's way to B into one to A, with B's parameters.
        let start = browser.get(honest.url("main"));
        let turned = start.location().replace("/b/authorize", "/a/authorize");
        let callback = browser.at_provider(&turned, &person);
        let response = browser.call_back(&callback.with("iss", iss.as_deref()));
        prop_assert!(response.status >= 400, "{}", response);
        prop_assert!(!stage.is_signed_in(&mut browser, "main"));
        prop_assert!(stage.people().is_empty());
        prop_assert_eq!(stage.op.count("a", Endpoint::Token), 0);
    });
}

#[test]
fn the_right_iss_is_welcome_promised_or_not() {
    let stage = Stage::new();
    for (alias, promised) in [("named", true), ("unasked", false)] {
        let metadata = vec![Edit::set("authorization_response_iss_parameter_supported", promised)];
        let iss = format!("{}/{alias}", stage.op.origin());
        let record = stage.record(alias, Script { metadata, authorization: vec![Edit::set("iss", iss)], ..Script::default() });
        let mut browser = Browser::new();
        let response = browser.sign_in(record.url("main"), "ann");
        if promised {
            assert_signed_in(&stage, &mut browser, &response);
        }
        let sent =
            stage.op.requests(alias).iter().filter(|seen| seen.endpoint == Endpoint::Token && seen.parameter("code").is_some()).count();
        assert!(sent <= 1);
        assert!(promised || response.status == 303 || response.status == 409, "{response}");
    }
}

#[test]
fn no_payload_leads_away_from_our_origin() {
    let stage = Stage::new();
    let record = stage.record("redirects", Script::default());
    let payloads: Vec<&str> = PAYLOADS.lines().filter(|line| !line.is_empty()).collect();
    assert!(payloads.len() >= 300, "{}", payloads.len());
    let origin = Url::parse(&stage.daemon.url("/")).unwrap().origin();
    for payload in payloads {
        let encoded: String = url::form_urlencoded::byte_serialize(payload.as_bytes()).collect();
        let mut browser = Browser::new();
        let start = browser.get(&format!("{}?return_to={encoded}", record.url("main")));
        let Some(to_provider) = start.header("location") else {
            assert_eq!(start.status, 400, "{payload}: {start}");
            continue;
        };
        let callback = browser.at_provider(to_provider, "ann");
        let response = browser.call_back(&callback);
        assert_eq!(response.status, 303, "{payload}: {response}");
        let location = response.location();
        let target = callback.url.join(location).unwrap_or_else(|error| panic!("{payload}: {location}: {error}"));
        assert_eq!(target.origin(), origin, "{payload} leads to {location}");
        assert!(!location.contains(['\\', '\t', '\r', '\n']) && !location.starts_with("//"), "{payload} leads to {location:?}");
    }
}

#[test]
fn no_page_of_the_sign_in_can_be_framed() {
    let stage = Stage::new();
    let record = stage.record("frames", Script::default());
    let mut browser = Browser::new();
    let start = browser.get(record.url("main"));
    let callback = browser.at_provider(start.location(), "ann");
    let responses = [
        start,
        browser.call_back(&callback),
        browser.get(&stage.daemon.url("/sso/openid")),
        browser.get(&stage.daemon.url("/sso/signed-out")),
    ];
    for response in responses {
        let is_page = response.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        assert!(!is_page || forbids_frames(&response), "{response}");
    }
}

#[test]
fn a_storm_of_unknown_key_ids_costs_one_fetch_of_the_keys_and_disturbs_nobody() {
    let stage = Stage::new();
    let record = stage.record("storm", Script::default());
    let mut browser = Browser::new();
    let response = browser.sign_in(record.url("main"), "before");
    assert_signed_in(&stage, &mut browser, &response);
    let before = stage.op.count("storm", Endpoint::Jwks);
    for number in 0..40 {
        stage.op.change("storm", |script| script.id_token.header = vec![Edit::set("kid", format!("made-up-{number}"))]);
        let mut browser = Browser::new();
        let response = browser.sign_in(record.url("main"), "ann");
        assert!(response.status >= 400, "{response}");
        if number % 10 == 0 {
            stage.op.change("storm", |script| script.id_token.header.clear());
            let mut good = Browser::new();
            let response = good.sign_in(record.url("main"), &format!("good{number}"));
            assert_signed_in(&stage, &mut good, &response);
        }
    }
    assert!(stage.op.count("storm", Endpoint::Jwks) - before <= 1);
}

#[test]
fn pages_of_a_failed_sign_in_show_no_secret_and_run_no_text_of_the_provider() {
    let stage = Stage::new();
    let refusal = json!({"error": "invalid_grant", "error_description": "<script>alert(1)</script> AADSTS50173\r\nTrace ID: 0000aaaa-1111-2222-3333-444455556666"});
    let record = stage.record("talkative", Script::default());
    stage.op.change("talkative", |script| drop(script.faults.insert(Endpoint::Token, op_sim::Fault::json(400, &refusal))));
    let mut browser = Browser::new();
    let start = browser.get(record.url("main"));
    let callback = browser.at_provider(start.location(), "ann");
    let (code, state) = (callback.parameter("code").unwrap(), callback.parameter("state").unwrap());
    let response = browser.call_back(&callback);
    let (page, journal) = (response.text(), stage.daemon.journal());
    assert!(response.status >= 400 && !page.contains("<script>alert"), "{response}");
    let verifier = stage.op.requests("talkative").iter().find_map(|seen| seen.parameter("code_verifier").map(str::to_owned)).unwrap();
    let nonce = parameter(&Url::parse(start.location()).unwrap(), "nonce").unwrap();
    let secret = op_sim::Client::default().secrets[0].clone();
    for (name, hidden) in [("code", &code), ("state", &state), ("verifier", &verifier), ("nonce", &nonce), ("secret", &secret)] {
        assert!(!page.contains(hidden.as_str()), "the page shows the {name}");
        assert!(!journal.contains(hidden.as_str()), "the journal shows the {name}");
    }
    let shown = stage.daemon.api("GET", "/v1/sso/connections", &Value::Null).to_string();
    assert!(!shown.contains("s3cret"), "{shown}");
}
