//! `/sso/check` for web servers in front of apps, and `/sso/me` for apps themselves. The check is asked for every request of every
//! app, so a session that is in memory is answered before the router, without waiting.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, HeaderName, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::watch;

use super::super::Door;
use super::super::front::Visitor;
use super::login::with_return_to;
use super::parameters::once;
use super::{cookies, refuse};
use crate::model::Problem;
use crate::model::person::{App, Kind};
use crate::settings::Settings;
use crate::sso::{Current, ReturnTo, Service};
use crate::system::metrics::Metrics;
use crate::system::peer::Peer;

/// Where it is.
pub const PATH: &str = "/sso/check";

const USER: HeaderName = HeaderName::from_static("x-onedesk-user");
const EMAIL: HeaderName = HeaderName::from_static("x-onedesk-email");
const NAME: HeaderName = HeaderName::from_static("x-onedesk-name");
const KIND: HeaderName = HeaderName::from_static("x-onedesk-kind");
const GROUPS: HeaderName = HeaderName::from_static("x-onedesk-groups");
const SSO: HeaderName = HeaderName::from_static("x-onedesk-sso");
/// Where a web server sends a page's reader who is not signed in; it need not know the client records for that.
const LOGIN: HeaderName = HeaderName::from_static("x-onedesk-login");

/// What no address needs encoded stays readable.
const EMAIL_ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'"').add(b',').add(b';').add(b'\\');
const NAME_ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new().route(PATH, get(check)).route("/sso/me", get(me))
}

/// Answers checks.
pub struct Checker {
    sso: Arc<Service>,
    settings: watch::Receiver<Arc<Settings>>,
    metrics: Metrics,
}

impl Checker {
    /// A checker of these sessions.
    pub const fn new(sso: Arc<Service>, settings: watch::Receiver<Arc<Settings>>, metrics: Metrics) -> Self {
        Self { sso, settings, metrics }
    }

    /// The answer to a check whose session is in memory; nothing for every other request.
    pub fn at_hand<B>(&self, request: &Request<B>) -> Option<Response> {
        if request.uri().path() != PATH || request.method() != Method::GET {
            return None;
        }
        let secure = self.settings.borrow().public_url.as_ref().is_none_or(crate::settings::PublicUrl::is_https);
        let session = cookies::session(request.headers(), secure)?;
        let current = self.sso.current_at_hand(session)??;
        let app = match request.uri().query()? {
            "app=main" => App::Main,
            "app=portal" => App::Portal,
            "app=kb" => App::Kb,
            "app=widget" => App::Widget,
            // Anything more is read at leisure.
            _ => return None,
        };
        let response = signed_in(&current, Some(app));
        self.metrics.http_answered("http", response.status().as_u16());
        Some(response)
    }
}

/// 200 with who it is, or 403 where they may not use the app. Every header is sent, if need be empty: a web server that copies them
/// to the app then overwrites whatever the client sent under these names.
fn signed_in(current: &Current, app: Option<App>) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    // Six are what comes below; room for more would be an allocation that malloc has no quick one for.
    headers.reserve(6);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let entry = &current.entry;
    if app.is_some_and(|app| !entry.apps.contains(app)) {
        *response.status_mut() = StatusCode::FORBIDDEN;
        return response;
    }
    headers.insert(USER, header(&entry.person.to_string()));
    headers.insert(EMAIL, header(&utf8_percent_encode(entry.email(), EMAIL_ESCAPED).to_string()));
    headers.insert(NAME, header(&utf8_percent_encode(entry.name(), NAME_ESCAPED).to_string()));
    headers.insert(KIND, HeaderValue::from_static(entry.kind.as_str()));
    headers.insert(GROUPS, header(entry.groups()));
    response
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

async fn check(State(door): State<Door>, Extension(visitor): Extension<Visitor>, request: Request) -> Response {
    let asked = once(request.uri().query().unwrap_or_default(), ["app", "redirect"]).and_then(|[app, redirect]| {
        let unknown = || crate::sso::Error::bad_request(Problem::told("app", &[]));
        let app = app.map(|app| App::from_word(&app).ok_or_else(unknown)).transpose()?;
        Ok((app, redirect.as_deref() == Some("1")))
    });
    let (app, redirect) = match asked {
        Ok(asked) => asked,
        Err(error) => return refuse(&door, &visitor, &error),
    };
    let sso = &door.services.sso;
    let current = match cookies::session(request.headers(), visitor.secure) {
        Some(session) => sso.current(session).await,
        None => Ok(None),
    };
    match current {
        Ok(Some(current)) => signed_in(&current, app),
        Ok(None) => not_signed_in(&door, &request, app, redirect),
        Err(error) => refuse(&door, &visitor, &error),
    }
}

fn not_signed_in(door: &Door, request: &Request, app: Option<App>, redirect: bool) -> Response {
    let mut response = StatusCode::UNAUTHORIZED.into_response();
    let switches = door.services.sso.connections().switches();
    if !Kind::ALL.into_iter().any(|kind| switches.allow(kind)) {
        // The web server lets the app's own sign-in take over. With one switch on, the page of the sign-in says what is off.
        response.headers_mut().insert(SSO, HeaderValue::from_static("off"));
        return response;
    }
    let settings = door.services.settings.borrow().clone();
    let trusted = request.extensions().get::<Peer>().is_some_and(|peer| is_trusted(peer, &settings));
    let origin = settings.public_url.as_ref().map(crate::settings::PublicUrl::as_str);
    let original = Original::read(request, trusted, origin);
    if !original.is_page {
        return response;
    }
    let app = app.unwrap_or(App::Main);
    let Ok(url) = login_url(door, app, original.path.as_ref()) else { return response };
    let url = header(&url);
    if redirect {
        *response.status_mut() = StatusCode::FOUND;
        response.headers_mut().insert(LOCATION, url.clone());
    }
    response.headers_mut().insert(LOGIN, url);
    response
}

fn login_url(door: &Door, app: App, return_to: Option<&ReturnTo>) -> Result<String, crate::sso::Error> {
    let sso = &door.services.sso;
    let path = match sso.connections().for_app(app).as_slice() {
        [record] => record.login_path(app),
        _ => format!("/sso/sign-in?app={}", app.as_str()),
    };
    sso.public_url(&with_return_to(&path, return_to))
}

/// Behind a Unix socket, its mode says who may connect.
fn is_trusted(peer: &Peer, settings: &Settings) -> bool {
    match peer {
        Peer::Network(address) => settings.listen.trusts(address.ip().to_canonical()),
        Peer::Local(_) => true,
    }
}

/// The request that the web server asks about. Its headers count only from a trusted proxy.
struct Original {
    is_page: bool,
    path: Option<ReturnTo>,
}

impl Original {
    fn read(request: &Request, trusted: bool, origin: Option<&str>) -> Self {
        let headers = request.headers();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).filter(|_| trusted);
        let method = text("x-original-method").or_else(|| text("x-forwarded-method")).unwrap_or("GET");
        let own_host = origin.map(|origin| origin.split("://").nth(1).unwrap_or_default());
        // An app on another host cannot be returned to by a path.
        let same_host = text("x-forwarded-host").is_none_or(|host| own_host.is_none_or(|own| own.eq_ignore_ascii_case(host)));
        let uri = text("x-original-uri").or_else(|| text("x-forwarded-uri")).filter(|_| same_host);
        Self { is_page: ["GET", "HEAD"].contains(&method) && is_page(headers), path: uri.and_then(ReturnTo::parse) }
    }
}

/// Whether a person waits for a page. Scripts and API clients get 401: a sign-in page would only confuse them.
fn is_page(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if text("x-requested-with").eq_ignore_ascii_case("xmlhttprequest") || headers.contains_key("authorization") {
        return false;
    }
    match text("sec-fetch-mode") {
        "" => text(ACCEPT.as_str()).contains("text/html"),
        mode => mode == "navigate",
    }
}

async fn me(State(door): State<Door>, Extension(visitor): Extension<Visitor>, headers: HeaderMap, _: Uri) -> Response {
    let current = match cookies::session(&headers, visitor.secure) {
        Some(session) => door.services.sso.current(session).await,
        None => Ok(None),
    };
    match current {
        Ok(Some(current)) => Json(who(&current)).into_response(),
        Ok(None) => {
            let visitor = Visitor { wants_json: true, ..visitor };
            let problem = crate::model::Problem::new("not_signed_in", "nobody is signed in in this browser", "sign in");
            super::super::answer::problem_answer(&door, &visitor, StatusCode::UNAUTHORIZED, &problem, None)
        }
        Err(error) => refuse(&door, &visitor, &error),
    }
}

fn who(current: &Current) -> serde_json::Value {
    let entry = &current.entry;
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let decoded = |group: &str| percent_encoding::percent_decode_str(group).decode_utf8_lossy().into_owned();
    let groups: Vec<_> = entry.groups().split(',').filter(|group| !group.is_empty()).map(decoded).collect();
    serde_json::json!({
        "id": entry.person,
        "kind": entry.kind,
        "email": text(entry.email()),
        "name": text(entry.name()),
        "groups": groups,
        "apps": entry.apps.iter().collect::<Vec<_>>(),
        "admin": entry.is_admin,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_person_waits_for_a_page_and_a_script_does_not() {
        for (pairs, page) in [
            (&[("accept", "text/html,application/xhtml+xml,*/*;q=0.8")][..], true),
            (&[("accept", "text/html"), ("sec-fetch-mode", "navigate")], true),
            (&[("accept", "text/html"), ("sec-fetch-mode", "cors")], false),
            (&[("accept", "application/json")], false),
            (&[("accept", "*/*")], false),
            (&[], false),
            (&[("accept", "text/html"), ("x-requested-with", "XMLHttpRequest")], false),
            (&[("accept", "text/html"), ("authorization", "Bearer x")], false),
        ] {
            assert_eq!(is_page(&headers(pairs)), page, "{pairs:?}");
        }
    }

    #[test]
    fn forwarded_headers_of_strangers_say_nothing() {
        let request = |trusted| {
            let request =
                Request::builder().header("accept", "text/html").header("x-forwarded-uri", "/a?b=c").header("x-forwarded-method", "POST");
            Original::read(&request.body(Body::empty()).unwrap(), trusted, None)
        };
        assert!(request(false).is_page && request(false).path.is_none());
        assert!(!request(true).is_page);
        assert_eq!(request(true).path.unwrap().as_str(), "/a?b=c");
    }

    #[test]
    fn an_app_on_another_host_is_not_returned_to_by_a_path() {
        let request = |host: &str| {
            let request = Request::builder().header("accept", "text/html").header("x-forwarded-uri", "/a").header("x-forwarded-host", host);
            Original::read(&request.body(Body::empty()).unwrap(), true, Some("https://help.example.com")).path
        };
        assert!(request("help.example.com").is_some() && request("wiki.example.com").is_none());
    }
}
