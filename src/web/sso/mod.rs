//! The doors of single sign-on. Thin: parameters in, one call on the service, an answer out.

mod check;
pub mod cookies;
mod entries;
mod login;
mod logout;
mod notice;
mod parameters;
mod widget;

use axum::Router;
use axum::http::header::{HeaderName, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::Door;
use super::answer::problem_answer;
use super::front::Visitor;
use crate::pages::Sample;
use crate::sso::{Error, ErrorKind};

pub use check::Checker;
pub use login::depart;
pub use notice::NoticePage;
pub use parameters::once;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The routes of this room.
pub fn routes() -> Router<Door> {
    Router::new().merge(login::routes()).merge(check::routes()).merge(logout::routes()).merge(entries::routes()).merge(widget::routes())
}

/// What the pages of this room may be shown with.
pub fn samples() -> Vec<Sample> {
    [entries::samples(), widget::samples()].concat()
}

/// Answers with what went wrong.
pub fn refuse(door: &Door, visitor: &Visitor, error: &Error) -> Response {
    let status = status(error.kind);
    let aadsts = error.provider.as_ref().and_then(|provider| provider.codes.first().copied()).unwrap_or_default();
    log::warn!(
        ONEDESK_REQUEST_ID:% = visitor.request_id, ONEDESK_AADSTS = aadsts, code = error.problem.code.as_str(),
        status = status.as_u16(), client = visitor.origin().as_str(), title = error.problem.title.as_str(), hint = error.problem.hint.as_str();
        "a sign-on request was refused"
    );
    problem_answer(door, visitor, status, &error.problem, error.provider.as_deref())
}

/// Whether a POST comes from a page of another site. Browsers say so twice: `Sec-Fetch-Site` cannot be set by a page, and is right also where
/// our `Referrer-Policy` makes them send `Origin: null`. Older ones send `Origin` alone; a `null` there is a sandbox or a redirect.
fn is_foreign(door: &Door, headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site != "same-origin" && site != "none";
    }
    let own = door.services.settings.borrow().public_url.clone();
    let origin = headers.get(ORIGIN).map(|value| value.to_str().unwrap_or_default());
    origin.is_some_and(|origin| own.is_none_or(|own| !own.as_str().eq_ignore_ascii_case(origin)))
}

/// The status of an error's kind.
pub const fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::BadRequest => StatusCode::BAD_REQUEST,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::BadGateway => StatusCode::BAD_GATEWAY,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}
