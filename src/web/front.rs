//! What every request passes: its number, who sends it, and the headers that every answer carries.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use super::Door;
use super::waiting::Waiting;
use crate::flows::Browser;
use crate::model::RequestId;
use crate::system::peer::{self, Peer};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Our pages load our own style, script and pictures and nothing else, and are shown in no frame.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// In an answer's extensions: providers may show it in a frame.
#[derive(Debug, Clone, Copy)]
pub struct Framable;

/// What is known of a request before its handler runs.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The request's number.
    pub request_id: RequestId,
    /// The client's address; nothing behind a Unix socket without a forwarded header.
    pub address: Option<IpAddr>,
    /// The browser, if it holds our cookie.
    pub browser: Option<Browser>,
    /// Whether our cookies are `Secure`.
    pub secure: bool,
    /// Whether the client wants JSON rather than a page.
    pub wants_json: bool,
    /// Whether somebody signs on to an app, whose way back is the start page.
    pub is_signing_on: bool,
    /// The address to try again, where that may be done.
    pub waiting: Option<Waiting>,
}

impl Visitor {
    /// Where the request came from, for the audit log.
    pub fn origin(&self) -> String {
        self.address.map_or_else(|| "unix socket".to_owned(), |address| address.to_string())
    }
}

/// The middleware.
pub async fn front(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    let visitor = visitor(&door, &request);
    let request_id = visitor.request_id;
    let method = request.method().clone();
    // The path alone: queries carry codes and tickets.
    let path = request.uri().path().to_owned();
    request.extensions_mut().insert(visitor);
    let mut response = next.run(request).await;
    let is_framable = response.extensions().get::<Framable>().is_some();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&request_id.to_string()) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !is_framable {
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    door.services.metrics.http_answered("http", response.status().as_u16());
    log::debug!(ONEDESK_REQUEST_ID:% = request_id, method:% = method, path = path.as_str(), status = response.status().as_u16(); "answered");
    response
}

fn visitor(door: &Door, request: &Request) -> Visitor {
    let settings = door.services.settings.borrow().clone();
    let secure = settings.public_url.as_ref().is_none_or(crate::settings::PublicUrl::is_https);
    let headers = request.headers();
    let peer = request.extensions().get::<Peer>();
    let address = peer.map(|peer| peer::client_address(peer, headers, &settings.listen.trusted_proxies));
    let browser = cookies(headers).find_map(|header| Browser::from_cookies(header, secure));
    let is_signing_on = request.uri().path().starts_with("/sso/");
    Visitor {
        request_id: RequestId::new(),
        address,
        browser,
        secure,
        wants_json: wants_json(headers),
        is_signing_on,
        waiting: Waiting::of(request),
    }
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(axum::http::header::COOKIE).iter().filter_map(|value| value.to_str().ok())
}

/// JSON for who names it before HTML; pages for everybody else, since a person is in front of most callbacks.
fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(axum::http::header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let position = |name: &str| accept.find(name);
    match (position("json"), position("text/html")) {
        (Some(json), Some(html)) => json < html,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_names_json_first_gets_json() {
        for (accept, json) in [
            ("application/json", true),
            ("application/problem+json", true),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false),
            ("*/*", false),
            ("", false),
            ("application/json, text/html;q=0.5", true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("accept", HeaderValue::from_static(accept));
            assert_eq!(wants_json(&headers), json, "{accept}");
        }
    }
}
