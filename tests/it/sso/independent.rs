//! The certified `oidc-provider`, which is not ours: the proof that we don't only agree with our own provider.

use serde_json::json;

use super::browser::Browser;
use super::host::Host;
use crate::harness::Site;
use crate::independent::Provider;

const CLIENT_ID: &str = entra_sim::CLIENT_ID;

#[test]
fn a_certified_provider_signs_people_in_by_both_response_modes_and_out_again() {
    for response_mode in ["query", "form_post"] {
        let site = Site::new("http://127.0.0.1:9");
        let provider = Provider::start(&format!("{}/sso/openid", site.origin()));
        let host = Host::on(site, &provider.origin);
        host.api("PATCH", "/v1/sso", &json!({"users_enabled": true}));
        let base = format!("{}/{}/oauth2/v2.0", provider.origin, entra_sim::TENANT);
        let record = json!({"name": "certified", "audience": "users", "authorization_uri": format!("{base}/authorize"),
            "token_url": format!("{base}/token"), "client_id": CLIENT_ID, "client_secret": entra_sim::SECRET, "response_mode": response_mode});
        let record = host.api("POST", "/v1/sso/connections", &record);
        let path = format!("/v1/sso/connections/{}", record["id"].as_str().unwrap());
        let record = host.api("PATCH", &path, &json!({"enabled": true, "confirm": true}));
        let mut browser = Browser::new();
        let login = format!("{}?return_to=/sso/me", record["urls"]["main"].as_str().unwrap());
        let (page, at) = browser.follow_forms(&login);
        assert_eq!((page.status, at.path()), (200, "/sso/me"), "{response_mode}: {page}");
        assert_eq!(page.json()["email"], "ann@example.test", "{page}");
        let response = browser.post(&host.url("/sso/logout"), &[]);
        assert!(response.status == 303 && response.location().starts_with(&format!("{base}/logout?")), "{response}");
        assert_eq!(browser.get(&host.url("/sso/check?app=main")).status, 401);
    }
}
