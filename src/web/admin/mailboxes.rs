//! Mailboxes: which there are, how they are doing, connecting and removing one.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use minijinja::context;
use serde::Serialize;

use super::form::{Faults, Form};
use super::links;
use super::paging::{self, Paging, ROWS};
use super::picture::{self, Day};
use super::shell::{Visit, When};
use crate::mailboxes::{Error, MailboxStatus, STATES, Wanted, Wishes};
use crate::model::{EmailAddress, GrantState, Hint as _, Problem};
use crate::texts::text;
use crate::web::Door;

const LIST: &str = "/admin/mailboxes";
const HERE: &str = "mailboxes";

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new()
        .route(LIST, get(list))
        .route("/admin/mailboxes/connect", get(connect).post(make_link))
        .route("/admin/mailboxes/calendar", get(calendar))
        .route("/admin/mailboxes/link/{name}", get(link))
        .route("/admin/mailboxes/{address}", get(one))
        .route("/admin/mailboxes/{address}/remove", get(ask).post(remove))
}

/// A mailbox, or a directory, as pages show it.
#[derive(Debug, Serialize)]
pub struct Row {
    address: String,
    path: String,
    /// Where a link to sign in again is made.
    connect: String,
    signed_in_as: String,
    shared: bool,
    state: &'static str,
    tone: &'static str,
    label: &'static str,
    problem: Option<Problem>,
    connected: When,
    refreshed: Option<When>,
    access_ends: Option<When>,
    grant_ends: Option<When>,
    day: Day,
}

impl Row {
    fn new(mailbox: &MailboxStatus, visit: &Visit) -> Self {
        let now = visit.now();
        let when = |at| When::new(at, now);
        let (tone, label) = label(&mailbox.state, mailbox.refreshing);
        Self {
            address: mailbox.address.as_str().to_owned(),
            path: path_of(&mailbox.address),
            connect: paging::with(
                "/admin/mailboxes/connect",
                &[("shared", if mailbox.shared { "1" } else { "" })],
                "address",
                mailbox.address.as_str(),
            ),
            signed_in_as: mailbox.signed_in_as.clone(),
            shared: mailbox.shared,
            state: mailbox.state.as_str(),
            tone,
            label,
            problem: mailbox.state.problem().cloned(),
            connected: when(mailbox.connected_at),
            refreshed: mailbox.last_refresh_at.map(when),
            access_ends: mailbox.access_expires_at.map(when),
            grant_ends: mailbox.grant_expires_at.map(when),
            day: picture::day(&mailbox.history, now),
        }
    }
}

/// A state in a word for people, and its tone.
pub fn label(state: &GrantState, refreshing: bool) -> (&'static str, &'static str) {
    match state {
        GrantState::Healthy if refreshing => ("good", text("admin.state.refreshing")),
        GrantState::Healthy => ("good", text("admin.state.healthy")),
        GrantState::Waiting { .. } => ("warn", text("admin.state.waiting")),
        GrantState::NeedsReauth { .. } => ("bad", text("admin.state.needs_reauth")),
    }
}

fn path_of(address: &EmailAddress) -> String {
    format!("{LIST}/{}", percent_encoding::utf8_percent_encode(address.as_str(), percent_encoding::NON_ALPHANUMERIC))
}

async fn list(visit: Visit) -> Response {
    let (text, state) = (visit.asked("q"), visit.asked("state"));
    let state = STATES.into_iter().find(|word| *word == state);
    let mailboxes = &visit.door.services.mailboxes;
    let skip = (paging::number(&visit.asked("page")) - 1) * ROWS;
    let mut found = mailboxes.search(Wanted { text: &text, state, skip, limit: ROWS });
    let paging = Paging::new(LIST, &[("q", &text), ("state", state.unwrap_or_default())], &visit.asked("page"), found.found);
    if found.items.is_empty() && found.found > 0 {
        // Somebody removed the rest meanwhile: the last page is shown.
        let skip = (found.found.div_ceil(ROWS) - 1) * ROWS;
        found = mailboxes.search(Wanted { text: &text, state, skip, limit: ROWS });
    }
    let page = context! {
        rows => found.items.iter().map(|mailbox| Row::new(mailbox, &visit)).collect::<Vec<_>>(),
        tabs => tabs(&text, state, found.states),
        q => text, state, paging,
    };
    visit.page("admin/mailboxes.html", HERE, page)
}

/// The states to choose from: words, count, address, and whether it is the one that is shown.
fn tabs(sought: &str, shown: Option<&str>, counts: [usize; 3]) -> Vec<(&'static str, usize, String, bool)> {
    let all = if sought.is_empty() { LIST.to_owned() } else { paging::with(LIST, &[], "q", sought) };
    let labels = [text("admin.state.healthy"), text("admin.state.waiting"), text("admin.state.need_reauth")];
    let states = STATES.into_iter().zip(labels).zip(counts);
    let states =
        states.map(|((word, label), count)| (label, count, paging::with(LIST, &[("q", sought)], "state", word), shown == Some(word)));
    std::iter::once((text("admin.state.all"), counts.iter().sum(), all, shown.is_none())).chain(states).collect()
}

async fn one(visit: Visit, Path(address): Path<String>) -> Response {
    match find(&visit, &address) {
        Ok(mailbox) => {
            let page = context! { mailbox => Row::new(&mailbox, &visit) };
            visit.page("admin/mailbox.html", HERE, page)
        }
        Err(error) => refuse(&visit, &error),
    }
}

async fn connect(visit: Visit) -> Response {
    let address = visit.asked("address");
    let wishes = Wishes { shared: visit.asked("shared") == "1", replace: visit.asked("replace") == "1", address: Some(address) };
    form(&visit, StatusCode::OK, &wishes, &Faults::default())
}

async fn make_link(visit: Visit, Extension(sent): Extension<Form>) -> Response {
    let wishes = Wishes { address: sent.optional("address"), shared: sent.is_ticked("shared"), replace: sent.is_ticked("replace") };
    match visit.door.services.mailboxes.invite(&wishes, &visit.admin.actor).await {
        Ok(invitation) => links::keep(&visit, invitation, LIST, wishes.address.as_deref().unwrap_or_default()),
        Err(Error::BadRequest(problem)) => form(&visit, StatusCode::BAD_REQUEST, &wishes, &Faults::of("address", &problem)),
        Err(error) => {
            let problem = Problem::new(error.word(), error.to_string(), error.hint().unwrap_or_default());
            form(&visit, StatusCode::SERVICE_UNAVAILABLE, &wishes, &Faults::of("", &problem))
        }
    }
}

fn form(visit: &Visit, status: StatusCode, wishes: &Wishes, faults: &Faults) -> Response {
    visit.page_with(status, "admin/mailbox-connect.html", HERE, context! { wishes, faults })
}

async fn link(visit: Visit, Path(name): Path<String>) -> Response {
    links::show(&visit, &name, HERE)
}

/// When sign-ins end that are not used until then: a week at a time, and the next ones by name.
async fn calendar(visit: Visit) -> Response {
    let ends = visit.door.services.mailboxes.ends();
    let next = ends.iter().take(ROWS).map(|(at, address)| (address.as_str(), path_of(address), When::new(*at, visit.now())));
    let page = context! {
        weeks => picture::weeks(ends.iter().map(|(at, _)| *at), visit.now()),
        next => next.collect::<Vec<_>>(),
        count => ends.len(),
    };
    visit.page("admin/mailbox-calendar.html", HERE, page)
}

async fn ask(visit: Visit, Path(address): Path<String>) -> Response {
    match find(&visit, &address) {
        Ok(mailbox) => visit.page("admin/mailbox-remove.html", HERE, context! { mailbox => Row::new(&mailbox, &visit) }),
        Err(error) => refuse(&visit, &error),
    }
}

async fn remove(visit: Visit, Path(address): Path<String>) -> Response {
    let removed = match address.parse::<EmailAddress>() {
        Ok(address) => visit.door.services.mailboxes.remove(&address, &visit.admin.actor).await,
        Err(_) => Err(unknown()),
    };
    match removed {
        Ok(()) => visit.done(LIST, "mailbox-removed"),
        Err(error) => refuse(&visit, &error),
    }
}

fn find(visit: &Visit, address: &str) -> Result<MailboxStatus, Error> {
    let address = address.parse().map_err(|_| unknown())?;
    visit.door.services.mailboxes.get(&address)
}

fn unknown() -> Error {
    Error::BadRequest(Problem::told("mailbox_unknown", &[]))
}

fn refuse(visit: &Visit, error: &Error) -> Response {
    let status = match error {
        Error::Unknown(_) => StatusCode::NOT_FOUND,
        Error::BadRequest(_) => StatusCode::BAD_REQUEST,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    visit.problem(status, &Problem::new(error.word(), error.to_string(), error.hint().unwrap_or_default()))
}
