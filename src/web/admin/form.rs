//! [`Form`]: what a page sent, and [`Faults`]: what was wrong with it, field by field.

use std::sync::Arc;

use serde::Serialize;

use crate::model::Problem;
use crate::sso::Error;
use crate::texts::find;

/// The fields of a form; each comes once.
#[derive(Debug, Clone, Default)]
pub struct Form(Arc<Vec<(String, String)>>);

impl Form {
    /// Reads a form's body.
    ///
    /// # Errors
    /// 400 for a field that came twice: whoever reads it next may read the other one.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(body) {
            if fields.iter().any(|(known, _)| *known == name) || fields.len() == 100 {
                return Err(Error::bad_request(Problem::told("doubled.field", &[])));
            }
            fields.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(Arc::new(fields)))
    }

    /// A field without the spaces around it; empty where it was not sent.
    pub fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default().trim()
    }

    /// A field as it was sent.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a box was ticked.
    pub fn is_ticked(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// A field that may be left empty.
    pub fn optional(&self, name: &str) -> Option<String> {
        Some(self.get(name)).filter(|value| !value.is_empty()).map(str::to_owned)
    }
}

/// What is wrong with a form. The page lists it above the form and beside each field.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Faults(Vec<Fault>);

#[derive(Debug, Clone, Serialize)]
struct Fault {
    field: String,
    /// What the form calls it.
    label: String,
    title: String,
    hint: String,
}

impl Faults {
    /// One fault, about a field, or about the whole where `field` is empty.
    pub fn of(field: &str, problem: &Problem) -> Self {
        // Services begin with the field's name in the API's spelling; beside the field it is not needed.
        let title =
            problem.title.split_once(": ").filter(|(name, _)| *name == problem.code).map_or(problem.title.as_str(), |(_, what)| what);
        Self(vec![Fault { field: field.to_owned(), label: label(field), title: title.to_owned(), hint: problem.hint.clone() }])
    }

    /// The same about several fields.
    pub fn of_all(fields: &[&str], problem: &Problem) -> Self {
        Self(fields.iter().flat_map(|field| Self::of(field, problem).0).collect())
    }
}

/// What the forms call a field; its name where they have none for it.
pub fn label(field: &str) -> String {
    find(&format!("admin.field.{field}")).map_or_else(|| field.replace('_', " "), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_comes_once_and_is_read_without_the_spaces_around_it() {
        let form = Form::parse(b"name=+Ann+&tick=&email=").unwrap();
        assert_eq!((form.get("name"), form.find("name"), form.get("x")), ("Ann", Some(" Ann "), ""));
        assert!(form.is_ticked("tick") && !form.is_ticked("tock"));
        assert_eq!((form.optional("name").as_deref(), form.optional("email")), (Some("Ann"), None));
        assert!(Form::parse(b"a=1&a=2").is_err());
        let many: String = (0..101).map(|number| format!("&f{number}=")).collect();
        assert!(Form::parse(many.as_bytes()).is_err());
    }

    #[test]
    fn a_fault_does_not_repeat_the_name_of_its_field() {
        let faults = Faults::of("name", &Problem::new("name", "name: it is missing", "give name"));
        assert_eq!(faults.0[0].title, "it is missing");
        let faults = Faults::of("", &Problem::new("urls", "https://a: no", "x"));
        assert_eq!(faults.0[0].title, "https://a: no");
    }
}
