//! The router as its callers see it, up to the services' doors.

use axum::body::Body;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;

use super::answers::ConnectMailbox;
use super::read::JsonBody;
use super::*;
use crate::settings;
use crate::system::peer::{Peer, Process};

const ROOT: Option<u32> = Some(0);
const STRANGER: Option<u32> = Some(3_999_999_999);

/// The API with one call that reads a body in place of those that need a service.
fn app() -> Router {
    let echo = |JsonBody(wishes): JsonBody<ConnectMailbox>| async move { axum::Json(wishes) };
    let (_, settings) = watch::channel(Arc::new(usual_settings()));
    assemble(Router::new().route("/v1/echo", axum::routing::post(echo)), calls().split_for_parts().1, settings)
}

fn usual_settings() -> Settings {
    use settings::{Address, Cloud, Database, Listen, LocalApi, Microsoft, Sso};
    let hour = std::time::Duration::from_secs(3600);
    Settings {
        public_url: None,
        listen: Listen { http: Address::Unix("/run/x".into()), group: None, metrics: None, trusted_proxies: Vec::new(), tls: None },
        credentials_file: None,
        database: Database { url: "sqlite:///x".parse().unwrap(), password_file: None, master_key_file: "/x".into() },
        microsoft: Microsoft {
            cloud: Cloud::Global,
            authority: String::new(),
            graph: String::new(),
            outlook: String::new(),
            tenant: String::new(),
            ca_file: None,
            proxy: None,
        },
        mail: settings::Mail::default(),
        directory_interval: hour,
        sso: Sso { session_lifetime: hour, session_idle: hour },
        apps: settings::Apps::default(),
        pages: crate::settings::Pages::default(),
        admin_networks: Vec::new(),
        local_api: LocalApi {
            socket: "/run/x".into(),
            token_readers: vec!["onedesk".to_owned()],
            graph_readers: Vec::new(),
            status_readers: Vec::new(),
        },
        log_level: log::LevelFilter::Info,
    }
}

async fn send(uid: Option<u32>, method: Method, path: &str, body: &str) -> (u16, HeaderMap, Value) {
    let mut request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, "application/json");
    if let Some(uid) = uid {
        request = request.extension(Peer::Local(Process { pid: Some(1), uid, gid: uid }));
    }
    let answer = app().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn whatever_is_refused_is_a_problem_document_with_the_requests_id() {
    for (uid, method, path, body, status, code) in [
        (ROOT, Method::GET, "/v1/nothing", "", 404, "unknown_path"),
        (ROOT, Method::GET, "/", "", 404, "unknown_path"),
        (ROOT, Method::PATCH, "/v1/echo", "", 405, "wrong_method"),
        (ROOT, Method::POST, "/v1/echo", "{\"adress\":1}", 400, "bad_json"),
        (ROOT, Method::POST, "/v1/echo", "[", 400, "bad_json"),
        (ROOT, Method::GET, "/v1/mailboxes/a@b.test/app-passwords", "", 501, "not_in_this_version"),
        (ROOT, Method::POST, "/v1/directory/sync", "", 501, "not_in_this_version"),
        (ROOT, Method::GET, "/v1/directory/users?q=x", "", 501, "not_in_this_version"),
        (STRANGER, Method::GET, "/v1/status", "", 403, "not_permitted"),
        (STRANGER, Method::POST, "/v1/echo", "", 403, "not_permitted"),
        (None, Method::GET, "/v1/openapi.json", "", 403, "not_permitted"),
    ] {
        let (got, headers, problem) = send(uid, method.clone(), path, body).await;
        assert_eq!(
            (got, problem["status"].as_u64(), problem["code"].as_str()),
            (status, Some(status.into()), Some(code)),
            "{method} {path}"
        );
        assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
        assert_eq!(headers["x-request-id"].to_str().ok(), problem["request_id"].as_str());
        assert_eq!(problem["type"], format!("urn:onedesk:problem:{code}"));
        assert!(problem["title"].is_string() && problem["detail"].is_string(), "{problem}");
        assert!(headers.get("content-length").is_none_or(|length| length != "0"), "the length is that of the document");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    assert_eq!(send(ROOT, Method::DELETE, "/v1/echo", "").await.1[ALLOW], "POST");
}

#[tokio::test]
async fn a_good_call_passes_and_is_not_cached() {
    let (status, headers, body) = send(ROOT, Method::POST, "/v1/echo", "{\"shared\":true}").await;
    assert_eq!((status, body["shared"].as_bool()), (200, Some(true)));
    assert_eq!(headers[CACHE_CONTROL], "no-store");
    assert!(headers.contains_key("x-request-id"));
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let (status, headers, body) = send(ROOT, Method::HEAD, "/v1/openapi.json", "").await;
    assert_eq!((status, body), (200, Value::Null));
    assert_eq!(headers[CONTENT_TYPE], "application/json");
}

#[tokio::test]
async fn the_document_describes_every_call_and_points_at_nothing_that_is_missing() {
    let (_, _, document) = send(ROOT, Method::GET, "/v1/openapi.json", "").await;
    let calls: Vec<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| format!("{method} {path}")))
        .collect();
    let mut promised = vec![
        "get /v1/audit",
        "get /v1/checks",
        "put /v1/credentials/expiry",
        "get /v1/database",
        "delete /v1/directory/{tenant_id}",
        "get /v1/directory",
        "post /v1/directory",
        "delete /v1/mailboxes/{address}",
        "get /v1/mailboxes",
        "post /v1/mailboxes",
        "get /v1/mailboxes/{address}/token",
        "get /v1/openapi.json",
        "get /v1/status",
        "post /v1/database/backups",
        "get /v1/sso",
        "patch /v1/sso",
        "get /v1/sso/connections",
        "post /v1/sso/connections",
        "delete /v1/sso/connections/{id}",
        "get /v1/sso/connections/{id}",
        "patch /v1/sso/connections/{id}",
        "post /v1/sso/connections/{id}/upgrade",
        "get /v1/people",
        "post /v1/people",
        "delete /v1/people/{id}",
        "get /v1/people/conflicts",
        "post /v1/people/conflicts/{id}",
        "post /v1/admin-links",
        "get /v1/transcripts",
        "get /v1/support-bundle",
        // Not in this version: 501.
        "delete /v1/mailboxes/{address}/app-passwords/{id}",
        "get /v1/mailboxes/{address}/app-passwords",
        "post /v1/mailboxes/{address}/app-passwords",
        "post /v1/directory/sync",
        "get /v1/directory/users",
        "get /v1/directory/groups",
    ];
    let mut sorted: Vec<&str> = calls.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    promised.sort_unstable();
    assert_eq!(sorted, promised);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    check(&document, &document);
}

#[tokio::test]
async fn the_manual_has_every_call_and_no_other() {
    let manual = include_str!("../../packaging/man/onedesk-api.7");
    let mut written: Vec<String> = manual.lines().filter_map(|line| line.strip_prefix(".It Li ")).map(str::to_owned).collect();
    let (_, _, document) = send(ROOT, Method::GET, "/v1/openapi.json", "").await;
    let paths = document["paths"].as_object().unwrap().iter();
    let calls =
        paths.flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase())));
    let mut calls: Vec<String> = calls.collect();
    written.sort_unstable();
    calls.sort_unstable();
    assert_eq!(written, calls);
}

/// Every reference leads somewhere; every operation has an id and answers with a description; every path parameter is declared.
fn check(part: &Value, document: &Value) {
    match part {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference} is missing");
            }
            if let Some(Value::Object(responses)) = members.get("responses") {
                assert!(members["operationId"].is_string(), "{members:?}");
                assert!(responses.contains_key("default"), "{members:?}");
                assert!(responses.values().all(|answer| answer["description"].is_string()), "{members:?}");
            }
            for (name, item) in members {
                for parameter in name.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}')) {
                    let declared = |operation: &Value| {
                        let list = operation["parameters"].as_array();
                        list.is_some_and(|list| list.iter().any(|entry| entry["name"] == parameter && entry["in"] == "path"))
                    };
                    assert!(item.as_object().unwrap().values().all(declared), "{name}");
                }
                check(item, document);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| check(item, document)),
        _ => {}
    }
}
