//! What a token endpoint answers (RFC 6749 sections 5.1 and 5.2), with the variants of Entra v1 and v2. Pure.

use std::time::Duration;

use serde_json::{Map, Value};

use super::aadsts;
use super::text::clean;
use super::token::{ProviderError, TokenError, Tokens, Verdict};
use super::verdict;
use crate::model::{Hint as _, Problem, Secret};
use crate::system::http::{self, Answer};
use crate::texts::text;

/// What a token without `expires_in` gets (RFC 6749 section 5.1 leaves it to the client): the usual hour.
const USUAL_LIFETIME: u64 = 3600;
/// No provider issues longer ones in earnest; more would only break arithmetic.
const LONGEST_LIFETIME: u64 = 30 * 86_400;
/// Far above Microsoft's largest, and far below what a mail server would take.
const TOKEN_LIMIT: usize = 64 * 1024;

/// Reads an answer.
///
/// # Errors
/// [`TokenError`]: an error response by its verdict; everything that is no token response is `Unavailable`, since a proxy, a
/// gateway or an outage can put anything in its place, and nothing may be lost by that.
pub fn parse(answer: &Answer) -> Result<Tokens, TokenError> {
    // serde_json bounds the depth, `system::http` the size.
    let Ok(Value::Object(members)) = serde_json::from_slice(&answer.body) else {
        return Err(unusable(answer, not_json(answer.status)));
    };
    if members.get("error").is_some_and(Value::is_string) {
        return Err(parse_error(answer, &members));
    }
    if !(200..300).contains(&answer.status) {
        return Err(unusable(answer, Problem::told("provider_unavailable.status", &[("status", &answer.status)])));
    }
    parse_success(answer, &members).map_err(|what| unusable(answer, Problem::told("provider_unavailable.response", &[("what", &what)])))
}

/// The error of a request that got no answer.
pub fn no_answer(error: &http::Error) -> TokenError {
    let problem = Problem::told("provider_unavailable", &[("error", error)]).advising(error.hint());
    let problem = Problem { title: clean(&problem.title, 500), ..problem };
    TokenError { verdict: Verdict::Unavailable { retry_after: None }, problem, provider: Box::default() }
}

fn parse_success(answer: &Answer, members: &Map<String, Value>) -> Result<Tokens, &'static str> {
    const NO_TYPE: &str = "its token type is missing or not Bearer";
    let token_type = string(members, "token_type").map_err(|()| NO_TYPE)?.ok_or(NO_TYPE)?;
    if !token_type.eq_ignore_ascii_case("bearer") {
        return Err(NO_TYPE);
    }
    let token = |name| secret(members, name);
    Ok(Tokens {
        access_token: token("access_token").map_err(|()| "the access token is malformed")?.ok_or("it holds no access token")?,
        refresh_token: token("refresh_token").map_err(|()| "the refresh token is malformed")?,
        id_token: token("id_token").map_err(|()| "the ID token is malformed")?,
        scope: string(members, "scope").map_err(|()| "the scope is malformed")?.map(|scope| clean(scope, 4000)),
        expires_in: lifetime(members.get("expires_in")).ok_or("its lifetime makes no sense")?,
        provider_time: answer.date,
    })
}

fn parse_error(answer: &Answer, members: &Map<String, Value>) -> TokenError {
    let short = |name: &str| string(members, name).ok().flatten().map(|value| clean(value, 100));
    let description = clean(string(members, "error_description").ok().flatten().unwrap_or_default(), 2000);
    let labelled = |label| aadsts::labelled(&description, label);
    let listed = members.get("error_codes").and_then(Value::as_array).into_iter().flatten().take(16);
    let listed = listed.filter_map(|code| code.as_u64().or_else(|| code.as_str()?.parse().ok()).and_then(|code| u32::try_from(code).ok()));
    let provider = ProviderError {
        error: short("error").unwrap_or_default(),
        suberror: short("suberror"),
        codes: aadsts::by_telling(listed.chain(aadsts::codes_in(&description)).collect()),
        trace_id: short("trace_id").or_else(|| labelled(aadsts::TRACE_ID)),
        correlation_id: short("correlation_id").or_else(|| labelled(aadsts::CORRELATION_ID)),
        timestamp: short("timestamp").or_else(|| labelled(aadsts::TIMESTAMP)),
        status: Some(answer.status),
        description,
    };
    let problem = aadsts::explain_error(&provider).into();
    TokenError { verdict: verdict::of(answer.status, answer.retry_after, &provider), problem, provider: Box::new(provider) }
}

/// What came is not of the protocol: nothing in it is shown, only that it came.
fn unusable(answer: &Answer, problem: Problem) -> TokenError {
    let provider = Box::new(ProviderError { status: Some(answer.status), ..ProviderError::default() });
    let verdict = match verdict::of_status(answer.status, answer.retry_after) {
        Some(verdict) => verdict,
        None => Verdict::Unavailable { retry_after: answer.retry_after },
    };
    let hint = match answer.status {
        407 => Some(text("provider_answer.proxy")),
        429 => Some(text("provider_answer.throttled")),
        500.. => Some(text("provider_answer.outage")),
        _ => None,
    };
    TokenError { verdict, problem: problem.advising(hint.map(str::to_owned)), provider }
}

fn not_json(status: u16) -> Problem {
    match status {
        407 => Problem::told("provider_unavailable.proxy", &[]),
        _ => Problem::told("provider_unavailable.other", &[("status", &status)]),
    }
}

/// A string member; `null` counts as absent.
fn string<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, ()> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(value)) => Ok(Some(value)),
        Some(_) => Err(()),
    }
}

/// A token: visible ASCII (RFC 6749 appendix A.12 and A.17), since it goes into headers and mail protocols. Empty = absent.
fn secret(members: &Map<String, Value>, name: &str) -> Result<Option<Secret<String>>, ()> {
    match string(members, name)? {
        None | Some("") => Ok(None),
        Some(value) if value.len() <= TOKEN_LIMIT && value.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(Some(Secret::from(value))),
        Some(_) => Err(()),
    }
}

/// Seconds, as a number (v2) or in a string (v1); nothing when they make no sense.
fn lifetime(value: Option<&Value>) -> Option<Duration> {
    let seconds = match value {
        None | Some(Value::Null) => USUAL_LIFETIME,
        Some(Value::String(text)) => text.trim().parse().ok()?,
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates, and the bounds follow")]
        Some(Value::Number(number)) => number.as_u64().or_else(|| number.as_f64().map(|seconds| seconds as u64))?,
        Some(_) => return None,
    };
    (seconds > 0).then(|| Duration::from_secs(seconds.min(LONGEST_LIFETIME)))
}

#[cfg(test)]
#[path = "token_response_tests.rs"]
mod tests;
