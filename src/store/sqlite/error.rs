//! Why a database cannot be opened, and SQLite's result codes in the store's words.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::Hint;
use crate::store::Error;

/// Why the database cannot be opened, or a copy of it not be made or taken back.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address in the settings is no `sqlite:///path`.
    #[error("database address \"{0}\" is not of the form sqlite:///path")]
    Address(String),
    /// The file or its directory belongs to somebody else, or refuses us.
    #[error("no permission to use {path}")]
    Permission {
        /// What we may not use.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// Others could put another database in this one's place.
    #[error("directory {path} can be written by other users (mode {mode:04o})")]
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// No regular file, no SQLite file, or one that is not ours.
    #[error("{0} is not a database of OneDesk")]
    NotOurs(PathBuf),
    /// SQLite found the file damaged.
    #[error("database {path} is damaged: {finding}")]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        finding: String,
    },
    /// No room left.
    #[error("no room left on the disk of {0}")]
    DiskFull(PathBuf),
    /// The file system or the file takes no writes.
    #[error("{0} is read-only")]
    ReadOnly(PathBuf),
    /// Another process has it.
    #[error("database {0} is in use by another process")]
    InUse(PathBuf),
    /// A newer version of the program made it.
    #[error("database {path} was made by a newer version of onedesk (schema {found}, this version knows {known})")]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
        /// The newest backup that this program can read.
        backup: Option<PathBuf>,
    },
    /// A migration that was applied is not the one that this program holds, or did not run through.
    #[error("database {path} could not be brought to this version's schema")]
    Migration {
        /// The database.
        path: PathBuf,
        /// Which one and why.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// A backup never writes over anything.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// Anything else of the system.
    #[error("cannot use {path}")]
    Io {
        /// What it is about.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// Anything else of SQLite.
    #[error("cannot use database {path}")]
    Engine {
        /// The database.
        path: PathBuf,
        /// SQLite's words.
        #[source]
        source: sqlx::Error,
    },
}

impl Hint for OpenError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Address(_) => "set url = \"sqlite:///var/lib/onedesk/onedesk.db\" under [database]".to_owned(),
            Self::Permission { path, .. } => format!("give it to the service's user: chown -R onedesk: {}", folder(path).display()),
            Self::Exposed { path, .. } => format!("chmod 0700 {}", path.display()),
            Self::NotOurs(_) => "name another file in url under [database], or restore a backup: onedeskctl db restore FILE".to_owned(),
            Self::Damaged { .. } => "restore a backup: onedeskctl db restore FILE".to_owned(),
            Self::DiskFull(path) => format!("make room: df -h {}", folder(path).display()),
            Self::ReadOnly(path) => format!("see how it is mounted: findmnt -T {}", path.display()),
            Self::InUse(_) => "stop the other one: systemctl stop onedeskd".to_owned(),
            Self::Newer { backup: Some(backup), .. } => {
                format!("install that version again, or restore a backup: onedeskctl db restore {}", backup.display())
            }
            Self::Newer { backup: None, .. } => "install that version again: there is no backup that this version can read".to_owned(),
            Self::Migration { .. } => "install the version that worked again; its backup is beside the database, in backups/".to_owned(),
            Self::Exists(_) => "name a file that does not exist yet".to_owned(),
            Self::Io { .. } | Self::Engine { .. } => return None,
        })
    }
}

impl OpenError {
    /// The system's error about `path`, told apart by what somebody has to do about it.
    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind;
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::PermissionDenied => Self::Permission { path, source },
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Self::DiskFull(path),
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly(path),
            ErrorKind::AlreadyExists => Self::Exists(path),
            _ => Self::Io { path, source },
        }
    }

    /// SQLite's error about the database at `path`, likewise.
    pub(super) fn engine(path: &Path, source: sqlx::Error) -> Self {
        let path = path.to_owned();
        match primary_code(&source) {
            Some(3 | 14) => Self::Permission { path, source: std::io::Error::other(source.to_string()) },
            Some(5 | 6) => Self::InUse(path),
            Some(8) => Self::ReadOnly(path),
            Some(11) => Self::Damaged { path, finding: source.to_string() },
            Some(13) => Self::DiskFull(path),
            Some(26) => Self::NotOurs(path),
            _ => Self::Engine { path, source },
        }
    }

    /// An error of the migrator about the database at `path`.
    pub(super) fn migration(path: &Path, source: sqlx::migrate::MigrateError) -> Self {
        use sqlx::migrate::MigrateError;
        match source {
            MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)
                if matches!(primary_code(&cause), Some(5 | 6 | 8 | 11 | 13)) =>
            {
                Self::engine(path, cause)
            }
            source => Self::Migration { path: path.to_owned(), source },
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Self::NotFound,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Damaged(error.to_string()),
            sqlx::Error::Database(cause) if cause.is_unique_violation() => Self::Conflict,
            sqlx::Error::Database(cause) if cause.is_foreign_key_violation() => Self::NotFound,
            _ => engine(error),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ffi::{SQLITE_CONSTRAINT_FOREIGNKEY, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
        match error.sqlite_error().map(|cause| cause.extended_code) {
            None if matches!(error, rusqlite::Error::QueryReturnedNoRows) => Self::NotFound,
            Some(SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY) => Self::Conflict,
            Some(SQLITE_CONSTRAINT_FOREIGNKEY) => Self::NotFound,
            _ => engine(error),
        }
    }
}

/// An error of the machinery.
pub(super) fn engine(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Engine(cause.into())
}

/// The same error for everybody in a group.
pub(super) fn shared(cause: Arc<Error>) -> Error {
    #[derive(Debug, thiserror::Error)]
    #[error("the transaction was not written")]
    struct NotWritten(#[source] Arc<Error>);
    engine(NotWritten(cause))
}

/// SQLite's result code (sqlite.org/rescode.html) without its extension.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|_| !path.is_dir()).unwrap_or(path)
}
