//! Signing in: the generated URLs, third-party-initiated login, and the redirect URI.

use axum::body::to_bytes;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use super::super::Door;
use super::super::answer::see_other;
use super::super::front::Visitor;
use super::super::origin::comes_from_us;
use super::super::pages::Page;
use super::notice::NoticePage;
use super::parameters::once;
use super::{cookies, refuse};
use crate::audit::Actor;
use crate::flows::Browser;
use crate::model::person::{App, Kind};
use crate::model::{ConnectionId, Problem};
use crate::oauth::callback::{Callback, CallbackError};
use crate::sso::{Arrival, Beginning, CALLBACK_PATH, Departure, Error, ErrorKind, Purpose, ReturnTo, SignedIn};
use crate::texts::{filled, text};

/// A form post holds a code, a state and little else; the parser has the same bound.
const LARGEST_FORM: usize = 16 * 1024;
/// The page of a trial: who tries a record administers.
const TRIED: &str = "/admin/sso/tried";

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new()
        .route("/sso/login/{connection}/{app}", get(login))
        .route("/sso/start", get(start).post(start_by_form))
        .route("/sso/sign-in", get(choose))
        .route(CALLBACK_PATH, get(by_query).post(by_form))
        .route("/sso/hand-over", post(hand_over))
}

async fn login(
    State(door): State<Door>,
    Extension(visitor): Extension<Visitor>,
    Path((connection, app)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let beginning = async {
        let [return_to, login_hint, popup] = once(query.as_deref().unwrap_or_default(), ["return_to", "login_hint", "popup"])?;
        let connection: ConnectionId = connection.parse().map_err(|_| unknown_url())?;
        Ok(Beginning {
            connection,
            app: App::from_word(&app).ok_or_else(unknown_url)?,
            return_to: return_to.as_deref().filter(|path| !path.is_empty()).map(own_path).transpose()?,
            login_hint: login_hint.map(std::borrow::Cow::into_owned).filter(|hint| !hint.is_empty() && hint.len() <= 320),
            purpose: Purpose::SignIn,
            popup: popup.as_deref() == Some("1"),
        })
    };
    depart(&door, &visitor, beginning.await).await
}

/// OpenID Connect Core section 4: the provider sends somebody here to sign in.
async fn start(State(door): State<Door>, Extension(visitor): Extension<Visitor>, RawQuery(query): RawQuery) -> Response {
    let beginning = initiated(&door, query.as_deref().unwrap_or_default());
    depart(&door, &visitor, beginning).await
}

async fn start_by_form(State(door): State<Door>, Extension(visitor): Extension<Visitor>, request: Request) -> Response {
    let body = to_bytes(request.into_body(), LARGEST_FORM).await.unwrap_or_default();
    let beginning = initiated(&door, &String::from_utf8_lossy(&body));
    depart(&door, &visitor, beginning).await
}

fn initiated(door: &Door, text: &str) -> Result<Beginning, Error> {
    let [iss, login_hint, target] = once(text, ["iss", "login_hint", "target_link_uri"])?;
    let connections = door.services.sso.connections();
    let switches = connections.switches();
    let records = connections.of_issuer(iss.as_deref().unwrap_or_default());
    let is_open = |record: &&std::sync::Arc<crate::sso::Record>| record.row.enabled && switches.allow(record.kind());
    // A record that is switched off is still this issuer's: its page says so.
    let record =
        records.iter().find(is_open).or_else(|| records.first()).ok_or_else(|| Error::bad_request(Problem::told("issuer_unknown", &[])))?;
    let origin = door.services.sso.public_url("")?;
    let return_to = match target.as_deref().filter(|target| !target.is_empty()) {
        None => None,
        Some(target) => {
            Some(ReturnTo::on_origin(target, &origin).ok_or_else(|| Error::bad_request(Problem::told("target_link_uri", &[])))?)
        }
    };
    Ok(Beginning {
        connection: record.id(),
        app: if record.kind() == Kind::User { App::Main } else { App::Portal },
        return_to,
        login_hint: login_hint.map(std::borrow::Cow::into_owned).filter(|hint| !hint.is_empty() && hint.len() <= 2000),
        purpose: Purpose::SignIn,
        popup: false,
    })
}

/// Where a web server sends whoever is not signed in to an app: straight on where there is one way to sign in, else to choose.
async fn choose(State(door): State<Door>, Extension(visitor): Extension<Visitor>, RawQuery(query): RawQuery) -> Response {
    let asked = once(query.as_deref().unwrap_or_default(), ["app", "return_to"]);
    let chosen = asked.and_then(|[app, return_to]| {
        let app = App::from_word(app.as_deref().unwrap_or("main")).ok_or_else(unknown_url)?;
        let return_to = return_to.as_deref().filter(|path| !path.is_empty()).map(own_path).transpose()?;
        Ok((app, return_to))
    });
    let (app, return_to) = match chosen {
        Ok(chosen) => chosen,
        Err(error) => return refuse(&door, &visitor, &error),
    };
    let records = door.services.sso.connections().for_app(app);
    if let [record] = records.as_slice() {
        let beginning = Beginning { connection: record.id(), app, return_to, login_hint: None, purpose: Purpose::SignIn, popup: false };
        return depart(&door, &visitor, Ok(beginning)).await;
    }
    if records.is_empty() {
        return refuse(&door, &visitor, &Error::forbidden(Problem::told("sso_off.app", &[("app", &app.title())])));
    }
    let mut page = NoticePage::new(filled("choose.title", &[("app", app.title())]), text("choose.sentence"));
    for record in records {
        page = page
            .link(filled("entry.sign_in", &[("name", &record.details.name)]), with_return_to(&record.login_path(app), return_to.as_ref()));
    }
    door.pages.render(&Page::Notice(page)).into_response()
}

/// A path of ours with `return_to`, encoded once.
pub fn with_return_to(path: &str, return_to: Option<&ReturnTo>) -> String {
    let Some(return_to) = return_to else { return path.to_owned() };
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("return_to", return_to.as_str());
    format!("{path}{}{}", if path.contains('?') { '&' } else { '?' }, query.finish())
}

/// Begins a sign-in or a trial, or says why not.
pub async fn depart(door: &Door, visitor: &Visitor, beginning: Result<Beginning, Error>) -> Response {
    let departure = match beginning {
        Ok(beginning) => door.services.sso.depart(beginning, visitor.browser.clone()).await,
        Err(error) => Err(error),
    };
    match departure {
        Ok(departure) => send_off(visitor, &departure),
        Err(error) => refuse(door, visitor, &error),
    }
}

fn send_off(visitor: &Visitor, departure: &Departure) -> Response {
    let mut response = see_other(&departure.url, None);
    cookies::set_flow(&mut response, &departure.browser, departure.by_post, visitor.secure);
    response
}

async fn by_query(
    State(door): State<Door>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let browser = visitor.browser.clone();
    finish(&door, &visitor, &headers, Callback::parse(query.as_deref().unwrap_or_default()), browser).await
}

async fn by_form(State(door): State<Door>, Extension(visitor): Extension<Visitor>, headers: HeaderMap, request: Request) -> Response {
    let browser = cookies::posting_browser(&headers, visitor.secure).or_else(|| visitor.browser.clone());
    let body = to_bytes(request.into_body(), LARGEST_FORM).await;
    let callback = body.map_err(|_| CallbackError::TooLong).and_then(|body| Callback::parse(&String::from_utf8_lossy(&body)));
    finish(&door, &visitor, &headers, callback, browser).await
}

async fn finish(
    door: &Door,
    visitor: &Visitor,
    headers: &HeaderMap,
    callback: Result<Callback, CallbackError>,
    browser: Option<Browser>,
) -> Response {
    let actor = Actor::browser(visitor.origin());
    let arrival = match callback {
        Ok(callback) => door.services.sso.arrive(callback, browser.as_ref(), &actor).await,
        Err(error) => Err(door.services.sso.strange(error, &actor).await),
    };
    if let Some(outcome) = outcome(&arrival) {
        door.services.metrics.signed_in(outcome);
    }
    match arrival {
        Ok(Arrival::SignedIn(signed_in)) => welcome(door, visitor, headers, &signed_in).await,
        Ok(Arrival::Tested(trial)) => see_other(&format!("{TRIED}/{}", door.trials.keep(*trial)), None),
        Ok(Arrival::Again(departure)) => send_off(visitor, &departure),
        Err(error) => refuse(door, visitor, &error),
    }
}

/// The word for the numbers; nothing for what is no sign-in, or not its end.
const fn outcome(arrival: &Result<Arrival, Error>) -> Option<&'static str> {
    match arrival {
        Ok(Arrival::SignedIn(_)) => Some("signed_in"),
        Ok(Arrival::Tested(_) | Arrival::Again(_)) => None,
        Err(error) => Some(match error.kind {
            ErrorKind::BadRequest => "bad_request",
            ErrorKind::Forbidden => "forbidden",
            ErrorKind::NotFound => "not_found",
            ErrorKind::Conflict | ErrorKind::Outdated => "conflict",
            ErrorKind::BadGateway => "provider_failed",
            ErrorKind::Unavailable => "unavailable",
        }),
    }
}

async fn welcome(door: &Door, visitor: &Visitor, headers: &HeaderMap, signed_in: &SignedIn) -> Response {
    if let Some(old) = cookies::session(headers, visitor.secure) {
        door.services.sso.leave(old).await;
    }
    let mut destination = destination(door, signed_in);
    if let Some(code) = &signed_in.hand_over {
        // In the fragment, which no server sees and no `Referer` carries; the page of the Widget gives it to its frame.
        destination = format!("{}#handover={}", destination.split('#').next().unwrap_or_default(), code.expose());
    }
    let mut response = see_other(&destination, None);
    cookies::set_session(&mut response, &signed_in.session, visitor.secure);
    response
}

/// Where the app asked to come back to, else where the app lives.
fn destination(door: &Door, signed_in: &SignedIn) -> String {
    if let Some(path) = &signed_in.return_to {
        return path.clone();
    }
    let apps = &door.services.settings.borrow().apps;
    super::entries::elsewhere(apps, signed_in.app).map_or_else(|| super::entries::path(signed_in.app).to_owned(), ToString::to_string)
}

/// The Widget's frame exchanges the code that its popup got.
async fn hand_over(State(door): State<Door>, Extension(visitor): Extension<Visitor>, request: Request) -> Response {
    let visitor = Visitor { wants_json: true, ..visitor };
    if !comes_from_us(&door, request.headers()) {
        let error = Error::forbidden(Problem::told("foreign_origin.code", &[]));
        return refuse(&door, &visitor, &error);
    }
    let body = to_bytes(request.into_body(), LARGEST_FORM).await.unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    let handed = match once(&body, ["code"]) {
        Ok([code]) => door.services.sso.hand_over(code.as_deref().unwrap_or_default()).await,
        Err(error) => Err(error),
    };
    match handed {
        Ok(session) => {
            let mut response = StatusCode::NO_CONTENT.into_response();
            cookies::set_widget(&mut response, &session, visitor.secure);
            response
        }
        Err(error) => refuse(&door, &visitor, &error),
    }
}

fn own_path(text: &str) -> Result<ReturnTo, Error> {
    ReturnTo::parse(text).ok_or_else(|| Error::bad_request(Problem::told("return_to", &[])))
}

fn unknown_url() -> Error {
    Error::not_found(Problem::told("sign_in_url_unknown", &[]))
}
