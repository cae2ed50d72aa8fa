//! What people see: templates, static files, and the customer's branding.
//!
//! Three sources, one namespace. *Compiled in* are the layout, the pages of callbacks and errors, and the style sheet: they work
//! without any package. *Packaged* are the pages of the apps and of the administration, read once at the start. *Overrides* are
//! the customer's: a template of the same relative name, `branding.toml`, a logo, files below `static/`; they are read again when they
//! change. An override that cannot be used leaves what was below it in force and is told in the status.
//!
//! A template extends `layout.html` and has at hand: `asset("FILE")`, the address of a static file; `t("KEY", name=value)`, a text of
//! the catalogue in `texts`; and `brand` (`name`, `logo`, `style`, `contact`, `contact_url`). Everything is escaped, an unknown variable
//! is an error, and so is work without end.

mod assets;
mod brand;
mod folder;
mod kit;
mod logo;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use minijinja::Value;
use tokio::sync::watch;

use crate::model::Problem;
use crate::settings;
use crate::system::watch as files;

pub use assets::{Found, PREFIX as ASSETS};

use folder::Folder;
use kit::Kit;

/// Values that a page is shown with, by which its overrides are tried before anybody sees them.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The template.
    pub name: &'static str,
    /// What it gets.
    pub values: Value,
}

/// Why there is no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// The package that brings it is not installed.
    NotInstalled {
        /// Its name.
        package: &'static str,
    },
    /// It was found and could not be shown; the journal says why.
    Broken,
}

/// All pages, as they are now.
pub struct Pages {
    overrides: PathBuf,
    packaged: Arc<[Folder]>,
    samples: Vec<Sample>,
    kit: RwLock<Arc<Kit>>,
    problems: watch::Sender<Vec<Problem>>,
}

impl Pages {
    /// Reads the folders.
    pub fn load(folders: &settings::Pages, samples: Vec<Sample>) -> Self {
        let packaged = [&folders.webapps, &folders.customerapps].map(|path| Folder::packaged(path)).into();
        let pages = Self {
            overrides: folders.overrides.clone(),
            packaged,
            samples,
            kit: RwLock::default(),
            problems: watch::channel(Vec::new()).0,
        };
        pages.refresh();
        pages
    }

    /// The page `name` as HTML.
    ///
    /// # Errors
    /// [`Absent`] where it cannot be shown.
    pub fn render(&self, name: &str, values: &Value) -> Result<String, Absent> {
        let kit = self.kit();
        kit.render(name, values, |problem| {
            self.problems.send_if_modified(|problems| {
                let is_new = !problems.contains(&problem);
                if is_new {
                    problems.push(problem);
                }
                is_new
            });
        })
    }

    /// A static file by what follows [`ASSETS`] in its address.
    pub fn asset(&self, path: &str) -> Option<Found> {
        self.kit().assets.find(path)
    }

    /// What is wrong with packages' pages and overrides.
    pub fn problems(&self) -> watch::Receiver<Vec<Problem>> {
        self.problems.subscribe()
    }

    /// Reads the overrides again whenever they change, for ever.
    pub async fn keep_fresh(self: Arc<Self>) {
        let mut watch = files::watch(self.watched());
        loop {
            let (mut changes, watching) = watch;
            tokio::select! {
                () = watching => {}
                () = changes.next() => {}
            }
            // First the new watch, then the reading: what changes in between is read once more, not missed.
            watch = files::watch(self.watched());
            self.refresh();
        }
    }

    /// The names that may be overridden are known; what else is in the folders shows in the folders' own times.
    fn watched(&self) -> Vec<PathBuf> {
        let names = self.packaged.iter().flat_map(|folder| folder.templates.keys());
        let mut paths = vec![self.overrides.clone(), self.overrides.join("static"), self.overrides.join(brand::FILE)];
        paths.extend(logo::FILES.map(|name| self.overrides.join(name)));
        paths.extend(names.map(|name| self.overrides.join(name)));
        paths.extend(Folder::overrides(&self.overrides).paths);
        paths.sort();
        paths.dedup();
        paths
    }

    fn refresh(&self) {
        let (kit, problems) = Kit::assemble(&self.packaged, &Folder::overrides(&self.overrides), &self.samples);
        let is_news = *self.problems.borrow() != problems;
        for problem in problems.iter().filter(|_| is_news) {
            log::warn!(code = problem.code.as_str(), line = problem.line.unwrap_or_default(), hint = problem.hint.as_str(); "{}", problem.title);
        }
        *self.kit.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(kit);
        self.problems.send_replace(problems);
    }

    fn kit(&self) -> Arc<Kit> {
        Arc::clone(&self.kit.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests;
