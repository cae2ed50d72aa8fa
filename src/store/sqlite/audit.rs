//! The audit log on SQLite.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::{Engine, columns};
use crate::store::Error;
use crate::store::audit::{AuditEntry, AuditLog, FAR, Page};

/// Lines of a page, whatever was asked for: a page is held in memory.
const LONGEST_PAGE: u32 = 1000;

#[async_trait]
impl AuditLog for Engine {
    async fn append(&self, entry: AuditEntry) -> Result<(), Error> {
        self.writer.write(async move |tx| append(&mut tx.connection, entry).await).await
    }

    async fn page(&self, before: Option<i64>, limit: u32) -> Result<Page, Error> {
        let limit = limit.clamp(1, LONGEST_PAGE);
        // One line more than asked for tells whether there is another page.
        let rows =
            sqlx::query("SELECT id, at, actor, origin, action, subject, outcome, detail FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?")
                .bind(before.unwrap_or(i64::MAX))
                .bind(limit + 1)
                .fetch_all(&self.readers)
                .await?;
        let more = rows.len() > limit as usize;
        let items = rows.iter().take(limit as usize).map(line).collect::<Result<Vec<_>, _>>()?;
        let next = items.last().map(|(id, _)| *id).filter(|_| more);
        Ok(Page { items, next })
    }

    async fn search(&self, text: &str, before: Option<i64>, limit: u32) -> Result<Page, Error> {
        let limit = limit.clamp(1, LONGEST_PAGE);
        let (first, last): (i64, i64) =
            sqlx::query_as("SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM audit").fetch_one(&self.readers).await?;
        let before = before.unwrap_or(i64::MAX).min(last + 1);
        let from = before.saturating_sub(i64::from(FAR)).max(first);
        let rows = sqlx::query(
            "SELECT id, at, actor, origin, action, subject, outcome, detail FROM audit WHERE id < ? AND id >= ?
             AND instr(lower(actor || ' ' || origin || ' ' || action || ' ' || subject || ' ' || outcome || ' ' || detail), ?) > 0
             ORDER BY id DESC LIMIT ?",
        )
        .bind(before)
        .bind(from)
        .bind(text.to_ascii_lowercase())
        .bind(limit)
        .fetch_all(&self.readers)
        .await?;
        let items = rows.iter().map(line).collect::<Result<Vec<_>, _>>()?;
        let is_full = items.len() == limit as usize;
        let next = if is_full { items.last().map(|(id, _)| *id) } else { Some(from) };
        Ok(Page { items, next: next.filter(|next| *next > first) })
    }

    async fn trim(&self, before: Timestamp) -> Result<u64, Error> {
        let trimmed = self.writer.write(async move |tx| {
            let done = sqlx::query("DELETE FROM audit WHERE at < ?").bind(before.as_millisecond()).execute(&mut tx.connection).await?;
            Ok(done.rows_affected())
        });
        trimmed.await
    }
}

const APPEND: &str = "INSERT INTO audit (at, actor, origin, action, subject, outcome, detail) VALUES (?, ?, ?, ?, ?, ?, ?)";

/// Adds a line inside somebody's direct transaction.
pub(super) fn append_directly(connection: &rusqlite::Connection, entry: &AuditEntry) -> Result<(), Error> {
    let AuditEntry { at, actor, origin, action, subject, outcome, detail } = entry;
    connection.prepare_cached(APPEND)?.execute((at.as_millisecond(), actor, origin, action, subject, outcome, detail))?;
    Ok(())
}

/// Adds a line inside somebody's transaction.
pub(super) async fn append(connection: &mut SqliteConnection, entry: AuditEntry) -> Result<(), Error> {
    sqlx::query(APPEND)
        .bind(entry.at.as_millisecond())
        .bind(entry.actor)
        .bind(entry.origin)
        .bind(entry.action)
        .bind(entry.subject)
        .bind(entry.outcome)
        .bind(entry.detail)
        .execute(connection)
        .await?;
    Ok(())
}

fn line(row: &SqliteRow) -> Result<(i64, AuditEntry), Error> {
    let entry = AuditEntry {
        at: columns::time(row, "at")?,
        actor: row.try_get("actor")?,
        origin: row.try_get("origin")?,
        action: row.try_get("action")?,
        subject: row.try_get("subject")?,
        outcome: row.try_get("outcome")?,
        detail: row.try_get("detail")?,
    };
    Ok((row.try_get("id")?, entry))
}
