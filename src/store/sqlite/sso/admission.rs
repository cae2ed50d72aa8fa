//! Letting somebody in, inside one direct transaction: what every sign-in writes.

use rusqlite::Connection;

use super::super::audit;
use super::sessions;
use crate::model::PersonId;
use crate::model::person::{Identity, Person};
use crate::store::Error;
use crate::store::audit::AuditEntry;
use crate::store::sso::people::Admission;
use crate::store::sso::sessions::SessionRow;

/// Writes an admission with its account, its session and its lines.
pub(super) fn admit(
    connection: &Connection,
    admission: &Admission,
    identity: &Identity,
    session: SessionRow,
    lines: &[AuditEntry],
) -> Result<(), Error> {
    let person = match admission {
        Admission::Known { person, name, is_admin, is_whole } => {
            update(connection, *person, name.as_deref(), *is_admin)?;
            if !is_whole {
                link(connection, identity, *person)?;
            }
            *person
        }
        Admission::Linked { person, name, is_admin } => {
            let mut accounts = connection.prepare_cached("SELECT 1 FROM identities WHERE person_id = ?")?;
            if accounts.exists([person.to_string()])? {
                return Err(Error::Conflict);
            }
            update(connection, *person, name.as_deref(), Some(*is_admin))?;
            link(connection, identity, *person)?;
            *person
        }
        Admission::Created(person) => {
            insert(connection, person)?;
            link(connection, identity, person.id)?;
            person.id
        }
    };
    sessions::insert(connection, &SessionRow { person, ..session })?;
    lines.iter().try_for_each(|line| audit::append_directly(connection, line))
}

/// Ties an account to a person; [`Error::Conflict`] when it is somebody else's, nothing to do when it is theirs.
pub(super) fn link(connection: &Connection, identity: &Identity, person: PersonId) -> Result<(), Error> {
    let person = person.to_string();
    let mut linked = connection.prepare_cached(
        "INSERT INTO identities (issuer, subject, person_id) VALUES (?, ?, ?)
         ON CONFLICT (issuer, subject) DO UPDATE SET person_id = person_id WHERE person_id = excluded.person_id",
    )?;
    if linked.execute((&identity.issuer, &identity.subject, &person))? == 0 {
        return Err(Error::Conflict);
    }
    let Some((tenant, object)) = identity.account else { return Ok(()) };
    let mut linked = connection.prepare_cached(
        "INSERT INTO entra_accounts (tenant_id, object_id, person_id) VALUES (?, ?, ?)
         ON CONFLICT (tenant_id, object_id) DO UPDATE SET person_id = person_id WHERE person_id = excluded.person_id",
    )?;
    if linked.execute((tenant.to_string(), object.to_string(), &person))? == 0 { Err(Error::Conflict) } else { Ok(()) }
}

/// Adds a person.
pub(super) fn insert(connection: &Connection, person: &Person) -> Result<(), Error> {
    let mut added = connection.prepare_cached(
        "INSERT INTO people (id, kind, email_key, email, name, is_admin, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    added.execute((
        person.id.to_string(),
        person.kind.as_str(),
        person.email.as_ref().map(crate::model::EmailAddress::key),
        person.email.as_ref().map(crate::model::EmailAddress::as_str),
        &person.name,
        person.is_admin,
        person.created_by.as_str(),
        person.created_at.as_millisecond(),
    ))?;
    Ok(())
}

fn update(connection: &Connection, person: PersonId, name: Option<&str>, is_admin: Option<bool>) -> Result<(), Error> {
    if name.is_none() && is_admin.is_none() {
        return Ok(());
    }
    let mut update =
        connection.prepare_cached("UPDATE people SET name = coalesce(?, name), is_admin = coalesce(?, is_admin) WHERE id = ?")?;
    if update.execute((name, is_admin, person.to_string()))? == 0 { Err(Error::NotFound) } else { Ok(()) }
}
