//! The last failed exchanges with providers.

use axum::Json;
use axum::extract::State;

use crate::local_api::Shared;
use crate::local_api::answers::FailedExchanges;

/// The last hundred exchanges with providers that failed, redacted when they were recorded. Kept in memory: a restart forgets them.
#[utoipa::path(get, path = "/v1/transcripts", operation_id = "transcripts",
    responses((status = 200, description = "The newest first.", body = FailedExchanges)))]
pub async fn list(State(services): State<Shared>) -> Json<FailedExchanges> {
    Json(FailedExchanges { since: services.transcripts.since(), items: services.transcripts.newest_first() })
}
