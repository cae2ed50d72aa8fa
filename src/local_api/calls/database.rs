//! The database: its condition, and a backup.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;

use super::actor;
use crate::local_api::Shared;
use crate::local_api::answers::Backup;
use crate::local_api::refusal::Refusal;
use crate::store::care::Condition;
use crate::system::peer::Account;

/// How the database is doing. Reads all of it, so it takes a while for a large one.
#[utoipa::path(get, path = "/v1/database", operation_id = "database", responses((status = 200, description = "Its condition.", body = Condition)))]
pub async fn condition(State(services): State<Shared>) -> Result<Json<Condition>, Refusal> {
    Ok(Json(services.database.condition().await?))
}

/// Copies the database while it is in use. The copy belongs to the daemon's user and holds no master key.
#[utoipa::path(post, path = "/v1/database/backups", operation_id = "back_up", responses((status = 201, description = "Where the copy is.", body = Backup)))]
pub async fn back_up(
    State(services): State<Shared>,
    Extension(caller): Extension<Arc<Account>>,
) -> Result<(StatusCode, Json<Backup>), Refusal> {
    let path = services.database.back_up().await?.display().to_string();
    services.audit.note(&actor(&caller), "database.backup", &path).await;
    Ok((StatusCode::CREATED, Json(Backup { path })))
}
