//! [`Vault`]: tokens between memory and disk. Rows on one side, tokens on the other, the keyring between them.

use std::sync::Arc;

use jiff::Timestamp;

use super::{History, Mark};
use crate::crypto::{Keyring, OpenError, Sealed};
use crate::model::{AccessToken, Audience, ClientId, GrantId, GrantState, ObjectId, Problem, Secret, TenantId};
use crate::oauth::token::Tokens;
use crate::store::grants::{AccessRow, GrantRow, Rotation};

/// What somebody gave by signing in, in the clear.
#[derive(Debug)]
pub struct Given<'a> {
    /// The client that it was given to.
    pub client_id: ClientId,
    /// The tenant segment of the endpoints.
    pub segment: &'a str,
    /// What was asked for.
    pub scope: &'a str,
    /// Who gave it.
    pub tenant_id: TenantId,
    /// Who gave it.
    pub object_id: ObjectId,
    /// What came with it.
    pub tokens: &'a Tokens,
    /// The refresh token among that.
    pub refresh_token: &'a Secret<String>,
}

/// A grant that is ready to be stored, and its first access token.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// The grant's row.
    pub grant: GrantRow,
    /// The access token's row.
    pub access: AccessRow,
    /// The access token.
    pub token: Arc<AccessToken>,
}

/// Seals what goes to the store, and opens what comes from it.
#[derive(Clone)]
pub struct Vault {
    keyring: Arc<Keyring>,
    problem: Option<Problem>,
}

/// A sealed value could not be made; only a broken machine gets here.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the token cannot be sealed")]
pub struct SealError;

impl Vault {
    /// A vault with that keyring; `problem` is why it is empty.
    pub const fn new(keyring: Arc<Keyring>, problem: Option<Problem>) -> Self {
        Self { keyring, problem }
    }

    /// Why nothing can be opened or sealed; nothing where there is a key.
    pub const fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// The refresh token of a grant, newest first, then the one before it.
    ///
    /// # Errors
    /// When it was sealed with another key or for another row.
    pub fn open_refresh(&self, row: &GrantRow) -> Result<(Secret<String>, Option<Secret<String>>), OpenError> {
        let context = GrantRow::refresh_context(row.id);
        let newest = self.keyring.open(&context, &row.refresh)?;
        // The one before is a second chance: unreadable is as good as absent.
        let previous = row.previous.as_ref().and_then(|sealed| self.keyring.open(&context, sealed).ok());
        Ok((newest, previous))
    }

    /// A stored access token.
    ///
    /// # Errors
    /// As [`Vault::open_refresh`].
    pub fn open_access(&self, id: GrantId, row: &AccessRow) -> Result<AccessToken, OpenError> {
        let value = self.keyring.open(&AccessRow::context(id, row.audience), &row.sealed)?;
        Ok(AccessToken { value, obtained_at: row.obtained_at, expires_at: row.expires_at, scope: row.scope.clone() })
    }

    /// A new grant with its first access token, which is for `audience`.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn new_grant(&self, given: &Given<'_>, audience: Audience, now: Timestamp) -> Result<NewGrant, SealError> {
        let id = GrantId::new();
        let refresh = self.seal_refresh(id, given.refresh_token)?;
        let (token, access) = self.seal_access(id, audience, given.tokens, given.scope, now)?;
        let grant = GrantRow {
            id,
            client_id: given.client_id,
            segment: given.segment.to_owned(),
            tenant_id: given.tenant_id,
            object_id: given.object_id,
            scope: given.scope.to_owned(),
            refresh,
            previous: None,
            state: GrantState::Healthy,
            version: 1,
            connected_at: now,
            last_refresh_at: None,
            history: History::default().with(Mark::Worked, now).to_bytes().to_vec(),
            client_changed_at: None,
        };
        Ok(NewGrant { grant, access, token: Arc::new(token) })
    }

    /// A refresh token as it is stored.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal_refresh(&self, id: GrantId, token: &Secret<String>) -> Result<Sealed, SealError> {
        self.keyring.seal(&GrantRow::refresh_context(id), token).map_err(|_| SealError)
    }

    /// The access token that `tokens` brought, as it is used and as it is stored.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal_access(
        &self,
        id: GrantId,
        audience: Audience,
        tokens: &Tokens,
        asked: &str,
        now: Timestamp,
    ) -> Result<(AccessToken, AccessRow), SealError> {
        let expires_at = now.saturating_add(tokens.expires_in).unwrap_or(now);
        // RFC 6749 section 5.1: no `scope` means what was asked for.
        let scope = tokens.scope.clone().unwrap_or_else(|| asked.to_owned());
        let sealed = self.keyring.seal(&AccessRow::context(id, audience), &tokens.access_token).map_err(|_| SealError)?;
        let row = AccessRow { audience, sealed, obtained_at: now, expires_at, scope: scope.clone() };
        Ok((AccessToken { value: tokens.access_token.clone(), obtained_at: now, expires_at, scope }, row))
    }

    /// What a refresh with `used` gave, as it is stored: the one that was used is kept until the newest has worked once.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal_rotation(
        &self,
        id: GrantId,
        used: &Secret<String>,
        tokens: &Tokens,
        access: AccessRow,
        history: History,
    ) -> Result<Rotation, SealError> {
        let at = access.obtained_at;
        let newest = tokens.refresh_token.as_ref().unwrap_or(used);
        let refresh = self.seal_refresh(id, newest)?;
        let previous = if newest == used { None } else { Some(self.seal_refresh(id, used)?) };
        Ok(Rotation { refresh, previous, access, history: history.to_bytes().to_vec(), at })
    }
}
