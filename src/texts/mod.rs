//! The catalogue: what people read, by key. A translation is a folder beside `en/` with the same keys.
//!
//! The files are TOML, of which a plain part is used: `[section]` lines and `name = "text"` lines, a text on one line, in `"…"`, or in
//! `'…'` or `'''…'''` where it holds quotes. So a text stays where it lies in the program, and only an index of them is made, when the
//! first one is asked for. Tests read the files as TOML and compare.
//!
//! `{name}` in a text is filled with a value. On pages values are escaped by the engine, texts are ours and hold no markup.

use std::sync::LazyLock;

const FILES: [&str; 5] = [
    include_str!("en/admin.toml"),
    include_str!("en/apps.toml"),
    include_str!("en/errors.toml"),
    include_str!("en/host.toml"),
    include_str!("en/microsoft.toml"),
];

/// Section, name and text of each entry, in that order: a page asks for a hundred.
static INDEX: LazyLock<Vec<(&str, &str, &str)>> = LazyLock::new(|| {
    let mut index: Vec<_> = FILES.into_iter().flat_map(entries).collect();
    index.sort_unstable();
    index.shrink_to_fit();
    index
});

fn entries(file: &'static str) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let mut section = "";
    file.lines().filter_map(move |line| {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = header;
            return None;
        }
        let (name, text) = line.split_once(" = ")?;
        Some((section, name, unquoted(text)?))
    })
}

/// The text of `key`; the key itself where there is none, which a test rules out.
pub fn text(key: &'static str) -> &'static str {
    find(key).unwrap_or(key)
}

/// The text of `key` with its places filled.
pub fn filled<V: AsRef<str>>(key: &'static str, values: &[(&str, V)]) -> String {
    fill(text(key), values)
}

/// The text of `key`, if there is one: `section.name`, where the section may have dots.
pub fn find(key: &str) -> Option<&'static str> {
    let wanted = key.rsplit_once('.')?;
    let place = INDEX.binary_search_by(|(section, name, _)| (*section, *name).cmp(&wanted)).ok()?;
    INDEX.get(place).map(|(_, _, text)| *text)
}

fn unquoted(text: &'static str) -> Option<&'static str> {
    ["'''", "'", "\""].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
}

/// Fills the places of `text`. One pass: a value that looks like a place is not filled again.
pub fn fill<V: AsRef<str>>(text: &str, values: &[(&str, V)]) -> String {
    let mut filled = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let place = after.split_once('}').and_then(|(name, after)| Some((values.iter().find(|(known, _)| *known == name)?, after)));
        match place {
            Some(((_, value), after)) => {
                filled.push_str(value.as_ref());
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub use tests::keys;
