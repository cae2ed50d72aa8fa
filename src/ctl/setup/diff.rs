//! A unified diff that shows lines that change and no others, and of the credentials file no value but the client id.

use std::path::Path;

use similar::{ChangeTag, TextDiff};

use crate::credentials::edit::HEADING;

/// What is compared, and so what may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The credentials file: other components' secrets may stand in it too.
    Credentials,
    /// The settings.
    Settings,
}

const HIDDEN: &str = "********";

/// The difference between `old` and `new`; nothing if there is none.
pub fn unified(path: &Path, old: &[u8], new: &[u8], kind: Kind) -> String {
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let diff = TextDiff::from_lines(&*old, &*new);
    let mut text = String::new();
    // No lines around the change: whatever stands there is nobody's business.
    for hunk in diff.unified_diff().context_radius(0).iter_hunks() {
        if text.is_empty() {
            text = format!("--- {0}\n+++ {0}\n", path.display());
        }
        text.push_str(&format!("{}\n", hunk.header()));
        for change in hunk.iter_changes() {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            let line = change.value().trim_end_matches(['\n', '\r']).trim_start_matches('\u{feff}');
            text.push_str(&format!("{sign}{}\n", if kind == Kind::Credentials { masked(line) } else { line.to_owned() }));
        }
    }
    text
}

/// The line with its value hidden, unless it is the client id's.
fn masked(line: &str) -> String {
    let is_client_id = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).any(|word| word == "AZUREAD_CID");
    if is_client_id || line == HEADING || line.trim().is_empty() {
        return line.to_owned();
    }
    match line.split_once('=') {
        Some((key, value)) => format!("{key}={}{HIDDEN}", if value.starts_with(' ') { " " } else { "" }),
        None => HIDDEN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_shows_what_changes_and_no_secret() {
        let old = "A=other\nAZUREAD_CID=1\nexport AZUREAD_CIS=oldsecret\nB=another";
        let new = "A=other\nAZUREAD_CID=2\nexport AZUREAD_CIS=newsecret\nB=another\n";
        assert_eq!(
            unified(Path::new("/root/.OneDesk"), old.as_bytes(), new.as_bytes(), Kind::Credentials),
            "--- /root/.OneDesk\n+++ /root/.OneDesk\n@@ -2,3 +2,3 @@\n-AZUREAD_CID=1\n-export AZUREAD_CIS=********\n-B=********\n\
             +AZUREAD_CID=2\n+export AZUREAD_CIS=********\n+B=********\n"
        );
        assert_eq!(unified(Path::new("/f"), b"a\n", b"a\n", Kind::Settings), "");
        assert_eq!(
            unified(Path::new("/f"), b"proxy = \"x:secret@y\"\n", b"proxy = \"x:secret@y\"\np = 1\n", Kind::Settings),
            "--- /f\n+++ /f\n@@ -1,0 +2 @@\n+p = 1\n"
        );
    }
}
