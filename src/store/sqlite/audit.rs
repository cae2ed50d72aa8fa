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
/// Words of a search that are looked for; the rest is left out.
const MOST_WORDS: usize = 8;
/// Columns that a search looks at.
const COLUMNS: usize = 6;

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
        // Each by itself: asked for both at once, SQLite reads the whole table.
        let ends = sqlx::query_as("SELECT coalesce((SELECT min(id) FROM audit), 0), coalesce((SELECT max(id) FROM audit), 0)");
        let (first, last): (i64, i64) = ends.fetch_one(&self.readers).await?;
        let before = before.unwrap_or(i64::MAX).min(last + 1);
        let from = before.saturating_sub(i64::from(FAR)).max(first);
        let words: Vec<&str> = text.split_whitespace().take(MOST_WORDS).collect();
        // LIKE looks at a column where it lies, which is several times as fast as joining the columns and lowering their case.
        let holds = r"AND (action LIKE ? ESCAPE '\' OR subject LIKE ? ESCAPE '\' OR actor LIKE ? ESCAPE '\' OR detail LIKE ? ESCAPE '\'
            OR origin LIKE ? ESCAPE '\' OR outcome LIKE ? ESCAPE '\')";
        let found = format!(
            "SELECT id, at, actor, origin, action, subject, outcome, detail FROM audit WHERE id < ? AND id >= ? {}
             ORDER BY id DESC LIMIT ?",
            holds.repeat(words.len())
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(found)).bind(before).bind(from);
        for pattern in words.into_iter().map(pattern) {
            for _ in 0..COLUMNS {
                query = query.bind(pattern.clone());
            }
        }
        let rows = query.bind(limit).fetch_all(&self.readers).await?;
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

/// The LIKE pattern of what holds `word`.
fn pattern(word: &str) -> String {
    let mut pattern = String::from("%");
    for letter in word.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern + "%"
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
