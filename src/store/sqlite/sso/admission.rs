//! Letting somebody in, inside one direct transaction: what every sign-in reads and writes.

use rusqlite::{Connection, Row};

use super::super::{audit, columns};
use super::sessions;
use crate::model::PersonId;
use crate::model::person::{CreatedBy, Identity, Kind, Person};
use crate::store::Error;
use crate::store::sso::people::{Admission, Decide, Entrance, Standing};

/// Reads what is stored, and writes what `decide` says about it.
pub(super) fn admit(connection: &Connection, identity: &Identity, email_key: Option<&str>, decide: Decide) -> Result<Entrance, Error> {
    let standing = standing(connection, identity, email_key)?;
    let Some(entry) = decide(&standing) else { return Ok(Entrance::Shut(standing)) };
    match &entry.admission {
        Admission::Known { person, name, is_admin, is_whole } => {
            update(connection, *person, name.as_deref(), *is_admin)?;
            if !is_whole {
                link(connection, identity, *person)?;
            }
        }
        Admission::Linked { person, name, is_admin } => {
            let mut accounts = connection.prepare_cached("SELECT 1 FROM identities WHERE person_id = ?")?;
            if accounts.exists([person.to_string()])? {
                return Err(Error::Conflict);
            }
            update(connection, *person, name.as_deref(), Some(*is_admin))?;
            link(connection, identity, *person)?;
        }
        Admission::Created(person) => {
            insert(connection, person)?;
            link(connection, identity, person.id)?;
        }
    }
    sessions::insert(connection, &entry.session)?;
    entry.audit.iter().try_for_each(|line| audit::append_directly(connection, line))?;
    Ok(Entrance::Open(Box::new(entry)))
}

fn standing(connection: &Connection, identity: &Identity, email_key: Option<&str>) -> Result<Standing, Error> {
    let (tenant, object) = identity.account.map(|(tenant, object)| (tenant.to_string(), object.to_string())).unzip();
    let mut question = connection.prepare_cached(
        "SELECT 1 AS how, 0 AS accounts, id, kind, email, name, is_admin, created_by, created_at
            FROM identities JOIN people ON people.id = person_id WHERE issuer = ?1 AND subject = ?2
         UNION ALL
         SELECT 2, 0, id, kind, email, name, is_admin, created_by, created_at
            FROM entra_accounts JOIN people ON people.id = person_id WHERE tenant_id = ?3 AND object_id = ?4
         UNION ALL
         SELECT 3, (SELECT count(*) FROM identities WHERE person_id = people.id), id, kind, email, name, is_admin, created_by, created_at
            FROM people WHERE email_key = ?5
         ORDER BY how",
    )?;
    let mut rows = question.query((&identity.issuer, &identity.subject, tenant, object, email_key))?;
    let mut standing = Standing::default();
    while let Some(row) = rows.next()? {
        match row.get::<_, i64>("how")? {
            1 => (standing.linked, standing.is_whole) = (Some(person(row)?), identity.account.is_none()),
            2 => match &standing.linked {
                None => standing.linked = Some(person(row)?),
                Some(by_subject) => {
                    let id = columns::direct::parsed(row, "id")?;
                    standing.is_whole = by_subject.id == id;
                    standing.rival = Some(id).filter(|_| !standing.is_whole);
                }
            },
            3 => standing.holder = Some((person(row)?, row.get("accounts")?)),
            _ => {}
        }
    }
    Ok(standing)
}

fn person(row: &Row<'_>) -> Result<Person, Error> {
    Ok(Person {
        id: columns::direct::parsed(row, "id")?,
        kind: columns::direct::word(row, "kind", Kind::from_word)?,
        email: columns::direct::parsed_if_any(row, "email")?,
        name: row.get("name")?,
        is_admin: row.get("is_admin")?,
        created_by: columns::direct::word(row, "created_by", CreatedBy::from_word)?,
        created_at: columns::direct::time(row, "created_at")?,
    })
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
