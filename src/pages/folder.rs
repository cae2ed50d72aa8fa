//! [`Folder`]: what a folder of pages holds, read whole into memory. Names come from the folder, never from a request.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::model::{Hint, Problem};
use crate::system::files;

/// Larger than any page.
const LARGEST_TEMPLATE: u64 = 256 * 1024;
/// Larger than any style sheet, script or picture of a page.
const LARGEST_FILE: u64 = 1024 * 1024;
/// As many as anybody needs; a folder that holds more holds something else.
const MOST_FILES: usize = 500;
/// Folders in folders: `admin/mailboxes/list.html` and one more.
const DEEPEST: usize = 4;

/// A file with its name in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File<T> {
    /// Where it is, for messages.
    pub path: PathBuf,
    /// What is in it.
    pub content: T,
}

/// What a folder holds.
#[derive(Debug, Clone, Default)]
pub struct Folder {
    /// Templates by name, as `admin/home.html`.
    pub templates: BTreeMap<String, File<String>>,
    /// Static files by name, as `onedesk.css`.
    pub statics: BTreeMap<String, File<Vec<u8>>>,
    /// What stands beside them, by name: branding and logo.
    pub extras: BTreeMap<String, File<Vec<u8>>>,
    /// Every file and folder that was looked at.
    pub paths: Vec<PathBuf>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

impl Folder {
    /// A package's: `templates/` and `static/`.
    pub fn packaged(root: &Path) -> Self {
        let mut folder = Self::default();
        folder.read_templates(&root.join("templates"));
        folder.read_statics(&root.join("static"));
        folder
    }

    /// The customer's: templates at the top, static files in `static/`.
    pub fn overrides(root: &Path) -> Self {
        let mut folder = Self::default();
        folder.read_templates(root);
        folder.templates.retain(|name, _| !name.starts_with("static/"));
        folder.read_statics(&root.join("static"));
        for name in [super::brand::FILE].into_iter().chain(super::logo::FILES) {
            let path = root.join(name);
            if let Some(bytes) = folder.read(&path, LARGEST_FILE) {
                folder.extras.insert(name.to_owned(), File { path, content: bytes });
            }
        }
        folder
    }

    fn read_templates(&mut self, root: &Path) {
        for (name, path) in self.names(root, &["html"]) {
            let Some(bytes) = self.read(&path, LARGEST_TEMPLATE) else { continue };
            match String::from_utf8(bytes) {
                Ok(content) => drop(self.templates.insert(name, File { path, content })),
                Err(error) => {
                    let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                    let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
                    self.problems
                        .push(Problem::told("page_unreadable.encoding", &[("path", &path.display())]).at_line(u32::try_from(line).ok()));
                }
            }
        }
    }

    fn read_statics(&mut self, root: &Path) {
        for (name, path) in self.names(root, &super::assets::TYPES.map(|(extension, _)| extension)) {
            if let Some(content) = self.read(&path, LARGEST_FILE) {
                self.statics.insert(name, File { path, content });
            }
        }
    }

    /// The files below `root` that end so, by their names.
    fn names(&mut self, root: &Path, extensions: &[&str]) -> Vec<(String, PathBuf)> {
        let mut found = Vec::new();
        let mut ahead = vec![(String::new(), root.to_owned(), 0)];
        while let Some((prefix, folder, depth)) = ahead.pop() {
            self.paths.push(folder.clone());
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    self.problems.push(Problem::told("page_unreadable.folder", &[("path", &folder.display()), ("error", &error)]));
                    continue;
                }
            };
            for entry in entries.flatten() {
                let Ok(name) = entry.file_name().into_string() else { continue };
                // Hidden ones are editors', others cannot stand in an address as they are.
                if name.starts_with('.') || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
                    continue;
                }
                let path = entry.path();
                let full = format!("{prefix}{name}");
                if path.is_dir() && depth < DEEPEST {
                    ahead.push((format!("{full}/"), path, depth + 1));
                } else if Path::new(&name).extension().is_some_and(|own| extensions.iter().any(|known| own.eq_ignore_ascii_case(known))) {
                    found.push((full, path));
                }
            }
            if found.len() > MOST_FILES {
                self.problems.push(Problem::told("page_unreadable.many", &[("path", &root.display()), ("most", &MOST_FILES)]));
                found.truncate(MOST_FILES);
                break;
            }
        }
        found.sort();
        found
    }

    fn read(&mut self, path: &Path, limit: u64) -> Option<Vec<u8>> {
        match files::open_regular(path).and_then(|file| files::read_bounded(file, path, limit)) {
            Ok(bytes) => {
                self.paths.push(path.to_owned());
                Some(bytes.to_vec())
            }
            Err(files::Error::Missing(_)) => None,
            Err(error) => {
                self.paths.push(path.to_owned());
                self.problems.push(Problem::told("page_unreadable", &[("error", &error)]).advising(error.hint()));
                None
            }
        }
    }
}

/// A file, or a line of it, as messages name it.
pub fn place(path: &Path, line: Option<u32>) -> String {
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("{}{line}", path.display())
}
