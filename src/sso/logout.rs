//! Signing out: here and at the provider, and when the provider says so (OpenID Connect RP-Initiated, Front-Channel and
//! Back-Channel Logout 1.0).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::record::Record;
use super::sessions::Current;
use super::{SIGNED_OUT_PATH, Service, seal};
use crate::audit::Actor;
use crate::crypto::{self, Keyring, Sealed};
use crate::model::{Problem, Secret};
use crate::oauth::claims::Claims;
use crate::oauth::id_token::IdTokenError;
use crate::oauth::issuer::Issuer;
use crate::oauth::signed::{self, LogoutNotice};
use crate::oauth::token::Tokens;
use crate::store;
use crate::store::sso::sessions::{Ending, SessionHash, SessionRow};

/// A person who signs out does not wait longer for the provider's metadata.
const PATIENCE: Duration = Duration::from_secs(3);
/// A hint that is longer would make a URL that some server refuses.
const LONGEST_HINT: usize = 6000;

/// What a provider wants to see at sign-out.
#[derive(Default, Serialize, Deserialize)]
pub struct Hints {
    /// `id_token_hint`; Entra does without.
    id_token: Option<String>,
    /// `logout_hint`: Entra's `login_hint` claim.
    login_hint: Option<String>,
}

impl Hints {
    /// Those of a sign-in.
    pub fn of(record: &Record, tokens: &Tokens, claims: &Claims) -> Self {
        let is_entra = record.version().is_entra();
        let id_token = tokens.id_token.as_ref().filter(|token| !is_entra && token.expose().len() <= LONGEST_HINT);
        Self { id_token: id_token.map(|token| token.expose().clone()), login_hint: claims.login_hint.clone().filter(|_| is_entra) }
    }

    /// As a session keeps them; nothing when there are none.
    ///
    /// # Errors
    /// The master key.
    pub fn seal(&self, keyring: &Keyring, hash: &SessionHash) -> Result<Option<Sealed>, Error> {
        if self.id_token.is_none() && self.login_hint.is_none() {
            return Ok(None);
        }
        // Two texts: serialising them cannot fail.
        let plain = Secret::new(serde_json::to_string(self).unwrap_or_default());
        seal(keyring, &SessionRow::hints_context(hash), &plain).map(Some)
    }

    fn open(keyring: &Keyring, session: &SessionRow) -> Self {
        let opened = session.hints.as_ref().and_then(|sealed| keyring.open(&SessionRow::hints_context(&session.hash), sealed).ok());
        opened.and_then(|plain| serde_json::from_str(plain.expose()).ok()).unwrap_or_default()
    }
}

impl Service {
    /// Signs out here, and returns where the browser goes to sign out at the provider. The session has ended whatever becomes of that.
    ///
    /// # Errors
    /// The database: the session goes on then.
    pub async fn sign_out(&self, current: &Current, actor: &Actor) -> Result<String, Error> {
        let ended = self.sessions.end(Ending::One(current.hash)).await?;
        let here = SIGNED_OUT_PATH.to_owned();
        let Some(session) = ended.into_iter().next() else { return Ok(here) };
        self.audit.record(actor.entry(self.clock.now(), "sso.sign_out", session.person.to_string())).await;
        Ok(self.provider_logout(&session).await.unwrap_or(here))
    }

    async fn provider_logout(&self, session: &SessionRow) -> Option<String> {
        let record = self.connections.get(session.connection).ok()?;
        let endpoint = match &record.details.logout_uri {
            Some(set) => url::Url::parse(set).ok()?,
            None => {
                let published = async { self.wire.provider(&record).await.ok()?.published().await.ok() };
                tokio::time::timeout(PATIENCE, published).await.ok()??.document.end_session_endpoint.clone()?
            }
        };
        let hints = Hints::open(&self.keyring, session);
        let mut url = endpoint;
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("client_id", &record.details.client_id);
            query.append_pair("post_logout_redirect_uri", &self.public_url(SIGNED_OUT_PATH).ok()?);
            query.append_pair("state", crypto::random_token(16).expose());
            if let Some(hint) = &hints.id_token {
                query.append_pair("id_token_hint", hint);
            }
            if let Some(hint) = &hints.login_hint {
                query.append_pair("logout_hint", hint);
            }
        }
        Some(url.into())
    }

    /// Front-channel: the provider's page loads our address in a frame, without our cookie. Ends the sessions of `sid`.
    ///
    /// # Errors
    /// 400 without a `sid`, or when `issuer` is none of ours.
    pub async fn front_channel(&self, sid: &str, issuer: Option<&str>, actor: &Actor) -> Result<(), Error> {
        let malformed = sid.is_empty() || sid.len() > 1000 || issuer.is_some_and(|issuer| self.connections.of_issuer(issuer).is_empty());
        if malformed {
            return Err(Error::bad_request(Problem::told("logout_notice", &[])));
        }
        let ended = self.sessions.end(Ending::Sid { sid: sid.to_owned(), issuer: issuer.map(str::to_owned) }).await?;
        self.noticed("front-channel notice", &ended, actor).await;
        Ok(())
    }

    /// Back-channel: the provider's server posts a signed logout token.
    ///
    /// # Errors
    /// 400 for a token that is not good, for whatever reason.
    pub async fn back_channel(&self, token: &str, actor: &Actor) -> Result<(), Error> {
        let notice = self.verify_notice(token).await?;
        let hash = crypto::sha256(format!("{} {}", notice.issuer, notice.id).as_bytes());
        self.transit.remember_logout_token(hash, notice.expires_at).await.map_err(|error| match error {
            store::Error::Conflict => refused("it was used before"),
            error => error.into(),
        })?;
        let ending = match (notice.sid, notice.subject) {
            (Some(sid), _) => Ending::Sid { sid, issuer: Some(notice.issuer) },
            (None, Some(subject)) => Ending::Subject { issuer: notice.issuer, subject },
            (None, None) => return Err(refused("it names nobody")),
        };
        let ended = self.sessions.end(ending).await?;
        self.noticed("back-channel notice", &ended, actor).await;
        Ok(())
    }

    async fn verify_notice(&self, token: &str) -> Result<LogoutNotice, Error> {
        let claimed = signed::unverified(token).ok_or_else(|| refused("it is malformed"))?;
        let issuer = claimed.get("iss").and_then(serde_json::Value::as_str).unwrap_or_default();
        let mut why = refused("its issuer is none of ours");
        for record in self.connections.of_issuer(issuer) {
            let provider = match self.wire.provider(&record).await {
                Ok(provider) => provider,
                Err(error) => {
                    why = error.into();
                    continue;
                }
            };
            let own = record.issuer().map(Issuer::new);
            let is_own = |iss: &str| own.as_ref().is_some_and(|own| own.matches(iss));
            let checked = match provider.verify_signed(token).await {
                Ok(claims) => LogoutNotice::check(&claims, &record.details.client_id, is_own, self.clock.now()),
                Err(crate::oauth::provider::VerifyError::Token(error)) => Err(error),
                Err(crate::oauth::provider::VerifyError::Provider(error)) => return Err(error.into()),
            };
            match checked {
                Ok(notice) => return Ok(notice),
                // Several records may be of one issuer: the next may be the one that is meant.
                Err(error) => why = refused(&in_words(&error)),
            }
        }
        Err(why)
    }

    async fn noticed(&self, how: &str, ended: &[SessionRow], actor: &Actor) {
        for session in ended {
            let mut line = actor.entry(self.clock.now(), "sso.logout_notice", session.person.to_string());
            line.detail = how.to_owned();
            self.audit.record(line).await;
        }
    }
}

fn refused(why: &str) -> Error {
    Error::bad_request(Problem::told("logout_token", &[("why", &why)]))
}

/// The words of ID tokens, about another token.
fn in_words(error: &IdTokenError) -> String {
    error.to_string().replace("the ID token", "the token")
}
