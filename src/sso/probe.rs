//! Whether a provider accepts the secrets of a record, asked before people find out.

use std::time::Duration;

use super::connections::Connections;
use super::error::of_a_record;
use super::record::Record;
use crate::model::Problem;
use crate::oauth::endpoints::Endpoints;
use crate::oauth::token::{AuthMethod, ClientAuth, GrantRequest, TokenEndpoint, Verdict};

/// How long a change waits for the provider's word on a secret.
const PATIENCE: Duration = Duration::from_secs(5);

impl Connections {
    /// The first secret that Entra refuses, tried by client credentials like `AZUREAD_CIS`; any other answer is no verdict. Other
    /// providers need not know that grant, so theirs are not tried.
    pub(super) async fn probe(&self, record: &Record) -> Option<Problem> {
        let endpoints = record.endpoints.as_ref().filter(|endpoints| endpoints.version.is_entra())?;
        let endpoints = endpoints.upgraded().unwrap_or_else(|| Endpoints::clone(endpoints));
        let endpoints = if record.is_multi_tenant() { endpoints.for_tenant(&record.tenants().first()?.to_string())? } else { endpoints };
        let scope = format!("{}/.default", self.parts.settings.borrow().microsoft.graph);
        let http = self.parts.wire.http();
        let endpoint = TokenEndpoint { http: &http, url: endpoints.token.as_str() };
        for (place, client) in self.clients(record).ok()?.into_iter().enumerate() {
            let client = ClientAuth { method: AuthMethod::Post, ..client };
            let asked = endpoint.request(&client, GrantRequest::ClientCredentials, &scope);
            if let Ok(Err(refused)) = tokio::time::timeout(PATIENCE, asked).await
                && refused.verdict == Verdict::ClientRejected
            {
                let problem = &refused.problem;
                return Some(match place {
                    0 => of_a_record(problem),
                    _ => Problem::told("client_secret.next_refused", &[("refused", &problem.title)]).under(&problem.code),
                });
            }
        }
        None
    }
}
