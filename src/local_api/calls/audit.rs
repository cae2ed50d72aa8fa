//! The audit log.

use axum::Json;
use axum::extract::State;
use http::Uri;

use crate::local_api::Shared;
use crate::local_api::answers::AuditPage;
use crate::local_api::read::{bad_query, query};
use crate::local_api::refusal::Refusal;

const USUAL_LIMIT: u32 = 100;
const HIGHEST_LIMIT: u32 = 1000;

/// Who did what, when, from where, and how it ended; newest first.
#[utoipa::path(get, path = "/v1/audit", operation_id = "audit",
    params(
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "How many lines at most; 100 without it.")),
    responses((status = 200, description = "A page.", body = AuditPage)))]
pub async fn page(State(services): State<Shared>, uri: Uri) -> Result<Json<AuditPage>, Refusal> {
    let (before, limit) = window(uri.query())?;
    Ok(Json(services.audit.page(before, limit).await?.into()))
}

fn window(text: Option<&str>) -> Result<(Option<i64>, u32), Refusal> {
    let [cursor, limit] = query(text, ["cursor", "limit"])?;
    let before = cursor.map(|cursor| cursor.parse()).transpose();
    let before = before.map_err(|_| bad_query("\"cursor\" is none that we gave").hint("take next_cursor of the page before, unchanged"))?;
    let limit = match limit.map(|limit| limit.parse()) {
        None => USUAL_LIMIT,
        Some(Ok(limit @ 1..=HIGHEST_LIMIT)) => limit,
        Some(_) => return Err(bad_query("\"limit\" is no number from 1 to 1000").hint("leave it out for 100")),
    };
    Ok((before, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_place_and_a_size() {
        assert_eq!(window(None).unwrap(), (None, 100));
        assert_eq!(window(Some("limit=7&cursor=42")).unwrap(), (Some(42), 7));
        for text in ["limit=0", "limit=1001", "limit=-1", "cursor=x", "cursor=", "page=2"] {
            assert!(window(Some(text)).is_err(), "{text}");
        }
    }
}
