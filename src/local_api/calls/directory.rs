//! The connected directories.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;

use super::actor;
use crate::local_api::Shared;
use crate::local_api::answers::{ConnectLink, Directories, Directory};
use crate::local_api::read::Segment;
use crate::local_api::refusal::Refusal;
use crate::model::TenantId;
use crate::system::peer::Account;

/// The connected directories, one for each tenant.
#[utoipa::path(get, path = "/v1/directory", operation_id = "directories", responses((status = 200, description = "The directories.", body = Directories)))]
pub async fn list(State(services): State<Shared>) -> Json<Directories> {
    Json(Directories { tenants: services.directory.list().into_iter().map(Directory::from).collect() })
}

/// Makes a link for whoever may connect the directory. It lasts an hour and is used up by success only.
#[utoipa::path(post, path = "/v1/directory", operation_id = "connect_directory", responses((status = 201, description = "The link.", body = ConnectLink)))]
pub async fn connect(
    State(services): State<Shared>,
    Extension(caller): Extension<Arc<Account>>,
) -> Result<(StatusCode, Json<ConnectLink>), Refusal> {
    let invitation = services.directory.invite(&actor(&caller)).await?;
    Ok((StatusCode::CREATED, Json(invitation.into())))
}

/// Removes a directory and erases its grant.
#[utoipa::path(delete, path = "/v1/directory/{tenant_id}", operation_id = "disconnect_directory",
    params(("tenant_id" = String, Path)), responses((status = 204, description = "It is removed.")))]
pub async fn disconnect(
    State(services): State<Shared>,
    Extension(caller): Extension<Arc<Account>>,
    Segment(tenant): Segment<TenantId>,
) -> Result<StatusCode, Refusal> {
    if services.directory.disconnect(tenant, &actor(&caller)).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    let refusal = Refusal::new(StatusCode::NOT_FOUND, "directory_unknown", format!("no directory of tenant {tenant} is connected"));
    Err(refusal.hint("see which are: onedeskctl directory status"))
}
