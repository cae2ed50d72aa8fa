//! Sign-in, tokens, refusals, and what counts as a violation.

use entra_sim::{CLIENT_ID, Config, EXPIRED_SECRET, GRAPH, OUTLOOK, PARTNER_TENANT, RefreshPolicy, SECRET, Simulator, TENANT};
use serde_json::json;

use crate::raw::{
    MAIL, REDIRECT, VERIFIER, authorize, decode, encode, get, order, post, redeem, redirected, refresh, send, text, try_refresh,
};

const SIGN_IN: &str = "openid profile email offline_access User.Read";

fn rules(simulator: &Simulator) -> Vec<&'static str> {
    simulator.violations().iter().map(|violation| violation.rule).collect()
}

#[test]
fn a_person_signs_in_and_the_grant_serves_mail_and_graph_in_turn() {
    let simulator = Simulator::start(Config::default());
    let scope = format!("{SIGN_IN} {MAIL}");
    let answer = authorize(&simulator, "organizations", &scope, &[("sim_user", "ann@example.test")]);
    assert_eq!(answer.status, 302);
    assert!(answer.header("location").unwrap().ends_with('#'));
    assert_eq!(redirected(&answer, "state").as_deref(), Some("state-0123456789-0123456789"));

    let tokens = redeem(&simulator, "organizations", &redirected(&answer, "code").unwrap(), &[("scope", SIGN_IN)]);
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    assert_eq!(tokens.json()["expires_in"], 4312);
    let (header, claims) = decode(&text(&tokens, "id_token"));
    assert_eq!(header["alg"], "RS256");
    assert_eq!(claims["iss"], format!("{}/{TENANT}/v2.0", simulator.authority()));
    assert_eq!((&claims["aud"], &claims["nonce"], &claims["ver"]), (&json!(CLIENT_ID), &json!("nonce-1"), &json!("2.0")));

    let me = send(&simulator, "GET", "/v1.0/me", &format!("authorization: Bearer {}\r\n", text(&tokens, "access_token")), "").unwrap();
    assert_eq!(me.json()["mail"], "ann@example.test");

    let mail = refresh(&simulator, &text(&tokens, "refresh_token"), MAIL);
    assert_eq!(mail.status, 200, "{}", mail.text());
    assert!(mail.json().get("id_token").is_none());
    let access = simulator.introspect(&text(&mail, "access_token")).unwrap();
    assert_eq!((access.resource.as_str(), access.upn.as_deref()), (OUTLOOK, Some("ann@example.test")));
    let graph = refresh(&simulator, &text(&mail, "refresh_token"), "User.Read offline_access");
    assert_eq!(simulator.introspect(&text(&graph, "access_token")).unwrap().resource, GRAPH);
    assert_eq!(simulator.violations(), []);
}

#[test]
fn without_a_signed_in_user_a_page_offers_everybody_and_a_way_out() {
    let simulator = Simulator::start(Config::default());
    let page = authorize(&simulator, "common", SIGN_IN, &[("login_hint", "bob@example.test")]);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("value=\"ann@example.test\"") && page.text().contains("sim_decline"));
    let declined = authorize(&simulator, "common", SIGN_IN, &[("sim_decline", "1")]);
    assert_eq!(redirected(&declined, "error").as_deref(), Some("access_denied"));
    assert_eq!(redirected(&declined, "error_description"), None);
    let silent = authorize(&simulator, "common", SIGN_IN, &[("prompt", "none")]);
    assert_eq!(redirected(&silent, "error").as_deref(), Some("login_required"));
    simulator.sign_in(Some("bob@example.test"));
    let posted = authorize(&simulator, PARTNER_TENANT, SIGN_IN, &[("response_mode", "form_post")]);
    assert!(posted.text().contains("name=\"code\"") && posted.text().contains(REDIRECT));
}

#[test]
fn a_guest_is_another_person_in_the_other_tenant() {
    let simulator = Simulator::start(Config::default());
    let sign_in = |tenant| {
        let answer = authorize(&simulator, tenant, SIGN_IN, &[("sim_user", "bob@example.test")]);
        decode(&text(&redeem(&simulator, tenant, &redirected(&answer, "code").unwrap(), &[]), "id_token")).1
    };
    let (home, away) = (sign_in(TENANT), sign_in(PARTNER_TENANT));
    assert_ne!(home["oid"], away["oid"]);
    assert_eq!((&away["tid"], &away["acct"]), (&json!(PARTNER_TENANT), &json!(1)));
    assert!(away["idp"].as_str().unwrap().contains(TENANT) && home.get("idp").is_none());
}

#[test]
fn many_groups_become_the_overage_marker_and_graph_pages_them() {
    let simulator = Simulator::start(Config::default());
    let answer = authorize(&simulator, TENANT, SIGN_IN, &[("sim_user", "groups@example.test")]);
    let tokens = redeem(&simulator, TENANT, &redirected(&answer, "code").unwrap(), &[]);
    let (_, claims) = decode(&text(&tokens, "id_token"));
    assert!(claims.get("groups").is_none() && claims["_claim_names"]["groups"] == "src1");
    let bearer = format!("authorization: Bearer {}\r\n", text(&tokens, "access_token"));
    let page = send(&simulator, "GET", "/v1.0/me/transitiveMemberOf?$select=id", &bearer, "").unwrap().json();
    assert_eq!(page["value"].as_array().unwrap().len(), 100);
    assert!(page["@odata.nextLink"].as_str().unwrap().starts_with(simulator.graph()));
}

#[test]
fn v1_writes_numbers_as_strings_and_may_not_sign() {
    let simulator = Simulator::start(Config::default());
    simulator.behave(|behaviour| behaviour.unsigned_v1 = true);
    let fields = [
        ("client_id", CLIENT_ID),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("resource", GRAPH),
        ("state", "state-0123456789-0123456789"),
        ("nonce", "n-1"),
        ("code_challenge", crate::raw::CHALLENGE),
        ("code_challenge_method", "S256"),
        ("sim_user", "ann@example.test"),
    ];
    let answer = get(&simulator, &format!("/common/oauth2/authorize?{}", encode(&fields)));
    let code = redirected(&answer, "code").unwrap();
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT_ID),
        ("client_secret", SECRET),
        ("code", &code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let tokens = post(&simulator, "/common/oauth2/token", &fields).unwrap();
    assert_eq!((&tokens.json()["expires_in"], &tokens.json()["resource"]), (&json!("4312"), &json!(GRAPH)));
    let id_token = text(&tokens, "id_token");
    let (header, claims) = decode(&id_token);
    assert!(id_token.ends_with('.') && header == json!({"typ": "JWT", "alg": "none"}));
    assert_eq!(claims["iss"], format!("https://sts.windows.net/{TENANT}/"));
    assert_eq!(simulator.violations(), []);
}

#[test]
fn a_code_is_good_once() {
    let simulator = Simulator::start(Config::default());
    let answer = authorize(&simulator, "common", SIGN_IN, &[("sim_user", "ann@example.test")]);
    let code = redirected(&answer, "code").unwrap();
    assert_eq!(redeem(&simulator, TENANT, &code, &[]).problem().0, 700_005);
    assert_eq!(redeem(&simulator, "common", &code, &[]).status, 200);
    assert_eq!(redeem(&simulator, "common", &code, &[]).problem(), (54_005, "invalid_grant".into()));
    assert_eq!(rules(&simulator), ["tenant-mismatch", "code-reused"]);
}

#[test]
fn secrets_are_told_apart_by_number() {
    let simulator = Simulator::start(Config::default());
    let token = simulator.grant("support@example.test", CLIENT_ID, MAIL);
    for (secret, number) in [("wrong", 7_000_215), (EXPIRED_SECRET, 7_000_222), ("", 7_000_218)] {
        let answer = try_refresh(&simulator, &token, MAIL, secret).unwrap();
        assert_eq!((answer.status, answer.problem()), (401, (number, "invalid_client".into())));
        assert!(text(&answer, "error_description").contains("\r\nTrace ID: "));
    }
    assert!(simulator.set_secret(CLIENT_ID, "wrong", simulator.now() + 60));
    assert_eq!(try_refresh(&simulator, &token, MAIL, "wrong").unwrap().status, 200);
    simulator.advance(120);
    assert_eq!(try_refresh(&simulator, &token, MAIL, "wrong").unwrap().problem().0, 7_000_222);
}

#[test]
fn basic_authentication_is_form_decoded() {
    let simulator = Simulator::start(Config::default());
    simulator.set_secret(CLIENT_ID, "a+b/c=:%", simulator.now() + 60);
    let pair = format!("{CLIENT_ID}:{}", form_urlencoded::byte_serialize(b"a+b/c=:%").collect::<String>());
    let header = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair);
    let headers = format!("content-type: application/x-www-form-urlencoded\r\nauthorization: Basic {header}\r\n");
    let body = encode(&[("grant_type", "client_credentials"), ("scope", &format!("{}/.default", simulator.graph()))]);
    let answer = send(&simulator, "POST", &format!("/{TENANT}/oauth2/v2.0/token"), &headers, &body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(simulator.introspect(&text(&answer, "access_token")).unwrap().upn, None);
}

#[test]
fn old_refresh_tokens_live_on_by_default_and_kill_the_family_in_strict_mode() {
    let simulator = Simulator::start(Config::default());
    let first = simulator.grant("support@example.test", CLIENT_ID, MAIL);
    let second = text(&refresh(&simulator, &first, MAIL), "refresh_token");
    assert_ne!(first, second);
    assert_eq!(refresh(&simulator, &first, MAIL).status, 200);
    assert_eq!(simulator.counters().stale_refreshes, 1);

    simulator.behave(|behaviour| behaviour.refresh = RefreshPolicy::Strict);
    let first = simulator.grant("support@example.test", CLIENT_ID, MAIL);
    let second = text(&refresh(&simulator, &first, MAIL), "refresh_token");
    assert_eq!(refresh(&simulator, &first, MAIL).problem(), (50_173, "invalid_grant".into()));
    assert_eq!(refresh(&simulator, &second, MAIL).problem().0, 50_173);
    assert_eq!(rules(&simulator), ["refresh-token-reused"]);
}

#[test]
fn one_token_is_for_one_resource_that_was_consented_to() {
    let simulator = Simulator::start(Config::default());
    let token = simulator.grant("support@example.test", CLIENT_ID, MAIL);
    let cases = [
        (format!("{MAIL} {GRAPH}/User.Read"), 28_000, "invalid_request"),
        ("Directory.Read.All".to_owned(), 65_001, "invalid_grant"),
        ("https://unknown.test/x".to_owned(), 500_011, "invalid_resource"),
        ("bad{scope}".to_owned(), 70_011, "invalid_scope"),
    ];
    for (scope, number, error) in cases {
        assert_eq!(refresh(&simulator, &token, &scope).problem(), (number, error.into()), "{scope}");
    }
    assert_eq!(simulator.revoke("support@example.test"), 1);
    assert_eq!(refresh(&simulator, &token, MAIL).json()["suberror"], "bad_token");
}

#[test]
fn what_a_client_must_not_do_is_written_down() {
    let simulator = Simulator::start(Config::default());
    let target = |query: &str| format!("/common/oauth2/v2.0/authorize?client_id={CLIENT_ID}&response_type=code&{query}");
    let own_page = get(&simulator, &target("redirect_uri=https://evil.test/x"));
    assert!(own_page.status == 400 && own_page.text().contains("AADSTS50011"));
    let redirect = encode(&[("redirect_uri", REDIRECT)]);
    let back = get(&simulator, &target(&format!("{redirect}&scope=openid&resource=x")));
    assert_eq!(redirected(&back, "error").as_deref(), Some("invalid_request"));
    assert_eq!(rules(&simulator), ["redirect-uri", "pkce-missing", "state-missing", "nonce-missing", "resource-on-v2"]);

    simulator.reset();
    let token = simulator.grant("support@example.test", CLIENT_ID, MAIL);
    assert_eq!(refresh(&simulator, &token, "").problem().0, 900_144);
    let headers = "origin: https://desk.example.test\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    let body = encode(&[("client_id", CLIENT_ID), ("client_secret", SECRET), ("grant_type", "refresh_token")]);
    send(&simulator, "POST", "/common/oauth2/v2.0/token", headers, &body).unwrap();
    assert_eq!(rules(&simulator), ["scope-missing", "origin-with-secret"]);
}

#[test]
fn the_fifteenth_repetition_of_a_failing_request_is_a_loop() {
    let simulator = Simulator::start(Config::default());
    let token = simulator.grant("support@example.test", CLIENT_ID, MAIL);
    for _ in 0..15 {
        assert_eq!(try_refresh(&simulator, &token, MAIL, "wrong").unwrap().problem().0, 7_000_215);
    }
    assert_eq!(try_refresh(&simulator, &token, MAIL, "wrong").unwrap().problem(), (50_196, "invalid_grant".into()));
    assert_eq!(rules(&simulator), ["loop"]);
    assert_eq!(refresh(&simulator, &token, MAIL).status, 200);
}

#[test]
fn discovery_leads_to_keys_with_issuers_on_v2_only() {
    let simulator = Simulator::start(Config::default());
    let document = get(&simulator, "/example.test/v2.0/.well-known/openid-configuration").json();
    assert_eq!(document["issuer"], format!("{}/{TENANT}/v2.0", simulator.authority()));
    let keys = get(&simulator, document["jwks_uri"].as_str().unwrap().strip_prefix(simulator.authority()).unwrap()).json();
    assert!(keys["keys"].as_array().unwrap().len() > 1 && keys["keys"][1]["issuer"] == document["issuer"]);
    let common = get(&simulator, "/common/discovery/v2.0/keys").json();
    assert_eq!(common["keys"][1]["issuer"], format!("{}/{{tenantid}}/v2.0", simulator.authority()));
    assert!(get(&simulator, "/common/discovery/keys").json()["keys"][0].get("issuer").is_none());
    let unknown = get(&simulator, "/nowhere.test/v2.0/.well-known/openid-configuration");
    assert_eq!((unknown.status, unknown.problem()), (400, (90_002, "invalid_tenant".into())));
    let before = keys["keys"].as_array().unwrap().len();
    simulator.rotate_keys();
    assert_eq!(get(&simulator, "/common/discovery/v2.0/keys").json()["keys"].as_array().unwrap().len(), before + 1);
}

#[test]
fn the_apps_secrets_are_listed_in_its_home_tenant_only() {
    let simulator = Simulator::start(Config::default());
    let list = |upn| {
        let token = simulator.grant(upn, CLIENT_ID, "Directory.Read.All offline_access");
        let access = text(&refresh(&simulator, &token, "Directory.Read.All"), "access_token");
        let filter = encode(&[("$filter", &format!("appId eq '{CLIENT_ID}'"))]);
        send(&simulator, "GET", &format!("/v1.0/applications?{filter}"), &format!("authorization: Bearer {access}\r\n"), "").unwrap().json()
    };
    let secrets = list("admin@example.test")["value"][0]["passwordCredentials"].clone();
    assert_eq!((secrets.as_array().unwrap().len(), &secrets[0]["hint"]), (3, &json!("Sim")));
    assert_eq!(list("paula@partner.test")["value"], json!([]));
}

#[test]
fn another_process_scripts_it_by_json() {
    let simulator = Simulator::start(Config::default());
    assert_eq!(order(&simulator, "POST", "/_sim/faults", r#"{"fault":{"kind":"html_unavailable"},"times":1}"#).status, 200);
    assert_eq!(order(&simulator, "POST", "/_sim/behaviour", r#"{"access_token_lifetime":60,"refresh":"strict"}"#).status, 200);
    assert_eq!(order(&simulator, "POST", "/_sim/behaviour", r#"{"unheard_of":1}"#).status, 400);
    let grant = format!(r#"{{"user":"ann@example.test","client_id":"{CLIENT_ID}","scope":"{MAIL}"}}"#);
    let token = text(&order(&simulator, "POST", "/_sim/grants", &grant), "refresh_token");
    assert_eq!(refresh(&simulator, &token, MAIL).status, 503);
    let tokens = refresh(&simulator, &token, MAIL);
    assert_eq!(tokens.json()["expires_in"], 60);
    let access = order(&simulator, "POST", "/_sim/introspect", &json!({"token": text(&tokens, "access_token")}).to_string());
    assert_eq!(access.json()["upn"], "ann@example.test");
    let secret = format!(r#"{{"client_id":"{CLIENT_ID}","value":"v","expires_at":1}}"#);
    assert_eq!(order(&simulator, "POST", "/_sim/secrets", &secret).status, 200);
    assert_eq!(order(&simulator, "GET", "/_sim/violations", "").json(), json!([]));
    assert_eq!(order(&simulator, "GET", "/_sim/requests", "").json().as_array().unwrap().len(), 2);
    assert_eq!(order(&simulator, "GET", "/_sim/counters", "").json()["requests"]["refresh"], 2);
}
