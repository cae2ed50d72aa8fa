//! Reads the credentials file: opened once, then judged on the descriptor, so that nobody can swap it in between.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::{Uid, User};
use zeroize::Zeroizing;

use super::{Observation, Outcome, grammar, quoted};
use crate::model::Problem;

/// What `path` shows now, to a process that trusts only files of `owner`.
///
/// Symbolic links are followed (a symlink swap is a way to write the file); what they lead to is judged.
pub fn read(path: &Path, owner: Uid) -> Observation {
    let file = match open(path) {
        Ok(file) => file,
        Err(error) => return unopened(path, &error),
    };
    let judged = file.metadata().map_err(|error| unreadable(path, &error)).and_then(|metadata| {
        let warning = judge(path, &metadata, owner)?;
        Ok((warning, content(file).map_err(|error| unreadable(path, &error))?))
    });
    match judged {
        Err(problem) => Observation::rejected(problem),
        Ok((warning, bytes)) => {
            let mut observation = grammar::parse(&bytes);
            name_the_file(&mut observation, path);
            observation.warnings.extend(warning);
            observation
        }
    }
}

/// Opens without waiting for the writer of a FIFO, without becoming a terminal's process.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).bits()).open(path)
}

/// One byte over the limit shows that there is more. The buffer never grows, so no copy is left behind.
fn content(file: File) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(grammar::LIMIT + 64));
    file.take(grammar::LIMIT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a file with this metadata may be used; a warning if it may, but should not stay so.
fn judge(path: &Path, metadata: &Metadata, owner: Uid) -> Result<Option<Problem>, Problem> {
    let (shown, shell) = (path.display(), quoted(path));
    if !metadata.is_file() {
        return Err(Problem::told("file_type", &[("file", &shown), ("quoted", &shell)]));
    }
    if metadata.uid() != owner.as_raw() {
        let (is, must) = (user_name(Uid::from_raw(metadata.uid())), user_name(owner));
        return Err(Problem::told("file_owner", &[("file", &shown), ("quoted", &shell), ("owner", &is), ("wanted", &must)]));
    }
    let mode = format!("{:04o}", metadata.mode() & 0o7777);
    if metadata.mode() & 0o022 != 0 {
        return Err(Problem::told("file_writable", &[("file", &shown), ("quoted", &shell), ("mode", &mode)]));
    }
    if metadata.len() > grammar::LIMIT as u64 {
        return Err(grammar::too_large());
    }
    let readable = metadata.mode() & 0o044 != 0;
    Ok(readable.then(|| Problem::told("file_readable", &[("file", &shown), ("quoted", &shell), ("mode", &mode)])))
}

fn unopened(path: &Path, error: &io::Error) -> Observation {
    if ![ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) {
        return Observation::rejected(unreadable(path, error));
    }
    Observation::missing(Problem::told("file_missing", &[("file", &path.display())]))
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::told("file_unreadable", &[("file", &path.display()), ("quoted", &quoted(path)), ("error", error)])
}

/// The grammar does not know which file it read; people must.
fn name_the_file(observation: &mut Observation, path: &Path) {
    let problem = match &mut observation.outcome {
        Outcome::Pair(_) => None,
        Outcome::Missing(problem) | Outcome::Rejected(problem) => Some(problem),
    };
    for problem in problem.into_iter().chain(&mut observation.warnings) {
        let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
        problem.title = format!("{}{line}: {}", path.display(), problem.title);
    }
}

fn user_name(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| format!("uid {uid}"), |user| user.name)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;
    use tempfile::TempDir;

    use super::*;

    const GOOD: &str = "AZUREAD_CID=11111111-2222-3333-4444-555555555555\nAZUREAD_CIS=s\n";

    fn me() -> Uid {
        Uid::effective()
    }

    fn code(observation: &Observation) -> &str {
        match &observation.outcome {
            Outcome::Pair(_) => "good",
            Outcome::Missing(problem) | Outcome::Rejected(problem) => &problem.code,
        }
    }

    #[test]
    fn the_mode_decides_whether_a_good_file_is_used() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("OneDesk");
        fs::write(&path, GOOD).unwrap();
        for (mode, outcome, warning) in [
            (0o600, "good", None),
            (0o400, "good", None),
            (0o640, "good", Some("file_readable")),
            (0o604, "good", Some("file_readable")),
            (0o620, "file_writable", None),
            (0o602, "file_writable", None),
            (0o666, "file_writable", None),
        ] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let observation = read(&path, me());
            assert_eq!(code(&observation), outcome, "{mode:o}");
            assert_eq!(observation.warnings.first().map(|warning| warning.code.as_str()), warning, "{mode:o}");
            if let Some(warning) = observation.warnings.first() {
                assert_eq!(warning.hint, format!("run: chmod 600 {}", path.display()));
            }
        }
    }

    #[test]
    fn a_file_of_somebody_else_is_rejected() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("OneDesk");
        fs::write(&path, GOOD).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(code(&read(&path, Uid::from_raw(me().as_raw() + 4321))), "file_owner");
    }

    #[test]
    fn what_is_no_plain_file_is_refused_at_once() {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        mkfifo(&at("fifo"), Mode::S_IRUSR).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        fs::write(at("large"), vec![b'#'; grammar::LIMIT + 1]).unwrap();
        for (path, expected) in [
            (at("fifo"), "file_type"),
            (folder.path().to_owned(), "file_type"),
            ("/dev/zero".into(), "file_type"),
            (at("loop"), "file_unreadable"),
            (at("dangling"), "file_missing"),
            (at("none"), "file_missing"),
            (at("large/below"), "file_missing"),
            (at("large"), "file_too_large"),
        ] {
            assert_eq!(code(&read(&path, me())), expected, "{path:?}");
        }
    }

    #[test]
    fn a_link_is_followed_and_its_target_judged() {
        let folder = TempDir::new().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, GOOD).unwrap();
        fs::set_permissions(&target, Permissions::from_mode(0o600)).unwrap();
        symlink(&target, &link).unwrap();
        assert_eq!(code(&read(&link, me())), "good");
        fs::set_permissions(&target, Permissions::from_mode(0o660)).unwrap();
        assert_eq!(code(&read(&link, me())), "file_writable");
    }
}
