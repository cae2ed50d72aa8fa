//! Single sign-on on a real store, with a provider of its own on this machine, in front of a browser that keeps cookies.

use std::sync::{Arc, Mutex};

use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::audit::{self, Actor};
use crate::crypto::{KeySource, Keyring};
use crate::flows::Browser;
use crate::model::person::App;
use crate::model::{Clock, ConnectionId};
use crate::oauth::callback::Callback;
use crate::oauth::test_keys::{RSA, rsa_jwk, sign};
use crate::settings::Settings;
use crate::sso::{Arrival, Beginning, Departure, Error, Parts, Purpose, ReturnTo, Service, SignedIn, Wishes};
use crate::store::Store;
use crate::store::sqlite::tests::fresh;
use crate::system::http::{Http, Outbound};

/// A provider whose next ID token is what a test says.
pub struct Op {
    pub issuer: String,
    /// Claims that go into the next token, over the usual ones; `null` takes one out.
    pub claims: Mutex<Map<String, Value>>,
    /// Token requests so far.
    pub redeemed: Mutex<Vec<Map<String, Value>>>,
    pub headers: Mutex<Vec<Option<String>>>,
    /// What Graph answers, one after the other.
    pub graph: Mutex<Vec<Value>>,
    /// Every other request: its path, and the token that it carried.
    pub asked: Mutex<Vec<(String, String)>>,
    nonce: Mutex<String>,
    clock: Clock,
}

impl Op {
    #[expect(clippy::disallowed_methods, reason = "the far side is no task of the product")]
    async fn start(clock: Clock) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let op = Arc::new(Self {
            issuer,
            claims: Mutex::default(),
            redeemed: Mutex::default(),
            headers: Mutex::default(),
            graph: Mutex::default(),
            asked: Mutex::default(),
            nonce: Mutex::default(),
            clock,
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(Self::metadata))
            .route("/keys", get(|| async { Json(json!({"keys": [rsa_jwk(&RSA, Some("k"))]})) }))
            .route("/token", post(Self::token))
            .fallback(Self::graph)
            .with_state(Arc::clone(&op));
        drop(tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }));
        op
    }

    async fn metadata(State(op): State<Arc<Self>>) -> Json<Value> {
        let issuer = &op.issuer;
        Json(json!({"issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"), "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/keys"), "end_session_endpoint": format!("{issuer}/end")}))
    }

    async fn token(State(op): State<Arc<Self>>, headers: axum::http::HeaderMap, Form(form): Form<Map<String, Value>>) -> Json<Value> {
        op.redeemed.lock().unwrap().push(form);
        let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        op.headers.lock().unwrap().push(authorization);
        let nonce = op.nonce.lock().unwrap().clone();
        let id_token = op.sign(&json!({"nonce": nonce, "name": "Ann", "email": "ann@example.test", "sid": "sid-1"}));
        Json(json!({"access_token": "a", "token_type": "Bearer", "expires_in": 3600, "id_token": id_token}))
    }

    async fn graph(State(op): State<Arc<Self>>, headers: axum::http::HeaderMap, uri: axum::http::Uri) -> (StatusCode, Json<Value>) {
        let token = headers.get("authorization").map_or("", |value| value.to_str().unwrap()).to_owned();
        op.asked.lock().unwrap().push((uri.to_string(), token));
        let mut pages = op.graph.lock().unwrap();
        if pages.is_empty() { (StatusCode::FORBIDDEN, Json(json!({"error": {}}))) } else { (StatusCode::OK, Json(pages.remove(0))) }
    }

    /// A token of this provider with these claims over the usual ones, and what the test says over both.
    pub fn sign(&self, claims: &Value) -> String {
        let now = self.clock.now().as_second();
        let mut whole = json!({"iss": self.issuer, "sub": "s-1", "aud": "us", "iat": now, "exp": now + 100});
        let whole = whole.as_object_mut().unwrap();
        whole.extend(claims.as_object().unwrap().clone());
        whole.extend(self.claims.lock().unwrap().clone());
        whole.retain(|_, value| !value.is_null());
        sign(&json!({"alg": "RS256", "kid": "k"}), &Value::Object(whole.clone()).to_string())
    }

    pub fn says(&self, claims: &Value) {
        *self.claims.lock().unwrap() = claims.as_object().unwrap().clone();
    }
}

pub struct World {
    pub sso: Arc<Service>,
    pub store: Store,
    pub op: Arc<Op>,
    pub clock: Clock,
    pub actor: Actor,
    pub settings: watch::Sender<Arc<Settings>>,
    _folders: (TempDir, TempDir),
}

impl World {
    pub async fn new() -> Self {
        let clock = Clock::manual(Timestamp::from_second(1_790_000_000).unwrap());
        let (store, folder) = fresh().await;
        let keys = tempfile::tempdir().unwrap();
        let file = keys.path().join("onedeskd.toml");
        let op = Op::start(clock.clone()).await;
        let text = format!("public_url = \"https://help.example.com\"\n[microsoft]\ngraph = \"{}\"\n", op.issuer);
        std::fs::write(&file, text).unwrap();
        let settings = watch::Sender::new(Arc::new(Settings::load(&file).unwrap().settings));
        let source = KeySource::find(&keys.path().join("master.key"), None);
        let http = Http::new(&Outbound::new(None, None, |_| None)).unwrap();
        let parts = Parts {
            store: store.sso.clone(),
            keyring: Arc::new(Keyring::load_or_create(&source, true).unwrap()),
            http: watch::Sender::new(http).subscribe(),
            settings: settings.subscribe(),
            audit: Arc::new(audit::Service::new(Arc::clone(&store.audit), clock.clone())),
            clock: clock.clone(),
        };
        let sso = Arc::new(Service::load(parts).await.unwrap());
        Self { sso, store, op, clock, actor: Actor::daemon(), settings, _folders: (folder, keys) }
    }

    /// A record of the world's provider, enabled, with the switch of its kind on.
    pub async fn record(&self, wishes: Value) -> ConnectionId {
        let issuer = &self.op.issuer;
        let mut whole = json!({"name": "OP", "audience": "users", "authorization_uri": format!("{issuer}/authorize"),
            "token_url": format!("{issuer}/token"), "client_id": "us", "client_secret": "s3cret", "enabled": true, "confirm": true});
        whole.as_object_mut().unwrap().extend(wishes.as_object().unwrap().clone());
        let wishes: Wishes = serde_json::from_value(whole).unwrap();
        let record = self.sso.connections().add(&wishes, &self.actor).await.unwrap();
        self.sso.switch(record.kind(), true, &self.actor).await.unwrap();
        record.id()
    }

    pub async fn change(&self, id: ConnectionId, wishes: Value) -> Result<(), Error> {
        let wishes: Wishes = serde_json::from_value(wishes).unwrap();
        self.sso.change(id, &wishes, &self.actor).await.map(drop)
    }

    pub async fn depart(&self, connection: ConnectionId, browser: Option<&Browser>) -> Result<Departure, Error> {
        let app = if self.sso.connections().get(connection)?.kind() == crate::model::person::Kind::User { App::Main } else { App::Portal };
        let beginning =
            Beginning { connection, app, return_to: ReturnTo::parse("/x"), login_hint: None, purpose: Purpose::SignIn, popup: false };
        self.sso.depart(beginning, browser.cloned()).await
    }

    /// The provider's good answer to a departure.
    pub fn answer(&self, departure: &Departure) -> Callback {
        let url = url::Url::parse(&departure.url).unwrap();
        let parameter = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        *self.op.nonce.lock().unwrap() = parameter("nonce");
        Callback::parse(&format!("code=c-1&state={}", parameter("state"))).unwrap()
    }

    pub async fn arrive(&self, callback: Callback, browser: Option<&Browser>) -> Result<Arrival, Error> {
        self.sso.arrive(callback, browser, &self.actor).await
    }

    /// A whole sign-in.
    pub async fn sign_in(&self, connection: ConnectionId) -> Result<SignedIn, Error> {
        let departure = self.depart(connection, None).await?;
        let callback = self.answer(&departure);
        match self.arrive(callback, Some(&departure.browser)).await? {
            Arrival::SignedIn(signed_in) => Ok(signed_in),
            other => panic!("{other:?}"),
        }
    }

    pub async fn is_signed_in(&self, signed_in: &SignedIn) -> bool {
        self.sso.current(signed_in.session.expose()).await.unwrap().is_some()
    }

    pub async fn people(&self) -> usize {
        self.sso.people().page("", None, 1000).await.unwrap().items.len()
    }
}

pub fn code(result: Result<impl std::fmt::Debug, Error>) -> String {
    result.unwrap_err().problem.code
}
