//! Static files: from memory, by a name that was read from a folder, never by a path that a request brings.

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};

use super::Door;
use super::answer::missing;
use super::front::Visitor;
use crate::pages::{ASSETS, Found};

/// A picture opened by itself is a document: it may draw, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'";

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new().route(&format!("{ASSETS}{{*path}}"), get(asset))
}

async fn asset(State(door): State<Door>, Extension(visitor): Extension<Visitor>, headers: HeaderMap, Path(path): Path<String>) -> Response {
    match door.pages.asset(&path) {
        Some(found) => answer(&found, &headers),
        None => missing(&door, &visitor, &format!("{ASSETS}{path}")),
    }
}

fn answer(found: &Found, headers: &HeaderMap) -> Response {
    let Found { asset, is_pinned } = found;
    let tag = format!("\"{}\"", asset.hash);
    let is_known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).is_some_and(|known| known.contains(&tag));
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { asset.bytes.to_vec().into_response() };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    let caching = if *is_pinned { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    response
}
