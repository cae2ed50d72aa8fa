//! Leases on SQLite: one node, so the holder that was killed takes its own lease up again at once.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::broadcast;

use super::columns::number;
use super::{Engine, columns};
use crate::store::Error;
use crate::store::leases::{Change, Fence, Leases};

#[async_trait]
impl Leases for Engine {
    async fn acquire(&self, name: &str, holder: &str, now: Timestamp, life: Duration) -> Result<Option<Fence>, Error> {
        let (lease, holder) = (name.to_owned(), holder.to_owned());
        let now = now.as_millisecond();
        let until = now.saturating_add(i64::try_from(life.as_millis()).unwrap_or(i64::MAX));
        let row = self.writer.write(async move |tx| {
            let row = sqlx::query(
                "INSERT INTO leases (name, holder, token, expires_at) VALUES (?1, ?2, 1, ?3)
                 ON CONFLICT (name) DO UPDATE SET
                    token = token + (holder IS NOT excluded.holder), holder = excluded.holder, expires_at = excluded.expires_at
                 WHERE holder IS NULL OR holder = excluded.holder OR expires_at <= ?4
                 RETURNING token",
            )
            .bind(&lease)
            .bind(holder)
            .bind(until)
            .bind(now)
            .fetch_optional(&mut tx.connection)
            .await?;
            row.map(|row| Ok(Fence { lease, token: columns::count(&row, "token")? })).transpose()
        });
        row.await
    }

    async fn release(&self, fence: &Fence) -> Result<(), Error> {
        let fence = fence.clone();
        let released = self.writer.write(async move |tx| {
            sqlx::query("UPDATE leases SET holder = NULL WHERE name = ? AND token = ?")
                .bind(fence.lease)
                .bind(number(fence.token))
                .execute(&mut tx.connection)
                .await?;
            Ok(())
        });
        released.await
    }

    fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.writer.subscribe()
    }
}

/// Whether `fence` is the newest of its lease and was not given back; [`Error::Fenced`] otherwise.
pub(super) async fn check(connection: &mut SqliteConnection, fence: &Fence) -> Result<(), Error> {
    sqlx::query("SELECT 1 FROM leases WHERE name = ? AND token = ? AND holder IS NOT NULL")
        .bind(&fence.lease)
        .bind(number(fence.token))
        .fetch_optional(connection)
        .await?
        .map(|_| ())
        .ok_or(Error::Fenced)
}
