//! What Microsoft's error codes and mail servers' refusals mean, who can do something about them, and what.
//!
//! Knowledge only: nothing is decided by it (see `verdict`). The rows are in the files beside this one, by who must act.

mod client;
mod consent;
mod extract;
mod mail;
mod people;
mod policy;
mod registration;
mod requests;
mod service;

pub use extract::codes_in;
pub(super) use extract::{CORRELATION_ID, TIMESTAMP, TRACE_ID, labelled};

use std::path::Path;

use super::text::clean;
use super::token::ProviderError;
use crate::model::Problem;
use crate::model::hint::naming;

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
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::User => "The person who signs in.",
            Self::Admin => "An administrator of your organization's Microsoft 365 tenant.",
            Self::Owner => "Whoever administers this OneDesk and its app registration at Microsoft.",
            Self::Developer => "The makers of OneDesk: send them what stands below.",
            Self::Microsoft => "Microsoft. It usually passes by itself.",
            Self::Nobody => "Nobody need do anything.",
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
}

/// What is known about codes that mean the same.
struct Row {
    codes: &'static [u32],
    who: Who,
    retry: Retry,
    title: &'static str,
    meaning: &'static str,
    steps: &'static [&'static str],
}

const fn row(
    codes: &'static [u32],
    who: Who,
    retry: Retry,
    title: &'static str,
    meaning: &'static str,
    steps: &'static [&'static str],
) -> Row {
    Row { codes, who, retry, title, meaning, steps }
}

const TABLES: [&[Row]; 7] = [client::ROWS, consent::ROWS, people::ROWS, policy::ROWS, registration::ROWS, requests::ROWS, service::ROWS];

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
    TABLES.iter().copied().flatten().find(|row| row.codes.contains(&code))
}

fn of_code(code: u32, error: Option<&str>) -> Explanation {
    let name = format!("AADSTS{code}");
    let Some(row) = lookup(code) else { return of_error(error.unwrap_or_default(), Some(name)) };
    Explanation {
        code: name,
        title: row.title.into(),
        meaning: row.meaning.into(),
        who: row.who,
        steps: row.steps.iter().map(|step| (*step).to_owned()).collect(),
        retry: row.retry,
        known: true,
    }
}

/// What the `error` of OAuth alone tells.
fn of_error(error: &str, code: Option<String>) -> Explanation {
    let (who, retry, what, step) = match error {
        "invalid_client" => (
            Who::Owner,
            Retry::AfterFix,
            "The provider refuses our client id or secret.",
            "Check AZUREAD_CID and AZUREAD_CIS against the app registration.",
        ),
        "invalid_grant" => {
            (Who::User, Retry::AfterSignIn, "The provider no longer accepts this authorization.", "Sign in again with the connect link.")
        }
        "interaction_required" | "login_required" | "account_selection_required" => {
            (Who::User, Retry::AfterSignIn, "The provider wants the person to do something.", "Sign in again with the connect link.")
        }
        "consent_required" => {
            (Who::Admin, Retry::AfterSignIn, "The permissions were not consented to.", "Let an administrator consent for the organization.")
        }
        "access_denied" => (
            Who::User,
            Retry::AfterSignIn,
            "The sign-in was cancelled or consent was declined.",
            "Try again and accept; where \"Need admin approval\" is shown, let an administrator consent for the organization.",
        ),
        "unauthorized_client" => (
            Who::Owner,
            Retry::AfterFix,
            "The app may not do this in that tenant.",
            "Check the client id and the tenant, and let an administrator consent.",
        ),
        "invalid_token" => (
            Who::Nobody,
            Retry::BackOff,
            "The token that came with the request has expired or is for something else.",
            "Take a fresh token from the local API, for the right purpose: for=imap, smtp, pop or graph.",
        ),
        "insufficient_scope" => (
            Who::Admin,
            Retry::AfterFix,
            "The token lacks a permission.",
            "Compare the app's permissions with onedeskctl app-registration, consent, and connect again.",
        ),
        "temporarily_unavailable" | "server_error" | "slow_down" => {
            (Who::Microsoft, Retry::BackOff, "The provider has a fault that passes.", "Wait; it is tried again by itself.")
        }
        "invalid_tenant" => (
            Who::Owner,
            Retry::AfterFix,
            "The provider does not know this tenant.",
            "Check the tenant in the settings or in the record's URLs.",
        ),
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
        | "registration_not_supported" => (
            Who::Developer,
            Retry::No,
            "The provider does not accept our request as it is.",
            "Check the app registration with onedeskctl app-registration, then report it with the trace id.",
        ),
        _ => (
            Who::Admin,
            Retry::No,
            "This error is not known here.",
            "Look the code up at https://login.microsoftonline.com/error, or ask Microsoft's support with the trace id.",
        ),
    };
    let known = code.is_none() && what != "This error is not known here.";
    let meaning = match &code {
        Some(code) if error.is_empty() => format!("{code} is unknown to OneDesk, and no error word came with it."),
        Some(code) => format!("{code} is unknown to OneDesk; this is what its kind of error, {}, means.", clean(error, 100)),
        None if known => "No AADSTS code came with it.".to_owned(),
        None => "No code that is known here was found in the text.".to_owned(),
    };
    let name = code.unwrap_or_else(|| if error.is_empty() { "unknown".to_owned() } else { clean(error, 100) });
    Explanation { code: name, title: what.into(), meaning, who, steps: vec![step.into()], retry, known }
}

impl From<Explanation> for Problem {
    fn from(explanation: Explanation) -> Self {
        let hint = explanation.steps.into_iter().next().unwrap_or_default();
        Self::new(explanation.code, explanation.title, hint)
    }
}

#[cfg(test)]
mod tests;
