//! [`Trial`]: what an admin sees who tries a client record: claims, checks, and what a sign-in would do.

use super::Service;
use super::error::Error;
use super::groups::Given;
use super::newcomer::{Decision, Newcomer};
use super::record::Record;
use crate::model::ConnectionId;
use crate::model::person::App;
use crate::oauth::claims::Claims;
use crate::store::sso::people::Admission;

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
            outcome: in_words(&decision, &newcomer),
            given: given_in_words(given),
        })
    }
}

fn shown(value: &serde_json::Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}

fn checks(record: &Record, claims: &Claims, newcomer: &Newcomer) -> Vec<String> {
    let signature = if claims.signed {
        "the signature is the provider's"
    } else {
        "the ID token is not signed; the record accepts that, as Azure AD v1 does it"
    };
    let vouched = match (&newcomer.email, newcomer.is_vouched) {
        (None, _) => "there is no e-mail address".to_owned(),
        (Some(email), true) => format!("the address {email} is vouched for"),
        (Some(email), false) => format!("nobody vouches for the address {email}: it links to nobody by itself"),
    };
    let mut checks = vec![signature.to_owned(), "issuer, audience, nonce and times are right".to_owned(), vouched];
    if let Some(tenant) = claims.tid {
        checks.insert(2, format!("the tenant is {tenant}"));
    }
    if record.details.group_rules.is_empty() {
        checks.push("the record has no group rules".to_owned());
    }
    checks
}

fn in_words(decision: &Decision, newcomer: &Newcomer) -> String {
    let kind = newcomer.kind.as_str();
    match decision {
        Decision::Admit(Admission::Known { person, .. }, _) => format!("would sign in as the {kind} {person}, who signed in before"),
        Decision::Admit(Admission::Linked { person, .. }, _) => format!("would be linked to the {kind} {person} by the e-mail address"),
        Decision::Admit(Admission::Created(_), _) => format!("would become a new {kind}"),
        Decision::OtherKind(held) => format!("would be refused: the account belongs to a {}", held.as_str()),
        Decision::TwoPeople(one, other) => format!("would be refused: the account belongs to both {one} and {other}"),
        Decision::HeldByOtherKind(held) => format!("would be refused: the e-mail address belongs to a {}", held.as_str()),
        Decision::Ask(person, reason) => format!("would wait for a decision about the {kind} {person}: {reason}"),
    }
}

fn given_in_words(given: &Given) -> String {
    let apps: Vec<_> = given.apps.iter().map(App::title).collect();
    let role = match given.is_admin {
        Some(true) => "the admin role, and ",
        Some(false) => "no admin role, and ",
        None => "",
    };
    format!("{role}{}", if apps.is_empty() { "no app".to_owned() } else { apps.join(", ") })
}
