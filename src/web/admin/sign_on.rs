//! Integrations > Single Sign On: the two switches, and the client records.

use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use minijinja::context;
use serde::Serialize;

use super::form::Form;
use super::shell::Visit;
use crate::model::Problem;
use crate::model::person::Kind;
use crate::sso::{CALLBACK_PATH, Record};
use crate::web::Door;
use crate::web::sso::status;

/// Where this page is.
pub const LIST: &str = "/admin/sso";
/// The part of the navigation that it belongs to.
pub const HERE: &str = "sso";

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new().route(LIST, get(list)).route("/admin/sso/switch", post(switch))
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    name: String,
    audience: &'static str,
    client_id: String,
    host: String,
    enabled: bool,
    tried: bool,
    problem: Option<Problem>,
}

impl Row {
    fn new(record: &Record, visit: &Visit) -> Self {
        let host = url::Url::parse(&record.details.authorization_uri).ok().and_then(|url| url.host_str().map(str::to_owned));
        Self {
            id: record.id().to_string(),
            name: record.details.name.clone(),
            audience: record.kind().plural(),
            client_id: record.details.client_id.clone(),
            host: host.unwrap_or_default(),
            enabled: record.row.enabled,
            tried: record.row.tried_at.is_some(),
            problem: record.problem(visit.now()),
        }
    }
}

/// A switch as the page shows it.
#[derive(Debug, Serialize)]
struct Switch {
    word: &'static str,
    enabled: bool,
    /// People who are signed in; nothing where the database does not tell.
    signed_in: Option<u64>,
    /// Records of this kind that are enabled: without one, the switch lets nobody in.
    records: usize,
}

async fn list(visit: Visit) -> Response {
    let sso = &visit.door.services.sso;
    let (switches, records) = (sso.connections().switches(), sso.connections().list());
    let counts = sso.sessions().count().await.ok();
    let switch = |kind: Kind| Switch {
        word: kind.plural(),
        enabled: switches.allow(kind),
        signed_in: counts.map(|counts| counts.iter().find(|(of, _)| *of == kind).map_or(0, |(_, count)| *count)),
        records: records.iter().filter(|record| record.kind() == kind && record.row.enabled).count(),
    };
    let page = context! {
        switches => Kind::ALL.map(switch),
        records => records.iter().map(|record| Row::new(record, &visit)).collect::<Vec<_>>(),
        redirect_uri => sso.public_url(CALLBACK_PATH).ok(),
    };
    visit.page("admin/sso.html", HERE, page)
}

async fn switch(visit: Visit, Extension(sent): Extension<Form>) -> Response {
    let enabled = match sent.get("enabled") {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    let (Some(kind), Some(enabled)) = (Kind::from_word(sent.get("kind")), enabled) else {
        let problem = Problem::told("switch", &[]);
        return visit.problem(StatusCode::BAD_REQUEST, &problem);
    };
    match visit.door.services.sso.switch(kind, enabled, &visit.admin.actor).await {
        Ok(()) => visit.done(LIST, &format!("{}-{}", kind.plural(), if enabled { "on" } else { "off" })),
        Err(error) => visit.problem(status(error.kind), &error.problem),
    }
}
