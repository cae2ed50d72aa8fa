//! SQLite: one file, one process, nothing to set up. One connection writes, two read; what is written is synced before the answer.

mod audit;
mod care;
mod columns;
mod connections;
mod direct;
mod error;
mod files;
mod flows;
mod grants;
mod leases;
mod reseal;
mod schema;
mod sso;
#[cfg(test)]
pub mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::ConnectOptions as _;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use tokio::sync::oneshot;

pub use care::restore;
pub use error::OpenError;
pub use schema::Migrated;

use super::{Error, Store};
use crate::model::Clock;
use crate::settings;
use writer::Writer;

/// How long a connection waits for a lock that somebody else holds.
const BUSY: Duration = Duration::from_secs(5);

/// A database that is open: what an operator does with it. The services use [`Opened::store`].
pub struct Sqlite {
    path: PathBuf,
    engine: Arc<Engine>,
    closed: oneshot::Receiver<()>,
}

/// What opening gave.
pub struct Opened {
    /// For the services.
    pub store: Store,
    /// For the operator.
    pub database: Sqlite,
    /// The migration that was due, if one was.
    pub migrated: Option<Migrated>,
}

/// What the repositories work with; each has a file of its own.
struct Engine {
    writer: Writer,
    lobby: Arc<sso::Lobby>,
    readers: SqlitePool,
}

impl Sqlite {
    /// Opens the database that the settings name, makes it if it is missing, and brings it to this version's schema.
    ///
    /// The whole file is not checked for damage here, for that takes as long as reading it: see [`Sqlite::status`]. Damage that
    /// the start meets is reported.
    ///
    /// # Errors
    /// Every [`OpenError`] names what to do; the database is as it was before.
    pub async fn open(database: &settings::Database, clock: &Clock) -> Result<Opened, OpenError> {
        Self::open_with(&path_of(&database.url)?, clock, &schema::MIGRATOR).await
    }

    /// The same for the file at `path` and the schema of `migrator`.
    async fn open_with(path: &Path, clock: &Clock, migrator: &Migrator) -> Result<Opened, OpenError> {
        let lock = files::take(path)?;
        files::prepare(path)?;
        let failed = |source| OpenError::engine(path, source);
        let mut connection = writing(path).connect().await.map_err(failed)?;
        let migrated = schema::migrate(&mut connection, path, clock, migrator).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(2)
            .min_connections(0)
            // As long as either waits for a lock: who stands in line behind them is told in time, too.
            .acquire_timeout(BUSY)
            .idle_timeout(Duration::from_secs(60))
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_lazy_with(reading(path));
        let direct = direct::open(path).map_err(|source| OpenError::io(path, std::io::Error::other(source)))?;
        let (writer, closed) = Writer::start(connection, direct, lock).map_err(|source| OpenError::io(path, source))?;
        let engine = Arc::new(Engine { writer, lobby: Arc::default(), readers });
        let store = Store {
            grants: engine.clone(),
            connections: engine.clone(),
            flows: engine.clone(),
            audit: engine.clone(),
            leases: engine.clone(),
            sso: crate::store::sso::Sso {
                records: engine.clone(),
                people: engine.clone(),
                sessions: engine.clone(),
                transit: engine.clone(),
            },
        };
        Ok(Opened { store, database: Self { path: path.to_owned(), engine, closed }, migrated })
    }

    /// Closes the database once every [`Store`] is dropped and every write that was queued is done. Another process can have it then.
    #[cfg_attr(not(test), expect(dead_code, reason = "the daemon lets go of its database by ending; tests open it again"))]
    pub async fn close(self) {
        let Self { engine, closed, .. } = self;
        engine.readers.close().await;
        drop(engine);
        // An error is a writer that is gone already.
        let _ = closed.await;
    }
}

impl Engine {
    /// All that `query` finds. Each row is read and dropped by itself: SQLite's copies of a whole table are several times the table,
    /// and what a start takes once an idle daemon keeps for ever.
    async fn list<T>(&self, query: &'static str, read: impl Fn(&SqliteRow) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let mut rows = sqlx::query(query).fetch(&self.readers);
        let mut found = Vec::new();
        while let Some(row) = rows.try_next().await? {
            found.push(read(&row)?);
        }
        Ok(found)
    }
}

/// The file that `sqlite:///path` names.
pub fn path_of(url: &url::Url) -> Result<PathBuf, OpenError> {
    use std::os::unix::ffi::OsStringExt as _;
    let path: Vec<u8> = percent_encoding::percent_decode_str(url.path()).collect();
    if url.scheme() != "sqlite" || url.host_str().is_some_and(|host| !host.is_empty()) || path.len() < 2 || path[0] != b'/' {
        return Err(OpenError::Address(format!("{}:…", url.scheme())));
    }
    Ok(std::ffi::OsString::from_vec(path).into())
}

/// What both kinds of connection share. Small caches and no memory map: the whole daemon has 20 MiB, and the system caches the file.
fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY)
        .foreign_keys(true)
        .statement_cache_capacity(32)
        .pragma("cache_size", "-256")
        .pragma("mmap_size", "0")
        .thread_name(|_| "store-sqlite".to_owned())
        .log_statements(log::LevelFilter::Trace)
}

fn writing(path: &Path) -> SqliteConnectOptions {
    options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // Freed pages are wiped (below) and used again. The file stays as large as it once was, some megabytes: moving pages on every
        // commit to shrink it would cost more than it gives.
        .auto_vacuum(SqliteAutoVacuum::None)
        .pragma("secure_delete", "ON")
        .pragma("journal_size_limit", "4194304")
}

fn reading(path: &Path) -> SqliteConnectOptions {
    // Rows cross a channel from SQLite's thread: some at once make the lists of the start fast, more only take room.
    options(path).read_only(true).row_buffer_size(64)
}
