//! [`ErrorPage`]: what happened, what to do, whom to ask, and a reference; what an administrator wants to know is folded away.

use std::path::Path;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;

use super::waiting::Waiting;
use crate::model::{Problem, RequestId};
use crate::oauth::aadsts;
use crate::oauth::token::ProviderError;
use crate::texts::{filled, find, text};

/// The page about a problem.
#[derive(Debug, Serialize)]
pub struct ErrorPage {
    title: &'static str,
    /// Whether it is likely to pass by itself.
    passes: bool,
    sentence: Option<Fragment>,
    hint: Option<Fragment>,
    who: &'static str,
    steps: Vec<String>,
    reference: String,
    facts: Vec<(&'static str, String)>,
    again: Option<String>,
    home: bool,
    waiting: Option<Wait>,
}

#[derive(Debug, Serialize)]
struct Wait {
    sentence: String,
    stop: String,
}

impl ErrorPage {
    /// The page about `problem`; `provider` is what Microsoft said, where it said something.
    pub fn new(
        status: StatusCode,
        problem: &Problem,
        provider: Option<&ProviderError>,
        waiting: Option<&Waiting>,
        request_id: RequestId,
        now: Timestamp,
        credentials_file: &Path,
    ) -> Self {
        let explanation = provider.filter(|provider| !provider.codes.is_empty()).map(aadsts::explain_error);
        let explanation = explanation.map(|explanation| explanation.naming(credentials_file));
        let wait = waiting.and_then(Waiting::seconds).map(|seconds| Wait {
            sentence: filled("error.waiting", &[("seconds", &seconds.to_string())]),
            stop: waiting.map(Waiting::stop).unwrap_or_default(),
        });
        let who = explanation.as_ref().map_or_else(|| who(status), |explanation| explanation.who.sentence());
        let mut steps = explanation.map(|explanation| explanation.steps).unwrap_or_default();
        // Whoever changed the next step knows better than the table, which knows no client records.
        if steps.first() != Some(&problem.hint) && !problem.hint.is_empty() {
            steps.clear();
        }
        Self {
            title: headline(status, &problem.code),
            passes: waiting.is_some(),
            sentence: Fragment::of(&problem.title),
            // What is the first step already need not be said twice.
            hint: Fragment::of(&problem.hint).filter(|_| steps.first() != Some(&problem.hint)),
            who,
            steps,
            reference: request_id.to_string(),
            facts: facts(problem, provider, request_id, now),
            again: waiting.map(|waiting| waiting.again().to_owned()),
            home: false,
            waiting: wait,
        }
    }

    /// With the way back to the start.
    #[must_use]
    pub const fn with_home(mut self, home: bool) -> Self {
        self.home = home;
        self
    }

    /// One for each of its shapes, for whoever tries the template.
    #[cfg(test)]
    pub fn sample(problem: &Problem, provider: Option<&ProviderError>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            problem,
            provider,
            None,
            RequestId::new(),
            Timestamp::UNIX_EPOCH,
            Path::new(crate::model::hint::CREDENTIALS_FILE),
        )
    }
}

fn facts(problem: &Problem, provider: Option<&ProviderError>, request_id: RequestId, now: Timestamp) -> Vec<(&'static str, String)> {
    let mut facts = vec![(text("error.fact.code"), problem.code.clone())];
    if let Some(provider) = provider {
        let codes = provider.codes.iter().map(|code| format!("AADSTS{code}")).collect::<Vec<_>>().join(", ");
        facts.push((text("error.fact.provider_code"), codes));
        facts.push((text("error.fact.provider_error"), provider.error.clone()));
        let ids = [
            (text("error.fact.trace"), &provider.trace_id),
            (text("error.fact.correlation"), &provider.correlation_id),
            (text("error.fact.provider_time"), &provider.timestamp),
        ];
        facts.extend(ids.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    }
    facts.push((text("error.fact.time"), now.to_string()));
    facts.push((text("error.fact.request"), request_id.to_string()));
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

/// The headline of a problem that has one of its own, else that of its kind.
fn headline(status: StatusCode, code: &str) -> &'static str {
    find(&format!("error.headline.{code}")).unwrap_or_else(|| match status {
        StatusCode::FORBIDDEN => text("error.kind.forbidden"),
        StatusCode::NOT_FOUND => text("error.kind.not_found"),
        StatusCode::CONFLICT => text("error.kind.conflict"),
        StatusCode::BAD_GATEWAY => text("error.kind.provider"),
        StatusCode::SERVICE_UNAVAILABLE => text("error.kind.unavailable"),
        _ => text("error.kind.other"),
    })
}

const fn is_ours(status: StatusCode) -> bool {
    matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT | StatusCode::FORBIDDEN)
}

fn who(status: StatusCode) -> &'static str {
    match status {
        status if is_ours(status) => text("error.who.owner"),
        StatusCode::BAD_GATEWAY => text("error.who.provider"),
        _ => text("error.who.you"),
    }
}

/// A fragment, as errors are written; the page makes a sentence of it. The words stay as they are in the journal, to be searched for.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Fragment {
    text: String,
    /// Begins with something to type, which is not written large: `return_to`, `onedeskctl`.
    is_name: bool,
    end: &'static str,
}

impl Fragment {
    fn of(text: &str) -> Option<Self> {
        let word = text.split([' ', ':', ',']).next().filter(|word| !word.is_empty())?;
        let is_name = word.contains(['_', '.', '/']) || word.starts_with("onedesk");
        let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
        Some(Self { text: text.to_owned(), is_name, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_become_sentences_unless_they_begin_with_something_to_type() {
        for (text, is_name, end) in [
            ("the client secret has expired", false, "."),
            ("return_to is no path on this site", true, "."),
            ("onedeskctl status tells more", true, "."),
            ("Ask somebody!", false, ""),
        ] {
            assert_eq!(Fragment::of(text), Some(Fragment { text: text.to_owned(), is_name, end }));
        }
        assert_eq!(Fragment::of(""), None);
    }

    #[test]
    fn a_known_problem_has_a_headline_of_its_own() {
        assert_ne!(headline(StatusCode::FORBIDDEN, "sso_off"), headline(StatusCode::FORBIDDEN, "something"));
    }
}
