//! The catalogue is TOML, whole, and nobody's words stand beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

const FILES: [&str; 4] = [ADMIN, APPS, ERRORS, MICROSOFT];
/// Sections whose keys are made at run time: rooms that own them have tests of their own.
const BY_NUMBER: [&str; 3] = ["aadsts.", "mail.", "oauth."];

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
        for (call, before) in [("t(\"", "{ (,~["), ("text(\"", " (&,["), ("filled(\"", " (&,[")] {
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
        None => asked.contains(&key) || BY_NUMBER.iter().any(|prefix| key.starts_with(prefix)),
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
