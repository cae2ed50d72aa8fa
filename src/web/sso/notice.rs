//! [`NoticePage`]: a page of a heading, a sentence, and what can be done next. All pages of single sign-on are of this kind.

use serde::Serialize;

use crate::sso::Trial;

/// A page.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NoticePage {
    title: String,
    sentence: String,
    links: Vec<Link>,
    forms: Vec<Form>,
    sections: Vec<Section>,
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

#[derive(Debug, Clone, Serialize)]
struct Section {
    heading: String,
    sentences: Vec<String>,
    facts: Vec<(String, String)>,
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

    /// With a list.
    #[must_use]
    pub fn section(mut self, heading: &str, sentences: Vec<String>, facts: Vec<(String, String)>) -> Self {
        self.sections.push(Section { heading: heading.to_owned(), sentences, facts });
        self
    }

    /// What a trial of a client record showed.
    pub fn trial(trial: &Trial) -> Self {
        Self::new(format!("{} works", trial.name), format!("You {}.", trial.outcome))
            .section("It would give", vec![trial.given.clone()], Vec::new())
            .section("What was checked", trial.checks.clone(), Vec::new())
            .section("What the provider said", Vec::new(), trial.claims.clone())
            .section(
                "Nothing was changed",
                vec!["The record is noted as tried. Nobody was signed in, created or linked.".to_owned()],
                Vec::new(),
            )
            .link("Back to the administration", "/admin")
    }
}
