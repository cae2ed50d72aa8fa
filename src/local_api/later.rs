//! Calls that this version does not do yet. They are named, so that nobody mistakes "not yet" for "misspelt".

use axum::Router;
use axum::routing::any;
use http::StatusCode;

use super::refusal::Refusal;

/// Paths, and what to do instead.
const LATER: &[(&str, &str)] = &[
    ("/v1/mailboxes/{address}/app-passwords", TOKENS),
    ("/v1/mailboxes/{address}/app-passwords/{id}", TOKENS),
    ("/v1/directory/sync", DIRECTORY),
    ("/v1/directory/users", DIRECTORY),
    ("/v1/directory/groups", DIRECTORY),
    ("/v1/directory/groups/{*rest}", DIRECTORY),
];

const TOKENS: &str = "let the mail client sign in with XOAUTH2: GET /v1/mailboxes/{address}/token";
const DIRECTORY: &str = "read Microsoft Graph with GET /v1/mailboxes/{address}/token?for=graph";

/// Answers 501 on each of them.
pub fn router() -> Router {
    LATER.iter().fold(Router::new(), |router, &(path, instead)| router.route(path, any(move || not_yet(path, instead))))
}

async fn not_yet(path: &'static str, instead: &'static str) -> Refusal {
    Refusal::new(StatusCode::NOT_IMPLEMENTED, "not_in_this_version", format!("{path} is not in this version of OneDesk")).hint(instead)
}
