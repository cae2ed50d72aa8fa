//! The certified `oidc-provider`, which is not ours: the proof that we don't only agree with our own provider.

use serde_json::json;

use super::browser::Browser;
use super::host::Host;
use crate::harness::{Site, wait_until};
use crate::independent::Provider;

const CLIENT_ID: &str = entra_sim::CLIENT_ID;

/// A provider, a host with a record for it, and the record.
fn certified(response_mode: &str) -> (Provider, Host, serde_json::Value) {
    let site = Site::new("http://127.0.0.1:9");
    let origin = site.origin();
    let logout = format!("{origin}/sso/backchannel-logout");
    let provider = Provider::start_with(&format!("{origin}/sso/openid"), &["--backchannel-logout-uri", &logout]);
    let host = Host::on(site, &provider.origin);
    host.api("PATCH", "/v1/sso", &json!({"users_enabled": true}));
    let base = base(&provider);
    let record = json!({"name": "certified", "audience": "users", "authorization_uri": format!("{base}/authorize"),
        "token_url": format!("{base}/token"), "client_id": CLIENT_ID, "client_secret": entra_sim::SECRET, "response_mode": response_mode});
    let record = host.api("POST", "/v1/sso/connections", &record);
    let path = format!("/v1/sso/connections/{}", record["id"].as_str().unwrap());
    let record = host.api("PATCH", &path, &json!({"enabled": true, "confirm": true}));
    (provider, host, record)
}

fn base(provider: &Provider) -> String {
    format!("{}/{}/oauth2/v2.0", provider.origin, entra_sim::TENANT)
}

/// Signs in as whoever is the provider's first account.
fn sign_in(browser: &mut Browser, record: &serde_json::Value) {
    let login = format!("{}?return_to=/sso/me", record["urls"]["main"].as_str().unwrap());
    let (page, at) = browser.follow_forms(&login);
    assert_eq!((page.status, at.path()), (200, "/sso/me"), "{page}");
    assert_eq!(page.json()["email"], "ann@example.test", "{page}");
}

#[test]
fn a_certified_provider_signs_people_in_by_both_response_modes_and_out_again() {
    for response_mode in ["query", "form_post"] {
        let (provider, host, record) = certified(response_mode);
        let mut browser = Browser::new();
        sign_in(&mut browser, &record);
        let response = browser.post(&host.url("/sso/logout"), &[]);
        let to_provider = format!("{}/logout?", base(&provider));
        assert!(response.status == 303 && response.location().starts_with(&to_provider), "{response}");
        assert_eq!(browser.get(&host.url("/sso/check?app=main")).status, 401);
    }
}

#[test]
fn signing_out_at_a_certified_provider_ends_the_session_here_by_its_logout_token() {
    let (provider, host, record) = certified("query");
    let (mut leaving, mut staying) = (Browser::new(), Browser::new());
    sign_in(&mut leaving, &record);
    sign_in(&mut staying, &record);
    let (page, at) = leaving.follow_forms(&format!("{}/logout", base(&provider)));
    assert_eq!(page.status, 200, "{at}: {page}");
    let status = |browser: &mut Browser| browser.get(&host.url("/sso/check?app=main")).status;
    wait_until("the provider's logout token ends the session", || status(&mut leaving) == 401);
    assert_eq!(status(&mut staying), 200, "the same person's session in another browser goes on: the token names one sid");
}
