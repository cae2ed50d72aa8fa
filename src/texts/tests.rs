//! The catalogue is TOML, whole, and nobody's words stand beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// Sections whose keys are made at run time: rooms that own them have tests of their own.
const BY_NAME: [&str; 5] = ["aadsts.", "mail.", "oauth.", "admin.done.", "admin.field."];

/// The catalogue as a TOML parser has it.
fn catalogue() -> BTreeMap<String, String> {
    fn flatten(prefix: &str, table: &toml::Table, texts: &mut BTreeMap<String, String>) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            match value {
                toml::Value::String(text) => assert!(texts.insert(key.clone(), text.clone()).is_none(), "{key} is there twice"),
                toml::Value::Table(table) => flatten(&key, table, texts),
                other => panic!("{key} is no text: {other:?}"),
            }
        }
    }
    let mut texts = BTreeMap::new();
    for file in FILES {
        flatten("", &file.parse().unwrap(), &mut texts);
    }
    texts
}

/// Every key.
pub fn keys() -> impl Iterator<Item = String> {
    catalogue().into_keys()
}

#[test]
fn every_text_is_found_as_a_parser_of_toml_reads_it() {
    for (key, text) in catalogue() {
        assert_eq!(find(&key), Some(text.as_str()), "{key}");
    }
    for key in ["", ".", "layout", "layout.", ".skip", "layout.ski", "entry.closed", "nowhere.lead"] {
        assert_eq!(find(key), None, "{key}");
    }
}

#[test]
fn places_are_filled_once_and_unknown_ones_stay() {
    assert_eq!(fill("{a} and {b}, {c}", &[("a", "{b}"), ("b", "2")]), "{b} and 2, {c}");
    assert_eq!(fill("an open { brace", &[("a", "1")]), "an open { brace");
}

/// The sources of the program and its templates, but tests.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut ahead = vec![root.join("src"), root.join("packaging/pages")];
    let mut found = Vec::new();
    while let Some(folder) = ahead.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                ahead.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs" || kind == "html") && !path.ends_with("tests.rs") {
                let source = fs::read_to_string(&path).unwrap();
                found.push((path, source));
            }
        }
    }
    found
}

fn is_template(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind == "html")
}

#[test]
fn every_text_that_is_asked_for_is_there_and_every_text_is_asked_for() {
    let sources = sources();
    let mut asked: Vec<&str> = Vec::new();
    // Others have functions of these names too.
    let asking = sources.iter().filter(|(path, source)| is_template(path) || source.contains("crate::texts::"));
    for (_, source) in asking {
        for (call, before) in [("t(\"", "{ (,~[="), ("text(\"", " (&,["), ("filled(\"", " (&,[")] {
            for (at, _) in source.match_indices(call) {
                let stands_alone = at == 0 || before.contains(&source[at - 1..at]) || source.as_bytes()[at - 1] == b'\n';
                if stands_alone {
                    asked.extend(source[at + call.len()..].split('"').next());
                }
            }
        }
    }
    let told: Vec<String> =
        problems(&sources).flat_map(|(name, _)| ["title", "hint"].map(|part| format!("problem.{name}.{part}"))).collect();
    asked.extend(told.iter().map(String::as_str));
    let missing: Vec<_> = asked.iter().filter(|key| find(key).is_none()).collect();
    assert!(missing.is_empty(), "texts that are not in the catalogue: {missing:?}");
    let is_used = |key: &str| match key.strip_prefix("error.headline.") {
        // Found by a problem's code.
        Some(code) => sources.iter().any(|(_, source)| source.contains(&format!("\"{code}\""))),
        None => asked.contains(&key) || BY_NAME.iter().any(|prefix| key.starts_with(prefix)),
    };
    let unused: Vec<_> = keys().filter(|key| !is_used(key)).collect();
    assert!(unused.is_empty(), "texts that nobody asks for: {unused:?}");
}

/// Every problem that the catalogue tells: its name, and the places that its caller fills, as they stand in the source.
fn problems(sources: &[(PathBuf, String)]) -> impl Iterator<Item = (&str, &str)> {
    let calls = sources.iter().flat_map(|(_, source)| source.split("Problem::told(").skip(1));
    calls
        .filter_map(|call| call.trim_start().strip_prefix('"')?.split_once('"'))
        .map(|(name, rest)| (name, rest.split(']').next().unwrap()))
}

#[test]
fn every_place_in_the_words_of_a_problem_is_filled() {
    let sources = sources();
    for (name, filled) in problems(&sources) {
        let words = ["title", "hint"].map(|part| find(&format!("problem.{name}.{part}")).unwrap()).join(" ");
        let places = words.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(place, _)| place);
        let unfilled: Vec<_> = places.filter(|place| !filled.contains(&format!("(\"{place}\","))).collect();
        assert!(unfilled.is_empty(), "{name}: {unfilled:?}");
    }
}

#[test]
fn every_place_in_the_words_of_a_template_is_filled() {
    for (path, source) in sources().into_iter().filter(|(path, _)| is_template(path)) {
        for call in source.split("t(\"").skip(1) {
            let Some((key, rest)) = call.split_once('"') else { continue };
            let Some(words) = find(key) else { continue };
            let filled = rest.split(')').next().unwrap_or_default();
            let places = words.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(place, _)| place);
            let unfilled: Vec<_> = places.filter(|place| !filled.contains(&format!(" {place}="))).collect();
            assert!(unfilled.is_empty(), "{}: {key}: {unfilled:?}", path.display());
        }
    }
}

/// `text` without what stands between each `open` and `close`.
fn without(text: &str, open: &str, close: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        kept.push_str(before);
        rest = after.split_once(close).unwrap_or_default().1;
    }
    kept + rest
}

fn has_words(text: &str) -> bool {
    text.split(|letter: char| !letter.is_alphabetic()).any(|word| word.len() > 1)
}

#[test]
fn no_template_has_words_of_its_own() {
    let mut own = Vec::new();
    for (path, source) in sources().into_iter().filter(|(path, _)| is_template(path)) {
        let page = without(&source, "{#", "#}");
        // Words in expressions: what has a blank in it is no name and no address.
        let code: Vec<&str> =
            page.split("{{").skip(1).chain(page.split("{%").skip(1)).filter_map(|rest| rest.split(['}', '%']).next()).collect();
        let quoted = code.iter().flat_map(|code| code.split('"').skip(1).step_by(2)).filter(|text| text.trim().contains(' '));
        own.extend(quoted.filter(|text| !text.starts_with("onedeskctl ")).map(|text| format!("{}: {text}", path.display())));
        let plain = without(&without(&page, "{{", "}}"), "{%", "%}");
        for name in ["aria-label", "placeholder", "title", "alt"] {
            let attribute = format!(" {name}=\"");
            let values = plain.split(&attribute).skip(1).filter_map(|rest| rest.split('"').next());
            own.extend(values.filter(|value| has_words(value)).map(|value| format!("{}: {name} {value}", path.display())));
        }
        // What is typed stays as it is in every language.
        let prose = without(&without(&without(&plain, "<code", "</code>"), "<pre", "</pre>"), "<", ">");
        // A macro that writes attributes.
        let lines = prose.lines().filter(|line| has_words(line) && !line.contains("=\""));
        own.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
    }
    assert!(own.is_empty(), "words that are not in the catalogue:\n{}", own.join("\n"));
}
