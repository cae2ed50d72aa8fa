//! Client records and switches on SQLite.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::super::{Engine, audit, columns};
use crate::model::ConnectionId;
use crate::model::person::Kind;
use crate::store::audit::AuditEntry;
use crate::store::sso::records::{RecordRow, Records, Switches};
use crate::store::{Error, Sealed};

#[async_trait]
impl Records for Engine {
    async fn switches(&self) -> Result<Switches, Error> {
        let mut switches = Switches::default();
        for row in sqlx::query("SELECT kind, enabled FROM sso_switches").fetch_all(&self.readers).await? {
            let enabled = row.try_get("enabled")?;
            match kind(&row)? {
                Kind::User => switches.users = enabled,
                Kind::Customer => switches.customers = enabled,
            }
        }
        Ok(switches)
    }

    async fn switch(&self, kind: Kind, enabled: bool, line: AuditEntry) -> Result<(), Error> {
        let switched = self.writer.write(async move |tx| {
            sqlx::query(
                "INSERT INTO sso_switches (kind, enabled) VALUES (?, ?) ON CONFLICT (kind) DO UPDATE SET enabled = excluded.enabled",
            )
            .bind(kind.as_str())
            .bind(enabled)
            .execute(&mut tx.connection)
            .await?;
            if !enabled {
                sqlx::query("DELETE FROM sso_sessions WHERE kind = ?").bind(kind.as_str()).execute(&mut tx.connection).await?;
            }
            audit::append(&mut tx.connection, line).await
        });
        switched.await
    }

    async fn records(&self) -> Result<Vec<RecordRow>, Error> {
        let rows = sqlx::query("SELECT * FROM sso_connections ORDER BY id").fetch_all(&self.readers).await?;
        rows.iter().map(record).collect()
    }

    async fn add_record(&self, record: RecordRow, line: AuditEntry) -> Result<(), Error> {
        let problem = problem(&record)?;
        let added = self.writer.write(async move |tx| {
            sqlx::query(
                "INSERT INTO sso_connections (id, kind, enabled, version, generation, tried_at, problem, details, secret, secret_next)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(record.id.to_string())
            .bind(record.kind.as_str())
            .bind(record.enabled)
            .bind(columns::number(record.version))
            .bind(columns::number(record.generation))
            .bind(record.tried_at.map(jiff::Timestamp::as_millisecond))
            .bind(problem)
            .bind(record.details)
            .bind(record.secret.0)
            .bind(record.secret_next.map(|sealed| sealed.0))
            .execute(&mut tx.connection)
            .await?;
            audit::append(&mut tx.connection, line).await
        });
        added.await
    }

    async fn change_record(&self, record: RecordRow, end_sessions: bool, line: Option<AuditEntry>) -> Result<(), Error> {
        let problem = problem(&record)?;
        let changed = self.writer.write(async move |tx| {
            let id = record.id.to_string();
            let done = sqlx::query(
                "UPDATE sso_connections SET kind = ?, enabled = ?, version = ?, generation = ?, tried_at = ?, problem = ?, details = ?,
                    secret = ?, secret_next = ? WHERE id = ? AND version = ? - 1",
            )
            .bind(record.kind.as_str())
            .bind(record.enabled)
            .bind(columns::number(record.version))
            .bind(columns::number(record.generation))
            .bind(record.tried_at.map(jiff::Timestamp::as_millisecond))
            .bind(problem)
            .bind(record.details)
            .bind(record.secret.0)
            .bind(record.secret_next.map(|sealed| sealed.0))
            .bind(&id)
            .bind(columns::number(record.version))
            .execute(&mut tx.connection)
            .await?;
            if done.rows_affected() == 0 {
                return Err(Error::Conflict);
            }
            if end_sessions {
                sqlx::query("DELETE FROM sso_sessions WHERE connection_id = ?").bind(&id).execute(&mut tx.connection).await?;
            }
            match line {
                Some(line) => audit::append(&mut tx.connection, line).await,
                None => Ok(()),
            }
        });
        changed.await
    }

    async fn remove_record(&self, id: ConnectionId, line: AuditEntry) -> Result<(), Error> {
        let removed = self.writer.write(async move |tx| {
            let id = id.to_string();
            let done = sqlx::query("DELETE FROM sso_connections WHERE id = ?").bind(&id).execute(&mut tx.connection).await?;
            if done.rows_affected() == 0 {
                return Err(Error::NotFound);
            }
            sqlx::query("DELETE FROM sso_sessions WHERE connection_id = ?").bind(&id).execute(&mut tx.connection).await?;
            sqlx::query("DELETE FROM conflicts WHERE connection_id = ?").bind(&id).execute(&mut tx.connection).await?;
            audit::append(&mut tx.connection, line).await
        });
        removed.await
    }
}

/// What somebody is.
pub(super) fn kind(row: &SqliteRow) -> Result<Kind, Error> {
    let word: &str = row.try_get("kind")?;
    Kind::from_word(word).ok_or_else(|| Error::Damaged(format!("kind: {word}")))
}

fn record(row: &SqliteRow) -> Result<RecordRow, Error> {
    let problem = row.try_get::<Option<&str>, _>("problem")?.map(serde_json::from_str).transpose();
    Ok(RecordRow {
        id: columns::parsed(row, "id")?,
        kind: kind(row)?,
        enabled: row.try_get("enabled")?,
        version: columns::count(row, "version")?,
        generation: columns::count(row, "generation")?,
        tried_at: columns::time_if_any(row, "tried_at")?,
        problem: problem.map_err(|error| Error::Damaged(format!("problem: {error}")))?,
        details: row.try_get("details")?,
        secret: columns::sealed(row, "secret")?,
        secret_next: row.try_get::<Option<Vec<u8>>, _>("secret_next")?.map(Sealed),
    })
}

fn problem(record: &RecordRow) -> Result<Option<String>, Error> {
    record.problem.as_ref().map(serde_json::to_string).transpose().map_err(|error| Error::Damaged(format!("problem: {error}")))
}
