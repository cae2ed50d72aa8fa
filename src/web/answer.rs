//! How the web door answers: a page for people, a problem document (RFC 9457) for programs, the same words in both.

use axum::Extension;
use axum::extract::{OriginalUri, State};
use axum::http::header::{CONTENT_TYPE, LOCATION, REFRESH, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use minijinja::Value;

use super::Door;
use super::error_page::ErrorPage;
use super::front::Visitor;
use super::pages::Page;
use super::waiting::Waiting;
use crate::flows::Browser;
use crate::flows::connect::{Error as ConnectError, ErrorKind};
use crate::model::{Problem, ProblemDocument};
use crate::oauth::token::ProviderError;

/// Sends the browser on with 303: never 307, which would repeat a POST with its code (RFC 9700 section 4.12).
pub fn see_other(url: &str, cookie: Option<(&Browser, &Visitor)>) -> Response {
    let Ok(location) = HeaderValue::from_str(url) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(LOCATION, location);
    if let Some((browser, visitor)) = cookie
        && let Ok(value) = HeaderValue::from_str(&browser.set_cookie(visitor.secure))
    {
        response.headers_mut().insert(SET_COOKIE, value);
    }
    response
}

/// Answers with what went wrong.
pub fn refuse(door: &Door, visitor: &Visitor, error: &ConnectError) -> Response {
    let status = match error.kind() {
        ErrorKind::BadRequest => StatusCode::BAD_REQUEST,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::BadGateway => StatusCode::BAD_GATEWAY,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    };
    let problem = error.problem();
    let aadsts = error.provider().and_then(|provider| provider.codes.first().copied()).unwrap_or_default();
    log::warn!(
        ONEDESK_REQUEST_ID:% = visitor.request_id, ONEDESK_AADSTS = aadsts, code = problem.code.as_str(), status = status.as_u16(),
        client = visitor.origin().as_str(), hint = problem.hint.as_str();
        "a connection did not come about"
    );
    problem_answer(door, visitor, status, &problem, error.provider())
}

/// A problem as a page or a document.
pub fn problem_answer(door: &Door, visitor: &Visitor, status: StatusCode, problem: &Problem, provider: Option<&ProviderError>) -> Response {
    if visitor.wants_json {
        let document = ProblemDocument::from_problem(status.as_u16(), title(status), problem).request(visitor.request_id);
        let document = document.with_provider(provider).complete(door.services.clock.now());
        return (status, [(CONTENT_TYPE, ProblemDocument::MEDIA_TYPE)], document.to_json()).into_response();
    }
    let waiting = visitor.waiting.as_ref().filter(|_| Waiting::helps(status));
    let settings = door.services.settings.borrow().clone();
    let now = door.services.clock.now();
    let page = ErrorPage::new(status, problem, provider, waiting, visitor.request_id, now, settings.credentials_path())
        .with_home(visitor.is_signing_on && waiting.is_none());
    let mut response = (status, door.pages.render(&Page::Error(page))).into_response();
    if let Some(refresh) = waiting.and_then(Waiting::refresh) {
        response.headers_mut().insert(REFRESH, refresh);
    }
    response
}

/// A packaged page, or what to install where there is none (503: it is there as soon as the package is).
pub fn show(door: &Door, visitor: &Visitor, name: &str, values: &Value) -> Response {
    match door.pages.packaged(name, values) {
        Ok(html) => html.into_response(),
        Err(problem) => problem_answer(door, visitor, StatusCode::SERVICE_UNAVAILABLE, &problem, None),
    }
}

/// What there is not.
pub async fn not_found(State(door): State<Door>, Extension(visitor): Extension<Visitor>, OriginalUri(uri): OriginalUri) -> Response {
    missing(&door, &visitor, uri.path())
}

/// That there is nothing at `path`.
pub fn missing(door: &Door, visitor: &Visitor, path: &str) -> Response {
    let problem = Problem::told("unknown_path", &[("path", &path)]);
    problem_answer(door, visitor, StatusCode::NOT_FOUND, &problem, None)
}

/// A method that the path does not know.
pub async fn wrong_method(State(door): State<Door>, Extension(visitor): Extension<Visitor>) -> Response {
    let problem = Problem::told("wrong_method", &[]);
    problem_answer(&door, &visitor, StatusCode::METHOD_NOT_ALLOWED, &problem, None)
}

const fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "the request cannot be used",
        StatusCode::UNAUTHORIZED => "nobody is signed in",
        StatusCode::FORBIDDEN => "not allowed",
        StatusCode::NOT_FOUND => "not found",
        StatusCode::METHOD_NOT_ALLOWED => "wrong method",
        StatusCode::CONFLICT => "something else has to be decided first",
        StatusCode::PRECONDITION_FAILED => "it was changed meanwhile",
        StatusCode::NOT_IMPLEMENTED => "not in this version",
        StatusCode::BAD_GATEWAY => "the provider is at fault or out of reach",
        _ => "this OneDesk cannot do that now",
    }
}
