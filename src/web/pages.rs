//! What the pages say: the compiled-in ones, which work when everything else is broken, and the way to the packaged ones.

use std::sync::Arc;

use axum::response::Html;
use jiff::Timestamp;
use minijinja::{Value, context};
use serde::Serialize;

use super::sso::NoticePage;
use crate::model::{Problem, RequestId};
use crate::oauth::aadsts;
use crate::oauth::token::ProviderError;
use crate::pages::{Absent, Found, Pages as Store};
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
    title: String,
    sentence: String,
    facts: Vec<(String, String)>,
    next: Vec<String>,
}

impl ConnectedPage {
    /// For a mailbox.
    pub fn mailbox(connected: &mailboxes::Connected) -> Self {
        let address = connected.address.as_str();
        let mut facts = vec![("Mailbox".to_owned(), address.to_owned())];
        if !connected.signed_in_as.eq_ignore_ascii_case(address) {
            facts.push(("Signed in as".to_owned(), connected.signed_in_as.clone()));
        }
        Self {
            title: if connected.again { "Mailbox connected again" } else { "Mailbox connected" }.to_owned(),
            sentence: format!("OneDesk can now read and send mail for {address}."),
            facts,
            next: vec![
                "You can close this window. OneDesk keeps the permission fresh by itself; you need not sign in again.".to_owned(),
                "Your password was not given to OneDesk, and changing it does not end the connection.".to_owned(),
                "To end it, your administrator removes the mailbox here, or you withdraw the permission in your Microsoft account."
                    .to_owned(),
            ],
        }
    }

    /// For a directory.
    pub fn directory(connected: &directory::Connected) -> Self {
        Self {
            title: if connected.again { "Directory connected again" } else { "Directory connected" }.to_owned(),
            sentence: format!("OneDesk may now read users and groups of the tenant {}.", connected.tenant_id),
            facts: vec![
                ("Tenant".to_owned(), connected.tenant_id.to_string()),
                ("Signed in as".to_owned(), connected.connected_by.clone()),
            ],
            next: vec![
                "You can close this window. OneDesk keeps the permission fresh by itself; you need not sign in again.".to_owned(),
                "Check that this is the tenant you meant: onedeskctl directory status lists it, onedeskctl directory disconnect removes it.".to_owned(),
            ],
        }
    }
}

/// Says what happened, who can fix it and how, and gives what support will ask for.
#[derive(Debug, Serialize)]
pub struct ErrorPage {
    title: String,
    hint: String,
    who: &'static str,
    steps: Vec<String>,
    facts: Vec<(&'static str, String)>,
}

impl ErrorPage {
    /// The page about `problem`; `provider` is what Microsoft said, where it said something.
    pub fn new(problem: &Problem, provider: Option<&ProviderError>, request_id: RequestId, now: Timestamp) -> Self {
        let explanation = provider.filter(|provider| !provider.codes.is_empty()).map(aadsts::explain_error);
        let mut facts = vec![("Code", problem.code.clone())];
        if let Some(provider) = provider {
            let codes = provider.codes.iter().map(|code| format!("AADSTS{code}")).collect::<Vec<_>>().join(", ");
            let ids =
                [("Trace ID", &provider.trace_id), ("Correlation ID", &provider.correlation_id), ("Microsoft's time", &provider.timestamp)];
            facts.push(("Microsoft's code", codes));
            facts.push(("Microsoft's error", provider.error.clone()));
            facts.extend(ids.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
        }
        facts.push(("Time", now.to_string()));
        facts.push(("Request", request_id.to_string()));
        facts.retain(|(_, value)| !value.is_empty());
        Self {
            title: problem.title.clone(),
            hint: problem.hint.clone(),
            who: explanation.as_ref().map_or("", |explanation| explanation.who.sentence()),
            steps: explanation.map(|explanation| explanation.steps).unwrap_or_default(),
            facts,
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
            Absent::NotInstalled { package } => Problem::new(
                "page_not_installed",
                "this page is not installed",
                format!("install its package on this host, and restart onedeskd: dnf install {package}"),
            ),
            Absent::Broken => {
                Problem::new("page_broken", "this page is damaged", "see journalctl -u onedeskd, and install the package of the page again")
            }
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

    fn error_page(problem: &Problem, provider: Option<&ProviderError>) -> String {
        let page = ErrorPage::new(problem, provider, RequestId::new(), Timestamp::UNIX_EPOCH);
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
        for part in ["AADSTS7000222", "the client secret has expired", "make a new one", "trace-1", "correlation-1", "1970-01-01T00:00:00Z"]
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
