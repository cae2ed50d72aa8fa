//! Reading what a caller sent: JSON bodies, queries and path segments. Everything that is wrong has its own refusal.

use std::borrow::Cow;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::response::IntoResponse as _;
use http::StatusCode;
use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::refusal::Refusal;

/// The largest body; requests of this API are a few hundred bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// A body that has not arrived whole by then never will.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// A JSON body. No body at all is an empty object: every member may be left out.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = axum::response::Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        let (parts, body) = request.into_parts();
        let collected = tokio::time::timeout(BODY_DEADLINE, Limited::new(body, BODY_LIMIT).collect());
        let body = match collected.await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(closing(too_large())),
            Ok(Err(_)) => return Err(closing(Refusal::new(StatusCode::BAD_REQUEST, "body_broken", "the body broke off"))),
            Err(_) => return Err(closing(Refusal::new(StatusCode::REQUEST_TIMEOUT, "body_slow", "the body did not arrive within 10 s"))),
        };
        if body.iter().all(u8::is_ascii_whitespace) {
            return parse(b"{}").map(Self).map_err(Refusal::into_response);
        }
        if !is_json(&parts) {
            let refusal = Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", "the body is not declared as JSON");
            return Err(refusal.hint("send the header Content-Type: application/json").into_response());
        }
        parse(&body).map(Self).map_err(Refusal::into_response)
    }
}

/// The rest of the body is not read, so the connection cannot be used again.
fn closing(refusal: Refusal) -> axum::response::Response {
    let mut response = refusal.into_response();
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn too_large() -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "the body is larger than 64 KiB")
}

fn is_json(parts: &Parts) -> bool {
    let declared = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    declared.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    // serde takes an array for a struct too, its elements for the members in order: nobody means that.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_json", "the body is an array, expected an object"));
    }
    serde_json::from_slice(body).map_err(|error| {
        Refusal::new(StatusCode::BAD_REQUEST, "bad_json", in_words(&error)).hint("see GET /v1/openapi.json, or onedesk-api(7)")
    })
}

/// serde's sentence without the value that it quotes, which might be a secret in the wrong place.
fn in_words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match (text.split_once(": "), text.split_once(", expected ")) {
        (Some((kind @ ("invalid type" | "invalid value" | "invalid length"), _)), Some((_, expected))) => {
            format!("{kind}, expected {expected}")
        }
        _ => text,
    }
}

/// The parameters of the query that a call knows; `None` where one was left out.
///
/// # Errors
/// A refusal that names the parameter which is unknown or given twice.
pub fn query<'q, const N: usize>(query: Option<&'q str>, known: [&str; N]) -> Result<[Option<Cow<'q, str>>; N], Refusal> {
    let mut found = [const { None }; N];
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let Some(slot) = known.iter().position(|known| *known == name) else {
            let name: String = name.chars().filter(|c| !c.is_control()).take(40).collect();
            return Err(bad_query(format!("unknown query parameter \"{name}\"")).hint(match known.join(", ") {
                list if list.is_empty() => "this call takes no query".to_owned(),
                list => format!("this call takes: {list}"),
            }));
        };
        if found[slot].replace(value).is_some() {
            return Err(bad_query(format!("query parameter \"{}\" is given twice", known[slot])).hint("give it once"));
        }
    }
    Ok(found)
}

/// A query that cannot be understood.
pub fn bad_query(detail: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "bad_query", detail)
}

/// One percent-decoded segment of the path, parsed.
#[derive(Debug)]
pub struct Segment<T>(pub T);

impl<T, S> FromRequestParts<S> for Segment<T>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let refused = |detail: String, hint: &str| Refusal::new(StatusCode::BAD_REQUEST, "bad_path", detail).hint(hint);
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| {
            refused("the path is not percent-encoded UTF-8".to_owned(), "percent-encode what is no letter, digit or one of -._~@")
        })?;
        let list = lists(parts.uri.path());
        text.parse().map(Self).map_err(|error: T::Err| refused(error.to_string(), list))
    }
}

/// Where whoever named something that cannot be finds what there is.
fn lists(path: &str) -> &'static str {
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["", "v1", "mailboxes", ..] => "see which there are: onedeskctl mailbox list",
        ["", "v1", "directory", ..] => "see which there are: onedeskctl directory status",
        ["", "v1", "sso", "connections", ..] => "see which there are: onedeskctl sso list",
        ["", "v1", "people", "conflicts", ..] => "see what waits for a decision: onedeskctl people conflicts",
        ["", "v1", "people", ..] => "see who there is: onedeskctl people list",
        _ => "see GET /v1/openapi.json, or onedesk-api(7)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local_api::answers::ConnectMailbox;

    fn request(content_type: Option<&str>, body: impl Into<axum::body::Body>) -> Request {
        let mut request = Request::builder().method("POST");
        if let Some(value) = content_type {
            request = request.header(CONTENT_TYPE, value);
        }
        request.body(body.into()).unwrap()
    }

    async fn read(request: Request) -> Result<ConnectMailbox, u16> {
        let body = JsonBody::<ConnectMailbox>::from_request(request, &()).await;
        body.map(|JsonBody(body)| body).map_err(|response| response.status().as_u16())
    }

    #[tokio::test]
    async fn a_body_is_json_or_nothing_and_has_a_bound() {
        let json = Some("application/json; charset=utf-8");
        assert!(read(request(json, r#"{"address":"a@b.test","shared":true}"#)).await.unwrap().shared);
        assert_eq!(read(request(None, "")).await.unwrap(), ConnectMailbox::default());
        assert_eq!(read(request(None, "{}")).await, Err(415));
        assert_eq!(read(request(json, "{")).await, Err(400));
        assert_eq!(read(request(json, "\u{fffe}")).await, Err(400));
        assert_eq!(read(request(json, vec![b' '; BODY_LIMIT + 1])).await, Err(413));
    }

    #[test]
    fn a_wrong_body_is_told_where_and_what_without_quoting_values() {
        for (body, text) in [
            (r#"{"adress":"x"}"#, "unknown field `adress`, expected one of `address`, `shared`, `replace` at line 1 column 9"),
            (r#"{"shared":"hunter2"}"#, "invalid type, expected a boolean at line 1 column 19"),
            ("{\n\"shared\": tru", "EOF while parsing a value at line 2 column 13"),
        ] {
            let error = serde_json::from_str::<ConnectMailbox>(body).unwrap_err();
            assert_eq!(in_words(&error), text);
        }
    }

    #[test]
    fn a_query_takes_what_is_known_and_takes_it_once() {
        let [purpose] = query(Some("for=imap"), ["for"]).unwrap();
        assert_eq!(purpose.as_deref(), Some("imap"));
        assert_eq!(query(None, ["cursor", "limit"]).unwrap(), [None, None]);
        assert!(query(Some("for=imap&for=pop"), ["for"]).is_err());
        assert!(query(Some("fro=imap"), ["for"]).is_err());
        assert!(query(Some("a=b"), []).is_err());
    }
}
