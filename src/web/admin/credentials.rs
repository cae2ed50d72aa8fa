//! The credentials of the app registration: what is in force, when it ends, and how to rotate it. Never the secret.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use minijinja::context;
use serde::Serialize;

use super::picture;
use super::shell::{Visit, When};
use crate::health::status::{SecretInUse, Verified};
use crate::texts::{filled, text};
use crate::web::Door;

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new().route("/admin/credentials", get(credentials))
}

/// A secret that ends.
#[derive(Debug, Serialize)]
struct Ending {
    what: String,
    when: Option<When>,
    href: Option<String>,
}

async fn credentials(visit: Visit) -> Response {
    let (services, now) = (&visit.door.services, visit.now());
    let status = services.reporter.report().await;
    let pair = &status.credentials;
    let mut dates = Vec::new();
    let mut endings = Vec::new();
    if pair.client_id.is_some() {
        dates.extend(pair.secret_expires_at);
        let when = pair.secret_expires_at.map(|at| When::new(at, now));
        endings.push(Ending { what: text("admin.ending.own").to_owned(), when, href: None });
    }
    for record in services.sso.connections().list() {
        dates.extend(record.details.secret_expires_at);
        endings.push(Ending {
            what: filled("admin.ending.of_a_record", &[("name", &record.details.name)]),
            when: record.details.secret_expires_at.map(|at| When::new(at, now)),
            href: Some(format!("/admin/sso/{}", record.id())),
        });
    }
    let page = context! {
        pair,
        changed => pair.changed_at.map(|at| When::new(at, now)),
        verified => match pair.verified {
            Verified::Yes => ("good", text("admin.verified.yes")),
            Verified::No => ("bad", text("admin.verified.no")),
            Verified::Unverified => ("warn", text("admin.verified.unverified")),
        },
        uses_next => pair.secret_in_use == Some(SecretInUse::Next),
        warnings => status.warnings,
        timeline => picture::timeline(&dates, now),
        endings,
    };
    visit.page("admin/credentials.html", "credentials", page)
}
