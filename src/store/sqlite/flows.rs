//! Tickets and flows on SQLite.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Engine, columns};
use crate::store::Error;
use crate::store::flows::{FlowRow, Flows, StateHash, TicketHash, TicketRow};

/// How long a ticket is kept after its end: a sign-in that began in its last minute still has to use it up.
const GRACE: SignedDuration = SignedDuration::from_hours(1);

#[async_trait]
impl Flows for Engine {
    async fn add_ticket(&self, ticket: TicketRow) -> Result<(), Error> {
        let added = self.writer.write(async move |tx| {
            sqlx::query("INSERT INTO tickets (hash, kind, wishes, made_by, expires_at) VALUES (?, ?, ?, ?, ?)")
                .bind(&ticket.hash.0[..])
                .bind(ticket.kind.as_str())
                .bind(ticket.wishes)
                .bind(ticket.made_by)
                .bind(ticket.expires_at.as_millisecond())
                .execute(&mut tx.connection)
                .await?;
            Ok(())
        });
        added.await
    }

    async fn ticket(&self, hash: &TicketHash, now: Timestamp) -> Result<TicketRow, Error> {
        let row = sqlx::query("SELECT hash, kind, wishes, made_by, expires_at FROM tickets WHERE hash = ? AND expires_at > ?")
            .bind(&hash.0[..])
            .bind(now.as_millisecond())
            .fetch_one(&self.readers)
            .await?;
        Ok(TicketRow {
            hash: TicketHash(columns::hash(&row, "hash")?),
            kind: columns::kind(&row)?,
            wishes: row.try_get("wishes")?,
            made_by: row.try_get("made_by")?,
            expires_at: columns::time(&row, "expires_at")?,
        })
    }

    async fn begin(&self, flow: FlowRow, now: Timestamp) -> Result<(), Error> {
        let begun = self.writer.write(async move |tx| {
            sqlx::query("DELETE FROM flows WHERE expires_at <= ?").bind(now.as_millisecond()).execute(&mut tx.connection).await?;
            sqlx::query("INSERT INTO flows (state, kind, browser, ticket, expires_at, sealed) VALUES (?, ?, ?, ?, ?, ?)")
                .bind(&flow.state.0[..])
                .bind(flow.kind.as_str())
                .bind(&flow.browser[..])
                .bind(&flow.ticket.0[..])
                .bind(flow.expires_at.as_millisecond())
                .bind(flow.sealed.0)
                .execute(&mut tx.connection)
                .await?;
            Ok(())
        });
        begun.await
    }

    async fn peek(&self, state: &StateHash, now: Timestamp) -> Result<FlowRow, Error> {
        let row = sqlx::query("SELECT * FROM flows WHERE state = ? AND expires_at > ?")
            .bind(&state.0[..])
            .bind(now.as_millisecond())
            .fetch_one(&self.readers)
            .await?;
        flow(&row)
    }

    async fn take(&self, state: &StateHash, now: Timestamp) -> Result<FlowRow, Error> {
        let state = *state;
        let taken = self.writer.write(async move |tx| {
            let row = sqlx::query("DELETE FROM flows WHERE state = ? AND expires_at > ? RETURNING *")
                .bind(&state.0[..])
                .bind(now.as_millisecond())
                .fetch_one(&mut tx.connection)
                .await?;
            flow(&row)
        });
        taken.await
    }

    async fn sweep(&self, now: Timestamp) -> Result<(), Error> {
        let swept = self.writer.write(async move |tx| {
            let long_ago = now.saturating_sub(GRACE).unwrap_or(now);
            sqlx::query("DELETE FROM flows WHERE expires_at <= ?").bind(now.as_millisecond()).execute(&mut tx.connection).await?;
            sqlx::query("DELETE FROM tickets WHERE expires_at <= ?").bind(long_ago.as_millisecond()).execute(&mut tx.connection).await?;
            Ok(())
        });
        swept.await
    }
}

fn flow(row: &SqliteRow) -> Result<FlowRow, Error> {
    Ok(FlowRow {
        state: StateHash(columns::hash(row, "state")?),
        kind: columns::kind(row)?,
        browser: columns::hash(row, "browser")?,
        ticket: TicketHash(columns::hash(row, "ticket")?),
        sealed: columns::sealed(row, "sealed")?,
        expires_at: columns::time(row, "expires_at")?,
    })
}
