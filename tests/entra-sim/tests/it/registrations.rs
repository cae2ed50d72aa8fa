//! App registrations at Graph: what is taken, what is refused, and what a change replaces.

use entra_sim::{CLIENT_ID, Config, Simulator};
use serde_json::{Value, json};

use crate::raw::send;

const URI: &str = "https://desk.example.test/sso/openid";

fn ask(simulator: &Simulator, permission: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let token = simulator.graph_token("admin@example.test", CLIENT_ID, &[permission]);
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let headers = format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n");
    let answer = send(simulator, method, &format!("/v1.0/{path}"), &headers, &body).unwrap();
    (answer.status, serde_json::from_slice(answer.text().as_bytes()).unwrap_or_default())
}

fn write(simulator: &Simulator, method: &str, path: &str, body: &Value) -> (u16, Value) {
    ask(simulator, "Application.ReadWrite.All", method, path, body)
}

#[test]
fn a_registration_is_made_completed_and_given_secrets() {
    let simulator = Simulator::start(Config::default());
    let (status, app) = write(&simulator, "POST", "applications", &json!({"displayName": "Desk", "signInAudience": "AzureADMultipleOrgs"}));
    assert_eq!((status, &app["signInAudience"]), (201, &json!("AzureADMultipleOrgs")));
    let (object, client) = (app["id"].as_str().unwrap(), app["appId"].as_str().unwrap());
    assert_eq!(write(&simulator, "PATCH", &format!("applications/{client}"), &json!({})).0, 404, "Graph wants the object's id there");
    let path = format!("applications/{object}");
    let web = json!({"redirectUris": [URI], "logoutUrl": "https://desk.example.test/out"});
    let claims = json!({"idToken": [{"name": "email"}], "accessToken": [{"name": "acct"}], "saml2Token": []});
    assert_eq!(write(&simulator, "PATCH", &path, &json!({"web": web, "optionalClaims": claims})).0, 204);
    assert_eq!(write(&simulator, "PATCH", &path, &json!({"web": {"redirectUris": []}, "optionalClaims": {"idToken": []}})).0, 204);
    let (_, app) = write(&simulator, "GET", &path, &Value::Null);
    assert_eq!(app["web"], json!({"redirectUris": [], "logoutUrl": "https://desk.example.test/out"}));
    assert_eq!(app["optionalClaims"], json!({"idToken": []}), "replaced as a whole");

    let (_, made) = write(&simulator, "POST", &format!("{path}/addPassword"), &json!({"passwordCredential": {"displayName": "one"}}));
    let secret = made["secretText"].as_str().unwrap();
    assert!((16..=64).contains(&secret.len()) && made["hint"] == secret[..3]);
    let (_, app) = write(&simulator, "GET", &format!("applications(appId='{client}')"), &Value::Null);
    assert_eq!(
        (&app["passwordCredentials"][0]["displayName"], &app["passwordCredentials"][0]["secretText"]),
        (&json!("one"), &Value::Null)
    );
    assert_eq!(write(&simulator, "POST", &format!("{path}/removePassword"), &json!({"keyId": made["keyId"]})).0, 204);
    assert_eq!(write(&simulator, "GET", &path, &Value::Null).1["passwordCredentials"], json!([]));

    let principal = format!("servicePrincipals(appId='{client}')");
    assert_eq!(write(&simulator, "GET", &principal, &Value::Null).0, 404);
    assert_eq!(write(&simulator, "POST", "servicePrincipals", &json!({"appId": client})).0, 201);
    assert_eq!(write(&simulator, "GET", &principal, &Value::Null).0, 200);
    assert_eq!(simulator.violations(), []);
}

#[test]
fn whoever_may_only_read_writes_nothing() {
    let simulator = Simulator::start(Config::default());
    let read = |method, body| ask(&simulator, "Directory.Read.All", method, "applications", body).0;
    assert_eq!((read("GET", &Value::Null), read("POST", &json!({"displayName": "Desk"}))), (200, 403));
}

#[test]
fn bodies_that_graph_does_not_take_are_refused_and_noted() {
    let access = |entries: Value| json!({"requiredResourceAccess": [{"resourceAppId": "00000003-0000-0000-c000-000000000000", "resourceAccess": entries}]});
    let user_read = json!({"id": "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "type": "Scope"});
    let bad = [
        json!({"passwordCredentials": []}),
        json!({"somethingElse": 1}),
        json!({"signInAudience": "Everybody"}),
        json!({"web": {"redirectUris": [URI, URI]}}),
        json!({"web": {"redirectUris": [null]}}),
        json!({"web": {"redirectUris": ["http://desk.example.test/sso/openid"]}}),
        json!({"web": {"redirectUris": ["https://o'desk.example.test/"]}}),
        json!({"web": {"redirectUrls": []}}),
        access(json!([user_read, user_read])),
        access(json!([{"id": "e1fe6dd8-ba31-4d61-89e7-88639da4683d", "type": "scope"}])),
        // The application's variant of Directory.Read.All, by the wrong type.
        access(json!([{"id": "7ab1d382-f21e-4acd-a863-ba3e13f7da61", "type": "Scope"}])),
        json!({"optionalClaims": {"idToken": [{"name": "email"}, {"name": "email", "essential": true}]}}),
        json!({"optionalClaims": []}),
    ];
    let simulator = Simulator::start(Config::default());
    let (_, all) = write(&simulator, "GET", "applications", &Value::Null);
    let path = format!("applications/{}", all["value"][0]["id"].as_str().unwrap());
    for body in &bad {
        assert_eq!(write(&simulator, "PATCH", &path, body).0, 400, "{body}");
    }
    let noted: Vec<_> = simulator.violations().iter().map(|violation| violation.rule).collect();
    assert_eq!(noted, vec!["registration"; bad.len()]);
    assert_eq!(write(&simulator, "GET", "applications", &Value::Null).1, all, "nothing has changed");
}
