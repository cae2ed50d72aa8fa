//! What is under way, on SQLite.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::super::{Engine, columns};
use crate::store::Error;
use crate::store::flows::StateHash;
use crate::store::sso::transit::{Claim, PassKind, PassRow, SignInRow, Transit};

#[async_trait]
impl Transit for Engine {
    async fn begin_sign_in(&self, sign_in: SignInRow, most: u32) -> Result<(), Error> {
        let is_full = self.lobby.enter(sign_in, most);
        if is_full {
            return self.lobby.flush(&self.writer).await;
        }
        self.lobby.flush_soon(&self.writer);
        Ok(())
    }

    async fn claim_sign_in(&self, state: &StateHash, browser: Option<&[u8; 32]>, now: Timestamp) -> Result<Claim, Error> {
        if let Some(claimed) = self.lobby.claim(state, browser, now) {
            self.lobby.flush_soon(&self.writer);
            return claimed;
        }
        let (state, browser) = (*state, browser.copied());
        let claimed = self.writer.write(async move |tx| {
            let row = sqlx::query("SELECT * FROM sso_flows WHERE state = ? AND expires_at > ?")
                .bind(&state.0[..])
                .bind(now.as_millisecond())
                .fetch_one(&mut tx.connection)
                .await?;
            let row = sign_in(&row)?;
            if browser.is_some_and(|browser| browser != row.browser) {
                return Ok(Claim::Foreign);
            }
            sqlx::query("DELETE FROM sso_flows WHERE state = ?").bind(&state.0[..]).execute(&mut tx.connection).await?;
            Ok(Claim::Own(row))
        });
        claimed.await
    }

    async fn settle_sign_ins(&self) -> Result<(), Error> {
        self.lobby.flush(&self.writer).await
    }

    async fn remember_logout_token(&self, hash: [u8; 32], expires_at: Timestamp) -> Result<(), Error> {
        let remembered = self.writer.write(async move |tx| {
            sqlx::query("INSERT INTO sso_logout_tokens (hash, expires_at) VALUES (?, ?)")
                .bind(&hash[..])
                .bind(expires_at.as_millisecond())
                .execute(&mut tx.connection)
                .await?;
            Ok(())
        });
        remembered.await
    }

    async fn add_pass(&self, pass: PassRow) -> Result<(), Error> {
        self.writer.write(async move |tx| insert(&mut tx.connection, pass).await).await
    }

    async fn pass(&self, kind: PassKind, hash: &[u8; 32], now: Timestamp) -> Result<PassRow, Error> {
        let row = sqlx::query("SELECT made_by, expires_at FROM admin_passes WHERE hash = ? AND kind = ? AND expires_at > ?")
            .bind(&hash[..])
            .bind(kind.as_str())
            .bind(now.as_millisecond())
            .fetch_one(&self.readers)
            .await?;
        Ok(PassRow { hash: *hash, kind, made_by: row.try_get("made_by")?, expires_at: columns::time(&row, "expires_at")? })
    }

    async fn remove_pass(&self, kind: PassKind, hash: &[u8; 32]) -> Result<(), Error> {
        let hash = *hash;
        let removed = self.writer.write(async move |tx| {
            sqlx::query("DELETE FROM admin_passes WHERE hash = ? AND kind = ?")
                .bind(&hash[..])
                .bind(kind.as_str())
                .execute(&mut tx.connection)
                .await?;
            Ok(())
        });
        removed.await
    }

    async fn exchange_pass(&self, link: &[u8; 32], session: PassRow, now: Timestamp) -> Result<(), Error> {
        let link = *link;
        let exchanged = self.writer.write(async move |tx| {
            let done = sqlx::query("DELETE FROM admin_passes WHERE hash = ? AND kind = 'link' AND expires_at > ?")
                .bind(&link[..])
                .bind(now.as_millisecond())
                .execute(&mut tx.connection)
                .await?;
            if done.rows_affected() == 0 {
                return Err(Error::NotFound);
            }
            insert(&mut tx.connection, session).await
        });
        exchanged.await
    }

    async fn sweep_transit(&self, now: Timestamp) -> Result<(), Error> {
        self.lobby.sweep(now);
        let swept = self.writer.write(async move |tx| {
            let now = now.as_millisecond();
            sqlx::query("DELETE FROM sso_flows WHERE expires_at <= ?").bind(now).execute(&mut tx.connection).await?;
            sqlx::query("DELETE FROM sso_logout_tokens WHERE expires_at <= ?").bind(now).execute(&mut tx.connection).await?;
            sqlx::query("DELETE FROM admin_passes WHERE expires_at <= ?").bind(now).execute(&mut tx.connection).await?;
            Ok(())
        });
        swept.await
    }
}

async fn insert(connection: &mut sqlx::sqlite::SqliteConnection, pass: PassRow) -> Result<(), Error> {
    sqlx::query("INSERT INTO admin_passes (hash, kind, made_by, expires_at) VALUES (?, ?, ?, ?)")
        .bind(&pass.hash[..])
        .bind(pass.kind.as_str())
        .bind(pass.made_by)
        .bind(pass.expires_at.as_millisecond())
        .execute(connection)
        .await?;
    Ok(())
}

fn sign_in(row: &SqliteRow) -> Result<SignInRow, Error> {
    Ok(SignInRow {
        state: StateHash(columns::hash(row, "state")?),
        browser: columns::hash(row, "browser")?,
        sealed: columns::sealed(row, "sealed")?,
        expires_at: columns::time(row, "expires_at")?,
    })
}
