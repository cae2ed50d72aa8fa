use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};

use super::super::discovery::Source;
use super::super::endpoints::Endpoints;
use super::super::providers::Providers;
use super::*;
use crate::oauth::test_keys::{RSA, rsa_jwk, sign};
use crate::system::http::Outbound;

/// An OpenID provider on this machine.
struct Op {
    issuer: String,
    keys: Mutex<(StatusCode, String)>,
    fetches: AtomicUsize,
}

impl Op {
    #[expect(clippy::disallowed_methods, reason = "the far side is no task of the product")]
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let op = Arc::new(Self { issuer, keys: Mutex::default(), fetches: AtomicUsize::new(0) });
        op.publish("first");
        let router = Router::new().route("/.well-known/openid-configuration", get(Self::metadata)).route("/keys", get(Self::keys));
        let router = router.with_state(Arc::clone(&op));
        drop(tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }));
        op
    }

    async fn metadata(State(op): State<Arc<Self>>) -> String {
        let issuer = &op.issuer;
        json!({"issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"), "token_endpoint": format!("{issuer}/token"),
               "jwks_uri": format!("{issuer}/keys")})
        .to_string()
    }

    async fn keys(State(op): State<Arc<Self>>) -> (StatusCode, String) {
        op.fetches.fetch_add(1, Ordering::SeqCst);
        op.keys.lock().unwrap().clone()
    }

    fn publish(&self, kid: &str) {
        self.answer(StatusCode::OK, &json!({"keys": [rsa_jwk(&RSA, Some(kid))]}));
    }

    fn answer(&self, status: StatusCode, body: &Value) {
        *self.keys.lock().unwrap() = (status, body.to_string());
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    fn provider(&self, clock: &Clock) -> Provider {
        let http = Http::new(&Outbound::new(None, None, |_| None)).unwrap();
        Provider::new(Source::of_issuer(&self.issuer).unwrap().into(), http, clock.clone())
    }

    fn token(&self, kid: &str, clock: &Clock) -> Secret<String> {
        let now = clock.now().as_second();
        let claims = json!({"iss": self.issuer, "sub": "1", "aud": "us", "iat": now, "exp": now + 300, "nonce": "n"});
        Secret::new(sign(&json!({"alg": "RS256", "kid": kid}), &claims.to_string()))
    }
}

const SIGN_IN: SignIn<'_> = SignIn { client_id: "us", nonce: "n", tenants: Tenants::Any, access_token: None, unsigned_v1: false };

fn clock() -> Clock {
    Clock::manual(Timestamp::from_second(1_790_000_000).unwrap())
}

#[tokio::test]
async fn keys_that_rotated_between_two_sign_ins_are_fetched_once() {
    let (op, clock) = (Op::start().await, clock());
    let provider = op.provider(&clock);
    provider.verify(&op.token("first", &clock), &SIGN_IN).await.unwrap();
    op.publish("second");
    let token = op.token("second", &clock);
    let (one, two) = tokio::join!(provider.verify(&token, &SIGN_IN), provider.verify(&token, &SIGN_IN));
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(op.fetches(), 2);
}

#[tokio::test]
async fn invented_kids_cause_one_fetch_in_five_minutes() {
    let (op, clock) = (Op::start().await, clock());
    let provider = op.provider(&clock);
    for _ in 0..5 {
        let result = provider.verify(&op.token("invented", &clock), &SIGN_IN).await;
        assert!(matches!(result, Err(VerifyError::Token(IdTokenError::UnknownKey))));
    }
    assert_eq!(op.fetches(), 2);
    clock.advance(SignedDuration::from_mins(5));
    drop(provider.verify(&op.token("invented", &clock), &SIGN_IN).await);
    assert_eq!(op.fetches(), 3);
}

#[tokio::test]
async fn a_failure_leaves_the_last_good_keys_in_force_for_a_day() {
    let (op, clock) = (Op::start().await, clock());
    let provider = op.provider(&clock);
    provider.published().await.unwrap();
    for (status, body) in [(StatusCode::OK, json!({"keys": []})), (StatusCode::BAD_GATEWAY, json!("down"))] {
        op.answer(status, &body);
        assert!(provider.refresh().await.is_err());
        assert!(provider.verify(&op.token("first", &clock), &SIGN_IN).await.is_ok());
    }
    clock.advance(SignedDuration::from_hours(25));
    let error = provider.published().await.unwrap_err();
    assert!(error.is_transient() && error.hint().is_some(), "{error}");
}

#[tokio::test]
async fn many_at_once_fetch_once() {
    let (op, clock) = (Op::start().await, clock());
    let provider = op.provider(&clock);
    let all = futures_util::future::join_all((0..20).map(|_| provider.published())).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(op.fetches(), 1);
}

#[tokio::test]
async fn the_background_fetches_what_is_an_hour_old() {
    let (op, clock) = (Op::start().await, clock());
    let http = Http::new(&Outbound::new(None, None, |_| None)).unwrap();
    let providers = Providers::new(http, clock.clone());
    let metadata = Source::of_issuer(&op.issuer).unwrap().into();
    let provider = providers.get(&metadata);
    assert!(Arc::ptr_eq(&provider, &providers.get(&metadata)));
    provider.published().await.unwrap();
    providers.refresh_due().await;
    assert_eq!(op.fetches(), 1);
    clock.advance(REFRESH_INTERVAL);
    providers.refresh_due().await;
    assert_eq!(op.fetches(), 2);
    providers.forget();
    assert!(!Arc::ptr_eq(&provider, &providers.get(&metadata)));
}

#[tokio::test]
async fn a_pasted_pair_leads_to_the_metadata_that_names_it() {
    let (op, clock) = (Op::start().await, clock());
    let providers = Providers::new(Http::new(&Outbound::new(None, None, |_| None)).unwrap(), clock.clone());
    let pair =
        |token: &str| Endpoints::from_urls(&format!("{}/authorize", op.issuer), &format!("{}/{token}", op.issuer), "https://l.example");
    let provider = providers.find(&pair("token").unwrap()).await.unwrap();
    provider.verify(&op.token("first", &clock), &SIGN_IN).await.unwrap();
    assert_eq!(op.fetches(), 1);
    let error = providers.find(&pair("elsewhere").unwrap()).await.err();
    assert!(matches!(error, Some(Error::Document(discovery::Error::Foreign))), "{error:?}");
}

#[tokio::test]
async fn metadata_that_a_record_sets_is_taken_as_it_is() {
    let (op, clock) = (Op::start().await, clock());
    let url = |path: &str| format!("{}/{path}", op.issuer);
    let endpoints = Endpoints::from_urls(&url("authorize"), &url("token"), "https://l.example").unwrap();
    let document = Document::given(&endpoints, &op.issuer, Url::parse(&url("keys")).unwrap(), vec![id_token::Algorithm::Rs256]);
    let http = Http::new(&Outbound::new(None, None, |_| None)).unwrap();
    let provider = Provider::new(Metadata::Given(Box::new(document)), http, clock.clone());
    assert!(provider.verify(&op.token("first", &clock), &SIGN_IN).await.is_ok());
}
