//! Sessions on SQLite.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Row as _, Sqlite};

use super::super::{Engine, columns};
use super::records::kind;
use crate::model::person::{Apps, Kind};
use crate::store::sso::sessions::{Ending, Held, SessionHash, SessionRow, Sessions};
use crate::store::{Error, Sealed};

/// Uses in one statement.
const USES: usize = 1000;

#[async_trait]
impl Sessions for Engine {
    async fn session(&self, hash: &SessionHash) -> Result<Held, Error> {
        let row = sqlx::query(
            "SELECT sso_sessions.*, people.email, people.name, (SELECT seen_at FROM sso_uses WHERE hash = ?1) AS used_at
                FROM sso_sessions JOIN people ON people.id = person_id WHERE hash = ?1",
        )
        .bind(&hash.0[..])
        .fetch_one(&self.readers)
        .await?;
        let mut session = session(&row)?;
        session.seen_at = columns::time_if_any(&row, "used_at")?.map_or(session.seen_at, |used_at| session.seen_at.max(used_at));
        Ok(Held { session, email: row.try_get("email")?, name: row.try_get("name")? })
    }

    async fn add_session(&self, session: SessionRow) -> Result<(), Error> {
        self.writer.write_directly(move |connection| insert(connection, &session)).await
    }

    async fn end(&self, ending: Ending) -> Result<Vec<SessionRow>, Error> {
        let ended = self.writer.write(async move |tx| {
            let query = match &ending {
                Ending::One(hash) => sqlx::query("DELETE FROM sso_sessions WHERE hash = ? RETURNING *").bind(hash.0.to_vec()),
                Ending::Sid { sid, issuer } => {
                    sqlx::query("DELETE FROM sso_sessions WHERE sid = ? AND (? IS NULL OR issuer = ?) RETURNING *")
                        .bind(sid)
                        .bind(issuer)
                        .bind(issuer)
                }
                Ending::Subject { issuer, subject } => sqlx::query(
                    "DELETE FROM sso_sessions WHERE issuer = ?1 AND subject = ?2
                        AND person_id IN (SELECT person_id FROM identities WHERE issuer = ?1 AND subject = ?2) RETURNING *",
                )
                .bind(issuer)
                .bind(subject),
            };
            query.fetch_all(&mut tx.connection).await?.iter().map(session).collect()
        });
        ended.await
    }

    async fn seen(&self, mut sessions: Vec<(SessionHash, Timestamp)>) -> Result<(), Error> {
        // In the table's order, so that a page of it is read and written once.
        sessions.sort_unstable_by_key(|(hash, _)| hash.0);
        for uses in sessions.chunks(USES) {
            // Each a write of its own: others get their turn between them.
            let uses = uses.to_vec();
            self.writer.write(async move |tx| write_uses(&mut tx.connection, &uses).await).await?;
        }
        Ok(())
    }

    async fn sweep_sessions(&self, now: Timestamp, idle_since: Timestamp) -> Result<u64, Error> {
        let swept = self.writer.write(async move |tx| {
            let done = sqlx::query(
                "DELETE FROM sso_sessions WHERE expires_at <= ?1 OR seen_at < ?2
                    AND NOT EXISTS (SELECT 1 FROM sso_uses WHERE sso_uses.hash = sso_sessions.hash AND sso_uses.seen_at >= ?2)",
            )
            .bind(now.as_millisecond())
            .bind(idle_since.as_millisecond())
            .execute(&mut tx.connection)
            .await?;
            Ok(done.rows_affected())
        });
        swept.await
    }

    async fn count(&self) -> Result<[(Kind, u64); 2], Error> {
        let mut counts = Kind::ALL.map(|kind| (kind, 0));
        for row in sqlx::query("SELECT kind, count(*) AS sessions FROM sso_sessions GROUP BY kind").fetch_all(&self.readers).await? {
            let (found, sessions) = (kind(&row)?, columns::count(&row, "sessions")?);
            counts.iter_mut().filter(|(kind, _)| *kind == found).for_each(|(_, count)| *count = sessions);
        }
        Ok(counts)
    }
}

async fn write_uses(connection: &mut SqliteConnection, uses: &[(SessionHash, Timestamp)]) -> Result<(), Error> {
    let mut upsert = QueryBuilder::<Sqlite>::new("INSERT INTO sso_uses (hash, seen_at) SELECT column1, column2 FROM (");
    upsert.push_values(uses, |mut values, (hash, at)| {
        values.push_bind(hash.0.to_vec()).push_bind(at.as_millisecond());
    });
    upsert.push(
        ") WHERE EXISTS (SELECT 1 FROM sso_sessions WHERE hash = column1)
            ON CONFLICT (hash) DO UPDATE SET seen_at = max(seen_at, excluded.seen_at)",
    );
    upsert.build().persistent(uses.len() == USES).execute(connection).await?;
    Ok(())
}

/// Adds a session inside somebody's direct transaction; [`Error::NotFound`] when the account is the person's no more.
pub(super) fn insert(connection: &Connection, session: &SessionRow) -> Result<(), Error> {
    let mut added = connection.prepare_cached(
        "INSERT INTO sso_sessions (hash, person_id, connection_id, kind, issuer, subject, sid, apps, is_admin, groups,
            created_at, expires_at, seen_at, hints) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14
            WHERE EXISTS (SELECT 1 FROM identities WHERE issuer = ?5 AND subject = ?6 AND person_id = ?2)",
    )?;
    let done = added.execute((
        &session.hash.0[..],
        session.person.to_string(),
        session.connection.to_string(),
        session.kind.as_str(),
        &session.issuer,
        &session.subject,
        &session.sid,
        i64::from(session.apps.bits()),
        session.is_admin,
        &session.groups,
        session.created_at.as_millisecond(),
        session.expires_at.as_millisecond(),
        session.seen_at.as_millisecond(),
        session.hints.as_ref().map(|sealed| &sealed.0[..]),
    ))?;
    if done == 0 { Err(Error::NotFound) } else { Ok(()) }
}

fn session(row: &SqliteRow) -> Result<SessionRow, Error> {
    let apps = u8::try_from(row.try_get::<i64, _>("apps")?).map_err(|_| Error::Damaged("apps: more than a byte".to_owned()))?;
    Ok(SessionRow {
        hash: SessionHash(columns::hash(row, "hash")?),
        person: columns::parsed(row, "person_id")?,
        connection: columns::parsed(row, "connection_id")?,
        kind: kind(row)?,
        issuer: row.try_get("issuer")?,
        subject: row.try_get("subject")?,
        sid: row.try_get("sid")?,
        apps: Apps::from_bits(apps),
        is_admin: row.try_get("is_admin")?,
        groups: row.try_get("groups")?,
        created_at: columns::time(row, "created_at")?,
        expires_at: columns::time(row, "expires_at")?,
        seen_at: columns::time(row, "seen_at")?,
        hints: row.try_get::<Option<Vec<u8>>, _>("hints")?.map(Sealed),
    })
}
