//! What people and programs are told when the provider refuses or is at fault, and that nothing is lost by it.

use entra_sim::{CLIENT_ID, Endpoint, Fault, IdTokenFlaw, Problem, SECOND_SECRET, SECRET};
use serde_json::json;

use crate::harness::{Answer, Browser, SUPPORT, World};

/// Tries the link once and returns the answer at the end.
fn attempt(link: &str, browser: &mut Browser) -> Answer {
    let authorization = browser.begin(link);
    let callback = browser.sign_in(&authorization, SUPPORT);
    browser.open(&callback)
}

#[test]
fn a_provider_at_fault_is_a_bad_gateway_and_the_link_stays_good() {
    let world = World::start();
    let link = world.daemon.mailbox_link(&json!({}));
    let faults = [
        Fault::Status { status: 503 },
        Fault::Status { status: 500 },
        Fault::Throttle { retry_after: Some("1".into()) },
        Fault::HtmlOk,
        Fault::HtmlUnavailable,
        Fault::EmptyBody,
        Fault::TruncatedBody,
        Fault::Reset,
        Fault::LoseResponse,
        Fault::HugeBody,
        Fault::InvalidJson,
        Fault::DeepJson,
        Fault::WrongTypes,
        Fault::Error(Problem { code: 90_033, ..Problem::default() }),
    ];
    for fault in faults {
        world.simulator.fault_at(Endpoint::Code, fault.clone(), 1);
        let answer = attempt(&link, &mut Browser::new());
        assert_eq!(answer.status, 502, "{fault:?}: {}", answer.body);
        answer.says(&["What to do", "For support"]);
    }
    assert_eq!(world.daemon.get("/v1/mailboxes").json(), json!([]));
    attempt(&link, &mut Browser::new()).expect(200);
}

#[test]
fn an_id_token_that_does_not_hold_connects_nothing() {
    let world = World::start();
    let link = world.daemon.mailbox_link(&json!({}));
    use IdTokenFlaw::*;
    let flaws = [
        Missing,
        Nonce,
        NoNonce,
        Audience,
        Issuer,
        Tenant,
        Signature,
        Expired,
        NotYetValid,
        Unsigned,
        Hmac,
        UnknownKey,
        ForeignKey,
        Garbage,
    ];
    for flaw in flaws {
        world.simulator.fault_at(Endpoint::Code, Fault::IdToken { flaw }, 1);
        let answer = attempt(&link, &mut Browser::new());
        assert!([502, 403].contains(&answer.status), "{flaw:?}: {} {}", answer.status, answer.body);
    }
    assert_eq!(world.daemon.get("/v1/mailboxes").json(), json!([]));
    attempt(&link, &mut Browser::new()).expect(200);
}

#[test]
fn keys_that_the_provider_changed_are_fetched_anew() {
    let world = World::connected();
    world.simulator.rotate_keys();
    world.simulator.withdraw_old_keys();
    world.connect("ann@example.test");
}

#[test]
fn a_refused_secret_is_our_own_fault_and_the_page_gives_what_support_asks_for() {
    let world = World::start();
    world.daemon.wait_for_status("verified", |status| status["credentials"]["verified"] == "yes");
    let link = world.daemon.mailbox_link(&json!({}));
    world.simulator.remove_secret(CLIENT_ID, SECRET);
    let page = attempt(&link, &mut Browser::new()).expect(503);
    page.says(&["AADSTS7000215", "Trace ID", "Correlation ID", "Time", "Request", "Who can fix it", "What to do"]);
    let id = page.header("x-request-id").unwrap();
    page.says(&[id]);
    assert!(!page.body.contains(SECRET), "{}", page.body);
    assert!(world.daemon.log().contains(id), "the request's number is in the log");

    let document = attempt(&link, &mut Browser::of_a_program()).expect(503);
    assert_eq!(document.header("content-type"), Some("application/problem+json"));
    let document = document.json();
    assert_eq!((&document["status"], &document["code"]), (&json!(503), &json!("AADSTS7000215")), "{document}");
    for member in ["type", "title", "detail", "hint", "aadsts", "trace_id", "correlation_id", "timestamp", "request_id"] {
        assert!(document[member].is_string(), "{member} in {document}");
    }
    world.daemon.wait_for_status("stale", |status| status["state"] == "stale" && status["credentials"]["verified"] == "no");

    world.daemon.site.write_pair(CLIENT_ID, SECOND_SECRET);
    world.daemon.wait_for_status("ready", |status| status["state"] == "ready" && status["credentials"]["verified"] == "yes");
    attempt(&link, &mut Browser::new()).expect(200);
}

#[test]
fn what_the_provider_sends_back_decides_who_is_told_what() {
    let world = World::start();
    let link = world.daemon.mailbox_link(&json!({}));
    let cases = [
        (65_004, "access_denied", 403),
        (50_105, "interaction_required", 403),
        (90_094, "consent_required", 403),
        (90_033, "temporarily_unavailable", 502),
        (50_000, "server_error", 502),
        (700_016, "unauthorized_client", 503),
        (70_011, "invalid_scope", 503),
    ];
    for (code, error, status) in cases {
        let problem = Problem { code, error: Some(error.into()), ..Problem::default() };
        world.simulator.fault_at(Endpoint::Authorize, Fault::Error(problem), 1);
        let mut browser = Browser::new();
        let authorization = browser.begin(&link);
        let answer = browser.open(&authorization);
        assert_eq!(answer.status, status, "AADSTS{code}: {}", answer.body);
        answer.says(&[&format!("AADSTS{code}"), "Trace ID", "Correlation ID"]);
    }
    attempt(&link, &mut Browser::new()).expect(200);
}

#[test]
fn an_unknown_page_is_a_page_and_a_document() {
    let world = World::start();
    let url = format!("{}/integrations/nowhere", world.daemon.site.origin());
    Browser::new().get(&url).expect(404).says(&["there is nothing at /integrations/nowhere"]);
    let document = Browser::of_a_program().get(&url).expect(404);
    assert_eq!(document.json()["code"], "unknown_path");
    let wrong = Browser::of_a_program().request("DELETE", &format!("{}/healthz", world.daemon.site.origin()), &[], "").expect(405);
    assert_eq!(wrong.json()["code"], "wrong_method");
}
