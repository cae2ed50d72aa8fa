//! [`NoticePage`]: a page of a heading, a sentence, and what can be done next. All pages of single sign-on are of this kind.

use serde::Serialize;

/// A page.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NoticePage {
    title: String,
    sentence: String,
    links: Vec<Link>,
    forms: Vec<Form>,
}

#[derive(Debug, Clone, Serialize)]
struct Link {
    label: String,
    href: String,
}

#[derive(Debug, Clone, Serialize)]
struct Form {
    label: String,
    action: String,
    fields: Vec<(String, String)>,
}

impl NoticePage {
    /// A page that says this.
    pub fn new(title: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { title: title.into(), sentence: sentence.into(), ..Self::default() }
    }

    /// With a way on.
    #[must_use]
    pub fn link(mut self, label: impl Into<String>, href: impl Into<String>) -> Self {
        self.links.push(Link { label: label.into(), href: href.into() });
        self
    }

    /// With a button that posts `fields`.
    #[must_use]
    pub fn form(mut self, label: &str, action: &str, fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.forms.push(Form { label: label.to_owned(), action: action.to_owned(), fields });
        self
    }
}
