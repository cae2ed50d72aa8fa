//! Requests to web servers, sent exactly as a test says, and answers that say all when an assertion fails.

use std::fmt;
use std::net::SocketAddr;

use serde_json::Value;

use crate::harness::{Answer, Target, send};

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Response {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Where it sends the browser.
    #[track_caller]
    pub fn location(&self) -> &str {
        self.header("location").unwrap_or_else(|| panic!("no redirect: {self}"))
    }

    pub fn text(&self) -> String {
        self.body.clone()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

impl From<Answer> for Response {
    fn from(answer: Answer) -> Self {
        Self { status: answer.status, headers: answer.headers, body: answer.body }
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {:.3000}", self.status, self.headers, self.body)
    }
}

/// A request with all its headers.
pub struct Request<'a> {
    pub method: &'a str,
    pub target: &'a str,
    pub host: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

impl Request<'_> {
    /// Sends it to `address`.
    pub fn over_tcp(&self, address: SocketAddr) -> Response {
        let host = [("host", self.host)];
        let headers: Vec<String> = host.iter().chain(self.headers).map(|(name, value)| format!("{name}: {value}")).collect();
        let answer = send(&Target::Tcp(address), self.method, self.target, &headers, self.body);
        answer.unwrap_or_else(|error| panic!("{} {} at {address}: {error}", self.method, self.target)).into()
    }
}
