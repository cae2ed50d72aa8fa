//! Changes the pair in the text of a credentials file and leaves every other byte as it is. Pure; the grammar reads, this writes.

use zeroize::Zeroizing;

use super::grammar::{self, Key};
use super::{Observation, Outcome};
use crate::model::{ClientId, Problem, Secret};

/// What a new file begins with.
pub const HEADING: &str = "# Application (client) ID and client secret Value of the app registration in Entra; see onedesk-credentials(5)";

const MARK: &str = "\u{feff}";

/// The values that a file holds already, each as far as it is good by itself.
#[derive(Debug, Default)]
pub struct Known {
    /// `AZUREAD_CID`.
    pub client_id: Option<ClientId>,
    /// `AZUREAD_CIS`.
    pub secret: Option<Secret<String>>,
}

/// What `bytes` hold already.
pub fn known(bytes: &[u8]) -> Known {
    let mut known = Known::default();
    for line in std::str::from_utf8(bytes).unwrap_or_default().trim_start_matches(MARK).split('\n') {
        match grammar::entry(line.trim_end_matches('\r')) {
            Some((Key::ClientId, value)) => known.client_id = value.ok().and_then(|value| grammar::judge_client_id(value).ok()),
            Some((Key::Secret, value)) => known.secret = value.ok().and_then(|value| grammar::judge_secret(value).ok()),
            _ => {}
        }
    }
    known
}

/// A changed text, and what should be mended in it.
#[derive(Debug)]
pub struct Edited {
    /// The whole file.
    pub bytes: Zeroizing<Vec<u8>>,
    /// What the grammar has to say about it.
    pub warnings: Vec<Problem>,
}

/// `old` with this pair. The line that counts is changed in its own style; a key that is not there is added at the end.
///
/// # Errors
/// When `old` is no text, or the pair cannot be written in this grammar.
pub fn with_pair(old: &[u8], client_id: ClientId, secret: &Secret<String>) -> Result<Edited, Problem> {
    let Ok(text) = std::str::from_utf8(old) else { return Err(refusal(grammar::parse(old))) };
    let (mark, text) = if text.starts_with(MARK) { text.split_at(MARK.len()) } else { ("", text) };
    let mut lines: Zeroizing<Vec<String>> = Zeroizing::new(text.split_inclusive('\n').map(str::to_owned).collect());
    if lines.is_empty() {
        lines.push(format!("{HEADING}\n"));
    }
    put(&mut lines, Key::ClientId, &client_id.to_string())?;
    put(&mut lines, Key::Secret, secret.expose())?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(old.len() + 4096));
    bytes.extend_from_slice(mark.as_bytes());
    lines.iter().for_each(|line| bytes.extend_from_slice(line.as_bytes()));
    let observation = grammar::parse(&bytes);
    match &observation.outcome {
        Outcome::Pair(pair) if pair.client_id == client_id && pair.secret == *secret => {
            Ok(Edited { bytes, warnings: observation.warnings })
        }
        _ => Err(refusal(observation)),
    }
}

fn refusal(observation: Observation) -> Problem {
    match observation.outcome {
        Outcome::Rejected(problem) | Outcome::Missing(problem) => problem,
        Outcome::Pair(_) => Problem::told("value_unwritable.pair", &[]),
    }
}

fn unwritable(key: Key) -> Problem {
    Problem::told("value_unwritable", &[("key", &key.name())])
}

/// Gives `key` that value in its last line, or in a new one.
fn put(lines: &mut Vec<String>, key: Key, value: &str) -> Result<(), Problem> {
    let of = |wanted: Key| move |line: &String| grammar::entry(body(line)).is_some_and(|(key, _)| key == wanted);
    if let Some(at) = lines.iter().rposition(of(key)) {
        if grammar::entry(body(&lines[at])).is_some_and(|(_, current)| current == Ok(value)) {
            return Ok(());
        }
        let ending = lines[at][body(&lines[at]).len()..].to_owned();
        let changed = rewritten(body(&lines[at]), key, value).ok_or_else(|| unwritable(key))?;
        lines[at] = format!("{changed}{ending}");
        return Ok(());
    }
    let ending = if lines.first().is_some_and(|line| line.ends_with("\r\n")) { "\r\n" } else { "\n" };
    let sibling = if key == Key::ClientId { Key::Secret } else { Key::ClientId };
    let (export, equals, quote) = lines.iter().rfind(|line| of(sibling)(line)).map_or(("", "=", ""), |line| style(body(line)));
    let written = styled(&format!("{export}{}{equals}", key.name()), quote, value, "", key).ok_or_else(|| unwritable(key))?;
    if let Some(last) = lines.last_mut().filter(|line| !line.ends_with('\n')) {
        last.push_str(ending);
    }
    lines.push(format!("{written}{ending}"));
    Ok(())
}

/// A line without its end.
fn body(line: &str) -> &str {
    line.trim_end_matches('\n').trim_end_matches('\r')
}

/// `export `, the equals sign with its blanks, and the quote of an entry.
fn style(line: &str) -> (&'static str, &'static str, &'static str) {
    let export = if line.trim_start().starts_with("export") { "export " } else { "" };
    let (before, after) = line.split_once('=').unwrap_or((line, ""));
    let equals = if before.ends_with(' ') { " = " } else { "=" };
    let quote = match after.trim_start().chars().next() {
        Some('"') => "\"",
        Some('\'') => "'",
        _ => "",
    };
    (export, equals, quote)
}

/// `line`, which is an entry of `key`, with another value: before and behind it everything stays.
fn rewritten(line: &str, key: Key, value: &str) -> Option<String> {
    let (_, found) = grammar::entry(line)?;
    let Ok(old) = found else {
        // No value to replace: what stands behind the key may be half a secret, and goes.
        let end = line.find(key.name())? + key.name().len();
        let blanks = line[end..].split_once('=').map_or("", |(blanks, _)| blanks);
        let blanks = if blanks.trim().is_empty() { blanks } else { "" };
        return styled(&format!("{}{blanks}={blanks}", &line[..end]), "", value, "", key);
    };
    let start = old.as_ptr() as usize - line.as_ptr() as usize;
    let (before, after) = (&line[..start], &line[start + old.len()..]);
    match before.chars().next_back().filter(|c| ['"', '\''].contains(c) && after.starts_with(*c)) {
        Some('"') => styled(&before[..start - 1], "\"", value, &after[1..], key),
        Some(_) => styled(&before[..start - 1], "'", value, &after[1..], key),
        None => styled(before, "", value, after, key),
    }
}

/// The line with the value in the wished quotes, or in others if it would be misread in those; nothing if it would be in all.
fn styled(before: &str, quote: &str, value: &str, after: &str, key: Key) -> Option<String> {
    let in_shell = before.trim_start().starts_with("export");
    [quote, "'", "\""].into_iter().filter(|quote| !(in_shell && quote.is_empty()) || is_plain_to_shells(value)).find_map(|quote| {
        let line = format!("{before}{quote}{value}{quote}{after}");
        (grammar::entry(&line) == Some((key, Ok(value)))).then_some(line)
    })
}

/// Whether a shell that sources the file reads the value as it stands.
fn is_plain_to_shells(value: &str) -> bool {
    !value.starts_with('~') && value.chars().all(|c| c.is_ascii_alphanumeric() || "._-~+/=:@%,".contains(c))
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
