//! Whether the process lives, whether it can serve, and its numbers.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::{Door, Services};
use crate::system::metrics;

/// The process is alive and its runtime turns. With `?echo` also how the request looked when it arrived: `onedeskctl check` compares
/// that with what browsers ask for.
pub async fn healthz(uri: Uri, headers: HeaderMap) -> Response {
    if uri.query() != Some("echo") {
        return Json(json!({"status": "alive"})).into_response();
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let echo = json!({
        "host": header("host"),
        "proto": header("x-forwarded-proto"),
        "forwarded_for": headers.contains_key("x-forwarded-for"),
    });
    Json(json!({"status": "alive", "echo": echo})).into_response()
}

/// Ready to serve: the store works and there is somebody to serve for.
pub async fn readyz(State(door): State<Door>) -> Response {
    let reasons = door.services.reporter.unready().await;
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = if reasons.is_empty() { "ready" } else { "not ready" };
    (status, Json(json!({"status": word, "reasons": reasons}))).into_response()
}

/// The numbers in the Prometheus text format.
pub async fn numbers(State(services): State<Services>) -> Response {
    services.reporter.update_metrics();
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], services.metrics.encode()).into_response()
}
