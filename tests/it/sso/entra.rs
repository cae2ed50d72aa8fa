//! Microsoft Entra's own ways: both versions, many tenants, unsigned tokens of v1, and e-mail addresses that prove nothing.

use op_sim::{Algorithm, Client, Edit, Endpoint, Entra, Script, Signature, Token};
use serde_json::{Value, json};

use super::browser::Browser;
use super::stage::{Record, Stage, assert_refused, assert_signed_in};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const OTHER: &str = "22222222-2222-3333-4444-555555555555";

fn entra(unsigned_v1: bool) -> Script {
    let client = Client { id: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee".to_owned(), ..Client::default() };
    Script { client, entra: Some(Entra { tenant: TENANT.to_owned(), unsigned_v1 }), ..Script::default() }
}

/// The URLs of v1 for an alias.
fn v1(stage: &Stage, alias: &str) -> Value {
    let base = format!("{}/{alias}/oauth2", stage.op.origin());
    json!({"authorization_uri": format!("{base}/authorize"), "token_url": format!("{base}/token")})
}

fn sign_in(stage: &Stage, record: &Record) -> (Browser, super::http::Response) {
    let mut browser = Browser::new();
    let response = browser.sign_in(record.url("main"), "ann");
    assert!(stage.op.violations(&record.alias).is_empty(), "{:?}", stage.op.violations(&record.alias));
    (browser, response)
}

#[test]
fn both_versions_sign_in_by_their_two_urls_alone() {
    for is_v1 in [false, true] {
        let stage = Stage::new();
        let wishes = if is_v1 { v1(&stage, TENANT) } else { json!({}) };
        let record = stage.record_with(TENANT, entra(false), &wishes);
        let (mut browser, response) = sign_in(&stage, &record);
        assert_signed_in(&stage, &mut browser, &response);
    }
}

#[test]
fn an_unsigned_token_of_v1_is_good_until_the_record_says_no_and_never_at_v2() {
    let stage = Stage::new();
    let record = stage.record_with(TENANT, entra(true), &v1(&stage, TENANT));
    let (mut browser, response) = sign_in(&stage, &record);
    assert_signed_in(&stage, &mut browser, &response);
    stage.op.change(TENANT, |script| script.id_token.claims = vec![Edit::append("nonce", "1")]);
    let (mut browser, response) = sign_in(&stage, &record);
    assert_refused(&stage, &mut browser, &response, 502);
    stage.op.change(TENANT, |script| script.id_token.claims.clear());
    stage.daemon.api("PATCH", &format!("/v1/sso/connections/{}", record.id), &json!({"unsigned_v1": false, "confirm": true}));
    let (mut browser, response) = sign_in(&stage, &record);
    assert_refused(&stage, &mut browser, &response, 502);

    let stage = Stage::new();
    let unsigned = Token { algorithm: Algorithm::None, ..Token::default() };
    let record = stage.record(TENANT, Script { id_token: unsigned, ..entra(false) });
    let (mut browser, response) = sign_in(&stage, &record);
    assert_refused(&stage, &mut browser, &response, 502);
}

#[test]
fn a_second_secret_is_tried_when_it_is_set() {
    let stage = Stage::new();
    let record = stage.record_with(TENANT, entra(false), &json!({}));
    let path = format!("/v1/sso/connections/{}", record.id);
    let next = |secret: &str| stage.daemon.api("PATCH", &path, &json!({"client_secret_next": secret}))["problem"].clone();
    let refused = next("not-a-secret");
    assert!(refused["title"].as_str().is_some_and(|title| title.contains("client_secret_next")), "{refused}");
    stage.op.change(TENANT, |script| script.client.secrets.push("the-next-one".to_owned()));
    assert_eq!(next("the-next-one"), Value::Null);
    let (mut browser, response) = sign_in(&stage, &record);
    assert_signed_in(&stage, &mut browser, &response);
}

#[test]
fn a_bad_signature_is_worse_than_none() {
    for signature in [Signature::Corrupted, Signature::Stranger] {
        let stage = Stage::new();
        let record =
            stage.record_with(TENANT, Script { id_token: Token { signature, ..Token::default() }, ..entra(false) }, &v1(&stage, TENANT));
        let (mut browser, response) = sign_in(&stage, &record);
        assert_refused(&stage, &mut browser, &response, 502);
    }
}

#[test]
fn a_record_for_many_tenants_lets_in_those_that_it_lists() {
    let stage = Stage::new();
    let unlisted = stage.try_record("organizations", entra(false), &json!({}));
    assert!(unlisted.is_err_and(|refusal| refusal.status < 500), "enabled without allowed_tenants");
    let record = stage.record_with("organizations", entra(false), &json!({"allowed_tenants": [TENANT]}));
    let (mut browser, response) = sign_in(&stage, &record);
    assert_signed_in(&stage, &mut browser, &response);
    stage.op.change("organizations", |script| script.entra = Some(Entra { tenant: OTHER.to_owned(), unsigned_v1: false }));
    let mut browser = Browser::new();
    let response = browser.sign_in(record.url("main"), "ben");
    assert_refused(&stage, &mut browser, &response, 403);
    for (claim, value) in [("tid", json!(TENANT)), ("tid", json!("not-a-guid")), ("tid", Value::Null), ("ver", json!("1.0"))] {
        stage.op.change("organizations", |script| script.id_token.claims = vec![Edit::set(claim, value.clone())]);
        let mut browser = Browser::new();
        let response = browser.sign_in(record.url("main"), "ben");
        assert!(response.status >= 400, "{claim} {value}: {response}");
        assert!(!stage.is_signed_in(&mut browser, "main"));
    }
    assert!(stage.daemon.call("PATCH", &format!("/v1/sso/connections/{}", record.id), &json!({"allowed_tenants": ["*"]})).status >= 400);
}

#[test]
fn an_address_of_entra_links_nobody_by_itself() {
    // "nOAuth": any tenant's admin can write any address into a profile.
    let stage = Stage::new();
    let record = stage.record_with("organizations", entra(false), &json!({"allowed_tenants": [TENANT]}));
    stage.daemon.api("POST", "/v1/people", &json!({"kind": "user", "email": "ann@example.test"}));
    stage.op.change("organizations", |script| script.id_token.claims = vec![Edit::set("acct", 1), Edit::set("email_verified", true)]);
    let (mut browser, response) = sign_in(&stage, &record);
    assert_refused(&stage, &mut browser, &response, 409);
    stage.op.change("organizations", |script| script.id_token.claims = vec![Edit::set("acct", 1), Edit::set("xms_edov", "1")]);
    let (mut browser, response) = sign_in(&stage, &record);
    assert!(response.status == 303 || response.status == 409, "{response}");
    assert_eq!(stage.is_signed_in(&mut browser, "main"), response.status == 303);
    assert_eq!(stage.people_with("ann@example.test").len(), 1);
}

#[test]
fn an_upgrade_from_v1_to_v2_keeps_everyone_linked() {
    let stage = Stage::new();
    let record = stage.record_with(TENANT, entra(true), &v1(&stage, TENANT));
    let (mut browser, response) = sign_in(&stage, &record);
    assert_signed_in(&stage, &mut browser, &response);
    let before = stage.people();
    stage.daemon.api("POST", &format!("/v1/sso/connections/{}/upgrade", record.id), &json!({}));
    let path = format!("/v1/sso/connections/{}", record.id);
    stage.daemon.call("PATCH", &path, &json!({"enabled": true, "confirm": true}));
    let (mut browser, response) = sign_in(&stage, &record);
    assert_signed_in(&stage, &mut browser, &response);
    let after = stage.people();
    assert_eq!((after.len(), &after[0]["id"]), (1, &before[0]["id"]));
    let last = stage.op.requests(TENANT).into_iter().rfind(|seen| seen.endpoint == Endpoint::Token).unwrap();
    assert!(last.path.ends_with("/oauth2/v2.0/token"), "{}", last.path);
}
