//! The catalogue: what people read, by key. A translation is a folder beside `en/` with the same keys.
//!
//! The files are TOML, of which a plain part is used: `[section]` lines and `name = "text"` lines, a text on one line, in `"…"`, or in
//! `'…'` or `'''…'''` where it holds quotes. So a text is found where it lies in the program, and nothing is read or kept for the many
//! that nobody asks for. Tests read the files as TOML and compare.
//!
//! `{name}` in a text is filled with a value. On pages values are escaped by the engine, texts are ours and hold no markup.

const ADMIN: &str = include_str!("en/admin.toml");
const APPS: &str = include_str!("en/apps.toml");
const ERRORS: &str = include_str!("en/errors.toml");
const MICROSOFT: &str = include_str!("en/microsoft.toml");

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
    let (section, name) = key.rsplit_once('.')?;
    let header = |line: &&str| line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) == Some(section);
    let mut lines = file_of(section).lines().skip_while(|line| !header(line)).skip(1).take_while(|line| !line.starts_with('['));
    lines.find_map(|line| unquoted(line.strip_prefix(name)?.strip_prefix(" = ")?))
}

/// The file that a section is in.
fn file_of(section: &str) -> &'static str {
    match section.split('.').next() {
        Some("admin") => ADMIN,
        Some("error" | "problem") => ERRORS,
        Some("aadsts" | "mail" | "oauth" | "explain") => MICROSOFT,
        _ => APPS,
    }
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
