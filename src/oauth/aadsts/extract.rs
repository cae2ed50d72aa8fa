//! Finds codes and the `error` word in whatever somebody pastes.

use serde_json::{Map, Value};

use super::by_telling;

/// More than any error page that people copy.
const LIMIT: usize = 64 * 1024;
/// Enough for every wrapper that was ever seen.
const MOST_CODES: usize = 16;

/// What a text holds.
pub(super) struct Found {
    /// AADSTS numbers, the most telling first.
    pub codes: Vec<u32>,
    /// `error`.
    pub error: Option<String>,
    /// The text, decoded where it was a URL.
    pub text: String,
}

impl Found {
    pub(super) fn in_text(text: &str) -> Self {
        let text = head(text).trim();
        if let Some(code) = bare_number(text) {
            return Self { codes: vec![code], error: None, text: text.to_owned() };
        }
        if let Some(members) = object_in(text) {
            let listed = members.get("error_codes").and_then(Value::as_array).into_iter().flatten();
            let listed = listed.filter_map(|code| u32::try_from(code.as_u64()?).ok()).take(MOST_CODES);
            let codes = by_telling(listed.chain(codes_in(text)).collect());
            let error = members.get("error").and_then(Value::as_str).map(str::to_owned);
            return Self { codes, error, text: text.to_owned() };
        }
        let parameters = || form_urlencoded::parse(parameters_of(text).as_bytes());
        let error = parameters().find(|(name, _)| name == "error").map(|(_, value)| first_word(&value)).or_else(|| lone_word(text));
        let decoded = match (&error, text.contains("%20") || text.contains("AADSTS") && text.contains('+')) {
            (None, false) => text.to_owned(),
            _ => parameters().map(|(name, value)| format!("{name} {value}\n")).collect(),
        };
        let codes = by_telling(codes_in(text).into_iter().chain(codes_in(&decoded)).collect());
        Self { codes, error, text: if decoded.is_empty() { text.to_owned() } else { decoded } }
    }
}

/// Every AADSTS number in `text`, in order, at most sixteen: `AADSTS50011`, `AADSTS: 50011`, `Error code: 50011`, `error?code=50011`.
pub fn codes_in(text: &str) -> Vec<u32> {
    let lower = head(text).to_ascii_lowercase();
    let mut found: Vec<(usize, u32)> = Vec::new();
    for mark in ["aadsts", "error code", "error?code=", "errorcode"] {
        let places = lower.match_indices(mark).map(|(start, _)| start + mark.len());
        found.extend(places.filter_map(|start| Some((start, number_at(lower.get(start..)?)?))).take(MOST_CODES));
    }
    found.sort_unstable();
    found.into_iter().map(|(_, code)| code).take(MOST_CODES).collect()
}

/// The value behind `label` in a description of Entra: `Trace ID: 0000aaaa-… Correlation ID: … Timestamp: 2026-09-21 10:11:12Z`.
pub fn labelled(description: &str, label: &str) -> Option<String> {
    let (_, rest) = description.split_once(label)?;
    let mut words = rest.trim_start_matches([':', ' ']).split_ascii_whitespace();
    let first = words.next()?;
    let value = if label == TIMESTAMP { format!("{first} {}", words.next()?) } else { first.to_owned() };
    (value.len() <= 100).then_some(value)
}

/// Two words: the date and the time.
pub const TIMESTAMP: &str = "Timestamp";
pub const TRACE_ID: &str = "Trace ID";
pub const CORRELATION_ID: &str = "Correlation ID";

/// A number of four to eight digits after at most a few marks.
fn number_at(text: &str) -> Option<u32> {
    let marks = text.bytes().take(4).take_while(|byte| b" :-=\"'".contains(byte)).count();
    let digits = text.get(marks..)?.bytes().take(9).take_while(u8::is_ascii_digit).count();
    (4..=8).contains(&digits).then(|| text.get(marks..marks + digits)?.parse().ok()).flatten()
}

/// The JSON object in `text`, whatever stands around it.
fn object_in(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text.get(text.find('{')?..=text.rfind('}')?)?).ok()
}

fn bare_number(text: &str) -> Option<u32> {
    (text.bytes().all(|byte| byte.is_ascii_digit()) && (4..=8).contains(&text.len())).then(|| text.parse().ok()).flatten()
}

/// Of a line of a log more follows than the value.
fn first_word(value: &str) -> String {
    value.split_whitespace().next().unwrap_or_default().to_owned()
}

/// `invalid_client`, pasted alone.
fn lone_word(text: &str) -> Option<String> {
    let is_word = !text.is_empty() && text.len() <= 60 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (is_word && text.contains('_')).then(|| text.to_owned())
}

/// The query or fragment of a URL, or the whole text.
fn parameters_of(text: &str) -> &str {
    text.split_once('?').or_else(|| text.split_once('#')).map_or(text, |(_, parameters)| parameters)
}

fn head(text: &str) -> &str {
    let mut end = text.len().min(LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
