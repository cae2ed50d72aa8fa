//! [`Transcripts`]: the last failed exchanges with providers, for support. What is not on the lists below is never kept: redacted
//! here, when it is recorded, not when somebody looks. In memory only: a restart forgets them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use utoipa::ToSchema;

use super::redact::Redactor;
use super::{Answer, Error, host_of};
use crate::model::ids::is_guid;
use crate::model::{Clock, RequestId};

/// How many are kept: a bad night's worth, and some 100 KiB at most.
const KEPT: usize = 100;
/// A larger body is no error response.
const LARGEST_ERROR: usize = 64 * 1024;
/// The longest description and failure.
const LONGEST: usize = 400;
/// Request fields that hold nothing secret; what every other field held is looked for in the answer.
const OPEN_FIELDS: [&str; 6] = ["grant_type", "scope", "client_id", "redirect_uri", "resource", "response_type"];
/// Response headers that tell who answered and when.
const HEADERS: [&str; 9] =
    ["content-type", "date", "retry-after", "server", "via", "request-id", "x-ms-request-id", "x-ms-ests-server", "x-ms-clitelem"];

/// One exchange with a provider that failed: built from lists of what may be in it, never from what came as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Transcript {
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `GET` or `POST`.
    pub method: String,
    /// Host and port.
    pub host: String,
    /// The path without a query; a segment that looks random is an ellipsis.
    pub path: String,
    /// `grant_type` of a token request.
    pub grant_type: Option<String>,
    /// What was sent as `client-request-id`: Microsoft finds the request by it.
    pub client_request_id: String,
    /// Milliseconds until it ended.
    pub took_ms: u64,
    /// Why no answer came.
    pub failure: Option<String>,
    /// The status that came.
    pub status: Option<u16>,
    /// The size of the body that came.
    pub bytes: Option<u64>,
    /// Headers that tell who answered and when.
    pub headers: BTreeMap<String, String>,
    /// `error`; Graph's `code`.
    pub error: Option<String>,
    /// `suberror`.
    pub suberror: Option<String>,
    /// `error_codes`.
    pub error_codes: Vec<u32>,
    /// `error_description` word by word: whatever is no ordinary word, number or GUID is an ellipsis.
    pub error_description: Option<String>,
    /// `trace_id`.
    pub trace_id: Option<String>,
    /// `correlation_id`.
    pub correlation_id: Option<String>,
    /// `timestamp`, verbatim.
    pub timestamp: Option<String>,
}

/// The last failed exchanges. Cheap to clone; clones share them.
#[derive(Clone)]
pub struct Transcripts {
    clock: Clock,
    since: Timestamp,
    kept: Arc<Mutex<VecDeque<Transcript>>>,
}

impl fmt::Debug for Transcripts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transcripts").field("since", &self.since).finish_non_exhaustive()
    }
}

/// What was asked, as far as a transcript needs it.
pub(super) struct Asked<'a> {
    pub method: &'static str,
    pub url: &'a Url,
    pub fields: &'a [(&'a str, &'a str)],
    /// Bearer token or password.
    pub credential: Option<&'a str>,
}

impl Transcripts {
    /// None yet.
    pub fn new(clock: Clock) -> Self {
        Self { since: clock.now(), clock, kept: Arc::default() }
    }

    /// Since when failures are recorded: the daemon's start.
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// Those that are kept, the newest first.
    pub fn newest_first(&self) -> Vec<Transcript> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }

    /// Records an exchange if it failed: no answer, a status that is no success, or something else than JSON.
    pub(super) fn note(
        &self,
        asked: &Asked<'_>,
        request_id: RequestId,
        took: Duration,
        outcome: &Result<(Answer, HeaderMap), Error>,
        proxy_secrets: &[&str],
    ) {
        let is_good = |answer: &Answer| {
            (200..300).contains(&answer.status) && (answer.content_type.contains("json") || answer.content_type.contains("jwt"))
        };
        if outcome.as_ref().is_ok_and(|(answer, _)| is_good(answer)) {
            return;
        }
        let hidden = asked.fields.iter().filter(|(name, _)| !OPEN_FIELDS.contains(name)).map(|(_, value)| *value);
        let redactor = Redactor::new(hidden.chain(asked.credential).chain(proxy_secrets.iter().copied()));
        let mut transcript = self.begun(asked, request_id, took, &redactor);
        match outcome {
            Ok((answer, headers)) => transcript.add_answer(answer, headers, &redactor),
            Err(error) => transcript.failure = Some(redactor.own(&error.to_string(), LONGEST)),
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(transcript);
    }

    fn begun(&self, asked: &Asked<'_>, request_id: RequestId, took: Duration, redactor: &Redactor) -> Transcript {
        let grant_type = asked.fields.iter().find(|(name, _)| *name == "grant_type").map(|(_, value)| (*value).to_owned());
        Transcript {
            at: self.clock.now(),
            method: asked.method.to_owned(),
            host: host_of(asked.url),
            path: redactor.path(asked.url.path()),
            grant_type,
            client_request_id: request_id.to_string(),
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            failure: None,
            status: None,
            bytes: None,
            headers: BTreeMap::new(),
            error: None,
            suberror: None,
            error_codes: Vec::new(),
            error_description: None,
            trace_id: None,
            correlation_id: None,
            timestamp: None,
        }
    }
}

impl Transcript {
    fn add_answer(&mut self, answer: &Answer, headers: &HeaderMap, redactor: &Redactor) {
        self.status = Some(answer.status);
        self.bytes = Some(answer.body.len() as u64);
        let listed = HEADERS.iter().filter_map(|name| Some(((*name).to_owned(), redactor.header(headers.get(*name)?.to_str().ok()?)?)));
        self.headers = listed.collect();
        if answer.body.len() > LARGEST_ERROR {
            return;
        }
        if let Ok(Value::Object(members)) = serde_json::from_slice(&answer.body) {
            match members.get("error") {
                Some(Value::Object(graph)) => self.add_graph(graph, redactor),
                _ => self.add_oauth(&members, redactor),
            }
        }
    }

    /// RFC 6749 section 5.2, with Entra's members.
    fn add_oauth(&mut self, members: &Map<String, Value>, redactor: &Redactor) {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        self.error = text("error").and_then(|word| redactor.word(word));
        self.suberror = text("suberror").and_then(|word| redactor.word(word));
        let codes = members.get("error_codes").and_then(Value::as_array).into_iter().flatten().take(16);
        self.error_codes = codes.filter_map(|code| u32::try_from(code.as_u64()?).ok().filter(|code| *code < 100_000_000)).collect();
        self.error_description = text("error_description").map(|description| redactor.prose(description, LONGEST));
        self.trace_id = text("trace_id").filter(|id| is_guid(id)).map(str::to_owned);
        self.correlation_id = text("correlation_id").filter(|id| is_guid(id)).map(str::to_owned);
        self.timestamp = text("timestamp").and_then(|time| redactor.time(time));
    }

    /// Microsoft Graph's error object.
    fn add_graph(&mut self, graph: &Map<String, Value>, redactor: &Redactor) {
        let text = |name: &str| graph.get(name).and_then(Value::as_str);
        self.error = text("code").and_then(|word| redactor.word(word));
        self.error_description = text("message").map(|message| redactor.prose(message, LONGEST));
        let inner = |name: &str| graph.get("innerError").or_else(|| graph.get("innererror"))?.get(name)?.as_str();
        self.trace_id = inner("request-id").filter(|id| is_guid(id)).map(str::to_owned);
        self.correlation_id = inner("client-request-id").filter(|id| is_guid(id)).map(str::to_owned);
        self.timestamp = inner("date").and_then(|time| redactor.time(time));
    }
}
