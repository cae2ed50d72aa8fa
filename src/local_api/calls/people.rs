//! People and the conflict desk.

use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use http::{StatusCode, Uri};

use super::actor;
use crate::local_api::Shared;
use crate::local_api::answers::sso::{ConflictPage, Decision, NewPerson, PeoplePage, Person, Resolution};
use crate::local_api::read::{JsonBody, Segment, bad_query, query};
use crate::local_api::refusal::Refusal;
use crate::model::{ConflictId, PersonId};
use crate::system::peer::Account;

const USUAL_LIMIT: u32 = 100;
const HIGHEST_LIMIT: u32 = 1000;

/// People, whose address or name contains `q` if that is given.
#[utoipa::path(get, path = "/v1/people", operation_id = "people",
    params(
        ("q" = Option<String>, Query, description = "A part of the address or the name."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "How many at most; 100 without it.")),
    responses((status = 200, description = "A page.", body = PeoplePage)))]
pub async fn list(State(services): State<Shared>, uri: Uri) -> Result<Json<PeoplePage>, Refusal> {
    let [q, cursor, limit] = query(uri.query(), ["q", "cursor", "limit"])?;
    let (after, limit) = window::<PersonId>(cursor.as_deref(), limit.as_deref())?;
    let page = services.sso.people().page(q.as_deref().unwrap_or_default(), after, limit).await?;
    let next_cursor = page.next.map(|id| id.to_string());
    Ok(Json(PeoplePage { items: page.items.into_iter().map(Person::from).collect(), next_cursor }))
}

/// Adds a person before their first sign-in.
#[utoipa::path(post, path = "/v1/people", operation_id = "add_person", request_body = NewPerson,
    responses((status = 201, description = "The person.", body = Person)))]
pub async fn add(
    State(services): State<Shared>,
    Extension(caller): Extension<Arc<Account>>,
    JsonBody(person): JsonBody<NewPerson>,
) -> Result<(StatusCode, Json<Person>), Refusal> {
    let added = services.sso.people().add(person.kind, &person.email, person.name.as_deref(), &actor(&caller)).await?;
    Ok((StatusCode::CREATED, Json(added.into())))
}

/// Removes a person; their sessions end.
#[utoipa::path(delete, path = "/v1/people/{id}", operation_id = "remove_person", params(("id" = String, Path)),
    responses((status = 204, description = "They are removed.")))]
pub async fn remove(
    State(services): State<Shared>,
    Extension(caller): Extension<Arc<Account>>,
    Segment(id): Segment<PersonId>,
) -> Result<StatusCode, Refusal> {
    services.sso.remove_person(id, &actor(&caller)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sign-ins that wait for a decision.
#[utoipa::path(get, path = "/v1/people/conflicts", operation_id = "conflicts",
    params(
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "How many at most; 100 without it.")),
    responses((status = 200, description = "A page.", body = ConflictPage)))]
pub async fn conflicts(State(services): State<Shared>, uri: Uri) -> Result<Json<ConflictPage>, Refusal> {
    let [cursor, limit] = query(uri.query(), ["cursor", "limit"])?;
    let (after, limit) = window::<ConflictId>(cursor.as_deref(), limit.as_deref())?;
    let page = services.sso.people().conflicts(after, limit).await?;
    let next_cursor = page.next.map(|id| id.to_string());
    Ok(Json(ConflictPage { items: page.items.into_iter().map(Into::into).collect(), next_cursor }))
}

/// Decides about one of them. After an approval the person signs in again.
#[utoipa::path(post, path = "/v1/people/conflicts/{id}", operation_id = "resolve_conflict", params(("id" = String, Path)),
    request_body = Resolution, responses((status = 204, description = "It is decided.")))]
pub async fn resolve(
    State(services): State<Shared>,
    Extension(caller): Extension<Arc<Account>>,
    Segment(id): Segment<ConflictId>,
    JsonBody(resolution): JsonBody<Resolution>,
) -> Result<StatusCode, Refusal> {
    services.sso.people().resolve(id, resolution.decision == Decision::Approve, &actor(&caller)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn window<C: std::str::FromStr>(cursor: Option<&str>, limit: Option<&str>) -> Result<(Option<C>, u32), Refusal> {
    let after = cursor.map(str::parse).transpose();
    let after = after.map_err(|_| bad_query("\"cursor\" is none that we gave").hint("take next_cursor of the page before, unchanged"))?;
    let limit = match limit.map(str::parse) {
        None => USUAL_LIMIT,
        Some(Ok(limit @ 1..=HIGHEST_LIMIT)) => limit,
        Some(_) => return Err(bad_query("\"limit\" is no number from 1 to 1000").hint("leave it out for 100")),
    };
    Ok((after, limit))
}
