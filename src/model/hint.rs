//! What went wrong, in words that name the next step: the same in the journal, in `onedeskctl` and on a page.

use std::fmt::Display;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::texts;

/// Where the credentials file is unless the settings say otherwise. Texts that are constants name it; whoever has the settings puts
/// the file in force in its place with [`naming`].
pub const CREDENTIALS_FILE: &str = "/root/.OneDesk";

/// `text` with the credentials file in force, `file`, where it names the usual one.
pub fn naming(text: &str, file: &Path) -> String {
    let file = file.display().to_string();
    if file == CREDENTIALS_FILE || text.contains(&file) { text.to_owned() } else { text.replace(CREDENTIALS_FILE, &file) }
}

/// An error that knows what its reader should do next.
pub trait Hint {
    /// One imperative sentence, or nothing when nobody can do anything.
    fn hint(&self) -> Option<String>;
}

/// A problem as `/v1/status` and the pages show it. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// A stable word for machines: `secret_expired`, `AADSTS7000222`, `file_mode`…
    pub code: String,
    /// What happened, in one sentence.
    pub title: String,
    /// What to do next, in one sentence.
    pub hint: String,
    /// The line of the file that it is about, counted from 1.
    #[serde(default)]
    pub line: Option<u32>,
}

impl Problem {
    /// A problem that is not about a line of a file.
    pub fn new(code: impl Into<String>, title: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: code.into(), title: title.into(), hint: hint.into(), line: None }
    }

    /// The problem that the catalogue tells as `problem.NAME`, with its places filled. Its code is the name up to a dot: one code may have
    /// several stories.
    pub fn told(name: &'static str, values: &[(&str, &dyn Display)]) -> Self {
        let values: Vec<(&str, String)> = values.iter().map(|(place, value)| (*place, value.to_string())).collect();
        let part = |part: &str| texts::find(&format!("problem.{name}.{part}")).map(|text| texts::fill(text, &values));
        let code = name.split('.').next().unwrap_or(name);
        Self::new(code, part("title").unwrap_or_else(|| name.to_owned()), part("hint").unwrap_or_default())
    }

    /// The same, with the credentials file in force in the place of the usual one.
    #[must_use]
    pub fn naming(self, file: &Path) -> Self {
        Self { title: naming(&self.title, file), hint: naming(&self.hint, file), ..self }
    }

    /// The same under that code: where a story is told of several things, each has its own.
    #[must_use]
    pub fn under(self, code: &str) -> Self {
        Self { code: code.to_owned(), ..self }
    }

    /// The same with that hint, where the cause knows a better one than the catalogue.
    #[must_use]
    pub fn advising(self, hint: Option<String>) -> Self {
        Self { hint: hint.unwrap_or(self.hint), ..self }
    }

    /// The same, about that line, if it is about one.
    #[must_use]
    pub fn at_line(mut self, line: impl Into<Option<u32>>) -> Self {
        self.line = line.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_the_file_in_force_once() {
        let text = "put it into /root/.OneDesk; see /root/.OneDesk";
        assert_eq!(naming(text, Path::new("/root/.OneDesk")), text);
        let named = naming(text, Path::new("/root/.OneDesk.test"));
        assert_eq!(named, "put it into /root/.OneDesk.test; see /root/.OneDesk.test");
        assert_eq!(naming(&named, Path::new("/root/.OneDesk.test")), named, "also where it was named already");
    }
}
