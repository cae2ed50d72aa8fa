//! The mirror of the file: each known key that it sets, with its place. Nothing is judged here but keys and types.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::error::{MOST_FAULTS, Slip};
use super::keys::{self, KEYS, Preset};

/// What the file sets.
#[derive(Debug, Default)]
pub(super) struct File(BTreeMap<&'static str, Entry>);

/// One key's value and its place.
#[derive(Debug)]
pub(super) struct Entry {
    /// The value.
    pub value: Value,
    /// Its place in bytes.
    pub span: Range<usize>,
}

/// A value of the right type. There are only these two types.
#[derive(Debug)]
pub(super) enum Value {
    /// A string.
    Text(String),
    /// A list of strings, each with its place.
    List(Vec<(String, Range<usize>)>),
}

impl File {
    /// Reads `text`; what cannot be kept is described in `slips`, in the order of the file.
    pub fn read(text: &str) -> (Self, Vec<Slip>) {
        let (document, errors) = DeTable::parse_recoverable(text);
        let slips: Vec<Slip> = errors.iter().map(|error| syntax(text, error)).collect();
        let broken: Vec<Range<usize>> = slips.iter().take(MOST_FAULTS).map(|slip| line_around(text, slip.span.start)).collect();
        let mut reader = Reader { file: Self::default(), broken, slips };
        // Below a broken section line nobody knows which section it is, and in a heap of errors nothing is worth a word more.
        let sections_are_known = !reader.broken.iter().any(|line| text[line.clone()].trim_start().starts_with('['));
        if sections_are_known && reader.slips.len() <= MOST_FAULTS {
            reader.top(document.get_ref());
        }
        reader.slips.sort_by_key(|slip| slip.span.start);
        (reader.file, reader.slips)
    }

    /// What the file says about `key`.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.0.get(key)
    }
}

type Name<'t> = Spanned<DeString<'t>>;

struct Reader {
    file: File,
    /// The lines that are no TOML: what the parser guessed about them is not judged.
    broken: Vec<Range<usize>>,
    slips: Vec<Slip>,
}

impl Reader {
    fn top(&mut self, table: &DeTable<'_>) {
        for (name, value) in table {
            let known_section = keys::sections().any(|section| section == name.get_ref());
            match value.get_ref() {
                DeValue::Table(section) if known_section => self.section(name.get_ref(), section),
                _ if known_section && self.is_broken(name, value) => {}
                _ if known_section => self.slip(
                    value.span(),
                    format!("[{0}] is a section, not {1}", name.get_ref(), kind(value.get_ref())),
                    format!("write the line [{}] and its keys below it; see onedeskd.toml(5)", name.get_ref()),
                ),
                _ => self.key("", name, value),
            }
        }
    }

    fn section(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            self.key(section, name, value);
        }
    }

    fn key(&mut self, section: &str, name: &Name<'_>, value: &Spanned<DeValue<'_>>) {
        if self.is_broken(name, value) {
            return;
        }
        let full = if section.is_empty() { name.get_ref().to_string() } else { format!("{section}.{}", name.get_ref()) };
        // A quoted "listen.http" at the top level has the full name of a key, but is none.
        let Some(key) = keys::find(&full).filter(|_| !name.get_ref().contains('.')) else {
            self.slip(name.span(), format!("unknown key {:?}", clipped(name.get_ref())), suggestion(section, name.get_ref()));
            return;
        };
        let value = match (key.preset, value.get_ref()) {
            (Preset::List(_), DeValue::Array(items)) => {
                self.list(key.name, items.iter()).map(|items| Entry { value: Value::List(items), span: value.span() })
            }
            (Preset::Text(_) | Preset::OfCloud(_), DeValue::String(text)) => {
                Some(Entry { value: Value::Text(text.to_string()), span: value.span() })
            }
            (Preset::List(_), other) => {
                self.slip(
                    value.span(),
                    format!("{} must be a list of strings, not {}", key.name, kind(other)),
                    "put it in brackets: [\"…\"]".to_owned(),
                );
                None
            }
            (_, other) => {
                self.slip(
                    value.span(),
                    format!("{} must be a string, not {}", key.name, kind(other)),
                    "put it in quotes: \"…\"".to_owned(),
                );
                None
            }
        };
        if let Some(entry) = value {
            self.file.0.insert(key.name, entry);
        }
    }

    fn list<'t>(&mut self, key: &str, items: impl Iterator<Item = &'t Spanned<DeValue<'t>>>) -> Option<Vec<(String, Range<usize>)>> {
        let mut texts = Some(Vec::new());
        for item in items {
            if let DeValue::String(text) = item.get_ref() {
                if let Some(texts) = &mut texts {
                    texts.push((text.to_string(), item.span()));
                }
            } else {
                let title = format!("{key} must be a list of strings, but holds {}", kind(item.get_ref()));
                self.slip(item.span(), title, "put it in quotes: \"…\"".to_owned());
                texts = None;
            }
        }
        texts
    }

    fn is_broken(&self, name: &Name<'_>, value: &Spanned<DeValue<'_>>) -> bool {
        let span = name.span().start..value.span().end.max(name.span().end);
        self.broken.iter().any(|line| line.start < span.end && span.start < line.end)
    }

    fn slip(&mut self, span: Range<usize>, title: String, hint: String) {
        self.slips.push(Slip { span, title, hint });
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}

/// The line that `position` is on, with its newline.
fn line_around(text: &str, position: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let position = position.min(bytes.len());
    let start = bytes[..position].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let end = bytes[position..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| position + length + 1);
    start..end
}

fn syntax(text: &str, error: &toml::de::Error) -> Slip {
    let span = error.span().unwrap_or(text.len()..text.len());
    if error.message().contains("must be quoted") {
        return Slip { span, title: "the value must be in quotes".to_owned(), hint: "write KEY = \"VALUE\"".to_owned() };
    }
    let hint = if error.message().contains("duplicate key") {
        "keep one of them"
    } else {
        "write KEY = \"VALUE\" lines below [SECTION] lines; see onedeskd.toml(5)"
    };
    Slip { span, title: error.message().replace('\n', ", "), hint: hint.to_owned() }
}

/// The nearest key of the section, else the key of that name in another section, else where to read.
fn suggestion(section: &str, name: &str) -> String {
    let name = clipped(name);
    if name.to_ascii_uppercase().starts_with("AZUREAD_") {
        return "move it to the credentials file, and make a new secret if others could read it here".to_owned();
    }
    let nearest = keys::names_in(section)
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(&name.to_lowercase(), known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len().div_ceil(3).max(2));
    let elsewhere = || KEYS.iter().find(|key| key.name.rsplit('.').next() == Some(name.as_str())).map(|key| key.name);
    match (nearest, elsewhere()) {
        (Some((_, known)), None) => format!("did you mean \"{known}\"? see onedeskd.toml(5)"),
        (_, Some(key)) => match key.split_once('.') {
            Some((section, _)) => format!("did you mean \"{key}\"? it belongs below [{section}]; see onedeskd.toml(5)"),
            None => format!("did you mean \"{key}\"? it belongs above the first section; see onedeskd.toml(5)"),
        },
        (None, None) if section.is_empty() => format!("known here: {}; see onedeskd.toml(5)", keys::names_in(section).join(", ")),
        (None, None) => format!("known in [{section}]: {}; see onedeskd.toml(5)", keys::names_in(section).join(", ")),
    }
}

/// Bounds what a megabyte of key can cost.
fn clipped(name: &str) -> String {
    name.chars().take(64).collect()
}
