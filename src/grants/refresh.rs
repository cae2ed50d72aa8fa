//! One refresh, from the stored token to the stored token. Reads as the story it is; every decision stands in `policy`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::SignedDuration;

use super::cell::Cell;
use super::policy::{self, Aftermath};
use super::{Failure, Grants, Mark, schedule};
use crate::model::{Audience, GrantState, ReauthReason, Secret, WaitReason};
use crate::oauth::token::{GrantRequest, TokenError, Tokens, Verdict};
use crate::store::grants::{GrantRow, Rotation};
use crate::store::leases::Fence;
use crate::store::{self};

/// Attempts to get a rotated token onto the disk before the refresh is given up. Under Entra's rotation the token before it
/// stays valid, so giving up loses nothing there.
const WRITE_ATTEMPTS: u32 = 3;

/// The wait after the database failed: long enough for a full disk to be seen to, short beside a token's life.
const AFTER_STORE_FAILURE: SignedDuration = SignedDuration::from_secs(30);

/// How long a resource that was refused is not asked for again: a reader that insists asks ten times in five minutes then, and
/// Entra calls fifteen a loop (AADSTS50196).
const ASK_FOR_CONSENT_AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// Why an attempt ended without tokens.
enum Ended {
    /// The provider (or the network on the way to it) said so.
    Token(TokenError),
    /// Decided without asking the provider.
    Decided(Aftermath),
    /// The database.
    Store(store::Error),
}

impl From<store::Error> for Ended {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl Grants {
    /// Refreshes one grant for one resource and writes down how it went.
    pub(super) async fn attempt(&self, cell: &Arc<Cell>, audience: Audience) -> Result<(), Failure> {
        let _permit = self.permits.acquire().await;
        let started = self.parts.clock.now();
        let in_flight = self.parts.metrics.refresh_begins();
        let result = self.refresh_stored(cell, audience).await;
        let now = self.parts.clock.now();
        let outcome = match &result {
            Ok(()) => "ok",
            Err(Ended::Token(error)) => outcome(error.verdict),
            Err(Ended::Decided(aftermath)) => aftermath.state.reason().unwrap_or("ok"),
            Err(Ended::Store(_)) => "store",
        };
        drop(in_flight);
        self.parts.metrics.refreshed(outcome, now.duration_since(started).unsigned_abs());
        match result {
            Ok(()) => Ok(()),
            Err(Ended::Store(error)) => Err(self.store_failed(cell, &error)),
            Err(Ended::Decided(aftermath)) => Err(self.settle(cell, &aftermath).await),
            Err(Ended::Token(error)) if audience != cell.primary && is_refusal(error.verdict) => {
                Err(self.resource_refused(cell, error).await)
            }
            Err(Ended::Token(error)) => Err(self.token_failed(cell, error).await),
        }
    }

    /// The resource beside the main one was refused: either the person never consented to it, which says nothing about the
    /// grant, or the grant is dead. The main resource tells, and nobody asks again for a while.
    async fn resource_refused(&self, cell: &Arc<Cell>, error: TokenError) -> Failure {
        match self.refresh_stored(cell, cell.primary).await {
            Err(Ended::Token(main)) if main.verdict == Verdict::GrantRefused => self.token_failed(cell, main).await,
            _ => {
                cell.deny(error.problem.clone(), self.parts.clock.now() + ASK_FOR_CONSENT_AGAIN);
                Failure::ScopeMissing(error.problem)
            }
        }
    }

    async fn refresh_stored(&self, cell: &Arc<Cell>, audience: Audience) -> Result<(), Ended> {
        let fence = self.parts.fence.borrow().clone().ok_or(store::Error::Fenced)?;
        let now = self.parts.clock.now();
        if let Some(problem) = self.parts.vault.problem() {
            return Err(Ended::Decided(policy::without_key(problem.clone(), now)));
        }
        let status = self.parts.keeper.settled().await;
        let Some(credentials) = status.in_force.clone() else {
            return Err(Ended::Decided(policy::without_credentials(status.problem.clone(), now)));
        };
        if let Some(aftermath) = self.gate.closed(credentials.generation, now) {
            return Err(Ended::Decided(aftermath));
        }
        let row = self.parts.store.get(cell.id).await?;
        let (newest, previous) = self.parts.vault.open_refresh(&row).map_err(|_| Ended::Decided(policy::unreadable(now)))?;
        let scope = self.parts.microsoft.scope(audience, &row.scope);
        let redeem = async |token| self.parts.redeemer.redeem(&credentials, &row.segment, GrantRequest::Refresh(token), &scope).await;
        let (used, tokens) = match redeem(&newest).await {
            Ok(tokens) => (newest, tokens),
            // The newest may have been lost on its way to us, or written by a node that died: the one before still works at
            // Microsoft, and a grant is only called dead when both are refused.
            Err(refused) if refused.verdict == Verdict::GrantRefused && audience == cell.primary => {
                let Some(previous) = previous else { return Err(Ended::Token(refused)) };
                let tokens = redeem(&previous)
                    .await
                    .map_err(|second| Ended::Token(if second.verdict == Verdict::GrantRefused { refused } else { second }))?;
                (previous, tokens)
            }
            Err(error) => return Err(Ended::Token(error)),
        };
        self.write_then_hand_out(cell, &fence, &row, audience, &used, &tokens).await
    }

    /// The order that matters: sealed and synced first, handed out second.
    async fn write_then_hand_out(
        &self,
        cell: &Arc<Cell>,
        fence: &Fence,
        row: &GrantRow,
        audience: Audience,
        used: &Secret<String>,
        tokens: &Tokens,
    ) -> Result<(), Ended> {
        let now = self.parts.clock.now();
        let unreadable = |_| Ended::Decided(policy::unreadable(now));
        let asked = self.parts.microsoft.scope(audience, &row.scope);
        let (token, access) = self.parts.vault.seal_access(cell.id, audience, tokens, &asked, now).map_err(unreadable)?;
        let rotation =
            self.parts.vault.seal_rotation(cell.id, used, tokens, access, cell.history_with(Mark::Worked, now)).map_err(unreadable)?;
        self.write(cell, fence, row, rotation).await?;
        let was_waiting = cell.succeeded(audience, Arc::new(token), now);
        if was_waiting {
            log::info!(ONEDESK_GRANT:% = cell.id; "a grant is healthy again");
        }
        self.gate.open();
        // Once an outage, not once a grant: the first that gets through wakes all others.
        if self.outage.swap(false, Ordering::Relaxed) {
            self.provider_is_back();
        }
        Ok(())
    }

    async fn write(&self, cell: &Cell, fence: &Fence, row: &GrantRow, rotation: Rotation) -> Result<(), store::Error> {
        let mut attempt = 1;
        loop {
            match self.parts.store.rotate(fence, row.id, row.version, rotation.clone()).await {
                Err(store::Error::Engine(cause)) if attempt < WRITE_ATTEMPTS => {
                    log::warn!(ONEDESK_GRANT:% = row.id, error:% = cause; "a rotated token cannot be written yet, trying again");
                    cell.cannot_write(cause.to_string());
                    attempt += 1;
                    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                }
                result => return result.map(|_| ()),
            }
        }
    }

    async fn token_failed(&self, cell: &Arc<Cell>, error: TokenError) -> Failure {
        let failures = cell.failed_once_more();
        let aftermath = policy::after_failure(&error, failures, self.parts.clock.now(), schedule::jitter(cell.id));
        if matches!(error.verdict, Verdict::Unavailable { .. }) {
            self.outage.store(true, Ordering::Relaxed);
        }
        if error.verdict == Verdict::ClientRejected
            && let Some(in_force) = self.parts.keeper.in_force()
        {
            self.gate.close(in_force.generation, aftermath.clone());
        }
        let code = error.provider.codes.first().copied().unwrap_or_default();
        let trace = error.provider.trace_id.as_deref().unwrap_or_default();
        log::debug!(ONEDESK_GRANT:% = cell.id, ONEDESK_AADSTS = code, ONEDESK_TRACE = trace; "a refresh did not work");
        self.settle(cell, &aftermath).await
    }

    /// Notes the aftermath in memory, and on disk where it is news: ten thousand mailboxes that wait for the same outage
    /// write once each, not once an attempt.
    async fn settle(&self, cell: &Arc<Cell>, aftermath: &Aftermath) -> Failure {
        let now = self.parts.clock.now();
        let is_news = cell.failed(aftermath, now);
        // One line at the start says that there is no key, and it says nothing about a grant.
        if is_news && !matches!(aftermath.state, GrantState::Waiting { reason: WaitReason::MasterKeyMissing, .. }) {
            match &aftermath.state {
                GrantState::NeedsReauth { problem, .. } => {
                    log::error!(ONEDESK_GRANT:% = cell.id, code = problem.code.as_str(), hint = problem.hint.as_str(); "a grant needs somebody to sign in again");
                }
                state => {
                    log::warn!(ONEDESK_GRANT:% = cell.id, reason = state.reason().unwrap_or_default(); "a grant waits");
                }
            }
            // That the key does not fit says nothing about the grant: with the right one it is as it was.
            if aftermath.state.reason() != Some(ReauthReason::Unreadable.as_str())
                && let Err(error) = self.store_state(cell, &aftermath.state).await
            {
                log::warn!(ONEDESK_GRANT:% = cell.id, error:% = error; "the state of a grant cannot be written");
            }
        }
        Failure::of(&aftermath.state, Some(aftermath.next_try), now).unwrap_or(Failure::Gone)
    }

    async fn store_state(&self, cell: &Cell, state: &GrantState) -> Result<(), store::Error> {
        let fence = self.parts.fence.borrow().clone().ok_or(store::Error::Fenced)?;
        let row = self.parts.store.get(cell.id).await?;
        self.parts.store.set_state(&fence, cell.id, row.version, state, &cell.history().to_bytes()).await.map(|_| ())
    }

    fn store_failed(&self, cell: &Cell, error: &store::Error) -> Failure {
        if matches!(error, store::Error::NotFound) {
            return Failure::Gone;
        }
        log::error!(ONEDESK_GRANT:% = cell.id, error:% = error; "a refresh could not be written down, so its token is not handed out");
        cell.postpone(self.parts.clock.now() + AFTER_STORE_FAILURE);
        Failure::Store(error.to_string())
    }
}

/// Whether the provider said no to what was asked, rather than to who asked or when.
const fn is_refusal(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::GrantRefused | Verdict::InteractionRequired | Verdict::Misconfigured)
}

const fn outcome(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::ClientRejected => "client_rejected",
        Verdict::GrantRefused => "grant_refused",
        Verdict::InteractionRequired => "interaction_required",
        Verdict::Misconfigured => "misconfigured",
        Verdict::Throttled { .. } => "throttled",
        Verdict::Unavailable { .. } => "unavailable",
    }
}
