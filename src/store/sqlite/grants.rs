//! Grants on SQLite. A write names the fence and the version that it relies on, and both are checked in its own transaction.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteQueryResult, SqliteRow};

use super::columns::{self, number};
use super::{Engine, leases, reseal};
use crate::model::{Audience, ClientId, GrantId, GrantState};
use crate::store::grants::{AccessRow, GrantRow, Grants, Rotation};
use crate::store::leases::{Change, Fence};
use crate::store::{Error, Sealed};

#[async_trait]
impl Grants for Engine {
    async fn all(&self) -> Result<Vec<GrantRow>, Error> {
        self.list("SELECT * FROM grants ORDER BY id", grant).await
    }

    async fn get(&self, id: GrantId) -> Result<GrantRow, Error> {
        grant(&sqlx::query("SELECT * FROM grants WHERE id = ?").bind(id.to_string()).fetch_one(&self.readers).await?)
    }

    async fn access(&self, id: GrantId) -> Result<Vec<AccessRow>, Error> {
        sqlx::query("SELECT * FROM access_tokens WHERE grant_id = ? ORDER BY audience")
            .bind(id.to_string())
            .fetch_all(&self.readers)
            .await?
            .iter()
            .map(access)
            .collect()
    }

    async fn expiries(&self) -> Result<Vec<(GrantId, Audience, Timestamp)>, Error> {
        let expiry = |row: &SqliteRow| Ok((columns::parsed(row, "grant_id")?, columns::audience(row)?, columns::time(row, "expires_at")?));
        self.list("SELECT grant_id, audience, expires_at FROM access_tokens", expiry).await
    }

    async fn rotate(&self, fence: &Fence, id: GrantId, version: u64, rotation: Rotation) -> Result<u64, Error> {
        let fence = fence.clone();
        let rotated = self.writer.write(async move |tx| {
            leases::check(&mut tx.connection, &fence).await?;
            let done = sqlx::query(
                "UPDATE grants SET version = version + 1, refresh = ?, previous = ?, last_refresh_at = ?, history = ?,
                    state = 'healthy', reason = NULL, problem = NULL
                 WHERE id = ? AND version = ?",
            )
            .bind(rotation.refresh.0)
            .bind(rotation.previous.map(|previous| previous.0))
            .bind(rotation.at.as_millisecond())
            .bind(rotation.history)
            .bind(id.to_string())
            .bind(number(version))
            .execute(&mut tx.connection)
            .await?;
            changed(&mut tx.connection, &done, id, version).await?;
            add_access(&mut tx.connection, id, rotation.access).await?;
            tx.changes.push(Change::Grant(id));
            Ok(version + 1)
        });
        rotated.await
    }

    async fn set_state(&self, fence: &Fence, id: GrantId, version: u64, state: &GrantState, history: &[u8]) -> Result<u64, Error> {
        let (fence, state, history) = (fence.clone(), state.clone(), history.to_owned());
        let set = self.writer.write(async move |tx| {
            leases::check(&mut tx.connection, &fence).await?;
            let done = sqlx::query(
                "UPDATE grants SET version = version + 1, state = ?, reason = ?, problem = ?, history = ? WHERE id = ? AND version = ?",
            )
            .bind(state.as_str())
            .bind(state.reason())
            .bind(columns::problem(&state)?)
            .bind(history)
            .bind(id.to_string())
            .bind(number(version))
            .execute(&mut tx.connection)
            .await?;
            changed(&mut tx.connection, &done, id, version).await?;
            tx.changes.push(Change::Grant(id));
            Ok(version + 1)
        });
        set.await
    }

    async fn mark_client(&self, client_id: ClientId, now: Timestamp) -> Result<(), Error> {
        // The version stays: a refresh that is under way must not lose its token to this note.
        let marked = self.writer.write(async move |tx| {
            let rows = sqlx::query(
                "UPDATE grants SET client_changed_at = CASE WHEN client_id = ?1 THEN NULL ELSE ?2 END
                 WHERE (client_id = ?1) = (client_changed_at IS NOT NULL) RETURNING id",
            )
            .bind(client_id.to_string())
            .bind(now.as_millisecond())
            .fetch_all(&mut tx.connection)
            .await?;
            for row in &rows {
                tx.changes.push(Change::Grant(columns::parsed(row, "id")?));
            }
            Ok(())
        });
        marked.await
    }

    async fn erase_left_behind(&self, before: Timestamp) -> Result<Vec<GrantId>, Error> {
        let erased = self.writer.write(async move |tx| {
            let rows = sqlx::query("DELETE FROM grants WHERE client_changed_at < ? RETURNING id")
                .bind(before.as_millisecond())
                .fetch_all(&mut tx.connection)
                .await?;
            let erased = rows.iter().map(|row| columns::parsed(row, "id")).collect::<Result<Vec<GrantId>, _>>()?;
            if !erased.is_empty() {
                tx.changes.extend(erased.iter().copied().map(Change::Grant));
                tx.changes.push(Change::Connections);
            }
            Ok(erased)
        });
        erased.await
    }

    async fn reseal(&self, reseal: &(dyn for<'a> Fn(&'a str, &'a Sealed) -> Result<Sealed, Error> + Sync)) -> Result<u64, Error> {
        reseal::all(self, reseal).await
    }

    async fn sealed_values(&self) -> Result<u64, Error> {
        let row = sqlx::query(
            "SELECT (SELECT count(*) + count(previous) FROM grants) + (SELECT count(*) FROM access_tokens)
                + (SELECT count(*) FROM flows) + (SELECT count(*) FROM sso_flows)
                + (SELECT count(*) + count(secret_next) FROM sso_connections) + (SELECT count(hints) FROM sso_sessions) AS sealed",
        )
        .fetch_one(&self.readers)
        .await?;
        columns::count(&row, "sealed")
    }
}

/// Stores a new grant with its access tokens.
pub(super) async fn add(connection: &mut SqliteConnection, grant: GrantRow, access: Vec<AccessRow>) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO grants (id, client_id, segment, tenant_id, object_id, scope, state, reason, problem, version,
            connected_at, last_refresh_at, client_changed_at, refresh, previous, history)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(grant.id.to_string())
    .bind(grant.client_id.to_string())
    .bind(&grant.segment)
    .bind(grant.tenant_id.to_string())
    .bind(grant.object_id.to_string())
    .bind(&grant.scope)
    .bind(grant.state.as_str())
    .bind(grant.state.reason())
    .bind(columns::problem(&grant.state)?)
    .bind(number(grant.version))
    .bind(grant.connected_at.as_millisecond())
    .bind(grant.last_refresh_at.map(Timestamp::as_millisecond))
    .bind(grant.client_changed_at.map(Timestamp::as_millisecond))
    .bind(&grant.refresh.0)
    .bind(grant.previous.as_ref().map(|previous| &previous.0))
    .bind(&grant.history)
    .execute(&mut *connection)
    .await?;
    for token in access {
        add_access(connection, grant.id, token).await?;
    }
    Ok(())
}

async fn add_access(connection: &mut SqliteConnection, id: GrantId, token: AccessRow) -> Result<(), Error> {
    sqlx::query(
        "INSERT OR REPLACE INTO access_tokens (grant_id, audience, obtained_at, expires_at, scope, sealed) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(id.to_string())
    .bind(token.audience.as_str())
    .bind(token.obtained_at.as_millisecond())
    .bind(token.expires_at.as_millisecond())
    .bind(token.scope)
    .bind(token.sealed.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Why an update of version `version` found nothing to change, if it did not.
async fn changed(connection: &mut SqliteConnection, done: &SqliteQueryResult, id: GrantId, version: u64) -> Result<(), Error> {
    if done.rows_affected() == 1 {
        return Ok(());
    }
    let row = sqlx::query("SELECT version FROM grants WHERE id = ?").bind(id.to_string()).fetch_one(connection).await?;
    // The version was right: then what was to be changed is not there.
    Err(if columns::count(&row, "version")? == version { Error::NotFound } else { Error::Conflict })
}

fn grant(row: &SqliteRow) -> Result<GrantRow, Error> {
    Ok(GrantRow {
        id: columns::parsed(row, "id")?,
        client_id: columns::parsed(row, "client_id")?,
        segment: row.try_get("segment")?,
        tenant_id: columns::parsed(row, "tenant_id")?,
        object_id: columns::parsed(row, "object_id")?,
        scope: row.try_get("scope")?,
        refresh: columns::sealed(row, "refresh")?,
        previous: row.try_get::<Option<Vec<u8>>, _>("previous")?.map(Sealed),
        state: columns::state(row)?,
        version: columns::count(row, "version")?,
        connected_at: columns::time(row, "connected_at")?,
        last_refresh_at: columns::time_if_any(row, "last_refresh_at")?,
        history: row.try_get::<Option<Vec<u8>>, _>("history")?.unwrap_or_default(),
        client_changed_at: columns::time_if_any(row, "client_changed_at")?,
    })
}

fn access(row: &SqliteRow) -> Result<AccessRow, Error> {
    Ok(AccessRow {
        audience: columns::audience(row)?,
        sealed: columns::sealed(row, "sealed")?,
        obtained_at: columns::time(row, "obtained_at")?,
        expires_at: columns::time(row, "expires_at")?,
        scope: row.try_get("scope")?,
    })
}
