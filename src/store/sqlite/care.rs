//! What an operator does with a database: look after it, copy it, take a copy back.

use std::fs;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use sqlx::{ConnectOptions as _, Connection as _};

use super::error::OpenError;
use crate::store::Error;
use crate::store::care::{Care, Condition};
use uuid::Uuid;

use super::{Sqlite, columns, files, options, schema};

impl Sqlite {
    /// How the database is doing. Reads the whole file.
    ///
    /// # Errors
    /// [`OpenError`] when it cannot be read at all.
    pub async fn status(&self) -> Result<Condition, OpenError> {
        let failed = |source| OpenError::engine(&self.path, source);
        let mut connection = self.engine.readers.acquire().await.map_err(failed)?;
        let schema = schema::version(&mut connection, &self.path).await?;
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM mailboxes) AS mailboxes, (SELECT count(*) FROM directories) AS directories,
                (SELECT count(*) FROM grants) AS grants, (SELECT count(*) FROM audit) AS audit,
                (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size) AS size",
        )
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
        let count = |column| {
            columns::count(&row, column).map_err(|finding| OpenError::Damaged { path: self.path.clone(), finding: finding.to_string() })
        };
        Ok(Condition {
            location: self.path.display().to_string(),
            schema,
            size: count("size")?,
            mailboxes: count("mailboxes")?,
            directories: count("directories")?,
            grants: count("grants")?,
            audit: count("audit")?,
            findings: quick_check(&mut connection).await.map_err(failed)?,
        })
    }

    /// Copies the database to `target` (0600) while it is in use. The master key is not in the copy.
    ///
    /// # Errors
    /// [`OpenError::Exists`]: nothing is written over.
    pub async fn backup(&self, target: &Path) -> Result<(), OpenError> {
        let mut connection = self.engine.readers.acquire().await.map_err(|source| OpenError::engine(&self.path, source))?;
        schema::copy(&mut connection, target).await
    }
}

#[async_trait]
impl Care for Sqlite {
    async fn condition(&self) -> Result<Condition, Error> {
        self.status().await.map_err(|error| Error::Engine(error.into()))
    }

    async fn back_up(&self) -> Result<PathBuf, Error> {
        let target =
            schema::backup_folder(&self.path).map_err(|error| Error::Engine(error.into()))?.join(format!("copy-{}.db", Uuid::new_v4()));
        self.backup(&target).await.map_err(|error| Error::Engine(error.into()))?;
        Ok(target)
    }
}

/// Puts a copy of the backup `from` in the place of the database `to`, which nobody may have open. What was there stays beside it,
/// with `.before-restore` behind its name; that of an earlier restore goes.
///
/// # Errors
/// When the backup is damaged, not ours, or of a newer schema, or the database is in use: nothing was changed then.
pub async fn restore(from: &Path, to: &Path) -> Result<(), OpenError> {
    let _lock = files::take(to)?;
    if !from.is_file() {
        return Err(OpenError::NotOurs(from.to_owned()));
    }
    let fresh = files::beside(to, ".restoring");
    let _ = fs::remove_file(&fresh);
    check_and_copy(from, &fresh).await?;
    let old = files::beside(to, ".before-restore");
    // The log first on the way back, so that no database ever stands beside a log that is not its own.
    let moved = |ending: &str| rename_if_any(&files::beside(to, ending), &files::beside(&old, ending));
    let _ = fs::remove_file(files::beside(&old, "-wal"));
    moved("")?;
    moved("-wal")?;
    let _ = fs::remove_file(files::beside(to, "-shm"));
    fs::rename(&fresh, to).map_err(|source| OpenError::io(to, source))?;
    files::sync(to)
}

async fn check_and_copy(from: &Path, fresh: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::engine(from, source);
    let mut connection = options(from).read_only(true).connect().await.map_err(failed)?;
    let found = schema::version(&mut connection, from).await?;
    let known = schema::newest(&schema::MIGRATOR);
    if found == 0 {
        return Err(OpenError::NotOurs(from.to_owned()));
    }
    if found > known {
        return Err(OpenError::Newer { path: from.to_owned(), found, known, backup: None });
    }
    if let Some(finding) = quick_check(&mut connection).await.map_err(failed)?.into_iter().next() {
        return Err(OpenError::Damaged { path: from.to_owned(), finding });
    }
    schema::copy(&mut connection, fresh).await?;
    let _ = connection.close().await;
    Ok(())
}

/// What SQLite finds wrong with the file, at most ten findings.
async fn quick_check(connection: &mut sqlx::SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let findings: Vec<String> = sqlx::query_scalar("PRAGMA quick_check(10)").fetch_all(connection).await?;
    Ok(findings.into_iter().filter(|finding| finding != "ok").collect())
}

fn rename_if_any(from: &Path, to: &Path) -> Result<(), OpenError> {
    match fs::rename(from, to) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(OpenError::io(from, source)),
        _ => Ok(()),
    }
}
