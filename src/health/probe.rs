//! [`Probe`]: asks the provider whether it accepts a client id and secret. Given in by the daemon; the keeper has no network.

use async_trait::async_trait;

use crate::model::{ClientId, Problem, Secret};

/// Tries a client id and secret, by client credentials at `<graph>/.default`.
#[async_trait]
pub trait Probe: Send + Sync {
    /// What the provider says; with its own deadline, so that it always returns.
    async fn try_out(&self, client_id: ClientId, secret: Secret<String>) -> Verdict;
}

/// What the provider said of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It gave a token.
    Accepted,
    /// `invalid_client`, explained: the only answer that refuses.
    Refused(Problem),
    /// Any other answer, or none, explained: it says nothing about the secret.
    Unclear(Problem),
    /// There is no concrete tenant to try it at.
    NoTenant,
}
