//! [`People`]: letting somebody in as somebody, and the conflict desk. The rules are in `newcomer`; here they meet the store.

use std::sync::Arc;

use jiff::Timestamp;

use super::error::Error;
use super::newcomer::{Decision, Newcomer};
use super::record::Record;
use crate::audit::Actor;
use crate::model::person::{CreatedBy, Kind, Person, canonical_email};
use crate::model::{Clock, ConflictId, PersonId, Problem};
use crate::store;
use crate::store::audit::AuditEntry;
use crate::store::sso::people::{Admission, ConflictRow, Entrance, Entry, Known, Page, People as Store, Standing};
use crate::store::sso::sessions::SessionRow;

/// Sign-ins that may wait for a decision.
const MOST_CONFLICTS: u32 = 1000;

/// People.
pub struct People {
    store: Arc<dyn Store>,
    clock: Clock,
}

/// Somebody who is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// Who, as they are now.
    pub person: Person,
    /// Whether their sessions of before show something else.
    pub is_changed: bool,
    /// The session that they got.
    pub session: SessionRow,
}

impl People {
    /// Kept in `store`.
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// What would become of somebody; changes nothing.
    ///
    /// # Errors
    /// The database.
    pub async fn foresee(&self, newcomer: &Newcomer, is_admin: Option<bool>) -> Result<Decision, Error> {
        let asked = self.store.admit(newcomer.identity.clone(), newcomer.email_key(), Box::new(|_| None)).await?;
        let standing = match asked {
            Entrance::Shut(standing) => standing,
            Entrance::Open(_) => Standing::default(),
        };
        Ok(newcomer.decide(&standing, is_admin, self.clock.now()))
    }

    /// Lets somebody in with a session, or says why not. Whatever happens at the same time, an address and an account are one
    /// person's: what it is decided by and what is written are one transaction.
    ///
    /// # Errors
    /// 409 when somebody else is in the way.
    pub async fn admit(
        &self,
        newcomer: &Arc<Newcomer>,
        record: &Arc<Record>,
        is_admin: Option<bool>,
        session: impl FnOnce(PersonId) -> SessionRow + Send + 'static,
        actor: &Actor,
    ) -> Result<Admitted, Error> {
        let now = self.clock.now();
        let decide = {
            let (newcomer, record, actor) = (Arc::clone(newcomer), Arc::clone(record), actor.clone());
            move |standing: &Standing| {
                let Decision::Admit(admission, person) = newcomer.decide(standing, is_admin, now) else { return None };
                let audit = lines(&admission, person.id, &newcomer, &record, &actor, now);
                Some(Entry { admission, session: session(person.id), person, audit })
            }
        };
        let standing = match self.store.admit(newcomer.identity.clone(), newcomer.email_key(), Box::new(decide)).await? {
            Entrance::Open(entry) => {
                let Entry { person, admission, session, .. } = *entry;
                let is_changed = matches!(admission, Admission::Known { name: Some(_), .. });
                return Ok(Admitted { person, is_changed, session });
            }
            Entrance::Shut(standing) => standing,
        };
        Err(match newcomer.decide(&standing, is_admin, now) {
            Decision::OtherKind(kind) => other_kind(newcomer, kind, "this account"),
            Decision::TwoPeople(one, other) => two_people(one, other),
            Decision::HeldByOtherKind(kind) => other_kind(newcomer, kind, "the e-mail address of this account"),
            Decision::Ask(holder, reason) => self.ask(newcomer, record, holder, reason, actor).await?,
            // Not by the same rules on the same standing.
            Decision::Admit(..) => store::Error::Conflict.into(),
        })
    }

    async fn ask(&self, newcomer: &Newcomer, record: &Record, holder: PersonId, reason: &str, actor: &Actor) -> Result<Error, Error> {
        let now = self.clock.now();
        let email = newcomer.email.as_ref().map_or_else(String::new, ToString::to_string);
        let conflict = ConflictRow {
            id: ConflictId::new(),
            person: holder,
            connection: record.id(),
            identity: newcomer.identity.clone(),
            email: email.clone(),
            name: newcomer.name.clone(),
            reason: reason.to_owned(),
            created_at: now,
        };
        let mut line = actor.entry(now, "sso.sign_in", holder.to_string());
        line.outcome = "email_conflict".to_owned();
        line.detail = format!("{email}: {reason}");
        self.store.queue(conflict, MOST_CONFLICTS, line).await?;
        Ok(Error::conflict(Problem::told("email_conflict", &[("email", &email), ("reason", &reason)])))
    }

    /// Adds a person by hand.
    ///
    /// # Errors
    /// 400 for an address that is none, 409 for one that is somebody's.
    pub async fn add(&self, kind: Kind, email: &str, name: Option<&str>, actor: &Actor) -> Result<Known, Error> {
        let Some(email) = canonical_email(email) else {
            return Err(Error::bad_request(Problem::told("email", &[])));
        };
        let name = name.map(str::trim).filter(|name| !name.is_empty());
        if name.is_some_and(|name| name.chars().count() > 200 || name.contains(char::is_control)) {
            return Err(Error::bad_request(Problem::told("name", &[])));
        }
        let now = self.clock.now();
        let person = Person {
            id: PersonId::new(),
            kind,
            email: Some(email.clone()),
            name: name.map(str::to_owned),
            is_admin: false,
            created_by: CreatedBy::Admin,
            created_at: now,
        };
        let mut line = actor.entry(now, "person.create", person.id.to_string());
        line.detail = format!("{email} as {}", kind.as_str());
        match self.store.add_person(person.clone(), line).await {
            Ok(()) => Ok(Known { person, identities: Vec::new() }),
            Err(store::Error::Conflict) => Err(Error::conflict(Problem::told("email_taken", &[("email", &email)]))),
            Err(error) => Err(error.into()),
        }
    }

    /// A page of people.
    ///
    /// # Errors
    /// The database.
    pub async fn page(&self, query: &str, after: Option<PersonId>, limit: u32) -> Result<Page<Known, PersonId>, Error> {
        Ok(self.store.people(&query.trim().to_lowercase(), after, limit).await?)
    }

    /// One person.
    ///
    /// # Errors
    /// 404.
    pub async fn get(&self, id: PersonId) -> Result<Known, Error> {
        self.store.person(id).await.map_err(|error| match error {
            store::Error::NotFound => Error::not_found(Problem::told("person_unknown", &[])),
            error => error.into(),
        })
    }

    /// Removes a person from the store, with accounts and sessions.
    ///
    /// # Errors
    /// 404.
    pub async fn remove(&self, id: PersonId, actor: &Actor) -> Result<(), Error> {
        let removed = self.store.remove_person(id, actor.entry(self.clock.now(), "person.remove", id.to_string())).await;
        removed.map_err(|error| match error {
            store::Error::NotFound => Error::not_found(Problem::told("person_unknown", &[])),
            error => error.into(),
        })
    }

    /// What waits for a decision.
    ///
    /// # Errors
    /// The database.
    pub async fn conflicts(&self, after: Option<ConflictId>, limit: u32) -> Result<Page<ConflictRow, ConflictId>, Error> {
        Ok(self.store.conflicts(after, limit).await?)
    }

    /// Decides about one of them.
    ///
    /// # Errors
    /// 404; 409 when the account became somebody else's meanwhile.
    pub async fn resolve(&self, id: ConflictId, approve: bool, actor: &Actor) -> Result<(), Error> {
        let action = if approve { "person.conflict.approve" } else { "person.conflict.deny" };
        let line = actor.entry(self.clock.now(), action, id.to_string());
        let done = if approve { self.store.approve(id, line).await } else { self.store.deny(id, line).await };
        done.map_err(|error| match error {
            store::Error::NotFound => Error::not_found(Problem::told("conflict_unknown", &[])),
            store::Error::Conflict => Error::conflict(Problem::told("account_linked", &[])),
            error => error.into(),
        })
    }
}

fn lines(admission: &Admission, person: PersonId, newcomer: &Newcomer, record: &Record, actor: &Actor, now: Timestamp) -> Vec<AuditEntry> {
    let name = newcomer.email.as_ref().map_or(newcomer.identity.subject.as_str(), |email| email.as_str());
    let line = |action: &str| {
        let mut line = actor.entry(now, action, person.to_string());
        line.detail = format!("{name} as {} by {}", newcomer.kind.as_str(), record.details.name);
        line
    };
    let mut lines = match admission {
        Admission::Known { .. } => Vec::new(),
        Admission::Linked { .. } => vec![line("person.link")],
        Admission::Created(_) => vec![line("person.create")],
    };
    lines.push(line("sso.sign_in"));
    lines
}

/// Seen where the two grew up apart: by a record whose provider told no object id, and by another one of the same tenant.
fn two_people(one: PersonId, other: PersonId) -> Error {
    Error::conflict(Problem::told("two_people", &[("one", &one), ("other", &other)]))
}

fn other_kind(newcomer: &Newcomer, held: Kind, what: &str) -> Error {
    let email = newcomer.email.as_ref().map_or_else(String::new, |email| format!(" ({email})"));
    Error::conflict(Problem::told(
        "email_held",
        &[("held", &held.as_str()), ("kind", &newcomer.kind.as_str()), ("what", &what), ("email", &email), ("holders", &held.plural())],
    ))
}
