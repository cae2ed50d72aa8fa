//! What all pages of the administration share: the frame, the time in words, and the message after something was done.

use axum::extract::OriginalUri;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use minijinja::context;
use serde::Serialize;

use super::guard::Admin;
use crate::model::Problem;
use crate::texts::find;
use crate::web::Door;
use crate::web::answer::{problem_answer, see_other, show};
use crate::web::front::Visitor;

/// A request to a page, with all that its handler works with.
pub struct Visit {
    /// The services.
    pub door: Door,
    /// Who asks, from where.
    pub visitor: Visitor,
    /// Who administers.
    pub admin: Admin,
    /// What is asked for after the path's `?`.
    pub query: String,
}

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Visit
where
    Door: axum::extract::FromRef<S>,
{
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, StatusCode> {
        // Both are there on every path behind the guard.
        let missing = StatusCode::INTERNAL_SERVER_ERROR;
        Ok(Self {
            door: <Door as axum::extract::FromRef<S>>::from_ref(state),
            visitor: parts.extensions.get::<Visitor>().cloned().ok_or(missing)?,
            admin: parts.extensions.get::<Admin>().cloned().ok_or(missing)?,
            query: parts.uri.query().unwrap_or_default().to_owned(),
        })
    }
}

impl Visit {
    /// The time of this request.
    pub fn now(&self) -> Timestamp {
        self.door.services.clock.now()
    }

    /// A parameter of the query, without the spaces around it; empty where there is none.
    pub fn asked(&self, name: &str) -> String {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(known, _)| known == name).map_or_else(String::new, |(_, value)| value.trim().chars().take(320).collect())
    }

    /// A page of the administration. `here` is the part of the navigation that it belongs to.
    pub fn page(&self, template: &str, here: &str, page: impl Serialize) -> Response {
        let done = done(&self.asked("done"));
        let ends = self.admin.session.ends_at.map(|at| When::new(at, self.now()));
        let shell = context! {
            here, done, ends,
            who => self.admin.session.who,
            token => self.admin.session.form_token,
            version => env!("CARGO_PKG_VERSION"),
            credentials_file => self.door.services.settings.borrow().credentials_path().display().to_string(),
        };
        show(&self.door, &self.visitor, template, &context! { shell, page })
    }

    /// The same with a status of its own: 400 for a form that comes back, 409 for what has to be confirmed.
    pub fn page_with(&self, status: StatusCode, template: &str, here: &str, page: impl Serialize) -> Response {
        let mut response = self.page(template, here, page);
        if response.status() == StatusCode::OK {
            *response.status_mut() = status;
        }
        response
    }

    /// What went wrong, as a page of the administration, or as a document for programs.
    pub fn problem(&self, status: StatusCode, problem: &Problem) -> Response {
        if self.visitor.wants_json {
            return problem_answer(&self.door, &self.visitor, status, problem, None);
        }
        self.page_with(status, "admin/problem.html", "", context! { problem })
    }

    /// Something was done: on to `path`, which says so. A reload of that page does nothing twice.
    pub fn done(&self, path: &str, word: &str) -> Response {
        let joint = if path.contains('?') { '&' } else { '?' };
        see_other(&format!("{path}{joint}done={word}"), None)
    }
}

/// What the page says that follows something that was done. Only what the catalogue has: an address cannot put words into our mouth.
fn done(word: &str) -> Option<&'static str> {
    find(&format!("admin.done.{word}"))
}

/// What there is not, behind the guard.
pub async fn not_found(visit: Visit, OriginalUri(uri): OriginalUri) -> Response {
    let problem = Problem::told("unknown_path.admin", &[("path", &uri.path())]);
    visit.problem(StatusCode::NOT_FOUND, &problem)
}

/// A time as pages show it: exact in UTC, and how long ago or ahead in words.
#[derive(Debug, Clone, Serialize)]
pub struct When {
    /// For `datetime`.
    iso: String,
    /// `27 Nov 2026, 08:15 UTC`.
    text: String,
    /// `2 hours ago`, `in 3 days`.
    ago: String,
    /// Whether it is over.
    is_past: bool,
}

impl When {
    /// A time, seen from `now`.
    pub fn new(at: Timestamp, now: Timestamp) -> Self {
        let seconds = at.as_second() - now.as_second();
        let (count, unit) = match seconds.unsigned_abs() {
            0..=89 => (0, ""),
            90..=5399 => (seconds.unsigned_abs().div_ceil(60), "minute"),
            5400..=172_799 => ((seconds.unsigned_abs() + 1800) / 3600, "hour"),
            _ => ((seconds.unsigned_abs() + 43_200) / 86_400, "day"),
        };
        let plural = if count == 1 { "" } else { "s" };
        let ago = match (count, seconds < 0) {
            (0, true) => "just now".to_owned(),
            (0, false) => "in a moment".to_owned(),
            (count, true) => format!("{count} {unit}{plural} ago"),
            (count, false) => format!("in {count} {unit}{plural}"),
        };
        let iso = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        Self { iso, text: at.strftime("%-d %b %Y, %H:%M UTC").to_string(), ago, is_past: seconds < 0 }
    }

    /// How long ago or ahead.
    pub fn words(&self) -> &str {
        &self.ago
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_tell_them() {
        let now: Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
        for (at, ago) in [
            ("2026-11-27T11:59:30Z", "just now"),
            ("2026-11-27T12:00:00Z", "in a moment"),
            ("2026-11-27T11:55:00Z", "5 minutes ago"),
            ("2026-11-27T14:00:00Z", "in 2 hours"),
            ("2026-11-26T12:00:00Z", "24 hours ago"),
            ("2026-12-27T12:00:00Z", "in 30 days"),
        ] {
            assert_eq!(When::new(at.parse().unwrap(), now).ago, ago, "{at}");
        }
        assert_eq!(When::new(now, now).text, "27 Nov 2026, 12:00 UTC");
    }

    #[test]
    fn an_address_cannot_put_words_into_our_mouth() {
        for word in ["<b>you were hacked</b>", "", ".", "mailbox-removed.", "x]\n[admin.home"] {
            assert_eq!(done(word), None, "{word}");
        }
        assert!(done("mailbox-removed").is_some());
    }
}
