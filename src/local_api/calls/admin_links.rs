//! One-time links to the administration pages.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;

use super::actor;
use crate::local_api::Shared;
use crate::local_api::answers::sso::AdminLink;
use crate::local_api::refusal::Refusal;
use crate::system::peer::Account;

/// Makes a link that opens the administration pages once; it lasts fifteen minutes.
#[utoipa::path(post, path = "/v1/admin-links", operation_id = "admin_link",
    responses((status = 201, description = "The link.", body = AdminLink)))]
pub async fn make(
    State(services): State<Shared>,
    Extension(caller): Extension<Arc<Account>>,
) -> Result<(StatusCode, Json<AdminLink>), Refusal> {
    let page = services.sso.public_url("/admin/enter")?;
    let pass = services.sso.admins().invite(&actor(&caller)).await?;
    let url = format!("{page}?ticket={}", pass.value.expose());
    Ok((StatusCode::CREATED, Json(AdminLink { url, expires_at: pass.expires_at })))
}
