//! [`Redeemer`]: asks the token endpoint with the credentials in force, and once more with newer ones when those are refused
//! in the middle of a change. The one place where a grant meets a secret.

use std::sync::Arc;

use crate::credentials::keeper::{InForce, Keeper};
use crate::oauth::microsoft::{Microsoft, client};
use crate::oauth::token::{GrantRequest, TokenError, Tokens, Verdict};

/// Asks the token endpoint.
#[derive(Clone)]
pub struct Redeemer {
    keeper: Keeper,
    microsoft: Arc<Microsoft>,
}

impl Redeemer {
    /// A redeemer with the credentials of `keeper`.
    pub const fn new(keeper: Keeper, microsoft: Arc<Microsoft>) -> Self {
        Self { keeper, microsoft }
    }

    /// Asks at `segment` with the credentials `with`. The client is checked before the code or token is touched, so a newer
    /// secret of the same client may try the same one again.
    ///
    /// # Errors
    /// [`TokenError`], of the second attempt if there were two.
    pub async fn redeem(&self, with: &Arc<InForce>, segment: &str, request: GrantRequest<'_>, scope: &str) -> Result<Tokens, TokenError> {
        let error = match self.ask(with, segment, request, scope).await {
            Err(error) if error.verdict == Verdict::ClientRejected => error,
            answer => return answer,
        };
        match self.keeper.rejected(with, &error.problem).await.filter(|newer| newer.client_id == with.client_id) {
            Some(newer) => self.ask(&newer, segment, request, scope).await,
            None => Err(error),
        }
    }

    async fn ask(&self, with: &InForce, segment: &str, request: GrantRequest<'_>, scope: &str) -> Result<Tokens, TokenError> {
        let answer = self.microsoft.redeem(segment, &client(with.client_id, &with.secret), request, scope).await;
        // A verdict about the grant means that the client was accepted.
        if matches!(&answer, Ok(_) | Err(TokenError { verdict: Verdict::GrantRefused, .. })) {
            self.keeper.accepted(with).await;
        }
        answer
    }
}
