//! The four apps' entry pages: who is signed in, the way in and out, and the way to the app where it lives elsewhere.

use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use minijinja::context;
use serde::Serialize;
use url::Url;

use super::super::Door;
use super::super::answer::show;
use super::super::front::Visitor;
use super::{cookies, refuse};
use crate::model::person::{App, Kind};
use crate::pages::Sample;
use crate::settings::Apps;
use crate::sso::{Connections, Current};
use crate::texts::text;

/// Signing out posts to us, and we send the browser on to the provider: browsers count that as part of the form.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self' https:; base-uri 'none'; frame-ancestors 'none'";
const LOOPBACK_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self' http: https:; base-uri 'none'; frame-ancestors 'none'";

/// The routes of this file.
pub fn routes() -> Router<Door> {
    // The Widget's is its own: it may be framed.
    App::ALL
        .into_iter()
        .filter(|app| *app != App::Widget)
        .fold(Router::new(), |router, app| router.route(path(app), get(move |state, visitor, headers| entry(app, state, visitor, headers))))
}

/// Our own entry page of an app.
pub const fn path(app: App) -> &'static str {
    match app {
        App::Main => "/",
        App::Widget => "/widget",
        App::Kb => "/kb",
        App::Portal => "/portal",
    }
}

/// Where an app lives, if it is not ours.
pub const fn elsewhere(apps: &Apps, app: App) -> Option<&Url> {
    match app {
        App::Main => apps.main.as_ref(),
        App::Widget => apps.widget.as_ref(),
        App::Kb => apps.kb.as_ref(),
        App::Portal => apps.portal.as_ref(),
    }
}

const fn template(app: App) -> &'static str {
    match app {
        App::Main => "main.html",
        App::Widget => "widget.html",
        App::Kb => "kb.html",
        App::Portal => "portal.html",
    }
}

/// What an entry page shows.
#[derive(Debug, Default, Serialize)]
pub struct EntryPage {
    app: &'static str,
    title: &'static str,
    person: Option<Person>,
    is_allowed: bool,
    open: Option<String>,
    ways: Vec<Way>,
    others: Vec<Way>,
    closed: Option<Closed>,
}

#[derive(Debug, Serialize)]
struct Person {
    name: String,
    email: String,
    kind: &'static str,
    initials: String,
}

#[derive(Debug, Serialize)]
struct Way {
    label: String,
    href: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Closed {
    why: &'static str,
    hint: &'static str,
}

/// The entry page of an app.
pub async fn entry(app: App, State(door): State<Door>, Extension(visitor): Extension<Visitor>, headers: HeaderMap) -> Response {
    let sso = &door.services.sso;
    let current = match cookies::session(&headers, visitor.secure) {
        Some(session) => sso.current(session).await,
        None => Ok(None),
    };
    if let Some(browser) = &visitor.browser {
        sso.acted(browser);
    }
    let page = match current {
        Err(error) => return refuse(&door, &visitor, &error),
        Ok(current) => EntryPage::new(app, &door.services.settings.borrow().apps, sso.connections(), current.as_ref()),
    };
    let mut response = show(&door, &visitor, template(app), &context! { page });
    let policy = if visitor.secure { POLICY } else { LOOPBACK_POLICY };
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    // With none at all, browsers send `Origin: null` with the form, and older ones nothing else by which it is known as ours.
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

impl EntryPage {
    /// For whoever is signed in, or for nobody.
    pub fn new(app: App, apps: &Apps, connections: &Connections, current: Option<&Current>) -> Self {
        match current {
            Some(current) => Self {
                is_allowed: current.entry.apps.contains(app),
                open: elsewhere(apps, app).map(Url::to_string),
                others: others(app, current),
                ..Self::of(app).signed_in(Person::of(current))
            },
            None => Self::of(app).ways_in(connections, app),
        }
    }

    /// One for each of its shapes.
    pub fn samples(app: App) -> [Self; 6] {
        let person =
            || Person { name: "Ann Example".to_owned(), email: "ann@example.com".to_owned(), kind: "User", initials: "AE".to_owned() };
        let way = |label: &str| Way { label: label.to_owned(), href: "/sso/login/1/main".to_owned() };
        let closed = Closed { why: text("entry.closed.disabled"), hint: text("entry.closed.disabled_hint") };
        [
            Self { is_allowed: true, others: vec![way("Portal")], ..Self::of(app).signed_in(person()) },
            Self { is_allowed: true, open: Some("https://app.example.com/".to_owned()), ..Self::of(app).signed_in(person()) },
            Self::of(app).signed_in(person()),
            Self { ways: vec![way("One")], ..Self::of(app) },
            Self { ways: vec![way("One"), way("Two")], ..Self::of(app) },
            Self { closed: Some(closed), ..Self::of(app) },
        ]
    }

    fn of(app: App) -> Self {
        Self { app: app.as_str(), title: app.title(), ..Self::default() }
    }

    fn signed_in(self, person: Person) -> Self {
        Self { person: Some(person), ..self }
    }

    fn ways_in(self, connections: &Connections, app: App) -> Self {
        let records = connections.for_app(app);
        let ways = records.iter().map(|record| Way { label: record.details.name.clone(), href: record.login_path(app) }).collect();
        let closed = records.is_empty().then(|| Closed::find(connections, app));
        Self { ways, closed, ..self }
    }
}

/// Where else the person may go. The Widget is where it is embedded.
fn others(app: App, current: &Current) -> Vec<Way> {
    let others = App::ALL.into_iter().filter(|other| *other != app && *other != App::Widget && current.entry.apps.contains(*other));
    others.map(|other| Way { label: other.title().to_owned(), href: path(other).to_owned() }).collect()
}

impl Person {
    fn of(current: &Current) -> Self {
        let entry = &current.entry;
        let name = [entry.name(), entry.email()].into_iter().find(|name| !name.is_empty()).unwrap_or(text("entry.nobody")).to_owned();
        let kind = match entry.kind {
            Kind::User => text("entry.user"),
            Kind::Customer => text("entry.customer"),
        };
        Self { initials: initials(&name), name, email: entry.email().to_owned(), kind }
    }
}

/// The first letters of the first and the last word.
fn initials(name: &str) -> String {
    let mut words = name.split(|letter: char| letter.is_whitespace() || letter == '.').filter(|word| !word.is_empty());
    let first = words.next().and_then(|word| word.chars().next());
    let last = words.next_back().and_then(|word| word.chars().next()).filter(|letter| letter.is_alphabetic());
    first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
}

impl Closed {
    /// Why nobody can sign in to `app`.
    fn find(connections: &Connections, app: App) -> Self {
        let records = connections.list();
        let switches = connections.switches();
        let mut records = records.iter().filter(|record| record.kind().apps().contains(app)).peekable();
        if records.peek().is_none() {
            return Self { why: text("entry.closed.no_records"), hint: text("entry.closed.no_records_hint") };
        }
        if records.any(|record| record.row.enabled && !switches.allow(record.kind())) {
            return Self { why: text("entry.closed.switched_off"), hint: text("entry.closed.switched_off_hint") };
        }
        Self { why: text("entry.closed.disabled"), hint: text("entry.closed.disabled_hint") }
    }
}

/// What the entry pages may be shown with.
pub fn samples() -> Vec<Sample> {
    let of = |app| EntryPage::samples(app).map(|page| Sample { name: template(app), values: context! { page } });
    App::ALL.into_iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_those_of_the_first_and_the_last_word() {
        for (name, expected) in [
            ("Ann Example", "AE"),
            ("ann", "A"),
            ("Ann B. C. Example", "AE"),
            ("ann.example@example.com", "AC"),
            ("", ""),
            ("李 明", "李明"),
            ("Ann (IT)", "A"),
        ] {
            assert_eq!(initials(name), expected, "{name}");
        }
    }
}
