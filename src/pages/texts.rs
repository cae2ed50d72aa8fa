//! The catalogue: every text of the pages by its key. A translation is a second folder beside `en/` with the same keys.
//!
//! `{name}` in a text is filled with a value. Values are escaped by the engine, texts are ours and hold no markup.

use std::collections::BTreeMap;
use std::sync::LazyLock;

const FILES: &[(&str, &str)] = &[("apps", include_str!("texts/en/apps.toml")), ("errors", include_str!("texts/en/errors.toml"))];

static TEXTS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let mut texts = BTreeMap::new();
    for (_, source) in FILES {
        if let Ok(table) = source.parse::<toml::Table>() {
            flatten("", &table, &mut texts);
        }
    }
    texts
});

/// The text of `key`; the key itself where there is none, which a test rules out.
pub fn text(key: &'static str) -> &'static str {
    find(key).unwrap_or(key)
}

/// The text of `key` with its places filled.
pub fn filled(key: &'static str, values: &[(&str, &str)]) -> String {
    fill(text(key), values)
}

/// The text of `key`, if there is one.
pub fn find(key: &str) -> Option<&'static str> {
    TEXTS.get(key).map(String::as_str)
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

fn flatten(prefix: &str, table: &toml::Table, texts: &mut BTreeMap<String, String>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::String(text) => drop(texts.insert(key, text.clone())),
            toml::Value::Table(table) => flatten(&key, table, texts),
            _ => {}
        }
    }
}

/// Every key of the catalogue.
#[cfg(test)]
pub fn keys() -> impl Iterator<Item = &'static str> {
    TEXTS.keys().map(String::as_str)
}
