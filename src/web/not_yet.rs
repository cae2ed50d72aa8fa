//! What the interface promises and this version does not have yet: said plainly, with 501.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::any;
use axum::{Extension, Router};

use super::Door;
use super::answer::problem_answer;
use super::front::Visitor;
use crate::model::Problem;

const PATHS: [&str; 1] = ["/widget.js"];

/// The routes of this file.
pub fn routes() -> Router<Door> {
    PATHS.iter().fold(Router::new(), |router, path| router.route(path, any(not_yet)))
}

async fn not_yet(State(door): State<Door>, Extension(visitor): Extension<Visitor>) -> Response {
    let problem = Problem::new(
        "not_in_this_version",
        "this page is not in this version of OneDesk",
        "use onedeskctl on this host; see onedeskctl --help",
    );
    problem_answer(&door, &visitor, StatusCode::NOT_IMPLEMENTED, &problem, None)
}
