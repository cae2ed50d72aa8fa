//! Calls that this version does not do yet. They are named, and described, so that nobody mistakes "not yet" for "misspelt".

use axum::Router;
use axum::routing::any;
use http::StatusCode;
use utoipa::ToSchema as _;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Content, Paths, Ref, Required, ResponsesBuilder};

use super::refusal::Refusal;
use crate::model::ProblemDocument;

/// A path, its calls by method and operation id, and what to do instead.
struct Later {
    path: &'static str,
    calls: &'static [(HttpMethod, &'static str)],
    instead: &'static str,
}

const LATER: &[Later] = &[
    Later {
        path: "/v1/mailboxes/{address}/app-passwords",
        calls: &[(HttpMethod::Get, "app_passwords"), (HttpMethod::Post, "add_app_password")],
        instead: TOKENS,
    },
    Later { path: "/v1/mailboxes/{address}/app-passwords/{id}", calls: &[(HttpMethod::Delete, "remove_app_password")], instead: TOKENS },
    Later { path: "/v1/directory/sync", calls: &[(HttpMethod::Post, "sync_directory")], instead: DIRECTORY },
    Later { path: "/v1/directory/users", calls: &[(HttpMethod::Get, "directory_users")], instead: DIRECTORY },
    Later { path: "/v1/directory/groups", calls: &[(HttpMethod::Get, "directory_groups")], instead: DIRECTORY },
    Later { path: "/v1/directory/groups/{*rest}", calls: &[], instead: DIRECTORY },
];

const TOKENS: &str = "let the mail client sign in with XOAUTH2: GET /v1/mailboxes/{address}/token";
const DIRECTORY: &str = "read Microsoft Graph with GET /v1/mailboxes/{address}/token?for=graph";

/// Answers 501 on each of them.
pub fn router() -> Router {
    LATER.iter().fold(Router::new(), |router, Later { path, instead, .. }| router.route(path, any(move || not_yet(path, instead))))
}

async fn not_yet(path: &'static str, instead: &'static str) -> Refusal {
    Refusal::new(StatusCode::NOT_IMPLEMENTED, "not_in_this_version", format!("{path} is not in this version of OneDesk")).hint(instead)
}

/// Adds them to the description: each answers 501.
pub fn describe(paths: &mut Paths) {
    for Later { path, calls, instead } in LATER {
        for (method, id) in *calls {
            let content = Content::new(Some(Ref::from_schema_name(ProblemDocument::name())));
            let answer = ResponseBuilder::new().description("Not in this version.").content(ProblemDocument::MEDIA_TYPE, content);
            let parameters = path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')).map(|name| {
                let text = ObjectBuilder::new().schema_type(Type::String).build();
                ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True).schema(Some(text)).build()
            });
            let operation = OperationBuilder::new()
                .operation_id(Some(*id))
                .summary(Some(format!("Not in this version; {instead}.")))
                .parameters(Some(parameters))
                .responses(ResponsesBuilder::new().response("501", answer.build()).build());
            paths.add_path_operation(*path, vec![method.clone()], operation.build());
        }
    }
}
