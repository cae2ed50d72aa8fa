//! Where a form comes from: a page of ours, or another site's.

use axum::http::HeaderMap;
use axum::http::header::{HOST, HeaderName, ORIGIN};

use super::Door;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a form comes from a page of ours. Browsers tell by a header that no page can set, the older ones by `Origin` alone, which is
/// `null` where our `Referrer-Policy` keeps it back. Those that do not tell are left to what else the form needs: a token, a cookie.
pub fn comes_from_us(door: &Door, headers: &HeaderMap) -> bool {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text(&FETCH_SITE) {
        return ["same-origin", "none"].contains(&site);
    }
    let Some(origin) = text(&ORIGIN) else { return true };
    let own = door.services.settings.borrow().public_url.clone();
    // Without public_url the pages are reached by whatever name the host answers to.
    let host = text(&HOST).unwrap_or_default();
    own.map_or_else(
        || origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host)),
        |own| url::Url::parse(origin).is_ok_and(|origin| url::Url::parse(own.as_str()).is_ok_and(|own| own.origin() == origin.origin())),
    )
}
