//! What support asks for: the versions, and the daemon's half of the bundle as a download.

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use minijinja::context;

use super::form::Form;
use super::shell::Visit;
use crate::model::Problem;
use crate::support::{Pseudonyms, folder};
use crate::web::Door;

const ARCHIVE: HeaderValue = HeaderValue::from_static("application/gzip");

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new().route("/admin/support", get(support).post(download))
}

async fn support(visit: Visit) -> Response {
    let status = visit.door.services.reporter.report().await;
    visit.page("admin/support.html", "support", context! { status, sentence => visit.door.services.reporter.sentence() })
}

/// A form, not a link: what leaves the host is asked for on purpose, and the audit log says by whom.
async fn download(visit: Visit, Extension(sent): Extension<Form>) -> Response {
    let services = &visit.door.services;
    let mut bundle = services.support.gather().await;
    let is_pseudonymized = sent.is_ticked("pseudonymize");
    if is_pseudonymized {
        bundle.pseudonymized(&Pseudonyms::new(&[]));
    }
    let now = visit.now();
    let name = folder(None, now);
    services.audit.record(visit.admin.actor.entry(now, "support.bundle", if is_pseudonymized { "pseudonymized" } else { "" })).await;
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}.tar.gz\""));
    match (bundle.archive(&name, now), disposition) {
        (Ok(bytes), Ok(disposition)) => ([(CONTENT_TYPE, ARCHIVE), (CONTENT_DISPOSITION, disposition)], bytes).into_response(),
        _ => visit.problem(StatusCode::INTERNAL_SERVER_ERROR, &Problem::told("support_bundle", &[])),
    }
}
