//! Every fault does what it says.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use entra_sim::{
    ALWAYS, CLIENT_ID, Config, Endpoint, Fault, IdTokenFlaw, Problem, RefreshPolicy, SECOND_SECRET as SECOND, Simulator, TENANT,
};
use serde_json::{Value, json};

use crate::raw::{MAIL, authorize, begin_refresh, decode, get, redeem, redirected, refresh, text, try_refresh};

/// Waits for something that the simulator does on its own thread.
fn until(mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !happened() {
        assert!(Instant::now() < deadline, "it never happened");
        std::thread::yield_now();
    }
}

fn started() -> (Simulator, String) {
    let simulator = Simulator::start(Config::default());
    let token = simulator.grant("support@example.test", CLIENT_ID, MAIL);
    (simulator, token)
}

#[test]
fn answers_of_a_broken_service() {
    let (simulator, token) = started();
    let cases = [
        (Fault::Status { status: 500 }, 500, "temporarily_unavailable"),
        (Fault::Throttle { retry_after: Some("17".into()) }, 429, "AADSTS90055"),
        (Fault::HtmlOk, 200, "<!doctype html>"),
        (Fault::HtmlUnavailable, 503, "<!doctype html>"),
        (Fault::EmptyBody, 200, ""),
        (Fault::InvalidJson, 200, "expires_in\":"),
        (Fault::DeepJson, 200, "[[[["),
        (Fault::WrongTypes, 200, "\"access_token\":[\""),
        (Fault::HugeBody, 200, "xxxxxxxx"),
        (Fault::Error(Problem { code: 50_076, claims: Some("{}".into()), ..Problem::default() }), 400, "\"claims\":\"{}\""),
    ];
    for (fault, status, part) in cases {
        simulator.fault(fault.clone(), 1);
        let answer = refresh(&simulator, &token, MAIL);
        assert_eq!(answer.status, status, "{fault:?}");
        assert!(answer.text().contains(part), "{fault:?}");
        assert_eq!(answer.header("retry-after").is_some(), status == 429);
        assert!(fault != Fault::HugeBody || answer.body.len() > 2_000_000);
    }
    assert_eq!(refresh(&simulator, &token, MAIL).status, 200);
    simulator.fault(Fault::ThrottleUntil { seconds: 60 }, 1);
    assert!(refresh(&simulator, &token, MAIL).header("retry-after").unwrap().ends_with(" GMT"));
    assert_eq!(simulator.violations(), []);
}

#[test]
fn connections_break_before_and_after_the_work_is_done() {
    let (simulator, token) = started();
    let attempt = |fault| {
        simulator.fault(fault, 1);
        try_refresh(&simulator, &token, MAIL, SECOND).unwrap_err().kind()
    };
    assert_eq!(attempt(Fault::Reset), ErrorKind::ConnectionReset);
    assert_eq!(attempt(Fault::TruncatedBody), ErrorKind::UnexpectedEof);
    simulator.behave(|behaviour| behaviour.refresh = RefreshPolicy::Strict);
    let token = simulator.grant("ann@example.test", CLIENT_ID, MAIL);
    simulator.fault(Fault::LoseResponse, 1);
    assert_eq!(try_refresh(&simulator, &token, MAIL, SECOND).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(refresh(&simulator, &token, MAIL).problem().0, 50_173);
}

#[test]
fn a_hanging_request_is_in_flight_until_the_client_gives_up() {
    let (simulator, token) = started();
    simulator.fault(Fault::Hang, 1);
    let waiting = begin_refresh(&simulator, &token);
    until(|| simulator.counters().token_requests_in_flight == 1 && !simulator.requests().is_empty());
    assert_eq!(refresh(&simulator, &token, MAIL).status, 200);
    assert_eq!(simulator.counters().max_refreshes_of_one_grant, 2);
    drop(waiting);
    until(|| simulator.counters().token_requests_in_flight == 0);
}

#[test]
fn members_can_be_missing_and_permissions_fewer() {
    let (simulator, token) = started();
    simulator.fault(Fault::NoRefreshToken, 1);
    assert!(refresh(&simulator, &token, MAIL).json().get("refresh_token").is_none());
    simulator.fault(Fault::NoScope, 1);
    assert!(refresh(&simulator, &token, MAIL).json().get("scope").is_none());
    simulator.fault(Fault::ReducedScope, 1);
    let reduced = refresh(&simulator, &token, MAIL);
    assert_eq!(reduced.json()["scope"], "https://outlook.office.com/IMAP.AccessAsUser.All");
    assert_eq!(simulator.introspect(&text(&reduced, "access_token")).unwrap().permissions, ["IMAP.AccessAsUser.All"]);
    simulator.fault(Fault::DateSkew { seconds: -86_400 * 365 }, 1);
    assert!(refresh(&simulator, &token, MAIL).header("date").is_some());
}

#[test]
fn id_tokens_are_spoiled_one_way_each() {
    let simulator = Simulator::start(Config::default());
    let sign_in = |flaw: Option<IdTokenFlaw>| -> Value {
        if let Some(flaw) = flaw {
            simulator.fault_at(Endpoint::Code, Fault::IdToken { flaw }, 1);
        }
        let answer = authorize(&simulator, TENANT, "openid profile", &[("sim_user", "ann@example.test")]);
        redeem(&simulator, TENANT, &redirected(&answer, "code").unwrap(), &[]).json()
    };
    let claims = |flaw| decode(sign_in(Some(flaw))["id_token"].as_str().unwrap());
    assert!(sign_in(Some(IdTokenFlaw::Missing)).get("id_token").is_none());
    assert_eq!(claims(IdTokenFlaw::Nonce).1["nonce"], "another-nonce");
    assert_eq!(claims(IdTokenFlaw::NoNonce).1.get("nonce"), None);
    assert_ne!(claims(IdTokenFlaw::Audience).1["aud"], CLIENT_ID);
    assert_eq!(claims(IdTokenFlaw::Issuer).1["iss"], "https://issuer.invalid/v2.0");
    assert_ne!(claims(IdTokenFlaw::Tenant).1["tid"], TENANT);
    assert!(claims(IdTokenFlaw::Expired).1["exp"].as_i64().unwrap() < simulator.now());
    assert!(claims(IdTokenFlaw::NotYetValid).1["nbf"].as_i64().unwrap() > simulator.now());
    assert_eq!(claims(IdTokenFlaw::Unsigned).0["alg"], "none");
    assert_eq!(claims(IdTokenFlaw::Hmac).0["alg"], "HS256");
    assert_eq!(claims(IdTokenFlaw::UnknownKey).0["kid"], "unknown-key");
    let keys = get(&simulator, "/common/discovery/v2.0/keys").json();
    assert_eq!(claims(IdTokenFlaw::ForeignKey).0["kid"], keys["keys"][0]["kid"]);
    assert_eq!(sign_in(Some(IdTokenFlaw::Garbage))["id_token"], json!("not a token"));
    assert_eq!(sign_in(None)["token_type"], "Bearer");
}

#[test]
fn faults_last_until_cleared_and_strike_other_endpoints_too() {
    let (simulator, token) = started();
    simulator.fault_at(Endpoint::Discovery, Fault::HtmlOk, ALWAYS);
    simulator.fault_at(Endpoint::Authorize, Fault::Decline, 1);
    let discovery = || get(&simulator, "/common/v2.0/.well-known/openid-configuration").text().starts_with('<');
    assert!(discovery() && discovery());
    simulator.clear_faults();
    assert!(!discovery());
    simulator.fault_at(Endpoint::Authorize, Fault::Error(Problem { code: 90_033, ..Problem::default() }), 1);
    let answer = authorize(&simulator, TENANT, "openid", &[]);
    assert_eq!(redirected(&answer, "error").as_deref(), Some("temporarily_unavailable"));
    assert_eq!(refresh(&simulator, &token, MAIL).status, 200);
}
