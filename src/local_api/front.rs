//! What every request passes: it gets an id, its caller is asked for a permission, and a refusal is written out.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::model::RequestId;
use crate::settings::Settings;
use crate::system::peer::{Account, Accounts, Peer};

use super::policy::{Need, permit};
use super::refusal::Refusal;

/// A call that has no answer by then gets a refusal that says so, before the door hangs up on it.
const LONGEST: Duration = Duration::from_secs(25);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Decides who comes in.
pub struct Gate {
    settings: watch::Receiver<Arc<Settings>>,
    accounts: Accounts,
}

impl Gate {
    /// A gate that goes by the newest settings.
    pub fn new(settings: watch::Receiver<Arc<Settings>>) -> Self {
        Self { settings, accounts: Accounts::default() }
    }

    async fn admit(&self, peer: Option<Peer>, need: Need) -> Result<Arc<Account>, Refusal> {
        let Some(Peer::Local(process)) = peer else {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "not_permitted", "the caller's credentials are not known"));
        };
        let caller = self.accounts.of(process).await;
        permit(&caller, need, &self.settings.borrow())?;
        Ok(caller)
    }
}

/// Lets a request in or refuses it, and finishes the answer.
pub async fn pass(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let id = RequestId::new();
    let debug = log::log_enabled!(log::Level::Debug).then(|| format!("{} {}", request.method(), request.uri().path()));
    let peer = request.extensions().get::<Peer>().copied();
    let need = Need::of(request.method(), request.uri().path());
    let mut response = match gate.admit(peer, need).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            timeout(LONGEST, next.run(request)).await.unwrap_or_else(|_| Refusal::too_slow().into_response())
        }
        Err(refusal) => refusal.into_response(),
    };
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        refusal.write(id, &mut response);
    }
    let id = id.to_string();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    // Tokens, one-time links, and states that change by the second: nothing here is worth keeping.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(call) = debug {
        log::debug!(ONEDESK_REQUEST_ID = id.as_str(), call = call.as_str(), status = response.status().as_u16(); "local API request");
    }
    response
}

/// No such path.
pub async fn unknown_path(uri: Uri) -> Refusal {
    let path: String = uri.path().chars().take(200).collect();
    Refusal::new(StatusCode::NOT_FOUND, "unknown_path", format!("there is no {path}")).hint("see GET /v1/openapi.json, or onedesk-api(7)")
}

/// A path that takes other methods; the router adds `Allow`.
pub async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    let path: String = uri.path().chars().take(200).collect();
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", format!("{path} does not take {method}"))
        .hint("use one of the methods in the Allow header")
}
