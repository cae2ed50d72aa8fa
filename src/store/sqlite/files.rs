//! The files of a database: who may touch them, and one process at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::error::OpenError;

/// How long a database is waited for that another process has. One that is ending lets go in a moment, and so does a child that it
/// has just forked and that has not become another program yet (flock(2): both hold the same lock).
const PATIENCE: Duration = Duration::from_millis(500);

/// Holds a database for this process; let go when dropped or when the process ends, however it does.
pub(super) struct Lock {
    _file: File,
}

/// Makes the directory of `database` if it is missing, and takes the database for this process.
pub(super) fn take(database: &Path) -> Result<Lock, OpenError> {
    directory(folder(database))?;
    let path = beside(database, ".lock");
    let file = open_private(&path)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(database.to_owned())),
            Err(TryLockError::Error(source)) => return Err(OpenError::io(&path, source)),
        }
    }
}

/// Makes the database's file if it is missing: SQLite would make it readable for others. Its log files take over its mode.
pub(super) fn prepare(database: &Path) -> Result<(), OpenError> {
    let file = open_private(database)?;
    let metadata = file.metadata().map_err(|source| OpenError::io(database, source))?;
    if metadata.is_file() { Ok(()) } else { Err(OpenError::NotOurs(database.to_owned())) }
}

/// Makes `path` (0700) with its parents if it is missing.
///
/// A directory that stands is never changed, for it may be there for others too; one in which others could exchange our files is refused.
pub(super) fn directory(path: &Path) -> Result<(), OpenError> {
    const STICKY: u32 = 0o1000;
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| OpenError::io(path, source))?;
    let mode = fs::metadata(path).map_err(|source| OpenError::io(path, source))?.mode() & 0o7777;
    if mode & 0o022 != 0 && mode & STICKY == 0 {
        return Err(OpenError::Exposed { path: path.to_owned(), mode });
    }
    Ok(())
}

/// A new file (0600) that was not there before.
pub(super) fn create_new(path: &Path) -> Result<(), OpenError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop).map_err(|source| OpenError::io(path, source))
}

/// Brings `path` and its name in the directory to the disk.
pub(super) fn sync(path: &Path) -> Result<(), OpenError> {
    let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all()).map_err(|source| OpenError::io(path, source));
    sync(path)?;
    sync(folder(path))
}

/// The path whose name is that of `database` with `ending` behind it.
pub(super) fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The directory that `path` stands in.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Opens a file of ours, made if missing; takes away what others may do with it.
fn open_private(path: &Path) -> Result<File, OpenError> {
    let failed = |source: io::Error| OpenError::io(path, source);
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(path);
    let file = match file {
        Ok(file) => file,
        // A symbolic link or a directory.
        Err(error) if [Some(Errno::ELOOP as i32), Some(Errno::EISDIR as i32)].contains(&error.raw_os_error()) => {
            return Err(OpenError::NotOurs(path.to_owned()));
        }
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_file() && metadata.mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(failed)?;
        log::warn!(ONEDESK_PATH = path.display().to_string().as_str(); "a file of the database was open to other users; its mode is 0600 now");
    }
    Ok(file)
}
