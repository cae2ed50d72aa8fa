//! What Microsoft's error codes and mail servers' refusals mean, who can do something about them, and what.
//!
//! Knowledge only: nothing is decided by it (see `verdict`). Codes and replies are in the files beside this one, the words in the
//! catalogue: `texts/en/microsoft.toml`.

mod codes;
mod extract;
mod mail;

pub use extract::codes_in;
pub(super) use extract::{CORRELATION_ID, TIMESTAMP, TRACE_ID, labelled};

use std::path::Path;

use codes::{ROWS, Row};

use super::text::clean;
use super::token::ProviderError;
use crate::model::Problem;
use crate::model::hint::naming;
use crate::texts::{filled, find, text};

/// Who can do something about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// The person who signs in.
    User,
    /// An administrator of the tenant.
    Admin,
    /// Who owns the app registration and its secret.
    Owner,
    /// The makers of this product.
    Developer,
    /// Microsoft: it passes.
    Microsoft,
    /// Nobody need do anything.
    Nobody,
}

impl Who {
    /// For a page: who it is, in a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::User => text("explain.who.user"),
            Self::Admin => text("explain.who.admin"),
            Self::Owner => text("explain.who.owner"),
            Self::Developer => text("explain.who.developer"),
            Self::Microsoft => text("explain.who.microsoft"),
            Self::Nobody => text("explain.who.nobody"),
        }
    }
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// No.
    No,
    /// Yes, after a while.
    BackOff,
    /// After somebody signed in again.
    AfterSignIn,
    /// After somebody mended the cause.
    AfterFix,
}

/// An error in words.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Explanation {
    /// `AADSTS…`, the word of a mail server's refusal, or the `error` of OAuth.
    pub code: String,
    /// What happened, in one sentence.
    pub title: String,
    /// Why, in one or two more.
    pub meaning: String,
    /// Who must act.
    pub who: Who,
    /// What to do, in order; never empty.
    pub steps: Vec<String>,
    /// Whether to try again.
    pub retry: Retry,
    /// Whether the code itself is known here, not only its kind.
    pub known: bool,
}

impl Explanation {
    /// The same, with the credentials file in force in the place of the usual one.
    #[must_use]
    pub fn naming(self, credentials_file: &Path) -> Self {
        Self { steps: self.steps.iter().map(|step| naming(step, credentials_file)).collect(), ..self }
    }

    /// What the catalogue says below `key`.
    fn told(key: &str, code: &str, who: Who, retry: Retry) -> Self {
        let part = |name: &str| find(&format!("{key}.{name}"));
        let steps = (1..).map_while(|number| part(&format!("step_{number}")));
        Self {
            code: code.to_owned(),
            title: part("title").unwrap_or(key).to_owned(),
            meaning: part("meaning").unwrap_or_default().to_owned(),
            who,
            steps: steps.map(str::to_owned).collect(),
            retry,
            known: true,
        }
    }
}

/// Codes that come around another one and say less than it.
const WRAPPERS: [u32; 4] = [70_002, 70_000, 50_000, 90_004];

/// Explains whatever somebody has at hand: a code (`AADSTS7000222`, `7000222`), an error page, a token endpoint's JSON, the URL
/// that the browser came back to, or a reply of Exchange. Only the first 64 KiB count.
pub fn explain(text: &str) -> Explanation {
    let found = extract::Found::in_text(text);
    match found.codes.first() {
        Some(code) if lookup(*code).is_some() => of_code(*code, found.error.as_deref()),
        code => mail::explain(&found.text).unwrap_or_else(|| match code {
            Some(code) => of_code(*code, found.error.as_deref()),
            None => of_error(found.error.as_deref().unwrap_or_default(), None),
        }),
    }
}

/// Explains an error that was read already.
pub fn explain_error(provider: &ProviderError) -> Explanation {
    match provider.codes.first() {
        Some(code) => of_code(*code, Some(&provider.error)),
        None => of_error(&provider.error, None),
    }
}

/// Codes without doubles, the most telling first: known before unknown, what is wrapped before its wrapper.
pub fn by_telling(mut codes: Vec<u32>) -> Vec<u32> {
    let rank = |code: u32| match lookup(code) {
        Some(_) if WRAPPERS.contains(&code) => 1,
        Some(_) => 0,
        None => 2,
    };
    let mut seen = Vec::new();
    codes.retain(|code| {
        !seen.contains(code) && {
            seen.push(*code);
            true
        }
    });
    codes.sort_by_key(|code| rank(*code));
    codes
}

fn lookup(code: u32) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.codes.contains(&code))
}

fn of_code(code: u32, error: Option<&str>) -> Explanation {
    let name = format!("AADSTS{code}");
    let Some(row) = lookup(code) else { return of_error(error.unwrap_or_default(), Some(name)) };
    Explanation::told(&key_of(row), &name, row.who, row.retry)
}

/// Where the texts of a row are.
fn key_of(row: &Row) -> String {
    format!("aadsts.{}", row.codes.first().copied().unwrap_or_default())
}

/// What the `error` of OAuth alone tells.
fn of_error(error: &str, code: Option<String>) -> Explanation {
    let (who, retry, word) = match error {
        "invalid_client" => (Who::Owner, Retry::AfterFix, "invalid_client"),
        "invalid_grant" => (Who::User, Retry::AfterSignIn, "invalid_grant"),
        "interaction_required" | "login_required" | "account_selection_required" => (Who::User, Retry::AfterSignIn, "interaction_required"),
        "consent_required" => (Who::Admin, Retry::AfterSignIn, "consent_required"),
        "access_denied" => (Who::User, Retry::AfterSignIn, "access_denied"),
        "unauthorized_client" => (Who::Owner, Retry::AfterFix, "unauthorized_client"),
        "invalid_token" => (Who::Nobody, Retry::BackOff, "invalid_token"),
        "insufficient_scope" => (Who::Admin, Retry::AfterFix, "insufficient_scope"),
        "temporarily_unavailable" | "server_error" | "slow_down" => (Who::Microsoft, Retry::BackOff, "server_error"),
        "invalid_tenant" => (Who::Owner, Retry::AfterFix, "invalid_tenant"),
        "invalid_request"
        | "invalid_scope"
        | "invalid_resource"
        | "invalid_target"
        | "unsupported_grant_type"
        | "unsupported_response_type"
        | "invalid_request_uri"
        | "invalid_request_object"
        | "request_not_supported"
        | "request_uri_not_supported"
        | "registration_not_supported" => (Who::Developer, Retry::No, "invalid_request"),
        _ => (Who::Admin, Retry::No, "unknown"),
    };
    let known = code.is_none() && word != "unknown";
    let meaning = match &code {
        Some(code) if error.is_empty() => filled("oauth.meaning.unknown_code", &[("code", code)]),
        Some(code) => filled("oauth.meaning.unknown_code_of_a_kind", &[("code", code), ("error", &clean(error, 100))]),
        None if known => text("oauth.meaning.no_code").to_owned(),
        None => text("oauth.meaning.nothing").to_owned(),
    };
    let name = code.unwrap_or_else(|| if error.is_empty() { "unknown".to_owned() } else { clean(error, 100) });
    Explanation { meaning, known, ..Explanation::told(&format!("oauth.{word}"), &name, who, retry) }
}

impl From<Explanation> for Problem {
    fn from(explanation: Explanation) -> Self {
        let hint = explanation.steps.into_iter().next().unwrap_or_default();
        Self::new(explanation.code, explanation.title, hint)
    }
}

#[cfg(test)]
mod tests;
