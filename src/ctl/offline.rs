//! What is done to the database with the daemon stopped: take a backup back, seal everything with a new master key.
//!
//! Works as the user that the database belongs to, never as root: a file that root made there would lock the daemon out.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};

use super::Context;
use super::failure::Failure;
use crate::crypto::{self, KeySource, Keyring};
use crate::model::{Clock, Hint};
use crate::settings::{self, Settings};
use crate::store::Error;
use crate::store::sqlite::{OpenError, Sqlite, path_of, restore as restore_sqlite};

/// Takes the backup `file` back. What was there stays beside it.
pub async fn restore(context: &Context, file: &Path) -> Result<(), Failure> {
    let settings = load(context)?;
    let database = path_of(&settings.database.url).map_err(|error| refused(&error))?;
    context.output.confirm(&format!(
        "Replace {} by {}? Mailboxes connected since that backup will have to be connected again.",
        database.display(),
        file.display()
    ))?;
    let staged = stage(file, &database)?;
    become_owner(&database)?;
    let restored = restore_sqlite(&staged, &database).await;
    let _ = fs::remove_file(&staged);
    restored.map_err(|error| refused(&error))?;
    context.output.text(&format!(
        "Restored. The database from before is {}.before-restore. Start the service: systemctl start onedeskd",
        database.display()
    ))
}

/// Seals everything with a fresh master key and forgets the old one. A crash at any point leaves both keys, which open all.
pub async fn rekey(context: &Context) -> Result<(), Failure> {
    let settings = load(context)?;
    let database = path_of(&settings.database.url).map_err(|error| refused(&error))?;
    context.output.confirm("Seal everything with a new master key? Backups of the old key will no longer open this database.")?;
    become_owner(&database)?;
    let opened = Sqlite::open(&settings.database, &Clock::system()).await.map_err(|error| refused(&error))?;
    let source = KeySource::find(&settings.database.master_key_file, None);
    // An interrupted run before this one left two keys; the newest of them seals, so that run is simply finished.
    Keyring::load_or_create(&source, false).map_err(|error| key_refused(&error))?;
    let keyring = Keyring::add_key(&source).map_err(|error| key_refused(&error))?;
    let reseal = |context: &str, old: &crypto::Sealed| {
        let plain = keyring.open(context, old).map_err(|error| Error::Damaged(error.to_string()))?;
        keyring.seal(context, &plain).map_err(|error| Error::Damaged(error.to_string()))
    };
    let count = opened.store.grants.reseal(&reseal).await.map_err(|error| {
        Failure::found(format!("not everything could be sealed anew: {error}"))
            .hint("nothing is lost: both keys are kept; see onedeskctl db status")
    })?;
    Keyring::retire_old_keys(&source).map_err(|error| key_refused(&error))?;
    context.output.text(&format!(
        "Sealed {count} values with a new master key, {}. Back it up, then: systemctl start onedeskd",
        source.path().display()
    ))
}

fn load(context: &Context) -> Result<Settings, Failure> {
    let path = context.config.clone().unwrap_or_else(|| PathBuf::from(settings::DEFAULT_FILE));
    let loaded = Settings::load(&path).map_err(|error| Failure::found(error.to_string()))?;
    Ok(loaded.settings)
}

/// Copies the backup beside the database, in the hands of the database's owner, who may not be able to read it where it is.
fn stage(file: &Path, database: &Path) -> Result<PathBuf, Failure> {
    let failed = |error: io::Error| {
        Failure::found(format!("{} cannot be read: {error}", file.display())).hint("name a file that onedeskctl db backup made")
    };
    let mut source = fs::File::open(file).map_err(failed)?;
    let folder = database.parent().unwrap_or(Path::new("/"));
    let staged = folder.join(format!(".restore-{}", std::process::id()));
    // A new file, never one that somebody laid there for root to write through.
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&staged).and_then(|mut target| {
        io::copy(&mut source, &mut target)?;
        let owner = fs::metadata(folder)?;
        if Uid::effective().is_root() {
            std::os::unix::fs::fchown(&target, Some(owner.uid()), Some(owner.gid()))?;
        }
        target.sync_all()
    });
    written.map_err(|error| {
        let _ = fs::remove_file(&staged);
        Failure::found(format!("{} cannot be written: {error}", folder.display())).hint("run it as root, or as the user onedesk")
    })?;
    Ok(staged)
}

/// From root to the owner of the database's folder, for good.
fn become_owner(database: &Path) -> Result<(), Failure> {
    let folder = database.parent().unwrap_or(Path::new("/"));
    let owner = fs::metadata(folder).map_err(|error| Failure::found(format!("{}: {error}", folder.display())))?;
    if !Uid::effective().is_root() || owner.uid() == 0 {
        return Ok(());
    }
    let gid = Gid::from_raw(owner.gid());
    let dropped = setgroups(&[gid]).and_then(|()| setgid(gid)).and_then(|()| setuid(Uid::from_raw(owner.uid())));
    dropped.map_err(|error| Failure::found(format!("cannot become the owner of {}: {error}", folder.display())))
}

fn refused(error: &OpenError) -> Failure {
    let failure = Failure::found(error.to_string());
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn key_refused(error: &crypto::Error) -> Failure {
    let failure = Failure::found(error.to_string());
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
