//! The files: settings, credentials, SELinux labels. Owner, mode and content.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

use super::commands::Said;
use super::shell;
use super::verdict::{Trouble, Verdict, Who};
use crate::credentials::file;
use crate::credentials::{Observation, Outcome};
use crate::health::status::{Check, Group};
use crate::model::Problem;
use crate::settings::{Error, Loaded, Settings};

/// The account that the daemon runs as.
const ACCOUNT: &str = "onedesk";

/// The settings file: who may write it, whether the daemon can read it, and what stands in it.
pub fn settings(path: &Path, loaded: &Result<Loaded, Box<Error>>) -> Vec<Check> {
    let content = match loaded {
        Err(error) => vec![Verdict::Fail(located(&error.problem()))],
        Ok(loaded) if loaded.warnings.is_empty() => vec![Verdict::Fine(format!("{} is good", path.display()))],
        Ok(loaded) => loaded.warnings.iter().map(|warning| Verdict::Warn(located(warning))).collect(),
    };
    let account = User::from_name(ACCOUNT).ok().flatten().map(|user| (user.uid.as_raw(), user.gid.as_raw()));
    let packaged = path == Path::new(crate::settings::DEFAULT_FILE);
    let access = fs::metadata(path).ok().and_then(|metadata| {
        let access = Access { uid: metadata.uid(), gid: metadata.gid(), mode: metadata.mode() & 0o7777 };
        access.judge(path, account.filter(|_| packaged))
    });
    content.into_iter().chain(access).map(|verdict| verdict.on(Group::Files, "settings")).collect()
}

/// Owner and mode of the settings file.
#[derive(Debug, Clone, Copy)]
struct Access {
    uid: u32,
    gid: u32,
    mode: u32,
}

impl Access {
    /// What is wrong with it, for a daemon that runs as `account` (user and group id).
    fn judge(self, path: &Path, account: Option<(u32, u32)>) -> Option<Verdict> {
        let (shown, name) = (path.display(), shell(path));
        if self.mode & 0o022 != 0 {
            let title =
                format!("{shown} is writable by others than its owner (mode {:04o}): they decide where secrets are sent", self.mode);
            return Some(Verdict::Fail(Trouble::new(title, Who::Root, format!("run: chmod 0640 {name}, after a look at who changed it"))));
        }
        let (uid, gid) = account?;
        let readable = if self.uid == uid {
            self.mode & 0o400
        } else if self.gid == gid {
            self.mode & 0o040
        } else {
            self.mode & 0o004
        };
        let hint = format!("run: chown root:{ACCOUNT} {name} && chmod 0640 {name}");
        if self.uid != 0 {
            let title = format!("{shown} does not belong to root: whoever it belongs to decides where secrets are sent");
            return Some(Verdict::Fail(Trouble::new(title, Who::Root, hint)));
        }
        (readable == 0).then(|| {
            let title = format!("the daemon (user {ACCOUNT}) cannot read {shown} (mode {:04o}), so a reload or restart fails", self.mode);
            Verdict::Fail(Trouble::new(title, Who::Root, hint))
        })
    }
}

/// The credentials file: owner, mode and grammar, as the daemon or its helper judges them.
pub fn credentials(settings: &Settings) -> Vec<Check> {
    let path = settings.credentials_path();
    let me = Uid::effective();
    // Its own user reads it in one-process mode, root's helper otherwise.
    let verdicts = if settings.credentials_file.is_none() && !me.is_root() {
        vec![Verdict::Skip(format!("only root can look at {}", path.display()))]
    } else {
        observed(path, &file::read(path, me))
    };
    verdicts.into_iter().map(|verdict| verdict.on(Group::Files, "credentials_file")).collect()
}

fn observed(path: &Path, seen: &Observation) -> Vec<Verdict> {
    let first = match &seen.outcome {
        Outcome::Missing(problem) | Outcome::Rejected(problem) => Verdict::Fail(located(problem)),
        Outcome::Pair(pair) => {
            let next = if pair.next.is_some() { ", AZUREAD_CIS_NEXT too" } else { "" };
            Verdict::Fine(format!("{} holds AZUREAD_CID and AZUREAD_CIS{next}", path.display()))
        }
    };
    let warnings: Vec<_> = seen.warnings.iter().map(|warning| Verdict::Warn(located(warning))).collect();
    // What is said to be good beside a warning would only hide it.
    let first = Some(first).filter(|first| warnings.is_empty() || !matches!(first, Verdict::Fine(_)));
    first.into_iter().chain(warnings).collect()
}

/// The settings' titles name file and line where there is one; the credentials' too.
fn located(problem: &Problem) -> Trouble {
    Trouble::of(problem, Who::Root)
}

/// The paths whose labels SELinux goes by.
pub fn labelled(settings: Option<&Settings>, config: &Path) -> Vec<PathBuf> {
    let mut paths = vec![config.to_owned()];
    if let Some(settings) = settings {
        paths.extend([settings.credentials_path().to_owned(), settings.local_api.socket.clone(), settings.database.url.path().into()]);
    }
    paths.retain(|path| path.exists());
    paths
}

/// What `matchpathcon -V` said: one line for each path, `P verified.` or `P has context X, should be Y`.
pub fn labels(enforces: bool, said: Result<Said, String>) -> Verdict {
    let said = match said {
        Err(why) => return Verdict::Skip(format!("labels cannot be looked at: {why}")),
        Ok(said) => said,
    };
    let wrong: Vec<(&str, &str)> = said.out.lines().filter_map(|line| line.split_once(" has context ")).collect();
    let Some((path, contexts)) = wrong.first() else {
        return Verdict::Fine("the files have the labels that SELinux expects".to_owned());
    };
    let others = if wrong.len() > 1 { format!(" ({} more like it)", wrong.len() - 1) } else { String::new() };
    let paths: Vec<String> = wrong.iter().map(|(path, _)| shell(Path::new(path))).collect();
    let title = format!("{path} has the wrong SELinux label, {}{others}", contexts.replace(", should be ", " instead of "));
    let trouble = Trouble::new(title, Who::Root, format!("run: restorecon -v {}", paths.join(" ")));
    if enforces { Verdict::Fail(trouble) } else { Verdict::Warn(trouble) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_for_root_to_write_and_for_the_daemon_to_read() {
        let path = Path::new("/etc/onedesk/onedeskd.toml");
        let judge = |uid, gid, mode| match (Access { uid, gid, mode }).judge(path, Some((990, 991))) {
            None => "good".to_owned(),
            Some(verdict) => verdict.on(Group::Files, "x").title,
        };
        assert_eq!(judge(0, 991, 0o640), "good");
        assert_eq!(judge(0, 0, 0o644), "good");
        assert!(judge(0, 991, 0o660).contains("is writable by others than its owner (mode 0660)"));
        assert!(judge(0, 0, 0o640).starts_with("the daemon (user onedesk) cannot read"));
        assert!(judge(990, 991, 0o640).contains("does not belong to root"));
        assert_eq!(Access { uid: 1000, gid: 1000, mode: 0o600 }.judge(path, None), None, "a developer's own daemon");
    }

    #[test]
    fn a_wrong_label_is_named_with_the_command_that_mends_it() {
        let out = "/etc/onedesk/onedeskd.toml verified.\n/root/.OneDesk has context unconfined_u:object_r:user_tmp_t:s0, \
                   should be system_u:object_r:onedesk_secret_t:s0\n";
        let said = || Ok(Said { well: false, out: out.to_owned() });
        let trouble = Trouble::new(
            "/root/.OneDesk has the wrong SELinux label, unconfined_u:object_r:user_tmp_t:s0 instead of system_u:object_r:onedesk_secret_t:s0",
            Who::Root,
            "run: restorecon -v /root/.OneDesk",
        );
        assert_eq!(labels(true, said()), Verdict::Fail(trouble.clone()));
        assert_eq!(labels(false, said()), Verdict::Warn(trouble));
        let good = Said { well: true, out: "/root/.OneDesk verified.\n".to_owned() };
        assert!(matches!(labels(true, Ok(good)), Verdict::Fine(_)));
        assert!(matches!(labels(true, Err("matchpathcon cannot be run".to_owned())), Verdict::Skip(_)));
    }
}
