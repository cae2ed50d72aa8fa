//! The status.

use axum::Json;
use axum::extract::State;

use crate::health::status::Status;
use crate::local_api::Shared;

/// How this host is doing.
#[utoipa::path(get, path = "/v1/status", operation_id = "status", responses((status = 200, description = "The status.", body = Status)))]
pub async fn read(State(services): State<Shared>) -> Json<Status> {
    Json(services.health.report().await)
}
