//! What is remembered of a sign-in until the browser is back: sealed in the store, bound to one browser, used once.

use std::sync::Arc;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::error::{Error, ErrorKind};
use crate::crypto::{self, Keyring};
use crate::flows::Browser;
use crate::model::person::App;
use crate::model::{Clock, ConnectionId, Problem, Secret};
use crate::oauth::pkce::Verifier;
use crate::store::flows::StateHash;
use crate::store::sso::transit::{Claim, SignInRow, Transit};

/// How long a person may stand at the provider's sign-in page.
const LIFE: SignedDuration = SignedDuration::from_mins(60);
/// Sign-ins under way in one browser: more than the fifty tabs that may be open, so that a loop of one tab ends nobody else's.
const MOST: u32 = 64;

/// What a sign-in is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// Somebody wants to use an app.
    SignIn,
    /// An admin tries the record: nothing is changed.
    Test,
}

/// A sign-in under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pending {
    /// Where it goes.
    pub to: Destination,
    verifier: String,
    /// The nonce that the ID token must carry.
    pub nonce: String,
}

impl Pending {
    /// The PKCE verifier.
    pub fn verifier(&self) -> Verifier {
        Verifier::from_kept(Secret::from(self.verifier.as_str()))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.verifier);
    }
}

/// Where a sign-in goes: decided when it begins, fixed for its whole life.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Destination {
    /// The client record.
    pub connection: ConnectionId,
    /// Its generation when the sign-in began: the code goes nowhere when another one is in force.
    pub generation: u64,
    /// Sign-in or test.
    pub purpose: Purpose,
    /// The app.
    pub app: App,
    /// Where on our origin to go after it.
    pub return_to: Option<String>,
    /// Who is asked: the metadata's issuer, which may be Entra's template.
    pub issuer: String,
    /// Whether it promises to name itself (RFC 9207).
    pub promises_iss: bool,
    /// The redirect URI as it is sent.
    pub redirect_uri: String,
    /// The scopes that are asked for.
    pub scope: String,
    /// Whether it runs in the Widget's popup.
    pub popup: bool,
    /// Whether the sign-in was begun anew already because the browser's cookie was missing.
    pub restarted: bool,
}

/// What taking a flow gives.
#[derive(Debug)]
pub enum Taken {
    /// The browser that began it is back.
    Own(Pending),
    /// A browser without our cookie brought it: it may begin anew, once.
    WithoutCookie(Pending),
}

/// Sign-ins under way.
pub struct SignIns {
    store: Arc<dyn Transit>,
    keyring: Arc<Keyring>,
    clock: Clock,
}

impl SignIns {
    /// Kept in `store`, sealed by `keyring`.
    pub fn new(store: Arc<dyn Transit>, keyring: Arc<Keyring>, clock: Clock) -> Self {
        Self { store, keyring, clock }
    }

    /// Begins one in `browser`; returns the `state` and what goes with it.
    ///
    /// # Errors
    /// The database or the master key.
    pub async fn begin(&self, browser: &Browser, to: Destination) -> Result<(Secret<String>, Pending), Error> {
        let now = self.clock.now();
        let state = crypto::random_token(32);
        let hash = state_hash(state.expose());
        let (verifier, nonce) = (crypto::random_token(32), crypto::random_token(32));
        let pending = Pending { to, verifier: verifier.expose().clone(), nonce: nonce.expose().clone() };
        let plain = Secret::new(serde_json::to_string(&pending).map_err(|_| unreadable())?);
        let sealed = super::seal(&self.keyring, &SignInRow::context(&hash), &plain)?;
        let row = SignInRow { state: hash, browser: browser.hash(), sealed, expires_at: now + LIFE };
        self.store.begin_sign_in(row, MOST).await?;
        Ok((state, pending))
    }

    /// Uses up the sign-in that `state` names. The one of another browser stays as it is.
    ///
    /// # Errors
    /// 400 when it is unknown, used, too old, or another browser's.
    pub async fn take(&self, state: &str, browser: Option<&Browser>) -> Result<Taken, Error> {
        let now = self.clock.now();
        let hash = state_hash(state);
        let claim = self.store.claim_sign_in(&hash, browser.map(Browser::hash).as_ref(), now).await;
        let row = match claim.map_err(|error| super::unknown_as(error, Error::unknown_state))? {
            Claim::Own(row) => row,
            Claim::Foreign => {
                return Err(Error::bad_request(Problem::told("state_foreign", &[])));
            }
        };
        let plain = self.keyring.open(&SignInRow::context(&hash), &row.sealed).map_err(|_| unreadable())?;
        let pending = serde_json::from_str(plain.expose()).map_err(|_| unreadable())?;
        Ok(if browser.is_some() { Taken::Own(pending) } else { Taken::WithoutCookie(pending) })
    }
}

fn state_hash(state: &str) -> StateHash {
    StateHash(crypto::sha256(state.as_bytes()))
}

fn unreadable() -> Error {
    Error::new(ErrorKind::Unavailable, Problem::told("state_unreadable", &[]))
}
