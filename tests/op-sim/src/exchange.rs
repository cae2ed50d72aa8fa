//! [`Exchange`] and [`Reply`]: an HTTP request and its answer, read whole.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use serde_json::Value;

/// More than any request to a provider needs.
const LARGEST_BODY: usize = 1 << 20;

/// A request.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) form: Vec<(String, String)>,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Exchange {
    pub(crate) async fn read(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let is_form = text("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let body = to_bytes(body, LARGEST_BODY).await.unwrap_or_default().to_vec();
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: pairs(parts.uri.query().unwrap_or_default().as_bytes()),
            form: if is_form { pairs(&body) } else { Vec::new() },
            authorization: text("authorization"),
            body,
        }
    }

    /// A parameter of the query or the form.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().chain(&self.form).find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn pairs(encoded: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(encoded).into_owned().collect()
}

/// `members` as the query of a URL; members that are no text are left out.
pub(crate) fn query(members: &serde_json::Map<String, Value>) -> String {
    let texts = members.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(texts).finish()
}

/// `url` with `query` appended in the way that keeps the query it has.
pub(crate) fn with_query(url: &str, query: &str) -> String {
    match (query.is_empty(), url.contains('?')) {
        (true, _) => url.to_owned(),
        (false, true) => format!("{url}&{query}"),
        (false, false) => format!("{url}?{query}"),
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<String>) -> Self {
        Self { status, headers: vec![("content-type".to_owned(), content_type.to_owned())], body: body.into() }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    /// An OAuth error (RFC 6749 section 5.2).
    pub(crate) fn refuse(status: u16, error: &str, description: &str) -> Self {
        Self::json(status, &serde_json::json!({"error": error, "error_description": description}))
    }

    pub(crate) fn html(body: impl Into<String>) -> Self {
        Self::new(200, "text/html; charset=utf-8", body)
    }

    pub(crate) fn redirect(url: &str) -> Self {
        Self::new(302, "text/plain", "").with("location", url)
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

impl From<Reply> for Response {
    fn from(reply: Reply) -> Self {
        let mut response = Response::builder().status(reply.status);
        for (name, value) in &reply.headers {
            response = response.header(name, value);
        }
        response.body(Body::from(reply.body)).unwrap_or_default()
    }
}

/// Text that is safe inside an HTML attribute.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}
