//! What an admin knows of the credentials that the daemon cannot see.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;

use super::actor;
use crate::local_api::Shared;
use crate::local_api::answers::SecretExpiry;
use crate::local_api::read::JsonBody;
use crate::local_api::refusal::Refusal;
use crate::model::hint::naming;
use crate::system::peer::Account;

/// Notes when the client secret in force ends. The note is tied to that very secret: another one does not inherit it. What
/// Microsoft Graph says later replaces it.
#[utoipa::path(put, path = "/v1/credentials/expiry", operation_id = "secret_expiry", request_body = SecretExpiry,
    responses((status = 200, description = "What is known now.", body = SecretExpiry)))]
pub async fn expiry(
    State(services): State<Shared>,
    Extension(caller): Extension<Arc<Account>>,
    JsonBody(SecretExpiry { expires_at }): JsonBody<SecretExpiry>,
) -> Result<Json<SecretExpiry>, Refusal> {
    let noted = services.expiry.type_in(expires_at).ok_or_else(|| {
        Refusal::new(StatusCode::CONFLICT, "unconfigured", "there is no client secret in force that could end")
            .hint(naming("put AZUREAD_CID and AZUREAD_CIS into /root/.OneDesk first", services.settings.borrow().credentials_path()))
    })?;
    let mut entry = actor(&caller).entry(services.clock.now(), "credentials.expiry", "");
    entry.detail = noted.ends.to_string();
    services.audit.record(entry).await;
    Ok(Json(SecretExpiry { expires_at: noted.ends }))
}
