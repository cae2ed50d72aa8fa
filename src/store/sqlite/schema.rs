//! The schema: which one a database has, a backup before it changes, and the way to this version's.

use std::fs;
use std::path::{Path, PathBuf};

use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnection;

use super::error::OpenError;
use super::files;
use crate::model::Clock;

/// This version's schema, as the steps that lead to it.
pub(super) static MIGRATOR: Migrator = sqlx::migrate!("src/store/sqlite/migrations");

/// Backups that are kept.
const KEPT: usize = 3;

/// A migration that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The schema before.
    pub from: i64,
    /// The schema now.
    pub to: i64,
    /// The database as it was before.
    pub backup: PathBuf,
}

/// Brings the database at `path` to the schema of `migrator`; a new one without further ado, an older one after a backup.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    path: &Path,
    clock: &Clock,
    migrator: &Migrator,
) -> Result<Option<Migrated>, OpenError> {
    let known = newest(migrator);
    let found = version(connection, path).await?;
    if found > known {
        let backup = backups(path).into_iter().find(|(schema, _)| *schema <= known).map(|(_, backup)| backup);
        return Err(OpenError::Newer { path: path.to_owned(), found, known, backup });
    }
    let migrated = if 0 < found && found < known {
        let backup = before_migration(connection, path, clock, found).await?;
        Some(Migrated { from: found, to: known, backup })
    } else {
        None
    };
    migrator.run_direct(None, connection, false).await.map_err(|source| OpenError::migration(path, source))?;
    if migrated.is_some() {
        // Only now: while the new schema does not stand, no older backup is given up.
        forget_old(path);
    }
    Ok(migrated)
}

/// The newest schema that `migrator` leads to.
pub(super) fn newest(migrator: &Migrator) -> i64 {
    migrator.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// The schema of an open database; 0 for an empty one, [`OpenError::NotOurs`] for one with other tables.
pub(super) async fn version(connection: &mut SqliteConnection, path: &Path) -> Result<i64, OpenError> {
    let failed = |source| OpenError::engine(path, source);
    let (ours, tables): (i64, i64) =
        sqlx::query_as("SELECT coalesce(sum(name = '_sqlx_migrations'), 0), count(*) FROM sqlite_schema WHERE type = 'table'")
            .fetch_one(&mut *connection)
            .await
            .map_err(failed)?;
    match (ours, tables) {
        (_, 0) => Ok(0),
        (0, _) => Err(OpenError::NotOurs(path.to_owned())),
        _ => sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations").fetch_one(connection).await.map_err(failed),
    }
}

/// Copies an open database to `target` (0600), which must not exist. The copy is whole, synced, and has no log files.
pub(super) async fn copy(connection: &mut SqliteConnection, target: &Path) -> Result<(), OpenError> {
    files::create_new(target)?;
    let copied = match sqlx::query("VACUUM INTO ?").bind(target.to_string_lossy()).execute(connection).await {
        Ok(_) => files::sync(target),
        Err(source) => Err(OpenError::engine(target, source)),
    };
    if copied.is_err() {
        // Half a copy is worse than none.
        let _ = fs::remove_file(target);
    }
    copied
}

async fn before_migration(connection: &mut SqliteConnection, path: &Path, clock: &Clock, schema: i64) -> Result<PathBuf, OpenError> {
    let folder = backup_folder(path)?;
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let backup = folder.join(format!("{name}-{}-v{schema}.db", clock.now().strftime("%Y%m%dT%H%M%S%3fZ")));
    copy(connection, &backup).await?;
    Ok(backup)
}

/// The folder for copies beside the database at `path`; made if it is missing.
pub(super) fn backup_folder(path: &Path) -> Result<PathBuf, OpenError> {
    let folder = files::folder(path).join("backups");
    files::directory(&folder)?;
    Ok(folder)
}

/// The backups beside the database at `path` with their schemas, newest first: their names begin with the time.
fn backups(path: &Path) -> Vec<(i64, PathBuf)> {
    let prefix = format!("{}-", path.file_stem().unwrap_or_default().to_string_lossy());
    let Ok(folder) = fs::read_dir(files::folder(path).join("backups")) else { return Vec::new() };
    let mut found: Vec<_> = folder
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let (time, schema) = name.strip_prefix(&prefix)?.strip_suffix(".db")?.split_once("-v")?;
            let ours = time.ends_with('Z') && time.bytes().all(|b| b.is_ascii_digit() || b == b'T' || b == b'Z');
            Some((schema.parse().ok().filter(|_| ours)?, entry.path()))
        })
        .collect();
    found.sort_unstable_by(|one, other| other.1.cmp(&one.1));
    found
}

fn forget_old(path: &Path) {
    for (_, old) in backups(path).into_iter().skip(KEPT) {
        if let Err(error) = fs::remove_file(&old) {
            log::warn!(ONEDESK_PATH = old.display().to_string().as_str(), ONEDESK_CAUSE = error.to_string().as_str(); "an old backup stays");
        }
    }
}
