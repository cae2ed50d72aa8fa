//! [`Trial`]: what an admin sees who tries a client record: claims, checks, and what a sign-in would do.

use super::Service;
use super::error::Error;
use super::groups::Given;
use super::newcomer::{Decision, Newcomer};
use super::people::People;
use super::record::Record;
use crate::model::person::{App, Person};
use crate::model::{ConnectionId, PersonId};
use crate::oauth::claims::Claims;
use crate::store::sso::people::Admission;
use crate::texts::{filled, text};

/// What a trial of a record showed. Nothing was changed but that it was tried.
#[derive(Debug)]
pub struct Trial {
    /// The record.
    pub connection: ConnectionId,
    /// Its name.
    pub name: String,
    /// The ID token's claims, as they came.
    pub claims: Vec<(String, String)>,
    /// What was checked, in words.
    pub checks: Vec<String>,
    /// What a sign-in would do.
    pub outcome: String,
    /// What it would give.
    pub given: String,
}

impl Service {
    /// What a sign-in with these claims would do. Only that the record was tried is noted.
    pub(super) async fn report(&self, record: &Record, claims: &Claims, given: &Given) -> Result<Trial, Error> {
        let newcomer = Newcomer::from_claims(record, claims);
        let decision = self.people.foresee(&newcomer, given.is_admin).await?;
        self.connections.worked(record).await?;
        Ok(Trial {
            connection: record.id(),
            name: record.details.name.clone(),
            claims: claims.raw.iter().map(|(name, value)| (name.clone(), shown(value))).collect(),
            checks: checks(record, claims, &newcomer),
            outcome: in_words(&decision, &newcomer, &self.people).await,
            given: given_in_words(given),
        })
    }
}

fn shown(value: &serde_json::Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}

fn checks(record: &Record, claims: &Claims, newcomer: &Newcomer) -> Vec<String> {
    let signature = if claims.signed { text("admin.trial.signed") } else { text("admin.trial.unsigned") };
    let mut checks = vec![signature.to_owned()];
    checks.push(text("admin.trial.right").to_owned());
    checks.extend(claims.tid.map(|tenant| filled("admin.trial.tenant", &[("tenant", tenant.to_string())])));
    checks.push(match (&newcomer.email, newcomer.is_vouched) {
        (None, _) => text("admin.trial.no_address").to_owned(),
        (Some(email), true) => filled("admin.trial.vouched", &[("email", email.as_str())]),
        (Some(email), false) => filled("admin.trial.not_vouched", &[("email", email.as_str())]),
    });
    if record.details.group_rules.is_empty() {
        checks.push(text("admin.trial.no_rules").to_owned());
    }
    checks
}

async fn in_words(decision: &Decision, newcomer: &Newcomer, people: &People) -> String {
    let kind = newcomer.kind.as_str();
    match decision {
        Decision::Admit(Admission::Known { .. }, person) => filled("admin.trial.known", &[("kind", kind), ("person", &called(person))]),
        Decision::Admit(Admission::Linked { .. }, person) => filled("admin.trial.linked", &[("kind", kind), ("person", &called(person))]),
        Decision::Admit(Admission::Created(_), _) => filled("admin.trial.created", &[("kind", kind)]),
        Decision::OtherKind(held) => filled("admin.trial.other_kind", &[("kind", held.as_str())]),
        Decision::TwoPeople(one, other) => {
            let (one, other) = (known_as(*one, people).await, known_as(*other, people).await);
            filled("admin.trial.two_people", &[("person", &one), ("other", &other)])
        }
        Decision::HeldByOtherKind(held) => filled("admin.trial.held_by_other_kind", &[("kind", held.as_str())]),
        Decision::Ask(person, reason) => {
            let person = known_as(*person, people).await;
            filled("admin.trial.ask", &[("kind", kind), ("person", &person), ("reason", reason)])
        }
    }
}

/// A person as an administrator knows them; the id where the database does not tell.
async fn known_as(id: PersonId, people: &People) -> String {
    people.get(id).await.map_or_else(|_| id.to_string(), |known| called(&known.person))
}

fn called(person: &Person) -> String {
    match (&person.name, &person.email) {
        (Some(name), Some(email)) => format!("{name} <{email}>"),
        (Some(name), None) => name.clone(),
        (None, Some(email)) => email.to_string(),
        (None, None) => person.id.to_string(),
    }
}

fn given_in_words(given: &Given) -> String {
    let apps = given.apps.iter().map(App::title).collect::<Vec<_>>().join(", ");
    let apps = if apps.is_empty() { text("admin.trial.no_app").to_owned() } else { apps };
    match given.is_admin {
        Some(true) => filled("admin.trial.admin", &[("apps", &apps)]),
        Some(false) => filled("admin.trial.no_admin", &[("apps", &apps)]),
        None => apps,
    }
}
