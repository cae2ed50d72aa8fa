//! The house as data: which room may import which, and who alone may do what. ARCHITECTURE.md draws what this table says.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with the rooms that it imports. A room imports only rooms that stand above its own line, so the order is the
/// order of the layers and a circle cannot be written down. An import that is not here is a mistake, and so is one that is
/// here and that nobody needs any more.
const ROOMS: &[(&str, &[&str])] = &[
    // values
    ("texts", &[]),
    ("model", &["texts"]),
    // ground
    ("settings", &["model"]),
    ("system", &["model", "settings"]),
    ("crypto", &["model", "system"]),
    ("credentials", &["model", "system"]),
    ("pages", &["model", "texts", "settings", "system", "crypto"]),
    // adapters
    ("store", &["model", "settings", "crypto"]),
    ("oauth", &["model", "texts", "settings", "system"]),
    ("graph", &["model", "system"]),
    // services
    ("audit", &["model", "store"]),
    ("grants", &["model", "system", "crypto", "credentials", "store", "oauth"]),
    ("flows", &["model", "settings", "crypto", "credentials", "store", "oauth", "grants"]),
    ("sso", &["model", "texts", "settings", "system", "crypto", "store", "oauth", "audit", "flows"]),
    ("mailboxes", &["model", "system", "store", "oauth", "audit", "grants", "flows"]),
    ("directory", &["model", "store", "oauth", "audit", "grants", "flows"]),
    (
        "health",
        &[
            "model",
            "texts",
            "settings",
            "system",
            "crypto",
            "credentials",
            "store",
            "oauth",
            "graph",
            "audit",
            "sso",
            "mailboxes",
            "directory",
        ],
    ),
    ("support", &["model", "settings", "system", "crypto", "store", "sso", "mailboxes", "directory", "health"]),
    // doors
    (
        "web",
        &[
            "model",
            "texts",
            "settings",
            "system",
            "crypto",
            "pages",
            "oauth",
            "audit",
            "flows",
            "sso",
            "mailboxes",
            "directory",
            "health",
            "support",
        ],
    ),
    (
        "local_api",
        &["model", "settings", "system", "store", "oauth", "audit", "flows", "sso", "mailboxes", "directory", "health", "support"],
    ),
    // programs
    (
        "daemon",
        &[
            "model",
            "settings",
            "system",
            "crypto",
            "credentials",
            "pages",
            "store",
            "oauth",
            "audit",
            "grants",
            "flows",
            "sso",
            "mailboxes",
            "directory",
            "health",
            "support",
            "web",
            "local_api",
        ],
    ),
    ("credentials_helper", &["model", "system", "credentials"]),
    ("ctl", &["model", "settings", "system", "crypto", "credentials", "store", "oauth", "health", "support", "local_api"]),
];

/// The doors: none knows another.
const DOORS: [&str; 2] = ["web", "local_api"];

/// The most lines that a file may have: what a reader keeps in mind.
const LONGEST: usize = 400;

/// What is done in one place alone. Tests may do it too.
const ALONE: &[(&str, &[&str])] = &[
    ("unsafe {", &["src/system/fd.rs"]),
    ("unsafe fn", &["src/system/fd.rs"]),
    ("unsafe impl", &["src/system/fd.rs"]),
    ("unsafe extern", &["src/system/fd.rs"]),
    ("print!(", &["src/ctl/output.rs"]),
    ("println!(", &["src/ctl/output.rs"]),
    ("eprint!(", &["src/ctl/output.rs"]),
    ("eprintln!(", &["src/ctl/output.rs"]),
    ("io::stdout()", &["src/ctl/output.rs"]),
    ("Timestamp::now(", &["src/model/clock.rs"]),
    ("SystemTime::now(", &["src/model/clock.rs"]),
    ("reqwest::", &["src/system/http.rs"]),
    ("tokio::spawn(", &["src/system/tasks.rs"]),
    ("process::exit(", &[]),
];

#[test]
fn every_room_imports_exactly_what_the_table_allows() {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in sources(&["src"]) {
        if let Some(room) = room_of(&path) {
            let others = imports(&text).into_iter().filter(|import| *import != room);
            found.entry(room.clone()).or_default().extend(others);
        }
    }
    let table = ROOMS.iter().map(|(room, imports)| ((*room).to_owned(), imports.iter().map(|import| (*import).to_owned()).collect()));
    let table: BTreeMap<String, BTreeSet<String>> = table.collect();
    assert_eq!(found.keys().collect::<Vec<_>>(), table.keys().collect::<Vec<_>>(), "the rooms, found and allowed");
    let mut wrong = Vec::new();
    for (room, imports) in &found {
        let added = imports.difference(&table[room]).map(|import| format!("{room} imports {import}: may it?"));
        let unused = table[room].difference(imports).map(|import| format!("{room} no longer imports {import}: take it from the table"));
        wrong.extend(added.chain(unused));
    }
    assert!(wrong.is_empty(), "an import goes down, never up or sideways between doors:\n{}", wrong.join("\n"));
}

#[test]
fn no_circle_of_rooms_can_be_written_down() {
    for (place, (room, imports)) in ROOMS.iter().enumerate() {
        for import in *imports {
            let stands_at = ROOMS.iter().position(|(known, _)| known == import);
            assert!(stands_at.is_some_and(|at| at < place), "{room} imports {import}, which does not stand above it");
        }
        assert!(!DOORS.contains(room) || !imports.iter().any(|import| DOORS.contains(import)), "{room} imports another door");
    }
}

#[test]
fn no_file_is_longer_than_a_reader_keeps_in_mind() {
    let long = sources(&["src", "tests", "xtask", "benches"])
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST);
    assert_eq!(long.collect::<Vec<_>>(), [], "files above {LONGEST} lines");
}

#[test]
fn what_one_file_does_for_all_no_other_file_does() {
    for (path, text) in sources(&["src"]) {
        let is_test = path.ends_with("tests.rs") || path.contains("/tests/");
        let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (deed, allowed) in ALONE {
            let is_allowed = is_test || allowed.contains(&path.as_str());
            let line = product.lines().position(|line| is_code(line) && does(line, deed));
            assert!(is_allowed || line.is_none(), "{path}:{} has {deed} which only {allowed:?} may", line.unwrap_or_default() + 1);
        }
    }
}

#[test]
fn imports_are_found_in_every_form() {
    let text = "use crate::model::Secret;\nuse crate::{audit, store::{self, Error}, flows::connect as c};\n\
                // use crate::web;\nfn f() { crate::crypto::x($crate::grants::y) }\n";
    let expected = ["audit", "crypto", "flows", "grants", "model", "store"];
    assert_eq!(imports(text), expected.map(str::to_owned).into());
}

/// The paths, from the top of the project, and texts of all Rust files below `folders`.
fn sources(folders: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).filter(|folder| folder.exists()).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !["target", "node_modules"].iter().any(|skipped| path.ends_with(skipped)) {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// `src/store/sqlite/mod.rs` is in `store`; `src/lib.rs` and the binaries are in no room.
fn room_of(path: &str) -> Option<String> {
    let (room, _) = path.strip_prefix("src/")?.split_once('/')?;
    (room != "bin").then(|| room.to_owned())
}

fn imports(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().filter(|line| is_code(line)).flat_map(|line| [line, "\n"]).collect();
    code.split("crate::").skip(1).flat_map(rooms_named).collect()
}

/// The first names of what follows `crate::`: one, or those of a group in braces.
fn rooms_named(rest: &str) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let (mut depth, mut starts, mut found) = (0_u32, true, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts = true,
            letter if starts && !letter.is_whitespace() => {
                found.push(name(&group[at..]));
                starts = false;
            }
            _ => {}
        }
    }
    found
}

fn name(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect()
}

fn is_code(line: &str) -> bool {
    !line.trim_start().starts_with("//")
}

/// Whether `line` has `deed` as a word of its own.
fn does(line: &str, deed: &str) -> bool {
    line.match_indices(deed).any(|(at, _)| !line[..at].ends_with(|before: char| before.is_ascii_alphanumeric() || before == '_'))
}
