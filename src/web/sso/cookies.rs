//! The cookies of single sign-on: the session, and the session of the administration pages.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

use crate::flows::Browser;
use crate::model::Secret;

const SESSION: &str = "onedesk-session";
/// The Widget's, in a frame on another site: kept apart for each site that shows it (CHIPS), and good for the Widget alone.
const WIDGET: &str = "onedesk-widget";
const ADMIN: &str = "onedesk-admin";
/// A cookie that also a frame on another site's page keeps, for that site alone, with third-party cookies blocked.
const FRAMED: &str = "Path=/; HttpOnly; SameSite=None; Secure; Partitioned";
/// As long as the session behind it.
const ADMIN_AGE: u32 = 8 * 3600;

/// The session id that a request brings, whatever it is worth.
pub fn session(headers: &HeaderMap, secure: bool) -> Option<&str> {
    value(headers, SESSION, secure).or_else(|| value(headers, WIDGET, secure))
}

/// The session alone that a sign-in in the browser's own window gave: the Widget's is good for the Widget alone.
pub fn main_session(headers: &HeaderMap, secure: bool) -> Option<&str> {
    value(headers, SESSION, secure)
}

/// The admin session that a request brings, whatever it is worth.
pub fn admin(headers: &HeaderMap, secure: bool) -> Option<&str> {
    value(headers, ADMIN, secure)
}

/// The browser that posts an answer across sites.
pub fn posting_browser(headers: &HeaderMap, secure: bool) -> Option<Browser> {
    lines(headers).find_map(|line| Browser::from_post_cookies(line, secure))
}

/// Gives the browser its session.
pub fn set_session(response: &mut Response, id: &Secret<String>, secure: bool) {
    set(response, &format!("{}{SESSION}={}; Path=/; HttpOnly; SameSite=Lax{}", prefix(secure), id.expose(), flags(secure)));
}

/// Gives the Widget's frame a session of its own. Browsers take `Secure` cookies from loopback without TLS, so it is tried there as it is used.
pub fn set_widget(response: &mut Response, id: &Secret<String>, secure: bool) {
    set(response, &format!("{}{WIDGET}={}; {FRAMED}", prefix(secure), id.expose()));
}

/// The session of the Widget's frame alone.
pub fn widget(headers: &HeaderMap, secure: bool) -> Option<&str> {
    value(headers, WIDGET, secure)
}

/// Takes the Widget's session away.
pub fn clear_widget(response: &mut Response, secure: bool) {
    set(response, &format!("{}{WIDGET}=; {FRAMED}; Max-Age=0", prefix(secure)));
}

/// Takes it away.
pub fn clear_session(response: &mut Response, secure: bool) {
    set(response, &format!("{}{SESSION}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{}", prefix(secure), flags(secure)));
}

/// Gives the browser its admin session.
pub fn set_admin(response: &mut Response, id: &Secret<String>, secure: bool) {
    let flags = flags(secure);
    set(response, &format!("{}{ADMIN}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={ADMIN_AGE}{flags}", prefix(secure), id.expose()));
}

/// Takes the admin session away.
pub fn clear_admin(response: &mut Response, secure: bool) {
    set(response, &format!("{}{ADMIN}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{}", prefix(secure), flags(secure)));
}

/// Binds a flow to the browser, also for an answer that arrives by a cross-site POST.
pub fn set_flow(response: &mut Response, browser: &Browser, by_post: bool, secure: bool) {
    set(response, &browser.set_cookie(secure));
    if by_post {
        set(response, &browser.set_post_cookie(secure));
    }
}

fn set(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

const fn prefix(secure: bool) -> &'static str {
    if secure { "__Host-" } else { "" }
}

const fn flags(secure: bool) -> &'static str {
    if secure { "; Secure" } else { "" }
}

fn lines(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok())
}

/// Over https only the prefixed cookie counts: another one may be a neighbouring host's.
fn value<'h>(headers: &'h HeaderMap, name: &str, secure: bool) -> Option<&'h str> {
    lines(headers).flat_map(|line| line.split(';')).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key.strip_prefix(prefix(secure))? == name).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_comes_back_by_its_cookie() {
        for secure in [true, false] {
            let mut response = Response::default();
            set_session(&mut response, &Secret::from("abc"), secure);
            let cookie = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
            assert_eq!(cookie.starts_with("__Host-onedesk-session=abc; Path=/; HttpOnly; SameSite=Lax"), secure, "{cookie}");
            let mut headers = HeaderMap::new();
            headers.append(COOKIE, HeaderValue::from_static("theme=dark"));
            headers.append(COOKIE, HeaderValue::from_str(&format!("x=y; {}", cookie.split(';').next().unwrap())).unwrap());
            assert_eq!((session(&headers, secure), admin(&headers, secure)), (Some("abc"), None));
            assert_eq!(session(&headers, !secure), None);
        }
    }
}
