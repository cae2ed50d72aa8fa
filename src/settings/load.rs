//! From a path or a text to [`Settings`], with everything that is accepted but should be known as warnings.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::{Error, Fault, MOST_FAULTS, Slip};
use super::file::File;
use super::validate::validate;
use super::{Address, Settings};
use crate::model::Problem;

/// Longer than any settings file; a larger one is a mistake and is not read to its end.
const LARGEST: usize = 1024 * 1024;

/// Settings, and what should be mended.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What works but is probably not meant.
    pub warnings: Vec<Problem>,
    /// Whether the file exists. Without one the defaults count, so that a fresh host starts and says what is missing.
    pub found: bool,
}

impl Settings {
    /// Reads the file at `path`. A missing file counts as an empty one, with a warning.
    ///
    /// # Errors
    /// [`Error`] names everything that is wrong, not only the first mistake. Nothing of a bad file is used.
    pub fn load(path: &Path) -> Result<Loaded, Error> {
        match read(path) {
            Ok(bytes) => Self::parse_bytes(&bytes, path),
            Err(Error::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                let mut loaded = Self::parse("", path)?;
                loaded.found = false;
                loaded.warnings.insert(0, Problem::told("settings_missing", &[("file", &path.display())]));
                Ok(loaded)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads `text`, which stands in `path`. Errors as [`Settings::load`].
    pub fn parse(text: &str, path: &Path) -> Result<Loaded, Error> {
        if text.len() > LARGEST {
            return Err(Error::TooLarge { path: path.to_owned(), limit: LARGEST });
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (file, mut slips) = File::read(text);
        let settings = match validate(&file) {
            Ok(settings) if slips.is_empty() => settings,
            Ok(_) => return Err(invalid(slips, text, path)),
            Err(more) => {
                slips.extend(more);
                slips.sort_by_key(|slip| slip.span.start);
                return Err(invalid(slips, text, path));
            }
        };
        let warnings = warnings(&settings, path);
        Ok(Loaded { settings, warnings, found: true })
    }

    /// Reads a text that may not even be text. Errors as [`Settings::load`].
    pub fn parse_bytes(bytes: &[u8], path: &Path) -> Result<Loaded, Error> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text, path),
            Err(fault) => {
                let newlines = bytes[..fault.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
                Err(Error::NotUtf8 { path: path.to_owned(), line: u32::try_from(newlines + 1).unwrap_or(u32::MAX) })
            }
        }
    }
}

/// The keys that differ between `old` and `new` and apply only at a restart; the names are those of onedeskd.toml(5).
pub fn restart_needed(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let differs = [
        ("listen.http", old.listen.http != new.listen.http),
        ("listen.group", old.listen.group != new.listen.group),
        ("listen.metrics", old.listen.metrics != new.listen.metrics),
        ("database.url", old.database.url != new.database.url),
        ("database.password_file", old.database.password_file != new.database.password_file),
        ("database.master_key_file", old.database.master_key_file != new.database.master_key_file),
        ("mail.imap_listen", old.mail.imap_listen != new.mail.imap_listen),
        ("mail.smtp_listen", old.mail.smtp_listen != new.mail.smtp_listen),
        ("mail.pop3_listen", old.mail.pop3_listen != new.mail.pop3_listen),
        ("pages.webapps", old.pages.webapps != new.pages.webapps),
        ("pages.customerapps", old.pages.customerapps != new.pages.customerapps),
        ("pages.overrides", old.pages.overrides != new.pages.overrides),
        ("local_api.socket", old.local_api.socket != new.local_api.socket),
    ];
    differs.into_iter().filter_map(|(key, differs)| differs.then_some(key)).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    // Without O_NONBLOCK the open of a FIFO would wait for a writer for ever.
    let file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > LARGEST {
        return Err(Error::TooLarge { path: path.to_owned(), limit: LARGEST });
    }
    Ok(bytes)
}

fn invalid(mut slips: Vec<Slip>, text: &str, path: &Path) -> Error {
    let more = slips.len().saturating_sub(MOST_FAULTS);
    slips.truncate(MOST_FAULTS);
    Error::Invalid { faults: slips.into_iter().map(|slip| Fault::locate(path, text, slip)).collect(), more }
}

fn warnings(settings: &Settings, path: &Path) -> Vec<Problem> {
    let mut warnings = Vec::new();
    if settings.public_url.is_none() {
        warnings.push(Problem::told("public_url_missing.settings", &[("file", &path.display())]));
    }
    if settings.listen.group.is_some() && matches!(settings.listen.http, Address::Tcp(_)) {
        warnings.push(Problem::told("setting_without_effect.group", &[]));
    }
    if let Some(everyone) = settings.listen.trusted_proxies.iter().find(|network| network.prefix_len() == 0) {
        warnings.push(Problem::told("trusts_everyone", &[("network", everyone)]));
    }
    if settings.database.password_file.is_some() {
        warnings.push(Problem::told("setting_without_effect.password", &[]));
    }
    let mail = &settings.mail;
    for (key, set) in [("imap_listen", &mail.imap_listen), ("smtp_listen", &mail.smtp_listen), ("pop3_listen", &mail.pop3_listen)] {
        if set.is_some() {
            warnings.push(Problem::told("not_in_this_version", &[("key", &key)]));
        }
    }
    warnings
}
