//! The four apps' entry pages, where no app lives elsewhere: who is signed in, and the way in and out.

use axum::extract::State;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use url::Url;

use super::super::Door;
use super::super::answer::see_other;
use super::super::front::Visitor;
use super::super::pages::Page;
use super::notice::NoticePage;
use super::{cookies, refuse};
use crate::model::person::App;
use crate::settings::Apps;

/// Signing out posts to us, and we send the browser on to the provider: browsers count that as part of the form.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self' https:; base-uri 'none'; frame-ancestors 'none'";
const LOOPBACK_POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self' http: https:; base-uri 'none'; frame-ancestors 'none'";

/// The routes of this file.
pub fn routes() -> Router<Door> {
    App::ALL
        .into_iter()
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

async fn entry(app: App, State(door): State<Door>, Extension(visitor): Extension<Visitor>, headers: HeaderMap) -> Response {
    let elsewhere = elsewhere(&door.services.settings.borrow().apps, app).map(Url::to_string);
    if let Some(url) = elsewhere {
        return see_other(&url, None);
    }
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
        Ok(Some(current)) if current.entry.apps.contains(app) => {
            let entry = &current.entry;
            let name = [entry.name(), entry.email(), "somebody without a name"].into_iter().find(|name| !name.is_empty());
            NoticePage::greeting(app, name.unwrap_or_default(), entry.kind.as_str()).form("Sign out", "/sso/logout", &[])
        }
        Ok(Some(_)) => NoticePage::new(app.title(), format!("You are signed in, but not for the {}.", app.title())).form(
            "Sign out",
            "/sso/logout",
            &[],
        ),
        Ok(None) => ways_in(&door, app),
    };
    let mut response = door.pages.render(&Page::Notice(page)).into_response();
    let policy = if visitor.secure { POLICY } else { LOOPBACK_POLICY };
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}

fn ways_in(door: &Door, app: App) -> NoticePage {
    let records = door.services.sso.connections().for_app(app);
    if records.is_empty() {
        return NoticePage::new(app.title(), "Single sign-on is not switched on here.");
    }
    let page = NoticePage::new(app.title(), "You are not signed in.");
    records.iter().fold(page, |page, record| page.link(format!("Sign in with {}", record.details.name), record.login_path(app)))
}
