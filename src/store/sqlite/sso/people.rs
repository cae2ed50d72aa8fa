//! People and the conflict desk on SQLite.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::super::{Engine, audit, columns};
use super::{admission, desk, search};
use crate::model::person::{CreatedBy, Identity, Person};
use crate::model::{ConflictId, PersonId};
use crate::store::Error;
use crate::store::audit::AuditEntry;
use crate::store::sso::people::{ConflictRow, Decide, Entrance, Known, Page, People};

/// Rows of a page, whatever was asked for: a page is held in memory.
pub(super) const LONGEST_PAGE: u32 = 1000;

#[async_trait]
impl People for Engine {
    async fn admit(&self, identity: Identity, email_key: Option<String>, decide: Decide) -> Result<Entrance, Error> {
        self.writer.write_directly(move |connection| admission::admit(connection, &identity, email_key.as_deref(), decide)).await
    }

    async fn add_person(&self, person: Person, line: AuditEntry) -> Result<(), Error> {
        let added = self.writer.write_directly(move |connection| {
            admission::insert(connection, &person)?;
            audit::append_directly(connection, &line)
        });
        added.await
    }

    async fn person(&self, id: PersonId) -> Result<Known, Error> {
        let row = sqlx::query("SELECT * FROM people WHERE id = ?").bind(id.to_string()).fetch_one(&self.readers).await?;
        Ok(Known { person: person(&row)?, identities: self.identities(id).await? })
    }

    async fn people(&self, query: &str, after: Option<PersonId>, limit: u32) -> Result<Page<Known, PersonId>, Error> {
        let limit = limit.clamp(1, LONGEST_PAGE);
        let rows = if query.is_empty() {
            let after = after.map_or_else(String::new, |id| id.to_string());
            let all = sqlx::query("SELECT * FROM people WHERE id > ? ORDER BY id LIMIT ?");
            all.bind(after).bind(limit + 1).fetch_all(&self.readers).await?
        } else {
            search::rows(&self.readers, query, after, limit + 1).await?
        };
        let more = rows.len() > limit as usize;
        let people = rows.iter().take(limit as usize).map(person).collect::<Result<Vec<_>, _>>()?;
        let ids: Vec<PersonId> = people.iter().map(|person| person.id).collect();
        let mut identities: HashMap<String, Vec<Identity>> = HashMap::new();
        for (person, issuer, subject) in search::identities(&self.readers, &ids).await? {
            identities.entry(person).or_default().push(Identity { issuer, subject, account: None });
        }
        let known = |person: Person| Known { identities: identities.remove(&person.id.to_string()).unwrap_or_default(), person };
        let items: Vec<Known> = people.into_iter().map(known).collect();
        let next = items.last().map(|known| known.person.id).filter(|_| more);
        Ok(Page { items, next })
    }

    async fn remove_person(&self, id: PersonId, line: AuditEntry) -> Result<(), Error> {
        let removed = self.writer.write(async move |tx| {
            let done = sqlx::query("DELETE FROM people WHERE id = ?").bind(id.to_string()).execute(&mut tx.connection).await?;
            if done.rows_affected() == 0 {
                return Err(Error::NotFound);
            }
            audit::append(&mut tx.connection, line).await
        });
        removed.await
    }

    async fn queue(&self, conflict: ConflictRow, most: u32, line: AuditEntry) -> Result<(), Error> {
        self.writer.write(async move |tx| desk::queue(&mut tx.connection, conflict, most, line).await).await
    }

    async fn conflicts(&self, after: Option<ConflictId>, limit: u32) -> Result<Page<ConflictRow, ConflictId>, Error> {
        desk::page(&self.readers, after, limit).await
    }

    async fn approve(&self, id: ConflictId, line: AuditEntry) -> Result<(), Error> {
        self.writer.write_directly(move |connection| desk::approve(connection, id, &line)).await
    }

    async fn deny(&self, id: ConflictId, line: AuditEntry) -> Result<(), Error> {
        self.writer.write(async move |tx| desk::deny(&mut tx.connection, id, line).await).await
    }
}

impl Engine {
    async fn identities(&self, id: PersonId) -> Result<Vec<Identity>, Error> {
        let rows = sqlx::query("SELECT issuer, subject FROM identities WHERE person_id = ? ORDER BY issuer, subject");
        let rows = rows.bind(id.to_string()).fetch_all(&self.readers).await?;
        let identity = |row: &SqliteRow| Ok(Identity { issuer: row.try_get("issuer")?, subject: row.try_get("subject")?, account: None });
        rows.iter().map(identity).collect()
    }
}

fn person(row: &SqliteRow) -> Result<Person, Error> {
    let created_by: &str = row.try_get("created_by")?;
    Ok(Person {
        id: columns::parsed(row, "id")?,
        kind: super::records::kind(row)?,
        email: columns::parsed_if_any(row, "email")?,
        name: row.try_get("name")?,
        is_admin: row.try_get("is_admin")?,
        created_by: CreatedBy::from_word(created_by).ok_or_else(|| Error::Damaged(format!("created_by: {created_by}")))?,
        created_at: columns::time(row, "created_at")?,
    })
}
