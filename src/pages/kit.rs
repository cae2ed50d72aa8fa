//! [`Kit`]: everything that pages are made of, put together once for each change of the overrides.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use minijinja::value::Kwargs;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value, context};

use super::assets::Assets;
use super::brand::{self, Brand};
use super::folder::{Folder, place};
use super::{Absent, Sample, logo};
use crate::model::Problem;
use crate::texts;

/// The pages that need no package.
const COMPILED: [(&str, &str); 6] = [
    ("layout.html", include_str!("builtin/layout.html")),
    ("connected.html", include_str!("builtin/connected.html")),
    ("contact.html", include_str!("builtin/contact.html")),
    ("entry.html", include_str!("builtin/entry.html")),
    ("error.html", include_str!("builtin/error.html")),
    ("notice.html", include_str!("builtin/notice.html")),
];
const STYLE: &[u8] = include_bytes!("builtin/onedesk.css");
const SCRIPT: &[u8] = include_bytes!("builtin/onedesk.js");
const ICON: &[u8] = include_bytes!("builtin/icon.svg");
/// Steps of a template: a hundred times what the largest page takes, some milliseconds.
const FUEL: u64 = 2_000_000;
/// Larger than any page that a browser should get.
const LARGEST_PAGE: usize = 4 * 1024 * 1024;

/// Templates, static files and branding that fit together.
#[derive(Default)]
pub struct Kit {
    /// With the overrides that were found good.
    custom: Environment<'static>,
    /// Without any override.
    plain: Environment<'static>,
    /// The overrides in use: name and file.
    overridden: Vec<(String, PathBuf)>,
    /// The static files.
    pub assets: Arc<Assets>,
}

impl Kit {
    /// Puts it together; what could not be used is told beside it.
    pub fn assemble(packaged: &Arc<[Folder]>, overrides: &Folder, samples: &[Sample]) -> (Self, Vec<Problem>) {
        let mut problems: Vec<Problem> = packaged.iter().chain([overrides]).flat_map(|folder| folder.problems.iter().cloned()).collect();
        let mut assets = Assets::default();
        for (name, bytes) in [("onedesk.css", STYLE), ("onedesk.js", SCRIPT), ("icon.svg", ICON)] {
            assets.add(name, bytes);
        }
        for (name, file) in packaged.iter().flat_map(|folder| &folder.statics).filter(|(name, _)| name.as_str() != "onedesk.css") {
            assets.add(name.as_str(), &file.content);
        }
        for (name, file) in &overrides.statics {
            assets.add(format!("custom/{name}"), &file.content);
        }
        let mut brand = Brand::read(overrides.extras.get(brand::FILE), &mut problems);
        logo::add(overrides, &mut assets, &mut brand, &mut problems);
        let style = brand.style();
        if !style.is_empty() {
            assets.add("brand.css", style.as_bytes());
        }
        let assets = Arc::new(assets);
        let mut plain = environment(&assets, &brand);
        for (name, file) in packaged.iter().flat_map(|folder| &folder.templates) {
            if let Err(error) = plain.template_from_named_str(name, &file.content) {
                log::error!(page = name.as_str(); "a page does not compile: {error}");
                let package = package_of(name);
                problems.push(Problem::told("page_broken.package", &[("name", name), ("error", &error), ("package", &package)]));
            }
        }
        // Compiled when they are first shown: most daemons never show most pages, and compiled ones are ten times their text.
        let at_hand = Arc::clone(packaged);
        plain.set_loader(move |name| Ok(source(&at_hand, name).map(str::to_owned)));
        let mut kit = Self { custom: plain.clone(), plain, overridden: Vec::new(), assets };
        for (name, file) in &overrides.templates {
            match kit.try_override(name, &file.content, samples) {
                Ok(()) => kit.overridden.push((name.clone(), file.path.clone())),
                Err(fault) => problems.push(told(&file.path, &fault)),
            }
        }
        (kit, problems)
    }

    /// Takes an override if it compiles and shows every sample of its page.
    fn try_override(&mut self, name: &str, source: &str, samples: &[Sample]) -> Result<(), Fault> {
        if COMPILED.iter().any(|(compiled, _)| *compiled == name) {
            return Err(Fault { line: None, error: None });
        }
        let mut tried = self.custom.clone();
        tried.add_template_owned(name.to_owned(), source.to_owned()).map_err(|error| Fault::of(&error))?;
        for sample in samples.iter().filter(|sample| sample.name == name) {
            render(&tried, name, &sample.values).map_err(|error| Fault::of(&error))?;
        }
        self.custom = tried;
        Ok(())
    }

    /// The page `name`; where its override fails, the page below it, and `report` is told.
    pub fn render(&self, name: &str, values: &Value, report: impl Fn(Problem)) -> Result<String, Absent> {
        match render(&self.custom, name, values) {
            Ok(html) => return Ok(html),
            Err(error) if error.kind() == ErrorKind::TemplateNotFound && self.plain.get_template(name).is_err() => {
                return Err(Absent::NotInstalled { package: package_of(name) });
            }
            Err(error) => {
                log::error!(page = name, line = error.line().unwrap_or_default(); "a page could not be shown: {error}");
                // The page itself, or another that it is made of: a frame, a list of macros.
                let at_fault = self.overridden.iter().find(|(overridden, _)| self.spoils(overridden, name, values));
                if let Some((overridden, path)) = at_fault.or(self.overridden.first()) {
                    let fault = Fault::of(&error);
                    // It may show only in what the override extends: that line is none of the override's.
                    let line = fault.line.filter(|_| error.name() == Some(overridden));
                    report(told(path, &Fault { line, ..fault }));
                }
            }
        }
        render(&self.plain, name, values).map_err(|error| {
            log::error!(page = name, line = error.line().unwrap_or_default(); "a packaged page could not be shown: {error}");
            report(Problem::told("page_broken.shown", &[("name", &name), ("error", &error), ("package", &package_of(name))]));
            Absent::Broken
        })
    }

    /// Whether the page `name` cannot be shown with this override alone.
    fn spoils(&self, overridden: &str, name: &str, values: &Value) -> bool {
        let Ok(template) = self.custom.get_template(overridden) else { return false };
        let mut alone = self.plain.clone();
        alone.add_template_owned(overridden.to_owned(), template.source().to_owned()).is_ok() && render(&alone, name, values).is_err()
    }
}

/// The package that brings a template.
fn package_of(name: &str) -> &'static str {
    if ["portal.html", "kb.html", "widget.html"].contains(&name) { "onedesk-customerapps" } else { "onedesk-webapps" }
}

/// Why an override is not used.
struct Fault {
    line: Option<u32>,
    /// The engine's kind and words; nothing for a page that no file may replace.
    error: Option<(ErrorKind, String)>,
}

impl Fault {
    fn of(error: &Error) -> Self {
        let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        let inside = error.name().filter(|_| error.line().is_some()).map(|name| format!(" in {name}")).unwrap_or_default();
        let line = error.line().and_then(|line| u32::try_from(line).ok());
        Self { line, error: Some((error.kind(), format!("{}{detail}{inside}", error.kind()))) }
    }
}

fn told(path: &std::path::Path, fault: &Fault) -> Problem {
    let place = place(path, fault.line);
    let Some((kind, error)) = &fault.error else { return Problem::told("page_override.fixed", &[("place", &place)]) };
    let problem = match kind {
        ErrorKind::UndefinedError => Problem::told("page_override.undefined", &[("place", &place), ("error", error)]),
        ErrorKind::TemplateNotFound => Problem::told("page_override.template", &[("place", &place), ("error", error)]),
        ErrorKind::OutOfFuel => Problem::told("page_override.endless", &[("place", &place), ("error", error)]),
        _ => Problem::told("page_override", &[("place", &place), ("error", error)]),
    };
    problem.at_line(fault.line)
}

/// The text of a page as we or the packages have it.
fn source<'a>(packaged: &'a [Folder], name: &str) -> Option<&'a str> {
    let compiled = COMPILED.iter().find(|(compiled, _)| *compiled == name).map(|(_, source)| *source);
    compiled.or_else(|| packaged.iter().find_map(|folder| folder.templates.get(name)).map(|file| file.content.as_str()))
}

fn environment(assets: &Arc<Assets>, brand: &Brand) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_fuel(Some(FUEL));
    let at_hand = Arc::clone(assets);
    environment.add_function("asset", move |name: &str| {
        if at_hand.has(name) { Ok(Value::from_safe_string(at_hand.url(name))) } else { Err(unknown("static file", name)) }
    });
    environment.add_function("t", |key: &str, values: Kwargs| {
        let names: Vec<&str> = values.args().collect();
        let values: Vec<(&str, String)> =
            names.iter().map(|name| Ok((*name, values.get::<Value>(name)?.to_string()))).collect::<Result<_, Error>>()?;
        texts::find(key).map(|text| texts::fill(text, &values)).ok_or_else(|| unknown("text", key))
    });
    // Addresses are made of a hash and a plain name.
    environment.add_filter("capfirst", capfirst);
    let style = assets.has("brand.css").then(|| Value::from_safe_string(assets.url("brand.css")));
    let logo = brand.logo.clone().map(Value::from_safe_string);
    let brand = context! {
        name => brand.name, logo, style, contact => brand.contact, contact_url => brand.contact_url,
    };
    environment.add_global("brand", brand);
    environment
}

/// Titles and hints of problems are fragments that begin small; on a page they begin a sentence. The rest stays as it is.
fn capfirst(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn unknown(what: &str, name: &str) -> Error {
    Error::new(ErrorKind::UndefinedError, format!("there is no {what} \"{name}\""))
}

fn render(environment: &Environment<'static>, name: &str, values: &Value) -> Result<String, Error> {
    let template = environment.get_template(name)?;
    let mut page = Bounded(Vec::with_capacity(16 * 1024));
    template.render_captured_to(values, &mut page)?;
    String::from_utf8(page.0).map_err(|_| Error::new(ErrorKind::InvalidOperation, "the page is not UTF-8"))
}

/// A page that grows up to a bound.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LARGEST_PAGE {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the page is larger than 4 MiB"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
