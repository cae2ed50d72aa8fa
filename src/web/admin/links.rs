//! [`Link`]: a connect link that was just made, for the page that shows it, also after a reload, to whoever asked for it.

use axum::http::StatusCode;
use axum::response::Response;
use minijinja::context;

use super::shell::{Visit, When};
use crate::flows::connect::Invitation;
use crate::model::Problem;
use crate::web::answer::see_other;

/// A link, for the session that asked for it.
#[derive(Debug)]
pub struct Link {
    owner: String,
    invitation: Invitation,
    subject: String,
}

/// Keeps a link and sends the browser to its page below `path`; `subject` is whom it is for, or empty.
pub fn keep(visit: &Visit, invitation: Invitation, path: &str, subject: &str) -> Response {
    let link = Link { owner: visit.admin.session.form_token.clone(), invitation, subject: subject.to_owned() };
    see_other(&format!("{path}/link/{}", visit.door.links.keep(link)), None)
}

/// The page of the link of that name; `here` is the part of the navigation, and what is connected.
pub fn show(visit: &Visit, name: &str, here: &str) -> Response {
    let link = visit.door.links.get(name).filter(|link| visit.admin.session.made(&link.owner));
    let Some(link) = link else {
        let problem = Problem::told("link_unknown", &[]);
        return visit.problem(StatusCode::NOT_FOUND, &problem);
    };
    let page = context! {
        url => link.invitation.connect_url,
        subject => link.subject,
        ends => When::new(link.invitation.expires_at, visit.now()),
        is_directory => here == "directory",
    };
    visit.page("admin/link.html", here, page)
}
