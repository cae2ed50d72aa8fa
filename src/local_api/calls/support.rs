//! What support asks for.

use axum::Json;
use axum::extract::State;

use crate::local_api::Shared;
use crate::local_api::answers::FailedExchanges;
use crate::support::Bundle;

/// The last hundred exchanges with providers that failed, redacted when they were recorded. Kept in memory: a restart forgets them.
#[utoipa::path(get, path = "/v1/transcripts", operation_id = "transcripts",
    responses((status = 200, description = "The newest first.", body = FailedExchanges)))]
pub async fn transcripts(State(services): State<Shared>) -> Json<FailedExchanges> {
    let transcripts = services.support.transcripts();
    Json(FailedExchanges { since: transcripts.since(), items: transcripts.newest_first() })
}

/// The daemon's half of a support bundle; `onedeskctl support-bundle` adds what only root sees, and writes it out.
#[utoipa::path(get, path = "/v1/support-bundle", operation_id = "support_bundle",
    responses((status = 200, description = "Its parts.", body = Bundle)))]
pub async fn bundle(State(services): State<Shared>) -> Json<Bundle> {
    Json(services.support.gather().await)
}
