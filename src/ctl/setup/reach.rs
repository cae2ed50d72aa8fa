//! Whether the public URL leads anywhere, and whether browsers will trust what they meet there. Warnings only: the web server may
//! not be set up yet.

use std::time::Duration;

use super::Answers;
use crate::model::{Hint as _, Problem};
use crate::settings::Settings;
use crate::system::http::{Error, Http, Outbound};

/// Nobody should wait longer for a warning.
const PATIENCE: Duration = Duration::from_secs(3);

/// What should be known about a public URL that was not there before.
pub async fn look(answers: &Answers, settings: &Settings) -> Option<Problem> {
    if !answers.is_new_address {
        return None;
    }
    // Never by the outbound proxy: this host's own address is what is looked at.
    let outbound = Outbound { ca_file: settings.microsoft.ca_file.clone(), proxy: None, no_proxy: String::new(), deadline: PATIENCE };
    let http = Http::new(&outbound).ok()?;
    let url = answers.public_url.join("/healthz");
    let error = match tokio::time::timeout(PATIENCE, http.get(&url, None)).await {
        Ok(Ok(_)) => return None,
        Ok(Err(error)) => error,
        Err(_) => Error::Timeout { host: answers.public_url.as_str().to_owned(), seconds: PATIENCE.as_secs() },
    };
    Some(match error {
        Error::Untrusted { .. } => Problem::told("public_url_certificate", &[("error", &error)]).advising(error.hint()),
        _ => Problem::told("public_url_unreachable", &[("error", &error)]),
    })
}
