//! "Explain this error": whatever somebody pastes, in words, with who can mend it and how.

use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use minijinja::context;

use super::form::Form;
use super::shell::Visit;
use crate::oauth::aadsts::{self, Explanation};
use crate::web::Door;

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new().route("/admin/explain", get(ask).post(explain))
}

async fn ask(visit: Visit) -> Response {
    show(&visit, "", None, false)
}

/// Asked by a form, since what is pasted may hold what no address should; nothing is changed by it.
async fn explain(visit: Visit, Extension(sent): Extension<Form>) -> Response {
    let text = sent.get("text");
    let explanation = (!text.is_empty()).then(|| aadsts::explain(text).naming(visit.door.services.settings.borrow().credentials_path()));
    show(&visit, text, explanation.as_ref(), text.is_empty())
}

fn show(visit: &Visit, text: &str, explanation: Option<&Explanation>, is_empty: bool) -> Response {
    let who = explanation.map(|explanation| explanation.who.sentence());
    visit.page("admin/explain.html", "explain", context! { text, explanation, who, is_empty })
}
