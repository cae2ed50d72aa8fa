//! The two files: read once, changed in memory, validated by the daemon's own parsers, and written both or neither.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use nix::unistd::{Group, Uid};
use zeroize::Zeroizing;

use super::answers::Answers;
use super::{Paths, diff};
use crate::credentials::{edit, grammar};
use crate::ctl::failure::Failure;
use crate::model::{Hint as _, Problem};
use crate::settings::{Settings, edit as settings_edit};
use crate::system::files::{self, Custody, Draft};

/// As the daemon has it.
const LARGEST_SETTINGS: u64 = 1024 * 1024;
/// What a fresh `/etc/onedesk/onedeskd.toml` is made from, by the package too.
const SAMPLE: &str = include_str!("../../../packaging/onedeskd.toml");
/// The group that reads the settings.
const GROUP: &str = "onedesk";

/// The files as they are.
pub struct Documents {
    credentials: Document,
    settings: Document,
    is_installed: bool,
}

struct Document {
    path: PathBuf,
    target: PathBuf,
    limit: u64,
    /// Nothing where there is no file.
    old: Option<(Zeroizing<Vec<u8>>, Custody)>,
}

impl Documents {
    /// Reads both.
    pub fn read(paths: &Paths) -> Result<Self, Failure> {
        Ok(Self {
            credentials: Document::read(&paths.credentials_file, grammar::LIMIT as u64)?,
            settings: Document::read(&paths.settings_file, LARGEST_SETTINGS)?,
            is_installed: paths.is_installed,
        })
    }

    /// The pair that is there already, each half as far as it is good.
    pub fn present(&self) -> edit::Known {
        edit::known(self.credentials.bytes())
    }

    /// What has to be written for `answers`, judged by the parsers that will read it.
    pub fn plan(self, answers: &Answers) -> Result<Plan, Failure> {
        let refused = |problem: Problem| Failure::found(problem.title).hint(problem.hint);
        let edited = edit::with_pair(self.credentials.bytes(), answers.client_id, &answers.secret).map_err(refused)?;
        let mut warnings = edited.warnings;
        warnings.iter_mut().for_each(|warning| {
            let line = warning.line.map(|line| format!(":{line}")).unwrap_or_default();
            warning.title = format!("{}{line}: {}", self.credentials.path.display(), warning.title);
        });
        let custody = self.credentials_custody();
        let credentials = self.credentials.changed(edited.bytes, custody, diff::Kind::Credentials);
        let text = self.settings_text(answers);
        let parsed = Settings::parse(&text, &self.settings.path).map_err(|error| Failure::found(error.to_string()))?;
        if parsed.settings.public_url.as_ref() != Some(&answers.public_url) {
            return Err(Failure::found(format!("{} cannot be changed by setup", self.settings.path.display()))
                .hint(format!("write public_url = \"{}\" into it yourself", answers.public_url.as_str())));
        }
        let custody = self.settings_custody();
        let settings = self.settings.changed(Zeroizing::new(text.into_bytes()), custody, diff::Kind::Settings);
        Ok(Plan { credentials, settings, warnings })
    }

    fn settings_text(&self, answers: &Answers) -> String {
        let old = match &self.settings.old {
            Some((bytes, _)) => String::from_utf8_lossy(bytes).into_owned(),
            None if self.is_installed => SAMPLE.to_owned(),
            None => String::new(),
        };
        if answers.is_new_address { settings_edit::with_public_url(&old, &answers.public_url) } else { old }
    }

    /// For the owner alone; the service's own file belongs to root.
    fn credentials_custody(&self) -> Custody {
        let old = self.credentials.old.as_ref().map(|(_, custody)| custody);
        let owner = if self.is_installed && Uid::effective().is_root() { Some((0, 0)) } else { old.and_then(|custody| custody.owner) };
        Custody { mode: 0o600, owner, label: old.and_then(|custody| custody.label.clone()) }
    }

    fn settings_custody(&self) -> Custody {
        let fresh = || {
            let group = Group::from_name(GROUP).ok().flatten().filter(|_| self.is_installed);
            Custody { mode: 0o640, owner: group.map(|group| (0, group.gid.as_raw())), label: None }
        };
        self.settings.old.as_ref().map_or_else(fresh, |(_, custody)| custody.clone())
    }
}

impl Document {
    fn read(path: &Path, limit: u64) -> Result<Self, Failure> {
        let target = target(path)?;
        let failed = |error: &files::Error| with_hint(Failure::found(error.to_string()), error.hint());
        let old = match files::open_regular(&target) {
            Ok(file) => {
                let custody = custody(&file, &target)?;
                Some((files::read_bounded(file, &target, limit).map_err(|error| failed(&error))?, custody))
            }
            Err(files::Error::Missing(_)) => None,
            Err(error) => return Err(failed(&error)),
        };
        Ok(Self { path: path.to_owned(), target, limit, old })
    }

    fn bytes(&self) -> &[u8] {
        self.old.as_ref().map_or(&[], |(bytes, _)| bytes.as_slice())
    }

    fn changed(&self, new: Zeroizing<Vec<u8>>, custody: Custody, kind: diff::Kind) -> Change {
        let (path, target, limit) = (self.path.clone(), self.target.clone(), self.limit);
        Change { path, target, limit, old: self.old.clone(), new, custody, kind }
    }
}

fn custody(file: &File, path: &Path) -> Result<Custody, Failure> {
    Custody::of(file).map_err(|error| Failure::found(format!("{}: {error}", path.display())))
}

/// The file that `path` leads to.
pub fn target(path: &Path) -> Result<PathBuf, Failure> {
    files::behind_links(path).map_err(|error| Failure::found(format!("{}: {error}", path.display())).hint("see where it leads: namei -l"))
}

/// What has to be written.
pub struct Plan {
    credentials: Change,
    settings: Change,
    /// What should be mended in the credentials file, though the pair is good.
    pub warnings: Vec<Problem>,
}

impl Plan {
    /// Both files.
    pub fn all(&self) -> impl Iterator<Item = &Change> {
        [&self.credentials, &self.settings].into_iter()
    }

    /// The files that would not stay as they are.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.all().filter(|change| change.is_change())
    }

    /// Whether anything has to be written.
    pub fn is_change(&self) -> bool {
        self.changes().next().is_some()
    }

    /// Whether the pair is another one.
    pub fn has_new_pair(&self) -> bool {
        self.credentials.old.as_ref().is_none_or(|(old, _)| *old != self.credentials.new)
    }

    /// The changes in unified form, without any secret.
    pub fn diff(&self) -> String {
        self.changes().map(Change::diff).collect()
    }

    /// Writes both files, or leaves both as they were.
    pub fn write(&self) -> Result<(), Failure> {
        self.changes().try_for_each(Change::is_still_based_on_what_is_there)?;
        let mut tried = Vec::new();
        let done = self.place(&mut tried);
        done.map_err(|error| {
            let stuck: Vec<String> = tried.iter().filter_map(|change| change.take_back().err()).map(|error| error.to_string()).collect();
            let failure = match stuck.as_slice() {
                [] => Failure::found(format!("nothing was changed: {error}")),
                stuck => Failure::found(format!("{error}; what was written could not be taken back: {}", stuck.join("; "))),
            };
            with_hint(failure, error.hint())
        })
    }

    /// Both drafts stand before the first takes its place: a disk without room is met while nothing is changed. `tried` tells what may
    /// have been changed.
    fn place<'a>(&'a self, tried: &mut Vec<&'a Change>) -> Result<(), files::Error> {
        let drafts: Result<Vec<(&Change, Draft)>, _> = self.changes().map(|change| Ok((change, change.draft()?))).collect();
        for (change, draft) in drafts? {
            tried.push(change);
            draft.take_place()?;
        }
        Ok(())
    }
}

/// One file, before and after.
pub struct Change {
    /// As the admin names it.
    pub path: PathBuf,
    target: PathBuf,
    limit: u64,
    old: Option<(Zeroizing<Vec<u8>>, Custody)>,
    new: Zeroizing<Vec<u8>>,
    custody: Custody,
    kind: diff::Kind,
}

impl Change {
    /// Whether the file would not stay as it is, in content, mode and owner.
    pub fn is_change(&self) -> bool {
        self.old.as_ref().is_none_or(|(bytes, custody)| *bytes != self.new || self.is_other_custody(custody))
    }

    fn is_other_custody(&self, old: &Custody) -> bool {
        old.mode != self.custody.mode || self.custody.owner.is_some_and(|owner| old.owner != Some(owner))
    }

    fn diff(&self) -> String {
        let old = self.old.as_ref().map_or(&[][..], |(bytes, _)| bytes.as_slice());
        let mut text = diff::unified(&self.path, old, &self.new, self.kind);
        if let Some((_, custody)) = self.old.as_ref().filter(|(_, custody)| self.is_other_custody(custody)) {
            let owner =
                self.custody.owner.filter(|owner| custody.owner != Some(*owner)).map(|(user, group)| format!(", owner {user}:{group}"));
            text.push_str(&format!("# {} gets mode {:04o}{}\n", self.path.display(), self.custody.mode, owner.unwrap_or_default()));
        }
        text
    }

    /// Somebody may have edited the file while the questions were answered; their work is not overwritten.
    fn is_still_based_on_what_is_there(&self) -> Result<(), Failure> {
        let now = Document::read(&self.path, self.limit)?;
        if now.target == self.target && now.old == self.old {
            return Ok(());
        }
        Err(Failure::found(format!("{} was changed meanwhile by somebody else; nothing was written", self.path.display()))
            .hint("run it again"))
    }

    fn draft(&self) -> Result<Draft, files::Error> {
        Draft::of(&self.target, &self.custody, &self.new)
    }

    /// Makes the file what it was, if it is not.
    fn take_back(&self) -> Result<(), files::Error> {
        if self.is_still_based_on_what_is_there().is_ok() {
            return Ok(());
        }
        match &self.old {
            Some((bytes, custody)) => Draft::of(&self.target, custody, bytes)?.take_place(),
            None => match std::fs::remove_file(&self.target) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => Err(files::Error::Io { path: self.target.clone(), source }),
                _ => Ok(()),
            },
        }
    }
}

fn with_hint(failure: Failure, hint: Option<String>) -> Failure {
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
