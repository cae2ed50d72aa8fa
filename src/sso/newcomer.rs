//! Who somebody is by their ID token, and whether they are let in as somebody who is known. Pure: the rules of linking live here.

use super::record::Record;
use crate::model::EmailAddress;
use crate::model::person::{CreatedBy, Identity, Kind, Person, canonical_email};
use crate::model::{PersonId, TenantId};
use crate::oauth::claims::Claims;
use crate::store::sso::people::{Admission, Standing};

/// An account that signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomer {
    /// What they are by the record that they came by.
    pub kind: Kind,
    /// The account.
    pub identity: Identity,
    /// Their address, in its canonical form; guests and accounts without a mailbox have none.
    pub email: Option<EmailAddress>,
    /// Whether somebody vouches for the address.
    pub is_vouched: bool,
    /// Their name.
    pub name: Option<String>,
}

/// What becomes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// They come in, as this person from now on.
    Admit(Admission, Person),
    /// The account belongs to a person of the other kind.
    OtherKind(Kind),
    /// Half of what tells the account belongs to one person, half to another.
    TwoPeople(PersonId, PersonId),
    /// A person of the other kind holds the address.
    HeldByOtherKind(Kind),
    /// Somebody has to decide whether they are the person who holds the address.
    Ask(PersonId, &'static str),
}

impl Newcomer {
    /// Who signs in by `record` with these verified claims.
    pub fn from_claims(record: &Record, claims: &Claims) -> Self {
        let identity = Identity { issuer: claims.issuer.clone(), subject: claims.subject.clone(), account: claims.tid.zip(claims.oid) };
        let given = claims.email.as_deref().and_then(canonical_email);
        // An account of an own tenant is named like its mailbox; a guest's name only looks like one.
        let named = || {
            let name = claims.preferred_username.as_deref().or(claims.upn.as_deref());
            name.filter(|name| claims.tid.is_some() && !is_guest(claims) && !name.contains('#')).and_then(canonical_email)
        };
        let is_vouched =
            given.as_ref().is_some_and(|email| is_vouched(record, claims, email)) || given.is_none() && from_own(record, claims);
        let email = given.or_else(named);
        let name = claims.name.as_deref().map(clean_name).filter(|name| !name.is_empty());
        Self { kind: record.kind(), identity, is_vouched: is_vouched && email.is_some(), email, name }
    }

    /// What no two people have the same of, if there is an address.
    pub fn email_key(&self) -> Option<String> {
        self.email.as_ref().map(EmailAddress::key)
    }

    /// What becomes of them, by what is stored. `is_admin` is what the sign-in says about the role.
    pub fn decide(&self, standing: &Standing, is_admin: Option<bool>, now: jiff::Timestamp) -> Decision {
        if let Some(person) = &standing.linked {
            if person.kind != self.kind {
                return Decision::OtherKind(person.kind);
            }
            if let Some(rival) = standing.rival {
                return Decision::TwoPeople(person.id, rival);
            }
            let name = self.name.clone().filter(|name| person.name.as_ref() != Some(name));
            let is_admin = is_admin.filter(|is_admin| *is_admin != person.is_admin);
            let admission = Admission::Known { person: person.id, name: name.clone(), is_admin, is_whole: standing.is_whole };
            return Decision::Admit(admission, as_is_now(person, name, is_admin));
        }
        let Some((holder, accounts)) = &standing.holder else {
            let person = Person {
                id: PersonId::new(),
                kind: self.kind,
                email: self.email.clone(),
                name: self.name.clone(),
                is_admin: is_admin.unwrap_or(false),
                created_by: CreatedBy::Sso,
                created_at: now,
            };
            return Decision::Admit(Admission::Created(person.clone()), person);
        };
        if holder.kind != self.kind {
            return Decision::HeldByOtherKind(holder.kind);
        }
        let reason = if holder.is_admin {
            "the address belongs to an admin"
        } else if *accounts > 0 {
            "the address belongs to somebody who signs in with another account"
        } else if !self.is_vouched {
            "nobody vouches for the address"
        } else {
            let name = self.name.clone().filter(|_| holder.name.is_none());
            let admission = Admission::Linked { person: holder.id, name: name.clone(), is_admin: is_admin.unwrap_or(false) };
            return Decision::Admit(admission, as_is_now(holder, name, is_admin));
        };
        Decision::Ask(holder.id, reason)
    }
}

/// A person after this sign-in.
fn as_is_now(person: &Person, name: Option<String>, is_admin: Option<bool>) -> Person {
    Person { name: name.or_else(|| person.name.clone()), is_admin: is_admin.unwrap_or(person.is_admin), ..person.clone() }
}

/// Whether the address may link to a record that was there before (interface, section 4; Microsoft, "Migrate away from using
/// email claims").
fn is_vouched(record: &Record, claims: &Claims, email: &EmailAddress) -> bool {
    if claims.tid.is_some() {
        // Entra says nothing of `email_verified`: a claim of that name would be the tenant's own invention.
        return claims.xms_edov || from_own(record, claims);
    }
    claims.email_verified && record.details.email_domains.contains(&email.domain())
}

/// Whether the account is a member of a tenant that the record lists by GUID.
fn from_own(record: &Record, claims: &Claims) -> bool {
    let is_listed = |tenant: TenantId| record.tenants().contains(&tenant);
    claims.tid.is_some_and(is_listed) && !is_guest(claims)
}

/// Guests carry `acct` 1, or an `idp` that is not their own issuer.
fn is_guest(claims: &Claims) -> bool {
    claims.acct == Some(1) || claims.idp.as_deref().is_some_and(|idp| idp != claims.issuer)
}

/// A name for display: one line, bounded.
fn clean_name(name: &str) -> String {
    let name: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
    name.trim().to_owned()
}

#[cfg(test)]
#[path = "newcomer_tests.rs"]
mod tests;
