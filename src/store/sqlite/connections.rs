//! Mailboxes and directories on SQLite.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::writer::Tx;
use super::{Engine, audit, columns, grants};
use crate::model::{EmailAddress, GrantId, TenantId};
use crate::store::Error;
use crate::store::audit::AuditEntry;
use crate::store::connections::{Connected, Connections, DirectoryRow, MailboxRow};
use crate::store::flows::TicketHash;
use crate::store::leases::Change;

#[async_trait]
impl Connections for Engine {
    async fn mailboxes(&self) -> Result<Vec<MailboxRow>, Error> {
        self.list("SELECT * FROM mailboxes ORDER BY key", mailbox).await
    }

    async fn mailbox(&self, address: &EmailAddress) -> Result<MailboxRow, Error> {
        mailbox(&sqlx::query("SELECT * FROM mailboxes WHERE key = ?").bind(address.key()).fetch_one(&self.readers).await?)
    }

    async fn connect_mailbox(&self, connected: Connected<MailboxRow>) -> Result<(), Error> {
        let done = self.writer.write(async move |tx| {
            let Connected { ticket, what, grant, access, audit } = connected;
            use_up(&mut tx.connection, &ticket).await?;
            erase_grant(tx, sqlx::query("SELECT grant_id FROM mailboxes WHERE key = ?").bind(what.address.key())).await?;
            let id = grant.id;
            grants::add(&mut tx.connection, grant, access).await?;
            sqlx::query(
                "INSERT INTO mailboxes (key, address, signed_in_as, shared, grant_id, connected_at) VALUES (?, ?, ?, ?, ?, ?)
                 ON CONFLICT (key) DO UPDATE SET address = excluded.address, signed_in_as = excluded.signed_in_as,
                    shared = excluded.shared, grant_id = excluded.grant_id",
            )
            .bind(what.address.key())
            .bind(what.address.as_str())
            .bind(what.signed_in_as)
            .bind(what.shared)
            .bind(id.to_string())
            .bind(what.connected_at.as_millisecond())
            .execute(&mut tx.connection)
            .await?;
            finish(tx, Some(id), audit).await
        });
        done.await
    }

    async fn remove_mailbox(&self, address: &EmailAddress, audit: AuditEntry) -> Result<(), Error> {
        let key = address.key();
        let done = self.writer.write(async move |tx| {
            erase_grant(tx, sqlx::query("SELECT grant_id FROM mailboxes WHERE key = ?").bind(key.clone())).await?;
            let gone = sqlx::query("DELETE FROM mailboxes WHERE key = ?").bind(key).execute(&mut tx.connection).await?;
            if gone.rows_affected() == 0 {
                return Err(Error::NotFound);
            }
            finish(tx, None, audit).await
        });
        done.await
    }

    async fn directories(&self) -> Result<Vec<DirectoryRow>, Error> {
        sqlx::query("SELECT * FROM directories ORDER BY tenant_id").fetch_all(&self.readers).await?.iter().map(directory).collect()
    }

    async fn connect_directory(&self, connected: Connected<DirectoryRow>) -> Result<(), Error> {
        let done = self.writer.write(async move |tx| {
            let Connected { ticket, what, grant, access, audit } = connected;
            let tenant = what.tenant_id.to_string();
            use_up(&mut tx.connection, &ticket).await?;
            erase_grant(tx, sqlx::query("SELECT grant_id FROM directories WHERE tenant_id = ?").bind(tenant.clone())).await?;
            let id = grant.id;
            grants::add(&mut tx.connection, grant, access).await?;
            sqlx::query(
                "INSERT INTO directories (tenant_id, connected_by, grant_id, connected_at, last_sync_at) VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT (tenant_id) DO UPDATE SET connected_by = excluded.connected_by, grant_id = excluded.grant_id,
                    last_sync_at = coalesce(excluded.last_sync_at, last_sync_at)",
            )
            .bind(tenant)
            .bind(what.connected_by)
            .bind(id.to_string())
            .bind(what.connected_at.as_millisecond())
            .bind(what.last_sync_at.map(Timestamp::as_millisecond))
            .execute(&mut tx.connection)
            .await?;
            finish(tx, Some(id), audit).await
        });
        done.await
    }

    async fn remove_directory(&self, tenant: TenantId, audit: AuditEntry) -> Result<(), Error> {
        let tenant = tenant.to_string();
        let done = self.writer.write(async move |tx| {
            erase_grant(tx, sqlx::query("SELECT grant_id FROM directories WHERE tenant_id = ?").bind(tenant.clone())).await?;
            let gone = sqlx::query("DELETE FROM directories WHERE tenant_id = ?").bind(tenant).execute(&mut tx.connection).await?;
            if gone.rows_affected() == 0 {
                return Err(Error::NotFound);
            }
            finish(tx, None, audit).await
        });
        done.await
    }
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

/// Uses the ticket up, and with it every other flow that it began.
async fn use_up(connection: &mut SqliteConnection, ticket: &TicketHash) -> Result<(), Error> {
    let used = sqlx::query("DELETE FROM tickets WHERE hash = ?").bind(ticket.0.to_vec()).execute(&mut *connection).await?;
    if used.rows_affected() == 0 {
        return Err(Error::NotFound);
    }
    sqlx::query("DELETE FROM flows WHERE ticket = ?").bind(ticket.0.to_vec()).execute(connection).await?;
    Ok(())
}

/// Erases the grant that `find` finds, with its access tokens; nothing where there is none.
async fn erase_grant(tx: &mut Tx, find: Query<'_>) -> Result<(), Error> {
    let Some(row) = find.fetch_optional(&mut tx.connection).await? else { return Ok(()) };
    let Some(old) = columns::parsed_if_any::<GrantId>(&row, "grant_id")? else { return Ok(()) };
    sqlx::query("DELETE FROM grants WHERE id = ?").bind(old.to_string()).execute(&mut tx.connection).await?;
    tx.changes.push(Change::Grant(old));
    Ok(())
}

async fn finish(tx: &mut Tx, grant: Option<GrantId>, entry: AuditEntry) -> Result<(), Error> {
    audit::append(&mut tx.connection, entry).await?;
    tx.changes.extend(grant.map(Change::Grant));
    tx.changes.push(Change::Connections);
    Ok(())
}

fn mailbox(row: &SqliteRow) -> Result<MailboxRow, Error> {
    Ok(MailboxRow {
        address: columns::parsed(row, "address")?,
        signed_in_as: row.try_get("signed_in_as")?,
        shared: row.try_get("shared")?,
        grant: columns::parsed_if_any(row, "grant_id")?,
        connected_at: columns::time(row, "connected_at")?,
    })
}

fn directory(row: &SqliteRow) -> Result<DirectoryRow, Error> {
    Ok(DirectoryRow {
        tenant_id: columns::parsed(row, "tenant_id")?,
        connected_by: row.try_get("connected_by")?,
        grant: columns::parsed_if_any(row, "grant_id")?,
        connected_at: columns::time(row, "connected_at")?,
        last_sync_at: columns::time_if_any(row, "last_sync_at")?,
    })
}
