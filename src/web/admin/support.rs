//! What support asks for: the versions, and the bundle.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use minijinja::context;

use super::shell::Visit;
use crate::web::Door;

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new().route("/admin/support", get(support))
}

async fn support(visit: Visit) -> Response {
    let status = visit.door.services.reporter.report().await;
    visit.page("admin/support.html", "support", context! { status, sentence => visit.door.services.reporter.sentence() })
}
