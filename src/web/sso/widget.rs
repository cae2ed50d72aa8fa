//! The Widget inside another site's page. That page loads `/widget.js`, which shows a button and, pressed, a frame of `/widget?site=ORIGIN`.
//!
//! Providers refuse to run in frames and browsers keep our cookies from them, so a popup signs in and gives the frame, by a message that
//! only our own origin can receive, a code that works once. The frame exchanges it for a cookie that browsers keep for this pair of sites
//! (CHIPS), with third-party cookies blocked too. The other site sees neither code nor cookie; which sites may show the frame is a setting.

use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use minijinja::context;

use super::super::Door;
use super::super::answer::{problem_answer, see_other, show};
use super::super::front::{Framable, Visitor};
use super::super::origin::comes_from_us;
use super::entries::{self, EntryPage, path};
use super::parameters::once;
use super::{cookies, refuse};
use crate::model::Problem;
use crate::model::person::App;
use crate::pages::Sample;
use crate::sso::Error;

const TEMPLATE: &str = "widget-frame.html";
const SCRIPT: &str = "widget.js";
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new().route("/widget.js", get(script)).route(path(App::Widget), get(widget)).route("/widget/sign-out", post(sign_out))
}

/// The script that another site's page loads. It holds nothing of anybody.
async fn script(State(door): State<Door>, Extension(visitor): Extension<Visitor>) -> Response {
    let Some(found) = door.pages.asset(SCRIPT) else {
        let problem = Problem::told("page_not_installed.widget", &[]);
        return problem_answer(&door, &visitor, StatusCode::SERVICE_UNAVAILABLE, &problem, None);
    };
    let mut response = found.asset.bytes.to_vec().into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(found.asset.media_type));
    // An hour: the address stays the same when the Widget is upgraded.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    response
}

/// By itself an entry page like the other apps', with a site's name the page in that site's frame.
async fn widget(
    State(door): State<Door>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let settings = door.services.settings.borrow().clone();
    let sites = &settings.apps.widget_origins;
    let site = match once(query.as_deref().unwrap_or_default(), ["site"]) {
        Ok([site]) => site,
        Err(error) => return refuse(&door, &visitor, &error),
    };
    let mut response = match site {
        None => entries::entry(App::Widget, State(door), Extension(visitor), headers).await,
        // The name of a site that is not listed goes nowhere: nobody is told anything, and no browser shows the frame.
        Some(site) => frame(&door, &visitor, &headers, sites.iter().find(|known| **known == site)).await,
    };
    let is_loopback = settings.public_url.as_ref().is_some_and(|url| !url.is_https());
    let policy = policy(sites, is_loopback);
    response.extensions_mut().insert(Framable);
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'")));
    response
}

async fn frame(door: &Door, visitor: &Visitor, headers: &HeaderMap, site: Option<&String>) -> Response {
    let sso = &door.services.sso;
    // On a site of the same company the session itself arrives too; elsewhere the frame has its own.
    let current = match cookies::widget(headers, visitor.secure).or_else(|| cookies::session(headers, visitor.secure)) {
        Some(session) => sso.current(session).await,
        None => Ok(None),
    };
    let page = match current {
        Err(error) => return refuse(door, visitor, &error),
        Ok(current) => EntryPage::new(App::Widget, &door.services.settings.borrow().apps, sso.connections(), current.as_ref()),
    };
    show(door, visitor, TEMPLATE, &context! { page, site => site.cloned().unwrap_or_default() })
}

/// Signing out posts to us, and we send the browser on to the provider: browsers count that as part of the form.
fn policy(sites: &[String], is_loopback: bool) -> String {
    let ancestors = if sites.is_empty() { "'none'".to_owned() } else { sites.join(" ") };
    let forms = if is_loopback { "http: https:" } else { "https:" };
    format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self' {forms}; \
         base-uri 'none'; frame-ancestors {ancestors}"
    )
}

/// Ends the frame's own session. Not the provider's: its sign-out page cannot be shown in a frame.
async fn sign_out(
    State(door): State<Door>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    if !comes_from_us(&door, &headers) {
        let error = Error::forbidden(Problem::told("foreign_origin.widget", &[]));
        return refuse(&door, &visitor, &error);
    }
    if let Some(session) = cookies::widget(&headers, visitor.secure) {
        door.services.sso.leave(session).await;
    }
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let mut response = see_other(&format!("{}{query}", path(App::Widget)), None);
    cookies::clear_widget(&mut response, visitor.secure);
    response
}

/// What the frame may be shown with.
pub fn samples() -> Vec<Sample> {
    let site = |page| Sample { name: TEMPLATE, values: context! { page, site => "https://www.example.com" } };
    EntryPage::samples(App::Widget).into_iter().map(site).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_sites_of_the_setting_may_show_the_frame() {
        assert!(policy(&[], false).ends_with("frame-ancestors 'none'"));
        let sites = ["https://a.example".to_owned(), "http://localhost:8080".to_owned()];
        assert!(policy(&sites, true).ends_with("frame-ancestors https://a.example http://localhost:8080"));
    }
}
