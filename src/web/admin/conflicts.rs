//! The conflict desk: sign-ins that wait for somebody's decision whether the account is the person's.

use std::collections::HashMap;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use minijinja::context;
use serde::Serialize;

use super::form::Form;
use super::paging::{ROWS, with};
use super::people::{HERE, Row as Person};
use super::shell::{Visit, When};
use crate::model::{ConflictId, Problem};
use crate::sso::Error;
use crate::web::Door;
use crate::web::sso::status;

const LIST: &str = "/admin/people/conflicts";

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new().route(LIST, get(list)).route("/admin/people/conflicts/{id}", post(decide))
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    email: String,
    name: Option<String>,
    issuer: String,
    subject: String,
    reason: String,
    record: String,
    created: When,
    /// Whose record it would be linked to; nothing where the database does not tell.
    person: Option<Person>,
}

async fn list(visit: Visit) -> Response {
    let sso = &visit.door.services.sso;
    let cursor: Option<ConflictId> = visit.asked("after").parse().ok();
    let found = match sso.people().conflicts(cursor, ROWS as u32).await {
        Ok(found) => found,
        Err(error) => return visit.page_with(StatusCode::OK, "admin/conflicts.html", HERE, nothing(error.problem)),
    };
    let names: HashMap<_, _> = sso.connections().list().iter().map(|record| (record.id(), record.details.name.clone())).collect();
    let next = found.next.map(|id| with(LIST, &[], "after", &id.to_string()));
    let mut rows = Vec::new();
    for conflict in found.items {
        let person = sso.people().get(conflict.person).await.ok().map(|known| Person::new(known, &visit));
        rows.push(Row {
            id: conflict.id.to_string(),
            email: conflict.email,
            name: conflict.name,
            issuer: conflict.identity.issuer,
            subject: conflict.identity.subject,
            reason: conflict.reason,
            record: names.get(&conflict.connection).cloned().unwrap_or_else(|| "a record that was removed".to_owned()),
            created: When::new(conflict.created_at, visit.now()),
            person,
        });
    }
    let first = cursor.is_some().then_some(LIST);
    visit.page("admin/conflicts.html", HERE, context! { rows, next, first, problem => None::<Problem> })
}

fn nothing(problem: Problem) -> minijinja::Value {
    context! { rows => Vec::<Row>::new(), next => None::<String>, first => None::<String>, problem => Some(problem) }
}

async fn decide(visit: Visit, Path(id): Path<String>, Extension(sent): Extension<Form>) -> Response {
    let approve = match sent.get("decision") {
        "approve" => true,
        "deny" => false,
        _ => {
            let problem = Problem::told("decision", &[]);
            return visit.problem(StatusCode::BAD_REQUEST, &problem);
        }
    };
    if approve && !sent.is_ticked("sure") {
        let problem = Problem::told("confirm_needed.link", &[]);
        return visit.problem(StatusCode::CONFLICT, &problem);
    }
    let decided = async {
        let unknown = |_| Error::not_found(Problem::told("conflict_unknown.decided", &[]));
        visit.door.services.sso.people().resolve(id.parse().map_err(unknown)?, approve, &visit.admin.actor).await
    };
    match decided.await {
        Ok(()) => visit.done(LIST, if approve { "conflict-approved" } else { "conflict-denied" }),
        Err(error) => visit.problem(status(error.kind), &error.problem),
    }
}
