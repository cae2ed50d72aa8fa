//! Authorizations under way: tickets (the links that begin one) and flows (what must be remembered until the browser is back).
//!
//! What a flow is for is decided by the services that use it; this room only sees to it that a ticket, a `state` and a
//! browser belong together and that each works as often as it should (RFC 9700 sections 2.1 and 4.7).

pub mod browser;
pub mod connect;
mod failure;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::crypto::{self, Keyring};
use crate::model::{ClientId, Clock, Secret};
use crate::oauth::pkce;
use crate::store::flows::{FlowRow, Flows as FlowStore, Kind, StateHash, TicketHash, TicketRow};
use crate::store::{self};

pub use browser::Browser;

/// How long a ticket may be used: long enough to forward it by mail and to find somebody with the password.
const TICKET_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// How long a person may stand at the provider's sign-in page.
const FLOW_LIFE: SignedDuration = SignedDuration::from_mins(60);

/// What has to be remembered until the provider sends the browser back. Lives nowhere else than sealed in the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pending {
    /// The provider's login origin when the flow began.
    pub authority: String,
    /// The tenant segment of the endpoints.
    pub segment: String,
    /// The client that began it; a code is bound to its client.
    pub client_id: ClientId,
    /// The redirect URI as it was sent.
    pub redirect_uri: String,
    /// The scopes that were asked for.
    pub scope: String,
    verifier: String,
    nonce: String,
}

impl Pending {
    /// The PKCE verifier (RFC 7636).
    pub fn verifier(&self) -> Secret<String> {
        Secret::from(self.verifier.as_str())
    }

    /// What the authorization request carries of the verifier: S256, always.
    pub fn challenge(&self) -> String {
        pkce::Verifier::from_kept(self.verifier()).challenge()
    }

    /// The nonce that the ID token must carry (OpenID Connect Core section 3.1.2.1).
    pub fn nonce(&self) -> &str {
        &self.nonce
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.verifier.zeroize();
    }
}

/// Where a flow goes: decided by the service, fixed for the flow's whole life.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The provider's login origin.
    pub authority: String,
    /// The tenant segment of the endpoints.
    pub segment: String,
    /// The client that asks.
    pub client_id: ClientId,
    /// Where the browser comes back to.
    pub redirect_uri: String,
    /// What is asked for.
    pub scope: String,
}

/// A flow that has begun: what goes into the authorization request.
#[derive(Debug)]
pub struct Begun {
    /// The `state` parameter.
    pub state: Secret<String>,
    /// Verifier, nonce and destination.
    pub pending: Pending,
    /// The browser that it is bound to; its cookie goes with the redirect.
    pub browser: Browser,
}

/// A ticket in the hands of whoever made it.
#[derive(Debug)]
pub struct Ticket {
    /// The ticket as it stands in the link.
    pub value: Secret<String>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Why a ticket or a callback leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The link was used up, is older than an hour, or was never made here.
    #[error("this link was used up, has expired, or was never made by this OneDesk")]
    UnknownTicket,
    /// The `state` was used, has expired, or was never made here.
    #[error("this answer belongs to no sign-in that is under way")]
    UnknownState,
    /// The `state` is known, but another browser (or another kind of connection) began it.
    #[error("this answer belongs to a sign-in that began in another browser")]
    ForeignState,
    /// What was remembered cannot be read.
    #[error("what was remembered about this sign-in cannot be opened")]
    Unreadable,
    /// What has to be remembered cannot be sealed: there is no master key.
    #[error("nothing can be remembered about a sign-in, since the master key is missing")]
    Unsealable,
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Tickets and flows.
pub struct Flows {
    store: Arc<dyn FlowStore>,
    keyring: Arc<Keyring>,
    clock: Clock,
}

impl Flows {
    /// Tickets and flows in `store`, sealed by `keyring`.
    pub fn new(store: Arc<dyn FlowStore>, keyring: Arc<Keyring>, clock: Clock) -> Self {
        Self { store, keyring, clock }
    }

    /// Makes a ticket that carries `wishes` (the service's own JSON).
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn issue(&self, kind: Kind, wishes: String, made_by: &str) -> Result<Ticket, Error> {
        let value = crypto::random_token(32);
        let expires_at = self.clock.now() + TICKET_LIFE;
        let row = TicketRow { hash: ticket_hash(value.expose()), kind, wishes, made_by: made_by.to_owned(), expires_at };
        self.store.add_ticket(row).await?;
        Ok(Ticket { value, expires_at })
    }

    /// The ticket of a link. It stays usable: scanners open links too.
    ///
    /// # Errors
    /// [`Error::UnknownTicket`], also for a ticket of another kind.
    pub async fn ticket(&self, kind: Kind, value: &str) -> Result<TicketRow, Error> {
        match self.store.ticket(&ticket_hash(value), self.clock.now()).await {
            Ok(row) if row.kind == kind => Ok(row),
            Ok(_) | Err(store::Error::NotFound) => Err(Error::UnknownTicket),
            Err(error) => Err(error.into()),
        }
    }

    /// The ticket that a flow began with, as it stands now.
    ///
    /// # Errors
    /// [`Error::UnknownTicket`] when another flow used it up meanwhile.
    pub async fn ticket_of(&self, hash: &TicketHash) -> Result<TicketRow, Error> {
        self.store.ticket(hash, self.clock.now()).await.map_err(|error| match error {
            store::Error::NotFound => Error::UnknownTicket,
            other => other.into(),
        })
    }

    /// Begins a flow for `ticket` in `browser`. Any number may be under way in one browser.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn begin(&self, ticket: &TicketRow, browser: Option<Browser>, destination: Destination) -> Result<Begun, Error> {
        let now = self.clock.now();
        let browser = browser.unwrap_or_default();
        let state = crypto::random_token(32);
        let hash = state_hash(state.expose());
        let pending = Pending {
            authority: destination.authority,
            segment: destination.segment,
            client_id: destination.client_id,
            redirect_uri: destination.redirect_uri,
            scope: destination.scope,
            verifier: crypto::random_token(32).expose().clone(),
            nonce: crypto::random_token(32).expose().clone(),
        };
        let plain = Secret::new(serde_json::to_string(&pending).map_err(|_| Error::Unreadable)?);
        let sealed = self.keyring.seal(&FlowRow::context(&hash), &plain).map_err(|_| Error::Unsealable)?;
        let row =
            FlowRow { state: hash, kind: ticket.kind, browser: browser.hash(), ticket: ticket.hash, sealed, expires_at: now + FLOW_LIFE };
        self.store.begin(row, now).await?;
        Ok(Begun { state, pending, browser })
    }

    /// Uses up the flow that `state` names, if `browser` began it. Exactly one caller gets it.
    ///
    /// # Errors
    /// [`Error::UnknownState`], [`Error::ForeignState`]: the flow of the browser that began it stays usable then.
    pub async fn take(&self, kind: Kind, state: &str, browser: Option<&Browser>) -> Result<(TicketHash, Pending), Error> {
        let now = self.clock.now();
        let hash = state_hash(state);
        let unknown = |error| match error {
            store::Error::NotFound => Error::UnknownState,
            other => Error::Store(other),
        };
        let row = self.store.peek(&hash, now).await.map_err(unknown)?;
        if row.kind != kind || browser.is_none_or(|browser| browser.hash() != row.browser) {
            return Err(Error::ForeignState);
        }
        let row = self.store.take(&hash, now).await.map_err(unknown)?;
        let plain = self.keyring.open(&FlowRow::context(&hash), &row.sealed).map_err(|_| Error::Unreadable)?;
        let pending = serde_json::from_str(plain.expose()).map_err(|_| Error::Unreadable)?;
        Ok((row.ticket, pending))
    }

    /// Removes what has run out.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn sweep(&self) -> Result<(), Error> {
        Ok(self.store.sweep(self.clock.now()).await?)
    }
}

fn ticket_hash(value: &str) -> TicketHash {
    TicketHash(crypto::sha256(value.as_bytes()))
}

fn state_hash(value: &str) -> StateHash {
    StateHash(crypto::sha256(value.as_bytes()))
}
