//! The credential probe: client credentials at a tenant that is sure to know the application.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::credentials::keeper::{Probe, Verdict};
use crate::model::{ClientId, Secret};
use crate::oauth::microsoft::{Microsoft, client};
use crate::oauth::token;
use crate::settings::Settings;
use crate::store::grants::Grants;

/// Asks Microsoft about a pair.
pub struct CredentialProbe {
    /// The identity platform.
    pub microsoft: Arc<Microsoft>,
    /// The settings in force: they may name a tenant.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// The grants: one of them may know a tenant.
    pub grants: Arc<dyn Grants>,
}

#[async_trait]
impl Probe for CredentialProbe {
    async fn probe(&self, client_id: ClientId, secret: &Secret<String>) -> Verdict {
        let Some(tenant) = self.tenant(client_id).await else { return Verdict::None(None) };
        ask(&self.microsoft, &tenant, client_id, secret).await
    }
}

/// Asks about a pair at `tenant`.
pub async fn ask(microsoft: &Microsoft, tenant: &str, client_id: ClientId, secret: &Secret<String>) -> Verdict {
    match microsoft.probe(tenant, &client(client_id, secret)).await {
        Ok(()) => Verdict::Accepted,
        Err(error) if error.verdict == token::Verdict::ClientRejected => Verdict::Refused(error.problem),
        Err(error) => Verdict::None(Some(error.problem)),
    }
}

impl CredentialProbe {
    /// The settings' tenant if it is one, else that of a grant that this client was given; `organizations` cannot answer.
    async fn tenant(&self, client_id: ClientId) -> Option<String> {
        let settings = self.settings.borrow().clone();
        if settings.microsoft.has_concrete_tenant() {
            return Some(settings.microsoft.tenant.clone());
        }
        let grants = self.grants.all().await.ok()?;
        let known = grants.iter().find(|grant| grant.client_id == client_id).or_else(|| grants.first());
        known.map(|grant| grant.tenant_id.to_string())
    }
}
