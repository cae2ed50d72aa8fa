//! What is wrong with a settings file: where, the line with a caret, and what to write instead. Passwords in the quoted
//! line (a proxy or database URL may hold one) are covered.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::model::{Hint, Problem};

/// Why a settings file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be opened or read.
    #[error("{}: cannot be read: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is larger than any settings file.
    #[error("{}: larger than {limit} bytes", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bound.
        limit: usize,
    },
    /// It is no UTF-8 text.
    #[error("{}:{line}: not UTF-8 text", .path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line of the first bad byte.
        line: u32,
    },
    /// It was read, and these things in it are wrong: at least one, in the order of the file.
    #[error("{}", shown(.faults, *.more))]
    Invalid {
        /// What is wrong, at most [`MOST_FAULTS`].
        faults: Vec<Fault>,
        /// How many more there are.
        more: usize,
    },
}

/// How many faults are described; a file with more is not a settings file.
pub const MOST_FAULTS: usize = 20;

impl Error {
    /// The same for `/v1/status`: the first fault, and how many there are.
    pub fn problem(&self) -> Problem {
        let hint = || self.hint().unwrap_or_default();
        match self {
            Self::Unreadable { .. } => Problem::new("settings_unreadable", self.to_string(), hint()),
            Self::TooLarge { .. } => Problem::new("settings_too_large", self.to_string(), hint()),
            Self::NotUtf8 { line, .. } => Problem::new("settings_invalid", self.to_string(), hint()).at_line(*line),
            Self::Invalid { faults, more } => {
                let others = (faults.len() + more).saturating_sub(1);
                let first = faults.first();
                let mut title = first.map(Fault::summary).unwrap_or_default();
                if others > 0 {
                    title.push_str(&format!(" (and {others} more)"));
                }
                let hint = first.map(|fault| fault.hint.clone()).unwrap_or_default();
                Problem::new("settings_invalid", title, hint).at_line(first.map_or(1, |fault| fault.line))
            }
        }
    }
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreadable { path, source } if source.kind() == io::ErrorKind::PermissionDenied => {
                format!("make it readable for the daemon: chown root:onedesk {0} && chmod 0640 {0}", path.display())
            }
            Self::Unreadable { .. } => "see whether the path is right and names a file".to_owned(),
            Self::TooLarge { .. } => "see whether this is the right file".to_owned(),
            Self::NotUtf8 { .. } => "save it as UTF-8".to_owned(),
            // Each fault shows its own.
            Self::Invalid { .. } => return None,
        })
    }
}

fn shown(faults: &[Fault], more: usize) -> String {
    let mut text = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    if more > 0 {
        text.push_str(&format!("\nand {more} more"));
    }
    text
}

/// A mistake in the text, before it is known where the text comes from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Slip {
    /// Where, in bytes.
    pub span: Range<usize>,
    /// What is wrong.
    pub title: String,
    /// What to do.
    pub hint: String,
}

/// One thing that is wrong in a file. Its `Display` is the whole message: place, line, caret and hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    path: PathBuf,
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// What is wrong.
    pub title: String,
    /// What to do.
    pub hint: String,
    excerpt: String,
    offset: usize,
    width: usize,
}

/// The longest excerpt of a line, in characters.
const LONGEST_EXCERPT: usize = 120;

impl Fault {
    pub(super) fn locate(path: &Path, text: &str, slip: Slip) -> Self {
        let start = floor(text, slip.span.start);
        let end = floor(text, slip.span.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
        let column = text[line_start..start].chars().count();
        let width = text[start..end.min(line_end).max(start)].trim_end_matches('\r').chars().count().max(1);

        let line: Vec<char> = covered(text[line_start..line_end].trim_end_matches('\r')).chars().map(printable).collect();
        let from =
            if line.len() <= LONGEST_EXCERPT { 0 } else { column.saturating_sub(LONGEST_EXCERPT / 2).min(line.len() - LONGEST_EXCERPT) };
        let excerpt: String = line.iter().skip(from).take(LONGEST_EXCERPT).collect();
        let offset = column.saturating_sub(from).min(LONGEST_EXCERPT);
        Self {
            path: path.to_owned(),
            line: count(text[..line_start].matches('\n').count() + 1),
            column: count(column + 1),
            title: slip.title,
            hint: slip.hint,
            excerpt,
            offset,
            width: width.min(LONGEST_EXCERPT.saturating_sub(offset).max(1)),
        }
    }

    /// Place and title, in one line.
    pub fn summary(&self) -> String {
        format!("{}:{}:{}: {}", self.path.display(), self.line, self.column, self.title)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(f, "{}", self.summary())?;
        writeln!(f, "  {number} | {}", self.excerpt)?;
        writeln!(f, "  {margin} | {}{}", " ".repeat(self.offset), "^".repeat(self.width))?;
        write!(f, "hint: {}", self.hint)
    }
}

/// The nearest character border at or below `index`.
fn floor(text: &str, index: usize) -> usize {
    (0..=index.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Tabs keep the caret in its place as blanks; other control characters could drive a terminal.
fn printable(character: char) -> char {
    match character {
        '\t' => ' ',
        other if other.is_control() => '\u{fffd}',
        other => other,
    }
}

/// Words of lines whose values are nobody's business: a proxy's URL may hold a password, and people put secrets into the wrong file.
const DELICATE: [&str; 4] = ["proxy", "azuread", "secret", "passw"];

/// The line with what may be secret replaced by asterisks, as wide as it was: the whole value in a delicate line, else user name
/// and password of a URL.
fn covered(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let delicate = !lower.contains("password_file") && DELICATE.iter().any(|word| lower.contains(word));
    let range = match (line.find('='), line.rfind('@')) {
        (Some(equals), _) if delicate => equals + 1..line.len(),
        (None, _) if delicate => 0..line.len(),
        (_, Some(at)) => credentials_before(line, at),
        _ => return line.to_owned(),
    };
    let stars = line[range.clone()].chars().map(|character| if character == ' ' { ' ' } else { '*' }).collect::<String>();
    format!("{}{stars}{}", &line[..range.start], &line[range.end..])
}

/// The `USER:PASSWORD` that ends at the `@` at `at`; nothing where there is none.
fn credentials_before(line: &str, at: usize) -> Range<usize> {
    if let Some(scheme) = line[..at].find("://") {
        return scheme + 3..at;
    }
    let start =
        line[..at].rfind(|character: char| character.is_whitespace() || "\"'=,[".contains(character)).map_or(0, |before| before + 1);
    if line[start..at].contains(':') { start..at } else { at..at }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str, span: Range<usize>) -> Fault {
        Fault::locate(Path::new("/f.toml"), text, Slip { span, title: "odd".to_owned(), hint: "mend it".to_owned() })
    }

    #[test]
    fn a_fault_shows_place_line_caret_and_hint() {
        assert_eq!(fault("a = 1\nlisen = 2\n", 6..11).to_string(), "/f.toml:2:1: odd\n  2 | lisen = 2\n    | ^^^^^\nhint: mend it");
    }

    #[test]
    fn columns_count_characters_and_tabs_keep_their_place() {
        let shown = fault("\tä = ö", 6..8).to_string();
        assert_eq!(shown, "/f.toml:1:6: odd\n  1 |  ä = ö\n    |      ^\nhint: mend it");
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let text = format!("{}X{}", "a".repeat(1000), "b".repeat(1000));
        let shown = fault(&text, 1000..1001).to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[1].len() < 140);
        assert_eq!(lines[1].find('X'), lines[2].find('^'));
    }

    #[test]
    fn a_password_in_a_line_is_covered() {
        for line in [
            "proxy = \"http://desk:can ary@proxy:3128\"",
            "proxy = \"http://desk:canary",
            "proxi = \"desk:canary@proxy\"",
            "url = 'postgres://u:canary@h/d",
            "AZUREAD_CIS=canary",
            "AzureAD_CIS: canary",
            "client_secret = 'canary'",
            "password = canary",
        ] {
            let shown = fault(line, 0..1).to_string();
            assert!(!shown.contains("canary") && !shown.contains("ary@"), "{shown}");
        }
        assert!(fault("token_readers = [\"onedesk\", \"@desk\"]", 0..1).to_string().contains("onedesk"));
    }

    #[test]
    fn any_span_can_be_shown() {
        let text = "ä\r\n\u{1}ö";
        for start in 0..10 {
            for end in 0..10 {
                let _ = fault(text, start..end).to_string();
            }
        }
    }
}
