//! What `onedeskd` takes on its command line, and the run that only tries the settings.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Parser;

use crate::model::{Hint, Problem};
use crate::settings::{DEFAULT_FILE, Error, Loaded, Settings};

/// Done, or the settings are good.
pub const EXIT_OK: u8 = 0;
/// The settings are not good: `EX_CONFIG` of sysexits.h. (Wrong usage is 2, by clap.)
pub const EXIT_CONFIG: u8 = 78;

/// The OneDesk identity service: Microsoft 365 mailboxes, directory and single sign-on for one host.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "onedeskd", version, after_help = "Settings: onedeskd.toml(5). Status of a running daemon: onedeskctl status")]
pub struct Arguments {
    /// Read the settings from FILE [default: /etc/onedesk/onedeskd.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Try the settings, print what is wrong with them, and exit: 0 good, 78 not
    #[arg(long)]
    pub check_config: bool,
}

impl Arguments {
    /// The settings file.
    pub fn config(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE))
    }

    /// The settings. A file that was named must exist: a slip of the pen must not open the usual database.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn load(&self) -> Result<Loaded, Error> {
        let loaded = Settings::load(self.config())?;
        if !loaded.found && self.config.is_some() {
            return Err(Error::Unreadable { path: self.config().to_owned(), source: io::ErrorKind::NotFound.into() });
        }
        Ok(loaded)
    }

    /// Tries the settings and writes every mistake and warning to `stderr`; the exit code is the result.
    ///
    /// A file that was named must exist. Without `--config` a missing file means the defaults, as for the daemon itself.
    ///
    /// # Errors
    /// When `stderr` cannot be written.
    pub fn check_config(&self, stderr: &mut dyn Write) -> io::Result<u8> {
        match Settings::load(self.config()) {
            Ok(loaded) if !loaded.found && self.config.is_some() => {
                writeln!(
                    stderr,
                    "onedeskd: {}: no such file\nhint: see whether the path behind --config is right",
                    self.config().display()
                )?;
                Ok(EXIT_CONFIG)
            }
            Ok(loaded) => {
                loaded.warnings.iter().try_for_each(|warning| write_warning(stderr, self.config(), warning))?;
                Ok(EXIT_OK)
            }
            Err(error) => {
                write_error(stderr, &error)?;
                Ok(EXIT_CONFIG)
            }
        }
    }
}

/// Writes what is wrong with the settings: each fault with place, line, caret and hint.
pub fn write_error(stderr: &mut dyn Write, error: &Error) -> io::Result<()> {
    let Error::Invalid { faults, more } = error else {
        writeln!(stderr, "onedeskd: {error}")?;
        return error.hint().map_or(Ok(()), |hint| writeln!(stderr, "hint: {hint}"));
    };
    faults.iter().try_for_each(|fault| writeln!(stderr, "onedeskd: {fault}"))?;
    if *more > 0 {
        writeln!(stderr, "onedeskd: and {more} more")?;
    }
    Ok(())
}

fn write_warning(stderr: &mut dyn Write, path: &Path, warning: &Problem) -> io::Result<()> {
    writeln!(stderr, "onedeskd: {}: warning: {}\nhint: {}", path.display(), warning.title, warning.hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str]) -> (u8, String) {
        let mut stderr = Vec::new();
        let arguments = Arguments::try_parse_from(["onedeskd", "--check-config"].iter().chain(arguments)).unwrap();
        let code = arguments.check_config(&mut stderr).unwrap();
        (code, String::from_utf8(stderr).unwrap())
    }

    fn file(text: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("onedeskd.toml");
        std::fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap().to_owned();
        (folder, path)
    }

    #[test]
    fn good_settings_exit_0_without_a_word() {
        let (_folder, path) = file("public_url = \"https://helpdesk.example.com\"\n");
        assert_eq!(check(&["--config", &path]), (EXIT_OK, String::new()));
    }

    #[test]
    fn a_missing_public_url_is_a_warning() {
        let (_folder, path) = file("");
        let (code, shown) = check(&["--config", &path]);
        assert_eq!(code, EXIT_OK);
        assert_eq!(
            shown,
            format!(
                "onedeskd: {path}: warning: public_url is not set: nobody can connect or sign in\n\
                 hint: add the line public_url = \"https://HOST\" at the top of {path}\n"
            )
        );
    }

    #[test]
    fn every_mistake_is_shown_in_the_one_layout_and_exits_78() {
        let (_folder, path) = file("lisen = 1\n[log]\nlevel = \"loud\"\n");
        let (code, shown) = check(&["--config", &path]);
        assert_eq!(code, EXIT_CONFIG);
        assert_eq!(
            shown,
            format!(
                "onedeskd: {path}:1:1: unknown key \"lisen\"\n  1 | lisen = 1\n    | ^^^^^\nhint: did you mean \"listen\"? see onedeskd.toml(5)\n\
                 onedeskd: {path}:3:9: log.level is not a level\n  3 | level = \"loud\"\n    |         ^^^^^^\n\
                 hint: write one of error, warn, info, debug, trace, off\n"
            )
        );
    }

    #[test]
    fn a_named_file_must_exist() {
        let (code, shown) = check(&["--config", "/nonexistent/onedeskd.toml"]);
        assert_eq!(code, EXIT_CONFIG);
        assert!(shown.starts_with("onedeskd: /nonexistent/onedeskd.toml: no such file\nhint: "), "{shown}");
    }

    #[test]
    fn wrong_usage_is_2_and_help_and_version_are_0() {
        for (arguments, code) in
            [(["onedeskd", "--chek"], 2), (["onedeskd", "extra"], 2), (["onedeskd", "--help"], 0), (["onedeskd", "--version"], 0)]
        {
            assert_eq!(Arguments::try_parse_from(arguments).unwrap_err().exit_code(), code, "{arguments:?}");
        }
    }

    #[test]
    fn the_default_in_the_help_is_the_default() {
        let help = Arguments::try_parse_from(["onedeskd", "--help"]).unwrap_err().to_string();
        assert!(help.contains(DEFAULT_FILE), "{help}");
        assert_eq!(Arguments::try_parse_from(["onedeskd"]).unwrap().config(), Path::new(DEFAULT_FILE));
    }
}
