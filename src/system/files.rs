//! Files that matter: opened once and judged on the descriptor, written so that a crash leaves the old or the new whole.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::unistd::Uid;
use xattr::FileExt as _;
use zeroize::Zeroizing;

use crate::model::Hint;

/// Why a file was not opened or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error("{} does not exist", .0.display())]
    Missing(PathBuf),
    /// There is one already, and it must not be replaced.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// It is a directory, a device, a FIFO or a socket.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// It belongs to somebody who must not decide what stands in it.
    #[error("{} belongs to user {found}, not to user {wanted}", .path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: u32,
        /// Whose it must be.
        wanted: u32,
    },
    /// Others than its owner can read or write it.
    #[error("{} can be read or written by others than its owner (mode {mode:04o})", .path.display())]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is larger than what belongs into it.
    #[error("{} is larger than {limit} bytes", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        limit: u64,
    },
    /// The system refused.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Owner { path, wanted, .. } => Some(format!("chown {wanted} {}", path.display())),
            Self::Mode { path, .. } => Some(format!("chmod 0600 {}", path.display())),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => Some("make room on the disk".to_owned()),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::ResourceBusy => {
                Some("something is mounted on the file itself: mount its folder instead, so that the file can be replaced".to_owned())
            }
            Self::Io { path, .. } => Some(format!("see owner, mode and file system of {}", path.display())),
            Self::Missing(_) | Self::Exists(_) | Self::NotAFile(_) | Self::TooLarge { .. } => None,
        }
    }
}

/// Opens a regular file for reading; whatever else stands at `path` is refused without waiting for it.
pub fn open_regular(path: &Path) -> Result<File, Error> {
    // Without O_NONBLOCK the open of a FIFO would wait for a writer for ever.
    let file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::Missing(path.to_owned()),
        _ => Error::Io { path: path.to_owned(), source },
    })?;
    let metadata = file.metadata().map_err(|source| Error::Io { path: path.to_owned(), source })?;
    if metadata.is_file() { Ok(file) } else { Err(Error::NotAFile(path.to_owned())) }
}

/// Opens a regular file that belongs to `owner` and that nobody else can read or write.
///
/// The open descriptor is judged, not the path: nobody can swap the file between the look and the use.
pub fn open_private(path: &Path, owner: Uid) -> Result<File, Error> {
    let file = open_regular(path)?;
    let metadata = file.metadata().map_err(|source| Error::Io { path: path.to_owned(), source })?;
    if metadata.uid() != owner.as_raw() {
        return Err(Error::Owner { path: path.to_owned(), found: metadata.uid(), wanted: owner.as_raw() });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Error::Mode { path: path.to_owned(), mode });
    }
    Ok(file)
}

/// Reads at most `limit` bytes of `file`, which was opened from `path`; the copy in memory is wiped when dropped.
pub fn read_bounded(file: File, path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, Error> {
    // Room for all of it at once: a vector that grows would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(limit + 1).unwrap_or(0)));
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// Writes `bytes` to `path`, replacing what was there. When it returns they are on disk; a crash leaves the old file or the new one.
pub fn write_atomically(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), Error> {
    Draft::write(path, mode, bytes, |_| Ok(()))?.take_place()
}

/// Owner, mode and SELinux label: what a file keeps when its content is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custody {
    /// The permission bits.
    pub mode: u32,
    /// User and group, where they are not simply the writer's.
    pub owner: Option<(u32, u32)>,
    /// `security.selinux`; a file without one gets that of its folder.
    pub label: Option<Vec<u8>>,
}

/// The extended attribute that holds the SELinux label.
const LABEL: &str = "security.selinux";

impl Custody {
    /// That of a file which is there.
    pub fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        // A file system without labels is no fault.
        let label = file.get_xattr(LABEL).ok().flatten();
        Ok(Self { mode: metadata.mode() & 0o7777, owner: Some((metadata.uid(), metadata.gid())), label })
    }

    fn give(&self, draft: &File) -> io::Result<()> {
        if let Some((user, group)) = self.owner {
            let now = draft.metadata()?;
            if (now.uid(), now.gid()) != (user, group) {
                fchown(draft, Some(user), Some(group))?;
            }
        }
        match &self.label {
            Some(label) if draft.get_xattr(LABEL).ok().flatten().as_ref() != Some(label) => draft.set_xattr(LABEL, label),
            _ => Ok(()),
        }
    }
}

/// The file that `path` leads to, through every symbolic link, also where the last one leads to nothing yet.
pub fn behind_links(path: &Path) -> io::Result<PathBuf> {
    const MOST_LINKS: usize = 40;
    let mut at = path.to_owned();
    for _ in 0..MOST_LINKS {
        match std::fs::read_link(&at) {
            Ok(next) => at = at.parent().unwrap_or(Path::new("/")).join(next),
            // EINVAL: no link, so this is it.
            Err(error) if [io::ErrorKind::InvalidInput, io::ErrorKind::NotFound].contains(&error.kind()) => return Ok(at),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::from_raw_os_error(nix::libc::ELOOP))
}

/// The same for a file that must not exist yet: whoever comes second gets [`Error::Exists`], and the first one's file stays.
pub fn create_atomically(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), Error> {
    Draft::write(path, mode, bytes, |_| Ok(()))?.rename(RenameFlags::RENAME_NOREPLACE)
}

/// A file's new content, on disk beside it, before it takes its place. Dropped, it goes away.
pub struct Draft {
    path: PathBuf,
    folder: PathBuf,
    draft: PathBuf,
}

impl Draft {
    /// Writes `bytes` beside `path`; they look as `custody` wants it.
    pub fn of(path: &Path, custody: &Custody, bytes: &[u8]) -> Result<Self, Error> {
        Self::write(path, custody.mode, bytes, |draft| custody.give(draft))
    }

    /// Takes the file's place; a crash leaves the old one or the new one. It may have taken place though this fails: the rename itself
    /// is on disk only when its directory is.
    pub fn take_place(self) -> Result<(), Error> {
        self.rename(RenameFlags::empty())
    }

    fn write(path: &Path, mode: u32, bytes: &[u8], finish: impl FnOnce(&File) -> io::Result<()>) -> Result<Self, Error> {
        let fault = |source| Error::Io { path: path.to_owned(), source };
        let (folder, draft) = draft_beside(path).map_err(fault)?;
        let draft = Self { path: path.to_owned(), folder, draft };
        write_draft(&draft.draft, mode, bytes, finish).map_err(fault)?;
        Ok(draft)
    }

    fn rename(self, flags: RenameFlags) -> Result<(), Error> {
        let fault = |source| Error::Io { path: self.path.clone(), source };
        renameat2(AT_FDCWD, &self.draft, AT_FDCWD, &self.path, flags).map_err(|errno| match errno {
            nix::Error::EEXIST => Error::Exists(self.path.clone()),
            errno => fault(errno.into()),
        })?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(fault)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Once it has taken its place there is nothing of this name.
        let _ = std::fs::remove_file(&self.draft);
    }
}

/// A name of its own in the same directory, so that the rename stays within one file system and two writers never share a draft.
fn draft_beside(path: &Path) -> io::Result<(PathBuf, PathBuf)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut draft = OsString::from(".");
    draft.push(name);
    draft.push(format!(".{}", uuid::Uuid::new_v4().simple()));
    Ok((folder.to_owned(), folder.join(draft)))
}

fn write_draft(draft: &Path, mode: u32, bytes: &[u8], finish: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode & 0o600).open(draft)?;
    file.write_all(bytes)?;
    // Owner and label come before the mode that lets others in, and a change of owner may take bits of the mode away.
    finish(&file)?;
    // The umask took its part at the opening; the mode that was asked for comes when the content stands.
    file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn names(folder: &Path) -> Vec<OsString> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_private_file_is_its_owners_alone() {
        let folder = folder();
        let path = folder.path().join("key");
        write_atomically(&path, 0o600, b"x").unwrap();
        assert!(open_private(&path, Uid::effective()).is_ok());
        for mode in [0o640, 0o604, 0o620, 0o666] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = open_private(&path, Uid::effective()).unwrap_err();
            assert!(matches!(error, Error::Mode { mode: found, .. } if found == mode));
            assert_eq!(error.hint(), Some(format!("chmod 0600 {}", path.display())));
        }
        let other = Uid::from_raw(Uid::effective().as_raw() + 1);
        assert!(matches!(open_private(&path, other), Err(Error::Owner { .. })));
    }

    #[test]
    fn what_is_no_file_is_refused_without_waiting() {
        let folder = folder();
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(open_regular(&fifo), Err(Error::NotAFile(_))));
        assert!(matches!(open_regular(folder.path()), Err(Error::NotAFile(_))));
        assert!(matches!(open_regular(&folder.path().join("none")), Err(Error::Missing(_))));
    }

    #[test]
    fn a_write_replaces_the_file_and_leaves_no_draft() {
        let folder = folder();
        let path = folder.path().join("file");
        write_atomically(&path, 0o640, b"one").unwrap();
        write_atomically(&path, 0o640, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_replaced_file_keeps_owner_and_mode_and_links_lead_to_it() {
        let folder = folder();
        let (path, link) = (folder.path().join("file"), folder.path().join("link"));
        std::os::unix::fs::symlink("file", &link).unwrap();
        assert_eq!(behind_links(&link).unwrap(), path, "a link that leads to nothing yet");
        write_atomically(&path, 0o640, b"one").unwrap();
        let mut custody = Custody::of(&open_regular(&link).unwrap()).unwrap();
        assert_eq!((custody.mode, custody.owner.unwrap().0), (0o640, Uid::effective().as_raw()));
        if Uid::effective().is_root() {
            custody.owner = Some((65534, 65533));
        }
        let draft = Draft::of(&behind_links(&link).unwrap(), &custody, b"two").unwrap();
        assert_eq!(std::fs::read(&link).unwrap(), b"one", "not before it takes its place");
        draft.take_place().unwrap();
        assert_eq!(std::fs::read(&link).unwrap(), b"two");
        assert_eq!(Custody::of(&open_regular(&path).unwrap()).unwrap(), custody);
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("link", &path).unwrap();
        assert!(behind_links(&link).is_err(), "a circle");
    }

    #[test]
    fn a_creation_never_replaces_a_file() {
        let folder = folder();
        let path = folder.path().join("file");
        create_atomically(&path, 0o600, b"one").unwrap();
        assert!(matches!(create_atomically(&path, 0o600, b"two"), Err(Error::Exists(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn of_many_creators_exactly_one_wins() {
        let folder = folder();
        let path = folder.path().join("file");
        let won: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8u8)
                .map(|content| {
                    scope.spawn({
                        let path = &path;
                        move || create_atomically(path, 0o600, &[content]).is_ok()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum()
        });
        assert_eq!(won, 1);
        assert_eq!(names(folder.path()), ["file"]);
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = folder();
        let path = folder.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        assert!(write_atomically(&path, 0o600, b"x").is_err());
        assert_eq!(names(folder.path()), ["taken"]);
        assert!(write_atomically(&folder.path().join("none/file"), 0o600, b"x").is_err());
    }

    #[test]
    fn reading_stops_at_the_bound() {
        let folder = folder();
        let path = folder.path().join("file");
        std::fs::write(&path, b"12345").unwrap();
        assert_eq!(read_bounded(open_regular(&path).unwrap(), &path, 5).unwrap().as_slice(), b"12345");
        assert!(matches!(read_bounded(open_regular(&path).unwrap(), &path, 4), Err(Error::TooLarge { limit: 4, .. })));
    }
}
