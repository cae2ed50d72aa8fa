//! The directory: connecting a tenant, its state, and disconnecting it.

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use minijinja::context;
use serde::Serialize;

use super::links;
use super::mailboxes::label;
use super::shell::{Visit, When};
use crate::directory::DirectoryStatus;
use crate::model::{Hint as _, Problem, TenantId};
use crate::web::Door;

const HOME: &str = "/admin/directory";
const HERE: &str = "directory";

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new()
        .route(HOME, get(home))
        .route("/admin/directory/connect", post(make_link))
        .route("/admin/directory/link/{name}", get(link))
        .route("/admin/directory/{tenant}/remove", get(ask).post(remove))
}

#[derive(Debug, Serialize)]
struct Row {
    tenant: String,
    connected_by: String,
    tone: &'static str,
    label: &'static str,
    problem: Option<Problem>,
    connected: When,
    refreshed: Option<When>,
    synchronised: Option<When>,
}

impl Row {
    fn new(directory: DirectoryStatus, visit: &Visit) -> Self {
        let when = |at| When::new(at, visit.now());
        let (tone, label) = label(&directory.state, directory.refreshing);
        Self {
            tenant: directory.tenant_id.to_string(),
            tone,
            label,
            problem: directory.state.problem().cloned(),
            connected: when(directory.connected_at),
            refreshed: directory.last_refresh_at.map(when),
            synchronised: directory.last_sync_at.map(when),
            connected_by: directory.connected_by,
        }
    }
}

async fn home(visit: Visit) -> Response {
    show(&visit, StatusCode::OK, None)
}

fn show(visit: &Visit, status: StatusCode, problem: Option<&Problem>) -> Response {
    let rows: Vec<Row> = visit.door.services.directory.list().into_iter().map(|directory| Row::new(directory, visit)).collect();
    visit.page_with(status, "admin/directory.html", HERE, context! { rows, problem })
}

async fn make_link(visit: Visit) -> Response {
    match visit.door.services.directory.invite(&visit.admin.actor).await {
        Ok(invitation) => links::keep(&visit, invitation, HOME, ""),
        Err(error) => show(&visit, StatusCode::SERVICE_UNAVAILABLE, Some(&error.problem())),
    }
}

async fn link(visit: Visit, Path(name): Path<String>) -> Response {
    links::show(&visit, &name, HERE)
}

async fn ask(visit: Visit, Path(tenant): Path<String>) -> Response {
    let found = visit.door.services.directory.list().into_iter().find(|directory| directory.tenant_id.to_string() == tenant);
    match found {
        Some(directory) => visit.page("admin/directory-remove.html", HERE, context! { directory => Row::new(directory, &visit) }),
        None => unknown(&visit),
    }
}

async fn remove(visit: Visit, Path(tenant): Path<String>) -> Response {
    let Ok(tenant) = tenant.parse::<TenantId>() else { return unknown(&visit) };
    match visit.door.services.directory.disconnect(tenant, &visit.admin.actor).await {
        Ok(true) => visit.done(HOME, "directory-removed"),
        Ok(false) => unknown(&visit),
        Err(error) => {
            let problem = Problem::new("store", error.to_string(), error.hint().unwrap_or_default());
            visit.problem(StatusCode::SERVICE_UNAVAILABLE, &problem)
        }
    }
}

fn unknown(visit: &Visit) -> Response {
    let problem = Problem::told("directory_unknown", &[]);
    visit.problem(StatusCode::NOT_FOUND, &problem)
}
