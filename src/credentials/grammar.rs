//! The grammar of `/root/.OneDesk` (interface, section 2): bytes in, [`Observation`] out. Pure, and no value in any message.
//!
//! An entry is `KEY=VALUE`, `export KEY=VALUE`, `KEY = "VALUE"` or `KEY = 'VALUE'`. What stands between quotes is taken
//! literally: no client secret has a quote or needs an escape.

use super::{Observation, Outcome, Pair};
use crate::model::ids::is_guid;
use crate::model::{ClientId, Problem, Secret};

/// The most bytes that a file may have.
pub const LIMIT: usize = 64 * 1024;

/// What `bytes` say.
pub fn parse(bytes: &[u8]) -> Observation {
    if bytes.len() > LIMIT {
        return Observation::rejected(too_large());
    }
    let text = match std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)) {
        Ok(text) => text,
        Err(error) => return Observation::rejected(not_utf8(bytes, error.valid_up_to())),
    };
    let mut found = Found::default();
    for (line, number) in text.split('\n').zip(1..) {
        if let Some((key, value)) = entry(line.strip_suffix('\r').unwrap_or(line)) {
            found.slot(key).put(key, value, number);
        }
    }
    found.judge()
}

/// The file is larger than [`LIMIT`].
pub fn too_large() -> Problem {
    Problem::told("file_too_large", &[])
}

fn not_utf8(bytes: &[u8], valid_up_to: usize) -> Problem {
    let line = bytes.iter().take(valid_up_to).filter(|byte| **byte == b'\n').count() + 1;
    Problem::told("file_encoding", &[]).at_line(u32::try_from(line).unwrap_or(u32::MAX))
}

/// The keys that are ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    ClientId,
    Secret,
    Next,
}

impl Key {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ClientId => "AZUREAD_CID",
            Self::Secret => "AZUREAD_CIS",
            Self::Next => "AZUREAD_CIS_NEXT",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::ClientId, Self::Secret, Self::Next].into_iter().find(|key| key.name() == name)
    }
}

/// Why a line of ours gives no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    NoEquals,
    OpenQuote,
    TextAfterQuote,
    ControlCharacter,
    Empty,
}

impl Fault {
    fn problem(self, key: Key, line: u32) -> Problem {
        let name = key.name();
        let problem = match self {
            Self::NoEquals => Problem::told("line_malformed.equals", &[("key", &name)]),
            Self::OpenQuote => Problem::told("line_malformed.open", &[("key", &name)]),
            Self::TextAfterQuote => Problem::told("line_malformed.closed", &[("key", &name)]),
            Self::ControlCharacter => Problem::told("line_malformed.control", &[("key", &name)]),
            Self::Empty => Problem::told("value_empty", &[("key", &name)]),
        };
        problem.at_line(line)
    }
}

/// The key and value of `line`, if it is one of ours.
pub(super) fn entry(line: &str) -> Option<(Key, Result<&str, Fault>)> {
    let line = line.trim_matches(BLANK);
    let line = line.strip_prefix("export").filter(|rest| rest.starts_with(BLANK)).unwrap_or(line).trim_start_matches(BLANK);
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c))).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let key = Key::of(name)?;
    Some((key, rest.trim_start_matches(BLANK).strip_prefix('=').ok_or(Fault::NoEquals).and_then(value)))
}

const BLANK: [char; 2] = [' ', '\t'];

/// The value in what follows the `=`.
fn value(rest: &str) -> Result<&str, Fault> {
    let trimmed = rest.trim_matches(BLANK);
    let value = match trimmed.chars().next().filter(|c| ['"', '\''].contains(c)) {
        Some(quote) => {
            let (value, after) = trimmed[1..].split_once(quote).ok_or(Fault::OpenQuote)?;
            let after = after.trim_start_matches(BLANK);
            if !after.is_empty() && !after.starts_with('#') {
                return Err(Fault::TextAfterQuote);
            }
            value
        }
        None => before_comment(rest).trim_matches(BLANK),
    };
    match value {
        "" => Err(Fault::Empty),
        value if value.chars().any(char::is_control) => Err(Fault::ControlCharacter),
        value => Ok(value),
    }
}

/// A `#` starts a comment only after a blank: secrets may contain one.
fn before_comment(rest: &str) -> &str {
    let start = rest.char_indices().zip(rest.chars().skip(1)).find(|((_, blank), next)| BLANK.contains(blank) && *next == '#');
    start.map_or(rest, |((at, _), _)| &rest[..at])
}

/// What the lines gave so far; the last line of a key counts.
#[derive(Default)]
struct Found<'a> {
    client_id: Slot<'a>,
    secret: Slot<'a>,
    next: Slot<'a>,
}

#[derive(Default)]
struct Slot<'a> {
    last: Option<(Result<&'a str, Fault>, u32)>,
    /// The first bad line that a later one made harmless: one report a key is enough.
    overruled: Option<Problem>,
    count: u32,
}

impl<'a> Slot<'a> {
    fn put(&mut self, key: Key, value: Result<&'a str, Fault>, line: u32) {
        if let Some((Err(fault), earlier)) = self.last.replace((value, line)) {
            self.overruled.get_or_insert_with(|| fault.problem(key, earlier));
        }
        self.count += 1;
    }

    /// What should be mended in the lines of this key though one of them counts.
    fn warnings(&self, key: Key) -> impl Iterator<Item = Problem> {
        let repeated = self
            .last
            .filter(|_| self.count > 1)
            .map(|(_, line)| Problem::told("key_repeated", &[("key", &key.name()), ("times", &self.count), ("line", &line)]).at_line(line));
        let odd = self.last.filter(|(value, _)| value.is_ok_and(|value| !value.chars().all(|c| c.is_ascii_graphic())));
        let odd = odd.map(|(_, line)| Problem::told("value_unusual", &[("key", &key.name())]).at_line(line));
        self.overruled.clone().into_iter().chain(repeated).chain(odd)
    }
}

impl<'a> Found<'a> {
    const fn slot(&mut self, key: Key) -> &mut Slot<'a> {
        match key {
            Key::ClientId => &mut self.client_id,
            Key::Secret => &mut self.secret,
            Key::Next => &mut self.next,
        }
    }

    fn judge(&self) -> Observation {
        let slots = [(Key::ClientId, &self.client_id), (Key::Secret, &self.secret), (Key::Next, &self.next)];
        let mut warnings: Vec<_> = slots.iter().flat_map(|(key, slot)| slot.warnings(*key)).collect();
        let next = match self.next.last.map(|(value, line)| secret(Key::Next, value, line)) {
            Some(Err(problem)) => {
                warnings.push(problem);
                None
            }
            Some(Ok(next)) => Some(next),
            None => None,
        };
        let outcome = match (self.client_id.last, self.secret.last) {
            (Some((id, id_line)), Some((value, line))) => match (client_id(id, id_line), secret(Key::Secret, value, line)) {
                (Ok(client_id), Ok(secret)) => Outcome::Pair(Pair { client_id, secret, next }),
                (Err(problem), Ok(_)) | (Ok(_), Err(problem)) => Outcome::Rejected(problem),
                (Err(problem), Err(other)) => {
                    warnings.push(other);
                    Outcome::Rejected(problem)
                }
            },
            (id, secret) => Outcome::Missing(missing(id.is_none(), secret.is_none())),
        };
        Observation { outcome, warnings }
    }
}

fn client_id(value: Result<&str, Fault>, line: u32) -> Result<ClientId, Problem> {
    let value = value.map_err(|fault| fault.problem(Key::ClientId, line))?;
    judge_client_id(value).map_err(|problem| problem.at_line(line))
}

/// The Application (client) ID that `value` is, or what it is not.
pub fn judge_client_id(value: &str) -> Result<ClientId, Problem> {
    value.parse().map_err(|_| Problem::told("client_id_malformed", &[]))
}

fn secret(key: Key, value: Result<&str, Fault>, line: u32) -> Result<Secret<String>, Problem> {
    let value = value.map_err(|fault| fault.problem(key, line))?;
    judge(key, value).map_err(|problem| problem.at_line(line))
}

/// The client secret that `value` is, or why it is none.
pub fn judge_secret(value: &str) -> Result<Secret<String>, Problem> {
    judge(Key::Secret, value)
}

fn judge(key: Key, value: &str) -> Result<Secret<String>, Problem> {
    if is_guid(value) {
        return Err(Problem::told("secret_is_id", &[("key", &key.name())]));
    }
    Ok(Secret::from(value))
}

fn missing(id: bool, secret: bool) -> Problem {
    match (id, secret) {
        (true, false) => Problem::told("key_missing.client_id", &[]),
        (false, true) => Problem::told("key_missing.secret", &[]),
        _ => Problem::told("key_missing", &[]),
    }
}

#[cfg(test)]
#[path = "grammar_tests.rs"]
mod tests;
