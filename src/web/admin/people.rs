//! People: a page at a time of a hundred thousand, adding and removing one.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use minijinja::context;
use serde::Serialize;

use super::form::{Faults, Form};
use super::paging::{ROWS, with};
use super::shell::{Visit, When};
use crate::model::person::Kind;
use crate::model::{PersonId, Problem};
use crate::sso::{Error, ErrorKind, Known};
use crate::web::Door;
use crate::web::sso::status;

const LIST: &str = "/admin/people";
/// The part of the navigation that it belongs to.
pub const HERE: &str = "people";

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new()
        .route(LIST, get(list))
        .route("/admin/people/new", get(new).post(add))
        .route("/admin/people/{id}/remove", get(ask).post(remove))
}

/// A person as pages show them.
#[derive(Debug, Serialize)]
pub struct Row {
    id: String,
    email: Option<String>,
    name: Option<String>,
    kind: &'static str,
    is_admin: bool,
    created_by: &'static str,
    created: When,
    identities: Vec<(String, String)>,
}

impl Row {
    /// A person, seen now.
    pub fn new(Known { person, identities }: Known, visit: &Visit) -> Self {
        Self {
            id: person.id.to_string(),
            email: person.email.map(|email| email.as_str().to_owned()),
            name: person.name,
            kind: person.kind.as_str(),
            is_admin: person.is_admin,
            created_by: person.created_by.as_str(),
            created: When::new(person.created_at, visit.now()),
            identities: identities.into_iter().map(|identity| (identity.issuer, identity.subject)).collect(),
        }
    }
}

async fn list(visit: Visit) -> Response {
    let (text, after) = (visit.asked("q"), visit.asked("after"));
    // A cursor that is none of ours begins at the beginning.
    let cursor: Option<PersonId> = after.parse().ok();
    let people = visit.door.services.sso.people();
    let (found, waiting) = (people.page(&text, cursor, ROWS as u32).await, people.conflicts(None, 1).await);
    let (rows, next, problem) = match found {
        Ok(found) => {
            let rows: Vec<Row> = found.items.into_iter().map(|known| Row::new(known, &visit)).collect();
            (rows, found.next.map(|id| with(LIST, &[("q", &text)], "after", &id.to_string())), None)
        }
        Err(error) => (Vec::new(), None, Some(error.problem)),
    };
    let waiting = waiting.is_ok_and(|page| !page.items.is_empty());
    let first = cursor.is_some().then(|| if text.is_empty() { LIST.to_owned() } else { with(LIST, &[], "q", &text) });
    visit.page("admin/people.html", HERE, context! { rows, next, first, problem, waiting, q => text })
}

/// The fields of the form.
#[derive(Debug, Default, Serialize)]
struct Values {
    kind: String,
    email: String,
    name: String,
}

async fn new(visit: Visit) -> Response {
    form(&visit, StatusCode::OK, &Values::default(), &Faults::default())
}

async fn add(visit: Visit, Extension(sent): Extension<Form>) -> Response {
    let values = Values { kind: sent.get("kind").to_owned(), email: sent.get("email").to_owned(), name: sent.get("name").to_owned() };
    let added = async {
        let kind = Kind::from_word(&values.kind).ok_or_else(|| Error::bad_request(Problem::told("kind", &[])))?;
        visit.door.services.sso.people().add(kind, &values.email, Some(&values.name), &visit.admin.actor).await
    };
    match added.await {
        Ok(_) => visit.done(&with(LIST, &[], "q", &values.email), "person-added"),
        Err(error) => {
            let field = match error.problem.code.as_str() {
                "email_taken" => "email",
                code @ ("kind" | "email" | "name") => code,
                _ => "",
            };
            form(&visit, status(error.kind), &values, &Faults::of(field, &error.problem))
        }
    }
}

fn form(visit: &Visit, code: StatusCode, values: &Values, faults: &Faults) -> Response {
    visit.page_with(code, "admin/person-new.html", HERE, context! { values, faults })
}

async fn ask(visit: Visit, Path(id): Path<String>) -> Response {
    let found = async { visit.door.services.sso.people().get(read(&id)?).await };
    match found.await {
        Ok(known) => visit.page("admin/person-remove.html", HERE, context! { person => Row::new(known, &visit) }),
        Err(error) => visit.problem(status(error.kind), &error.problem),
    }
}

async fn remove(visit: Visit, Path(id): Path<String>) -> Response {
    let removed = async { visit.door.services.sso.remove_person(read(&id)?, &visit.admin.actor).await };
    match removed.await {
        Ok(()) => visit.done(LIST, "person-removed"),
        Err(error) => visit.problem(status(error.kind), &error.problem),
    }
}

fn read(id: &str) -> Result<PersonId, Error> {
    id.parse().map_err(|_| Error::new(ErrorKind::NotFound, Problem::told("person_unknown.page", &[])))
}
