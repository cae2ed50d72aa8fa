//! The audit log: who did what, when, from where, and how it ended.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use minijinja::context;
use serde::Serialize;

use super::paging::with;
use super::shell::{Visit, When};
use crate::model::{Hint as _, Problem};
use crate::web::Door;

const LIST: &str = "/admin/audit";
/// Lines of a page.
const LINES: u32 = 50;

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new().route(LIST, get(list))
}

#[derive(Debug, Serialize)]
struct Line {
    at: When,
    actor: String,
    origin: String,
    action: String,
    subject: String,
    outcome: String,
    detail: String,
}

async fn list(visit: Visit) -> Response {
    let text = visit.asked("q");
    let before: Option<i64> = visit.asked("before").parse().ok();
    let found = visit.door.services.audit.search(&text, before, LINES).await;
    let (lines, next, problem) = match found {
        Ok(page) => {
            let next = page.next.map(|id| with(LIST, &[("q", &text)], "before", &id.to_string()));
            let line = |(_, entry): (i64, crate::audit::Entry)| Line {
                at: When::new(entry.at, visit.now()),
                actor: entry.actor,
                origin: entry.origin,
                action: entry.action,
                subject: entry.subject,
                outcome: entry.outcome,
                detail: entry.detail,
            };
            (page.items.into_iter().map(line).collect::<Vec<_>>(), next, None)
        }
        Err(error) => (Vec::new(), None, Some(Problem::new("store", error.to_string(), error.hint().unwrap_or_default()))),
    };
    let first = before.is_some().then(|| if text.is_empty() { LIST.to_owned() } else { with(LIST, &[], "q", &text) });
    visit.page("admin/audit.html", "audit", context! { lines, next, first, problem, q => text })
}
