use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;

use super::*;
use crate::system::http::Outbound;

/// A token endpoint that keeps what it was asked.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Asked>>>);

/// The form and the header `Authorization`.
type Asked = (BTreeMap<String, String>, Option<String>);

#[expect(clippy::disallowed_methods, reason = "the far side is no task of the product")]
async fn endpoint(status: StatusCode, body: &'static str) -> (String, Seen) {
    let seen = Seen::default();
    let answer = move |State(seen): State<Seen>, headers: HeaderMap, Form(form): Form<BTreeMap<String, String>>| async move {
        let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        seen.0.lock().unwrap().push((form, authorization));
        (status, body)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let router = Router::new().route("/token", post(answer)).with_state(seen.clone());
    drop(tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }));
    (url, seen)
}

fn http() -> Http {
    Http::new(&Outbound::new(None, None, |_| None)).unwrap()
}

fn client(method: AuthMethod) -> ClientAuth {
    ClientAuth { client_id: "our id".into(), secret: Secret::from("~a+b/c=&%:ä"), method }
}

const GOOD: &str = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"a","refresh_token":"r2"}"#;

#[tokio::test]
async fn a_code_is_sent_with_its_verifier_and_the_secret_arrives_unharmed() {
    let (url, seen) = endpoint(StatusCode::OK, GOOD).await;
    let grant = GrantRequest::Code { code: &Secret::from("c"), verifier: &Secret::from("v"), redirect_uri: "https://d.example/cb" };
    let tokens = TokenEndpoint { http: &http(), url: &url }.request(&client(AuthMethod::Post), grant, "openid x").await.unwrap();
    assert_eq!(tokens.refresh_token, Some(Secret::from("r2")));
    let (form, authorization) = seen.0.lock().unwrap().pop().unwrap();
    let expected = [
        ("client_id", "our id"),
        ("client_secret", "~a+b/c=&%:ä"),
        ("code", "c"),
        ("code_verifier", "v"),
        ("grant_type", "authorization_code"),
        ("redirect_uri", "https://d.example/cb"),
        ("scope", "openid x"),
    ];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert_eq!(authorization, None);
}

#[tokio::test]
async fn basic_credentials_are_form_encoded_before_they_are_joined() {
    use base64::Engine as _;
    let (url, seen) = endpoint(StatusCode::OK, GOOD).await;
    let grant = GrantRequest::Refresh(&Secret::from("r1"));
    TokenEndpoint { http: &http(), url: &url }.request(&client(AuthMethod::Basic), grant, "").await.unwrap();
    let (form, authorization) = seen.0.lock().unwrap().pop().unwrap();
    let expected = [("grant_type", "refresh_token"), ("refresh_token", "r1")];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let pair = base64::engine::general_purpose::STANDARD.encode("our+id:%7Ea%2Bb%2Fc%3D%26%25%3A%C3%A4");
    assert_eq!(authorization, Some(format!("Basic {pair}")));
}

#[tokio::test]
async fn a_refused_client_is_told_from_a_provider_that_is_away() {
    let (url, _) = endpoint(StatusCode::UNAUTHORIZED, r#"{"error":"invalid_client","error_codes":[7000222]}"#).await;
    let http = http();
    let ask = async |url: &str| {
        let endpoint = TokenEndpoint { http: &http, url };
        endpoint.request(&client(AuthMethod::Post), GrantRequest::ClientCredentials, "g/.default").await.unwrap_err()
    };
    let refused = ask(&url).await;
    assert_eq!((refused.verdict, refused.problem.code.as_str()), (Verdict::ClientRejected, "AADSTS7000222"));
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let away = ask(&format!("http://{closed}/token")).await;
    assert_eq!(away.verdict, Verdict::Unavailable { retry_after: None });
    assert!(!format!("{refused:?} {away:?}").contains("a+b"));
}
