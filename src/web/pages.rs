//! What the pages say: the compiled-in ones, which work when everything else is broken, and the way to the packaged ones.

use std::sync::Arc;

use axum::response::Html;
use minijinja::{Value, context};
use serde::Serialize;

use super::error_page::ErrorPage;
use super::sso::NoticePage;
use crate::model::Problem;
use crate::pages::{Absent, Found, Pages as Store};
use crate::texts::{filled, text};
use crate::{directory, mailboxes};

/// Where not even a compiled-in page can be shown.
const LAST_RESORT: &str =
    "<!doctype html><html lang=\"en\"><title>OneDesk</title><p>This page could not be shown. See journalctl -u onedeskd.</p></html>";

/// A page.
pub enum Page {
    /// Something is connected.
    Connected(ConnectedPage),
    /// Something went wrong.
    Error(ErrorPage),
    /// Anything else.
    Notice(NoticePage),
}

/// Says what is connected now and what happens next.
#[derive(Debug, Clone, Serialize)]
pub struct ConnectedPage {
    title: &'static str,
    sentence: String,
    facts: Vec<(&'static str, String)>,
    next: Vec<&'static str>,
}

impl ConnectedPage {
    /// For a mailbox.
    pub fn mailbox(connected: &mailboxes::Connected) -> Self {
        let address = connected.address.as_str();
        let mut facts = vec![(text("connected.mailbox.fact"), address.to_owned())];
        if !connected.signed_in_as.eq_ignore_ascii_case(address) {
            facts.push((text("connected.signed_in_as"), connected.signed_in_as.clone()));
        }
        Self {
            title: if connected.again { text("connected.mailbox.again") } else { text("connected.mailbox.title") },
            sentence: filled("connected.mailbox.sentence", &[("address", address)]),
            facts,
            next: vec![text("connected.close"), text("connected.mailbox.password"), text("connected.mailbox.end")],
        }
    }

    /// For a directory.
    pub fn directory(connected: &directory::Connected) -> Self {
        let tenant = connected.tenant_id.to_string();
        Self {
            title: if connected.again { text("connected.directory.again") } else { text("connected.directory.title") },
            sentence: filled("connected.directory.sentence", &[("tenant", &tenant)]),
            facts: vec![(text("connected.directory.fact"), tenant), (text("connected.signed_in_as"), connected.connected_by.clone())],
            next: vec![text("connected.close"), text("connected.directory.check")],
        }
    }
}

/// The pages as handlers show them.
pub struct Pages(Arc<Store>);

impl Pages {
    /// On these templates.
    pub const fn new(store: Arc<Store>) -> Self {
        Self(store)
    }

    /// A compiled-in page as HTML; every value is escaped by the engine.
    pub fn render(&self, page: &Page) -> Html<String> {
        let html = match page {
            Page::Connected(page) => self.0.render("connected.html", &context! { page }),
            Page::Notice(page) => self.0.render("notice.html", &context! { page }),
            Page::Error(page) => self.0.render("error.html", &context! { page }),
        };
        Html(html.unwrap_or_else(|_| LAST_RESORT.to_owned()))
    }

    /// A packaged page.
    ///
    /// # Errors
    /// What to say instead, where its package is missing or broken.
    pub fn packaged(&self, name: &str, values: &Value) -> Result<Html<String>, Problem> {
        self.0.render(name, values).map(Html).map_err(|absent| match absent {
            Absent::NotInstalled { package } => Problem::told("page_not_installed", &[("package", &package)]),
            Absent::Broken => Problem::told("page_broken", &[]),
        })
    }

    /// A static file by what follows `/assets/` in its address.
    pub fn asset(&self, path: &str) -> Option<Found> {
        self.0.asset(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::token::ProviderError;

    fn error_page(problem: &Problem, provider: Option<&ProviderError>) -> String {
        let page = ErrorPage::sample(problem, provider);
        let store = Store::load(&crate::settings::Pages::default(), Vec::new());
        Pages::new(Arc::new(store)).render(&Page::Error(page)).0
    }

    #[test]
    fn the_error_page_gives_what_support_asks_for() {
        let provider = ProviderError {
            error: "invalid_client".to_owned(),
            codes: vec![7_000_222],
            trace_id: Some("trace-1".to_owned()),
            correlation_id: Some("correlation-1".to_owned()),
            ..ProviderError::default()
        };
        let html = error_page(&Problem::new("AADSTS7000222", "the client secret has expired", "make a new one"), Some(&provider));
        for part in
            ["AADSTS7000222", "the client secret has expired.", "make a new one.", "trace-1", "correlation-1", "1970-01-01T00:00:00Z"]
        {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn hostile_text_is_text_on_the_page() {
        let evil = "<script>alert(1)</script>\"'&";
        let provider = ProviderError { error: evil.to_owned(), trace_id: Some(evil.to_owned()), ..ProviderError::default() };
        let html = error_page(&Problem::new(evil, evil, evil), Some(&provider));
        assert!(!html.contains("<script>"), "{html}");
    }
}
