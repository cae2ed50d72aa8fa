//! Single sign-on: switches and client records.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use http::header::{ETAG, HeaderMap, HeaderName, IF_MATCH};

use super::actor;
use crate::local_api::Shared;
use crate::local_api::answers::sso::{Connection, SwitchWishes, Switches};
use crate::local_api::read::{JsonBody, Segment};
use crate::local_api::refusal::Refusal;
use crate::model::ConnectionId;
use crate::model::person::Kind;
use crate::sso::{Record, Wishes};
use crate::system::peer::Account;

/// The two switches.
#[utoipa::path(get, path = "/v1/sso", operation_id = "sso", responses((status = 200, description = "The switches.", body = Switches)))]
pub async fn switches(State(services): State<Shared>) -> Json<Switches> {
    Json(services.sso.connections().switches().into())
}

/// Sets switches. Off ends every session of that kind at once, whatever is wrong with provider, credentials or proxy.
#[utoipa::path(patch, path = "/v1/sso", operation_id = "switch_sso", request_body = SwitchWishes,
    responses((status = 200, description = "The switches as they are now.", body = Switches)))]
pub async fn switch(
    State(services): State<Shared>,
    Extension(caller): Extension<Arc<Account>>,
    JsonBody(wishes): JsonBody<SwitchWishes>,
) -> Result<Json<Switches>, Refusal> {
    for (kind, wish) in [(Kind::User, wishes.users_enabled), (Kind::Customer, wishes.customers_enabled)] {
        if let Some(enabled) = wish {
            services.sso.switch(kind, enabled, &actor(&caller)).await?;
        }
    }
    Ok(switches(State(services)).await)
}

/// All client records.
#[utoipa::path(get, path = "/v1/sso/connections", operation_id = "sso_connections",
    responses((status = 200, description = "The records.", body = Vec<Connection>)))]
pub async fn list(State(services): State<Shared>) -> Json<Vec<Connection>> {
    Json(services.sso.connections().list().iter().map(|record| shown(&services, record)).collect())
}

/// Makes a client record. From its two URLs everything else is found; what cannot be found is asked for in `problem`.
#[utoipa::path(post, path = "/v1/sso/connections", operation_id = "add_sso_connection", request_body = Wishes,
    responses((status = 201, description = "The record.", body = Connection)))]
pub async fn add(
    State(services): State<Shared>,
    Extension(caller): Extension<Arc<Account>>,
    JsonBody(wishes): JsonBody<Wishes>,
) -> Result<(StatusCode, Json<Connection>), Refusal> {
    let record = services.sso.connections().add(&wishes, &actor(&caller)).await?;
    Ok((StatusCode::CREATED, Json(shown(&services, &record))))
}

/// One client record.
#[utoipa::path(get, path = "/v1/sso/connections/{id}", operation_id = "sso_connection", params(("id" = String, Path)),
    responses((status = 200, description = "The record; its ETag is for If-Match of a change.", body = Connection)))]
pub async fn show(State(services): State<Shared>, Segment(id): Segment<ConnectionId>) -> Result<Tagged, Refusal> {
    let record = services.sso.connections().get(id)?;
    Ok(tagged(&services, &record))
}

/// Changes a client record: what is left out stays, `null` clears. Enabling one that was never tried needs `"confirm": true`.
#[utoipa::path(patch, path = "/v1/sso/connections/{id}", operation_id = "change_sso_connection", params(("id" = String, Path), ("If-Match" = Option<String>, Header,
        description = "The ETag that the change was made from; without it, whatever stands there is changed.")),
    request_body = Wishes, responses((status = 200, description = "The record as it is now.", body = Connection),
        (status = 412, description = "The record is no longer what If-Match names.")))]
pub async fn change(
    State(services): State<Shared>,
    Extension(caller): Extension<Arc<Account>>,
    Segment(id): Segment<ConnectionId>,
    headers: HeaderMap,
    JsonBody(wishes): JsonBody<Wishes>,
) -> Result<Tagged, Refusal> {
    let made_from = made_from(&headers, &*services.sso.connections().get(id)?);
    let record = services.sso.change(id, &Wishes { made_from, ..wishes }, &actor(&caller)).await?;
    Ok(tagged(&services, &record))
}

/// Removes a client record; the sessions that it gave end.
#[utoipa::path(delete, path = "/v1/sso/connections/{id}", operation_id = "remove_sso_connection", params(("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag of the record that is meant; without it, whatever stands there.")),
    responses((status = 204, description = "It is removed."), (status = 412, description = "The record is no longer what If-Match names.")))]
pub async fn remove(
    State(services): State<Shared>,
    Extension(caller): Extension<Arc<Account>>,
    Segment(id): Segment<ConnectionId>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let seen = made_from(&headers, &*services.sso.connections().get(id)?);
    services.sso.remove(id, seen.as_deref(), &actor(&caller)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Moves a v1 record to the v2 endpoints; everybody stays linked.
#[utoipa::path(post, path = "/v1/sso/connections/{id}/upgrade", operation_id = "upgrade_sso_connection", params(("id" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag of the record that is meant; without it, whatever stands there.")),
    responses((status = 200, description = "The record as it is now.", body = Connection),
        (status = 412, description = "The record is no longer what If-Match names.")))]
pub async fn upgrade(
    State(services): State<Shared>,
    Extension(caller): Extension<Arc<Account>>,
    Segment(id): Segment<ConnectionId>,
    headers: HeaderMap,
) -> Result<Tagged, Refusal> {
    let seen = made_from(&headers, &*services.sso.connections().get(id)?);
    let record = services.sso.upgrade(id, seen.as_deref(), &actor(&caller)).await?;
    Ok(tagged(&services, &record))
}

/// A record with its revision as the entity tag (RFC 9110, section 8.8.3).
type Tagged = ([(HeaderName, String); 1], Json<Connection>);

fn tagged(services: &Shared, record: &Record) -> Tagged {
    ([(ETAG, entity_tag(record))], Json(shown(services, record)))
}

fn entity_tag(record: &Record) -> String {
    format!("\"{}\"", record.revision())
}

/// The revision that `If-Match` asks for (RFC 9110, section 13.1.1): that of `record` if one of its tags is the record's; one that
/// no record has if none is.
fn made_from(headers: &HeaderMap, record: &Record) -> Option<String> {
    let mut tags =
        headers.get_all(IF_MATCH).iter().flat_map(|value| value.to_str().unwrap_or_default().split(',')).map(str::trim).peekable();
    tags.peek()?;
    let is_met = tags.any(|tag| tag == "*" || tag == entity_tag(record));
    Some(if is_met { record.revision() } else { String::new() })
}

fn shown(services: &Shared, record: &Record) -> Connection {
    Connection::new(record, &services.settings.borrow(), services.clock.now())
}
