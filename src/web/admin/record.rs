//! One OpenID client record: what it is, its generated URLs, enabling, upgrading, changing and removing it.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use minijinja::context;
use serde::Serialize;

use super::form::{Faults, Form};
use super::record_form::{Values, faults};
use super::record_merge::{Change, FIELD, MadeFrom, merge};
use super::shell::{Visit, When};
use super::sign_on::{HERE, LIST};
use crate::model::{ConnectionId, Problem};
use crate::oauth::endpoints::{Endpoints, Version};
use crate::sso::{CALLBACK_PATH, Error, ErrorKind, Record, Wishes};
use crate::web::Door;
use crate::web::sso::status;

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new()
        .route("/admin/sso/new", get(new).post(add))
        .route("/admin/sso/tried/{name}", get(tried))
        .route("/admin/sso/{id}", get(one))
        .route("/admin/sso/{id}/edit", get(edit).post(change))
        .route("/admin/sso/{id}/enable", post(enable))
        .route("/admin/sso/{id}/disable", post(disable))
        .route("/admin/sso/{id}/upgrade", get(ask_upgrade).post(upgrade))
        .route("/admin/sso/{id}/remove", get(ask_remove).post(remove))
}

fn path_of(id: ConnectionId) -> String {
    format!("{LIST}/{id}")
}

/// The record that the address names.
fn find(visit: &Visit, id: &str) -> Result<Arc<Record>, Error> {
    let unknown = || Error::not_found(Problem::told("client_record_unknown.page", &[]));
    visit.door.services.sso.connections().get(id.parse().map_err(|_| unknown())?)
}

fn refuse(visit: &Visit, error: &Error) -> Response {
    visit.problem(status(error.kind), &error.problem)
}

async fn one(visit: Visit, Path(id): Path<String>) -> Response {
    match find(&visit, &id) {
        Ok(record) => show(&visit, StatusCode::OK, &record, None),
        Err(error) => refuse(&visit, &error),
    }
}

/// The record's page; `refusal` is why a button of it did nothing.
fn show(visit: &Visit, code: StatusCode, record: &Record, refusal: Option<&Error>) -> Response {
    let (sso, now) = (&visit.door.services.sso, visit.now());
    let settings = visit.door.services.settings.borrow().clone();
    let urls = record.apps().filter_map(|app| Some((app.title(), sso.public_url(&record.login_path(app)).ok()?)));
    let upgraded = record.endpoints.as_ref().and_then(Endpoints::upgraded);
    let page = context! {
        id => record.id().to_string(),
        values => Values::of_record(record),
        audience => record.kind().plural(),
        protocol => match record.version() {
            Version::V1 => "Azure AD v1",
            Version::V2 => "Microsoft identity platform (v2)",
            Version::Other => "OpenID Connect",
        },
        is_v1 => record.version() == Version::V1,
        issuer => record.issuer(),
        scope => record.scope(&settings),
        unsigned_v1 => record.accepts_unsigned(&settings),
        enabled => record.row.enabled,
        switched_on => sso.connections().switches().allow(record.kind()),
        tried => record.row.tried_at.map(|at| When::new(at, now)),
        secret_ends => record.details.secret_expires_at.map(|at| When::new(at, now)),
        has_next => record.row.secret_next.is_some(),
        problem => record.problem(now),
        redirect_uri => sso.public_url(CALLBACK_PATH).ok(),
        urls => urls.collect::<Vec<_>>(),
        upgrade => upgraded.map(|pair| (pair.authorization.to_string(), pair.token.to_string())),
        standing => record.standing(),
        refusal => refusal.map(|error| &error.problem),
        is_outdated => refusal.is_some_and(|error| error.kind == ErrorKind::Outdated),
        may_confirm => refusal.is_some_and(|error| error.problem.code == "confirm_needed"),
    };
    visit.page_with(code, "admin/record.html", HERE, page)
}

/// What a trial showed: every claim and check, and what a sign-in would do.
async fn tried(visit: Visit, Path(name): Path<String>) -> Response {
    let Some(trial) = visit.door.trials.get(&name) else {
        let problem = Problem::told("trial_unknown", &[]);
        return visit.problem(StatusCode::NOT_FOUND, &problem);
    };
    let page = context! {
        id => trial.connection.to_string(),
        name => trial.name,
        outcome => trial.outcome,
        given => trial.given,
        checks => trial.checks,
        claims => trial.claims,
    };
    visit.page("admin/trial.html", HERE, page)
}

async fn new(visit: Visit) -> Response {
    let values = Values { audience: visit.asked("audience"), ..Values::default() };
    Sheet::new(&values).show(&visit, StatusCode::OK)
}

async fn add(visit: Visit, Extension(sent): Extension<Form>) -> Response {
    let values = Values::of_form(&sent);
    let wishes = match values.wishes(&sent, true) {
        Ok(wishes) => wishes,
        Err(faults) => return Sheet { faults, ..Sheet::new(&values) }.show(&visit, StatusCode::BAD_REQUEST),
    };
    match visit.door.services.sso.connections().add(&wishes, &visit.admin.actor).await {
        Ok(record) => visit.done(&path_of(record.id()), "record-added"),
        Err(error) => Sheet { faults: faults(&error), ..Sheet::new(&values) }.show(&visit, status(error.kind)),
    }
}

async fn edit(visit: Visit, Path(id): Path<String>) -> Response {
    match find(&visit, &id) {
        Ok(record) => Sheet::of(&record, &MadeFrom::record(&record), &Values::of_record(&record)).show(&visit, StatusCode::OK),
        Err(error) => refuse(&visit, &error),
    }
}

async fn change(visit: Visit, Path(id): Path<String>, Extension(sent): Extension<Form>) -> Response {
    let record = match find(&visit, &id) {
        Ok(record) => record,
        Err(error) => return refuse(&visit, &error),
    };
    let values = Values { audience: record.kind().plural().to_owned(), ..Values::of_form(&sent) };
    let made_from = MadeFrom::form(&sent);
    let wishes = match values.wishes(&sent, false) {
        Ok(wishes) => Wishes { made_from: Some(made_from.revision().to_owned()), ..wishes },
        Err(faults) => return Sheet { faults, ..Sheet::of(&record, &made_from, &values) }.show(&visit, StatusCode::BAD_REQUEST),
    };
    match visit.door.services.sso.change(record.id(), &wishes, &visit.admin.actor).await {
        Ok(record) => visit.done(&path_of(record.id()), "record-changed"),
        Err(error) if error.kind == ErrorKind::Outdated => match find(&visit, &id) {
            Ok(record) => {
                let (values, changes) = merge(&made_from, &record, &values);
                let meanwhile = Some(Meanwhile { changes, forgot_secret: wishes.brings_secret() });
                Sheet { meanwhile, ..Sheet::of(&record, &MadeFrom::record(&record), &values) }.show(&visit, status(error.kind))
            }
            Err(error) => refuse(&visit, &error),
        },
        Err(error) => Sheet { faults: faults(&error), ..Sheet::of(&record, &made_from, &values) }.show(&visit, status(error.kind)),
    }
}

/// What somebody else did while the form was filled in.
#[derive(Serialize)]
struct Meanwhile {
    changes: Vec<Change>,
    /// A secret was typed, which no page gives back.
    forgot_secret: bool,
}

/// The form of a record, new or not, with all that it shows.
struct Sheet<'s> {
    record: Option<&'s Record>,
    made_from: Option<&'s MadeFrom>,
    values: &'s Values,
    faults: Faults,
    meanwhile: Option<Meanwhile>,
}

impl<'s> Sheet<'s> {
    fn new(values: &'s Values) -> Self {
        Self { record: None, made_from: None, values, faults: Faults::default(), meanwhile: None }
    }

    fn of(record: &'s Record, made_from: &'s MadeFrom, values: &'s Values) -> Self {
        Self { record: Some(record), made_from: Some(made_from), ..Self::new(values) }
    }

    fn show(self, visit: &Visit, code: StatusCode) -> Response {
        let Self { record, made_from, values, faults, meanwhile } = self;
        let page = context! {
            id => record.map(|record| record.id().to_string()),
            name => record.map(|record| &record.details.name),
            made_from => made_from.map(MadeFrom::to_string),
            has_next => record.is_some_and(|record| record.row.secret_next.is_some()),
            is_v1 => record.is_some_and(|record| record.version() == Version::V1),
            redirect_uri => visit.door.services.sso.public_url(CALLBACK_PATH).ok(),
            values, faults, meanwhile,
        };
        visit.page_with(code, "admin/record-form.html", HERE, page)
    }
}

async fn enable(visit: Visit, Path(id): Path<String>, Extension(sent): Extension<Form>) -> Response {
    set(&visit, &id, true, &sent).await
}

async fn disable(visit: Visit, Path(id): Path<String>, Extension(sent): Extension<Form>) -> Response {
    set(&visit, &id, false, &sent).await
}

async fn set(visit: &Visit, id: &str, enabled: bool, sent: &Form) -> Response {
    let made_from = Some(MadeFrom::form(sent).revision().to_owned());
    let wishes = Wishes { enabled: Some(enabled), confirm: sent.get("confirm") == "1", made_from, ..Wishes::default() };
    let set = async { visit.door.services.sso.change(find(visit, id)?.id(), &wishes, &visit.admin.actor).await };
    match set.await {
        Ok(record) => visit.done(&path_of(record.id()), if enabled { "record-enabled" } else { "record-disabled" }),
        Err(error) => stays(visit, id, &error),
    }
}

/// The record as it stands now, and why a button did nothing; where there is none any more, that.
fn stays(visit: &Visit, id: &str, error: &Error) -> Response {
    match find(visit, id) {
        Ok(record) => show(visit, status(error.kind), &record, Some(error)),
        Err(gone) => refuse(visit, &gone),
    }
}

async fn ask_upgrade(visit: Visit, Path(id): Path<String>) -> Response {
    ask(&visit, &id, "admin/record-upgrade.html")
}

async fn upgrade(visit: Visit, Path(id): Path<String>, Extension(sent): Extension<Form>) -> Response {
    let seen = Some(sent.get(FIELD));
    let upgraded = async { visit.door.services.sso.upgrade(find(&visit, &id)?.id(), seen, &visit.admin.actor).await };
    match upgraded.await {
        Ok(record) => visit.done(&path_of(record.id()), "record-upgraded"),
        Err(error) if error.kind == ErrorKind::Outdated => stays(&visit, &id, &error),
        Err(error) => refuse(&visit, &error),
    }
}

async fn ask_remove(visit: Visit, Path(id): Path<String>) -> Response {
    ask(&visit, &id, "admin/record-remove.html")
}

async fn remove(visit: Visit, Path(id): Path<String>, Extension(sent): Extension<Form>) -> Response {
    let seen = Some(sent.get(FIELD));
    let removed = async { visit.door.services.sso.remove(find(&visit, &id)?.id(), seen, &visit.admin.actor).await };
    match removed.await {
        Ok(()) => visit.done(LIST, "record-removed"),
        Err(error) if error.kind == ErrorKind::Outdated => stays(&visit, &id, &error),
        Err(error) => refuse(&visit, &error),
    }
}

/// A page that asks before something is done that cannot simply be undone.
fn ask(visit: &Visit, id: &str, template: &str) -> Response {
    let record = match find(visit, id) {
        Ok(record) => record,
        Err(error) => return refuse(visit, &error),
    };
    let upgraded = record.endpoints.as_ref().and_then(Endpoints::upgraded);
    let page = context! {
        id => record.id().to_string(),
        values => Values::of_record(&record),
        audience => record.kind().plural(),
        enabled => record.row.enabled,
        standing => record.standing(),
        upgrade => upgraded.map(|pair| (pair.authorization.to_string(), pair.token.to_string())),
    };
    visit.page(template, HERE, page)
}
