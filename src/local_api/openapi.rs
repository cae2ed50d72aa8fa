//! `GET /v1/openapi.json`: the description of this API, made from the code that answers.

use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use utoipa::openapi::path::{HttpMethod, OperationBuilder};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::{Content, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr, ResponsesBuilder};
use utoipa::{PartialSchema, ToSchema};

use crate::model::ProblemDocument;

/// Title, version and the rules that hold for every call.
pub fn heading() -> OpenApi {
    let info = InfoBuilder::new().title("OneDesk local API").version(env!("CARGO_PKG_VERSION")).description(Some(
        "HTTP/1.1 and JSON on /run/onedesk/api.sock. Root may do everything; who else may read tokens and status stands in [local_api] of \
         /etc/onedesk/onedeskd.toml; anyone else gets 403. Errors are problem documents (RFC 9457). Times are RFC 3339 in UTC. \
         App passwords and the directory's content are not in this version: 501.",
    ));
    OpenApiBuilder::new().info(info.build()).build()
}

/// Adds what all calls share (the problem document) and the document's own path, and writes it out once for all.
pub fn finish(mut document: OpenApi) -> Bytes {
    let mut schemas = vec![(ProblemDocument::name().into_owned(), ProblemDocument::schema())];
    ProblemDocument::schemas(&mut schemas);
    document.components.get_or_insert_default().schemas.extend(schemas);
    document.paths.paths.insert("/v1/openapi.json".to_owned(), own_path());
    super::later::describe(&mut document.paths);
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        operation.responses.responses.insert("default".to_owned(), problem());
    }
    // Maps and strings: serialising them cannot fail.
    document.to_json().unwrap_or_default().into()
}

/// The document.
pub async fn answer(document: Bytes) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], document).into_response()
}

fn own_path() -> PathItem {
    let good = ResponseBuilder::new().description("OpenAPI 3.1").build();
    let operation = OperationBuilder::new()
        .operation_id(Some("openapi"))
        .summary(Some("This document."))
        .responses(ResponsesBuilder::new().response("200", good).build());
    PathItem::new(HttpMethod::Get, operation)
}

fn problem() -> RefOr<utoipa::openapi::Response> {
    let content = Content::new(Some(Ref::from_schema_name(ProblemDocument::name())));
    ResponseBuilder::new().description("What went wrong, and what to do next.").content(ProblemDocument::MEDIA_TYPE, content).build().into()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut utoipa::openapi::path::Operation> {
    [&mut item.get, &mut item.post, &mut item.delete, &mut item.patch, &mut item.put].into_iter().flatten()
}
