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
use axum::http::StatusCode;
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

/// The status of an error's kind.
pub const fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::BadRequest => StatusCode::BAD_REQUEST,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Conflict | ErrorKind::Outdated => StatusCode::CONFLICT,
        ErrorKind::BadGateway => StatusCode::BAD_GATEWAY,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}
