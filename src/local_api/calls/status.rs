//! The status and the checks.

use axum::Json;
use axum::extract::State;
use http::Uri;

use crate::health::checks::Checks;
use crate::health::status::Status;
use crate::local_api::Shared;
use crate::local_api::read::{bad_query, query};
use crate::local_api::refusal::Refusal;

/// How this host is doing.
#[utoipa::path(get, path = "/v1/status", operation_id = "status", responses((status = 200, description = "The status.", body = Status)))]
pub async fn read(State(services): State<Shared>) -> Json<Status> {
    Json(services.health.report().await)
}

/// Looks at everything that has to work, from the daemon's own position: its settings, its proxy, its sandbox. One round at a time.
#[utoipa::path(get, path = "/v1/checks", operation_id = "checks",
    params(("offline" = Option<bool>, Query, description = "`true` leaves out what needs the network.")),
    responses((status = 200, description = "What was found.", body = Checks)))]
pub async fn checks(State(services): State<Shared>, uri: Uri) -> Result<Json<Checks>, Refusal> {
    let [offline] = query(uri.query(), ["offline"])?;
    let offline = match offline.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(bad_query("\"offline\" in the query is none of its values").hint("offline is true or false")),
    };
    Ok(Json(services.examiner.examine(offline).await))
}
