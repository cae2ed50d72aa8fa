//! The conflict desk on SQLite.

use rusqlite::Connection;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};

use super::super::{audit, columns};
use super::admission::link;
use super::people::LONGEST_PAGE;
use crate::model::ConflictId;
use crate::model::person::Identity;
use crate::store::Error;
use crate::store::audit::AuditEntry;
use crate::store::sso::people::{ConflictRow, Page};

pub(super) async fn queue(connection: &mut SqliteConnection, conflict: ConflictRow, most: u32, line: AuditEntry) -> Result<(), Error> {
    let (tenant, object) = conflict.identity.account.map(|(tenant, object)| (tenant.to_string(), object.to_string())).unzip();
    let done = sqlx::query(
        "INSERT INTO conflicts (id, state, person_id, connection_id, issuer, subject, tenant_id, object_id, email, name, reason, created_at)
         VALUES (?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (issuer, subject, person_id) DO NOTHING",
    )
    .bind(conflict.id.to_string())
    .bind(conflict.person.to_string())
    .bind(conflict.connection.to_string())
    .bind(conflict.identity.issuer)
    .bind(conflict.identity.subject)
    .bind(tenant)
    .bind(object)
    .bind(conflict.email)
    .bind(conflict.name)
    .bind(conflict.reason)
    .bind(conflict.created_at.as_millisecond())
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() > 0 {
        sqlx::query(
            "DELETE FROM conflicts WHERE id IN (SELECT id FROM conflicts WHERE state = 'pending' ORDER BY id DESC LIMIT -1 OFFSET ?)",
        )
        .bind(most)
        .execute(&mut *connection)
        .await?;
    }
    audit::append(connection, line).await
}

pub(super) async fn page(readers: &SqlitePool, after: Option<ConflictId>, limit: u32) -> Result<Page<ConflictRow, ConflictId>, Error> {
    let limit = limit.clamp(1, LONGEST_PAGE);
    let rows = sqlx::query("SELECT * FROM conflicts WHERE state = 'pending' AND id > ? ORDER BY id LIMIT ?")
        .bind(after.map_or_else(String::new, |id| id.to_string()))
        .bind(limit + 1)
        .fetch_all(readers)
        .await?;
    let items = rows.iter().take(limit as usize).map(conflict).collect::<Result<Vec<_>, _>>()?;
    let next = items.last().map(|conflict| conflict.id).filter(|_| rows.len() > limit as usize);
    Ok(Page { items, next })
}

pub(super) fn approve(connection: &Connection, id: ConflictId, line: &AuditEntry) -> Result<(), Error> {
    // A denied one may still be approved by whoever kept its id: that is how a mistake is mended.
    let mut taken =
        connection.prepare_cached("DELETE FROM conflicts WHERE id = ? RETURNING issuer, subject, tenant_id, object_id, person_id")?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?));
    let (issuer, subject, tenant, object, person): (_, _, Option<String>, Option<String>, String) =
        taken.query_row([id.to_string()], read)?;
    let damaged = |column: &str| Error::Damaged(format!("{column} of a conflict"));
    let tenant = tenant.map(|id| id.parse()).transpose().map_err(|_| damaged("tenant_id"))?;
    let object = object.map(|id| id.parse()).transpose().map_err(|_| damaged("object_id"))?;
    let person = person.parse().map_err(|_| damaged("person_id"))?;
    link(connection, &Identity { issuer, subject, account: tenant.zip(object) }, person)?;
    audit::append_directly(connection, line)
}

pub(super) async fn deny(connection: &mut SqliteConnection, id: ConflictId, line: AuditEntry) -> Result<(), Error> {
    let denied = sqlx::query("UPDATE conflicts SET state = 'denied' WHERE id = ? AND state = 'pending'");
    if denied.bind(id.to_string()).execute(&mut *connection).await?.rows_affected() == 0 {
        return Err(Error::NotFound);
    }
    audit::append(connection, line).await
}

fn conflict(row: &SqliteRow) -> Result<ConflictRow, Error> {
    let tenant = columns::parsed_if_any(row, "tenant_id")?;
    let object = columns::parsed_if_any(row, "object_id")?;
    Ok(ConflictRow {
        id: columns::parsed(row, "id")?,
        person: columns::parsed(row, "person_id")?,
        connection: columns::parsed(row, "connection_id")?,
        identity: Identity { issuer: row.try_get("issuer")?, subject: row.try_get("subject")?, account: tenant.zip(object) },
        email: row.try_get("email")?,
        name: row.try_get("name")?,
        reason: row.try_get("reason")?,
        created_at: columns::time(row, "created_at")?,
    })
}
