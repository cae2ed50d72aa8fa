//! The first page: the state in one sentence, and what to do about it.

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use minijinja::context;
use serde::Serialize;

use super::shell::{Visit, When};
use crate::health::status::{CheckOutcome, State, Status};
use crate::model::Problem;
use crate::texts::{filled, text};
use crate::web::Door;

/// As many of the conflict desk as are counted; more are "100 or more".
const COUNTED: u32 = 100;

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new().route("/admin", get(home)).route("/admin/", get(home))
}

/// Something that somebody should do.
#[derive(Debug, Clone, Serialize)]
struct Task {
    title: String,
    hint: String,
    /// `bad` for what does not work, `warn` for what works and should be mended.
    tone: &'static str,
    /// Where more of it stands, with the link's words.
    link: Option<(&'static str, &'static str)>,
}

async fn home(visit: Visit) -> Response {
    let services = &visit.door.services;
    let status = services.reporter.report().await;
    let conflicts = services.sso.people().conflicts(None, COUNTED).await.map(|page| page.items.len());
    let mut tasks = tasks(&status);
    if let Ok(waiting @ 1..) = conflicts {
        let count = [("count", waiting.to_string())];
        let title = if waiting == 1 { filled("admin.task.conflict", &count) } else { filled("admin.task.conflicts", &count) };
        let link = Some((text("admin.common.conflict_desk"), "/admin/people/conflicts"));
        tasks.push(Task { title, hint: text("admin.task.conflict_hint").to_owned(), tone: "warn", link });
    }
    let records = services.sso.connections().list();
    let changed = status.credentials.changed_at.map(|at| When::new(at, visit.now()));
    let expires = status.credentials.secret_expires_at.map(|at| When::new(at, visit.now()));
    let page = context! {
        headline => headline(&status, &tasks),
        tone => tone(&status, &tasks),
        sentence => services.reporter.sentence(),
        records => records.len(),
        records_enabled => records.iter().filter(|record| record.row.enabled).count(),
        public_url => services.settings.borrow().public_url.as_ref().map(|url| url.join("")),
        conflicts => conflicts.ok(),
        tasks, status, changed, expires,
    };
    visit.page("admin/home.html", "home", page)
}

fn headline(status: &Status, tasks: &[Task]) -> &'static str {
    match status.state {
        State::Unconfigured => text("admin.headline.unconfigured"),
        State::Stale => text("admin.headline.stale"),
        State::Degraded => text("admin.headline.degraded"),
        State::Ready if tasks.is_empty() => text("admin.headline.ready"),
        State::Ready => text("admin.headline.ready_with_tasks"),
    }
}

fn tone(status: &Status, tasks: &[Task]) -> &'static str {
    match status.state {
        State::Ready if tasks.is_empty() => "good",
        State::Ready => "warn",
        State::Degraded | State::Stale | State::Unconfigured => "bad",
    }
}

/// What failed first, then what should be mended; each once.
fn tasks(status: &Status) -> Vec<Task> {
    let is_bad = |outcome: CheckOutcome| if outcome == CheckOutcome::Failed { "bad" } else { "warn" };
    let checks = status.checks.iter().filter(|check| check.outcome != CheckOutcome::Ok);
    let checks = checks.map(|check| Task {
        title: check.title.clone(),
        hint: check.hint.clone(),
        tone: is_bad(check.outcome),
        link: page_of(&check.name),
    });
    let warnings = status.warnings.iter().map(|problem: &Problem| Task {
        title: problem.title.clone(),
        hint: problem.hint.clone(),
        tone: "warn",
        link: page_of(&problem.code),
    });
    let mut tasks: Vec<Task> = Vec::new();
    for task in checks.chain(warnings) {
        if tasks.iter().all(|known| known.title != task.title) {
            tasks.push(task);
        }
    }
    tasks.sort_by_key(|task| task.tone != "bad");
    tasks
}

/// The page where a check or a warning is dealt with.
fn page_of(name: &str) -> Option<(&'static str, &'static str)> {
    match name {
        "credentials" | "secret_expires" | "credentials_file" => Some((text("admin.common.credentials"), "/admin/credentials")),
        "mailboxes" => Some((text("admin.common.mailboxes"), "/admin/mailboxes?state=needs_reauth")),
        "directory" => Some((text("admin.common.directory"), "/admin/directory")),
        name if name.starts_with("sso") => Some((text("admin.common.single_sign_on"), "/admin/sso")),
        _ => None,
    }
}
