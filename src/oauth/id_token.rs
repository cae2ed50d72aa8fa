//! Verifies an ID token (OpenID Connect Core 3.1.3.7; Microsoft, "ID tokens" and "Access tokens", validation). Pure.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::claims::{Claims, Members};
use super::endpoints::Version;
use super::issuer::{Issuer, first_segment};
use super::jwks::{Key, KeySet};
pub use super::jws::Algorithm;
use super::jws::Jws;
use crate::model::{Secret, TenantId};

/// Far above any real token, below what would keep a core busy.
const SIZE_LIMIT: usize = 64 * 1024;
/// A token comes fresh from the token endpoint; an older one was kept somewhere.
const OLDEST: i64 = 24 * 3600;
/// How far two good clocks may differ: MSAL's own tolerance.
pub const SKEW: Duration = Duration::from_secs(120);

/// What a token has to be.
#[derive(Debug, Clone, Copy)]
pub struct Expectation<'a> {
    /// Our client id: `aud`.
    pub client_id: &'a str,
    /// The issuer of the metadata, which may be Entra's template.
    pub issuer: &'a Issuer,
    /// What kind of provider.
    pub version: Version,
    /// The nonce that was sent.
    pub nonce: &'a str,
    /// What may sign: from our own configuration, never from the token.
    pub algorithms: &'a [Algorithm],
    /// Which tenants may sign in.
    pub tenants: Tenants<'a>,
    /// The metadata's `cloud_instance_name`: a key that names another cloud is refused.
    pub cloud_instance: Option<&'a str>,
    /// The access token that came along: an `at_hash` has to be its hash.
    pub access_token: Option<&'a Secret<String>>,
    /// Accepts Azure AD v1's unsigned ID token. Only for a token straight from a v1 token endpoint over verified TLS.
    pub unsigned_v1: bool,
}

/// Which tenants may sign in. Entra only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenants<'a> {
    /// Any: an explicit decision of somebody.
    Any,
    /// These.
    Only(&'a [TenantId]),
}

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// No compact JWS with JSON objects in it, or larger than 64 KiB.
    #[error("the ID token is malformed: {0}")]
    Malformed(&'static str),
    /// `alg` is not on our list.
    #[error("the ID token is signed by {0}, which is not allowed here")]
    Algorithm(String),
    /// No signature where one is wanted.
    #[error("the ID token is not signed")]
    Unsigned,
    /// No key with its `kid`: worth one look at the provider's newest keys.
    #[error("the provider does not publish the key that the ID token is signed by")]
    UnknownKey,
    /// The signature is not the key's.
    #[error("the signature of the ID token is wrong")]
    Signature,
    /// The key belongs to another issuer or cloud.
    #[error("the key of the ID token may not sign for this issuer")]
    ForeignKey,
    /// A claim came twice or in two spellings.
    #[error("the ID token names the claim {0} twice or in a wrong spelling")]
    Doubled(String),
    /// A claim is missing or not of its type.
    #[error("the ID token lacks the claim {0}, or it is malformed")]
    Missing(&'static str),
    /// A claim is not what it has to be.
    #[error("the claim {0} of the ID token is not what was expected")]
    Wrong(&'static str),
    /// `exp` has passed.
    #[error("the ID token has expired: check the clock of this host")]
    Expired,
    /// `nbf` or `iat` is in the future.
    #[error("the ID token is not valid yet: check the clock of this host")]
    NotYet,
    /// `iat` is too long ago.
    #[error("the ID token is too old: check the clock of this host")]
    TooOld,
    /// A good token of a tenant that may not sign in.
    #[error("the organization {0} is not allowed to sign in here")]
    Tenant(TenantId),
}

use IdTokenError::{Missing, Wrong};

/// Verifies `token` as of `now`.
///
/// # Errors
/// [`IdTokenError`]; after [`IdTokenError::UnknownKey`] newer keys may help, after all others nothing does.
pub fn verify(token: &str, keys: &KeySet, expected: &Expectation<'_>, now: Timestamp, skew: Duration) -> Result<Claims, IdTokenError> {
    if token.len() > SIZE_LIMIT {
        return Err(IdTokenError::Malformed("it is too large"));
    }
    let jws = Jws::parse(token).map_err(IdTokenError::Malformed)?;
    let key = signing_key(&jws, keys, expected)?;
    let raw = parse_claims(&jws.payload)?;

    let issuer = issuer(&raw, expected)?;
    let tid = tenant(&raw, issuer, expected)?;
    if let Some(key) = key {
        key_may_sign(key, issuer, tid, expected)?;
    }
    let audience = audience(&raw, expected)?;
    let (issued_at, expires_at) = times(&raw, now, skew)?;
    nonce(&raw, expected.nonce)?;
    if let (Some(access_token), Some(hash)) = (expected.access_token, raw.get("at_hash")) {
        check_hash(&jws.alg, access_token.expose(), hash)?;
    }
    let subject = text(&raw, "sub").filter(|sub| !sub.is_empty()).ok_or(Missing("sub"))?.to_owned();
    let oid = match raw.get("oid") {
        Some(oid) if expected.version.is_entra() => Some(oid.as_str().and_then(|oid| oid.parse().ok()).ok_or(Missing("oid"))?),
        _ => None,
    };
    // Last, so that only somebody with a good token learns that the tenant is not allowed.
    if let (Some(tid), Tenants::Only(allowed)) = (tid, expected.tenants)
        && !allowed.contains(&tid)
    {
        return Err(IdTokenError::Tenant(tid));
    }

    let own = |name| text(&raw, name).filter(|value| !value.is_empty()).map(str::to_owned);
    Ok(Claims {
        issuer: issuer.to_owned(),
        subject,
        audience,
        tid,
        oid,
        preferred_username: own("preferred_username"),
        upn: own("upn"),
        email: own("email"),
        xms_edov: Claims::edov_of(&raw),
        email_verified: raw.get("email_verified") == Some(&Value::Bool(true)),
        name: own("name"),
        nonce: own("nonce"),
        sid: own("sid"),
        login_hint: own("login_hint"),
        acct: raw.get("acct").and_then(|acct| acct.as_u64().or_else(|| acct.as_str()?.parse().ok())),
        idp: own("idp"),
        groups: Claims::groups_of(&raw),
        ver: own("ver"),
        issued_at,
        expires_at,
        signed: key.is_some(),
        raw,
    })
}

/// The key that signed, or nothing for a token that needs no signature.
fn signing_key<'a>(jws: &'a Jws<'_>, keys: &'a KeySet, expected: &Expectation<'_>) -> Result<Option<&'a Key>, IdTokenError> {
    if jws.alg.eq_ignore_ascii_case("none") {
        let allowed = expected.unsigned_v1 && expected.version == Version::V1 && jws.alg == "none" && jws.signature.is_empty();
        return if allowed { Ok(None) } else { Err(IdTokenError::Unsigned) };
    }
    let algorithm = Algorithm::from_name(&jws.alg).filter(|algorithm| expected.algorithms.contains(algorithm));
    let algorithm = algorithm.ok_or_else(|| IdTokenError::Algorithm(super::text::clean(&jws.alg, 20)))?;
    let mut candidates = keys.candidates(jws.kid.as_deref(), algorithm).peekable();
    if candidates.peek().is_none() {
        return Err(IdTokenError::UnknownKey);
    }
    let signer = candidates.find(|key| key.public.verifies(algorithm, jws.signed, &jws.signature));
    signer.map(Some).ok_or(IdTokenError::Signature)
}

fn parse_claims(payload: &[u8]) -> Result<Map<String, Value>, IdTokenError> {
    let members: Members = serde_json::from_slice(payload).map_err(|_| IdTokenError::Malformed("its claims are not a JSON object"))?;
    members.into_map().map_err(|doubled| IdTokenError::Doubled(super::text::clean(&doubled.0, 60)))
}

fn issuer<'a>(raw: &'a Map<String, Value>, expected: &Expectation<'_>) -> Result<&'a str, IdTokenError> {
    let iss = text(raw, "iss").ok_or(Missing("iss"))?;
    if !expected.issuer.matches(iss) {
        return Err(Wrong("iss"));
    }
    Ok(iss)
}

/// Microsoft's rules for `ver` and `tid`; nothing for other providers.
fn tenant(raw: &Map<String, Value>, iss: &str, expected: &Expectation<'_>) -> Result<Option<TenantId>, IdTokenError> {
    let Some(version) = expected.version.claim() else { return Ok(None) };
    if text(raw, "ver").ok_or(Missing("ver"))? != version {
        return Err(Wrong("ver"));
    }
    let tid = text(raw, "tid").ok_or(Missing("tid"))?;
    let tenant: TenantId = tid.parse().map_err(|_| Missing("tid"))?;
    // To the letter, as Microsoft's own validator: the issuer holds the tenant as the claim has it.
    if first_segment(iss) != Some(tid) || expected.issuer.of_tenant(tid) != iss {
        return Err(Wrong("tid"));
    }
    Ok(Some(tenant))
}

/// Microsoft: "Validate the signing key issuer". Keys of v1 name no issuer.
fn key_may_sign(key: &Key, iss: &str, tid: Option<TenantId>, expected: &Expectation<'_>) -> Result<(), IdTokenError> {
    if expected.version != Version::V2 {
        return Ok(());
    }
    let tid = tid.map(|_| first_segment(iss).unwrap_or_default()).unwrap_or_default();
    let issuer_fits = key.issuer.as_ref().is_none_or(|issuer| issuer.of_tenant(tid) == iss);
    let cloud_fits = match (key.cloud_instance.as_deref(), expected.cloud_instance) {
        (Some(key), Some(metadata)) => key == metadata,
        _ => true,
    };
    if issuer_fits && cloud_fits { Ok(()) } else { Err(IdTokenError::ForeignKey) }
}

fn audience(raw: &Map<String, Value>, expected: &Expectation<'_>) -> Result<Vec<String>, IdTokenError> {
    let audience: Vec<String> = match raw.get("aud") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().map(|one| one.as_str().map(str::to_owned)).collect::<Option<_>>().ok_or(Missing("aud"))?,
        _ => return Err(Missing("aud")),
    };
    // Entra takes a client id in any case and puts its own spelling into the token.
    let is_us = |name: &str| name == expected.client_id || expected.version.is_entra() && name.eq_ignore_ascii_case(expected.client_id);
    if !audience.iter().any(|name| is_us(name)) {
        return Err(Wrong("aud"));
    }
    match raw.get("azp") {
        Some(azp) if !azp.as_str().is_some_and(is_us) => Err(Wrong("azp")),
        None if audience.len() > 1 => Err(Missing("azp")),
        _ => Ok(audience),
    }
}

/// `iat` and `exp` in seconds.
fn times(raw: &Map<String, Value>, now: Timestamp, skew: Duration) -> Result<(i64, i64), IdTokenError> {
    let now = now.as_second();
    let skew = i64::try_from(skew.as_secs()).unwrap_or(i64::MAX);
    let expires_at = seconds(raw, "exp")?.ok_or(Missing("exp"))?;
    let issued_at = seconds(raw, "iat")?.ok_or(Missing("iat"))?;
    if now >= expires_at.saturating_add(skew) {
        return Err(IdTokenError::Expired);
    }
    let begins = issued_at.max(seconds(raw, "nbf")?.unwrap_or(issued_at));
    if begins > now.saturating_add(skew) {
        return Err(IdTokenError::NotYet);
    }
    if issued_at < now.saturating_sub(OLDEST) {
        return Err(IdTokenError::TooOld);
    }
    Ok((issued_at, expires_at))
}

/// A NumericDate (RFC 7519 section 2): a JSON number, with a fraction from some providers, never a string.
fn seconds(raw: &Map<String, Value>, name: &'static str) -> Result<Option<i64>, IdTokenError> {
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, and no date is that far")]
    let read = |value: &Value| value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64));
    raw.get(name).map(|value| read(value).ok_or(Missing(name))).transpose()
}

fn nonce(raw: &Map<String, Value>, sent: &str) -> Result<(), IdTokenError> {
    let nonce = raw.get("nonce").ok_or(Missing("nonce"))?;
    if nonce.as_str() == Some(sent) { Ok(()) } else { Err(Wrong("nonce")) }
}

/// OpenID Connect Core 3.1.3.6: the left half of the access token's hash, by the hash of the token's algorithm.
fn check_hash(alg: &str, access_token: &str, hash: &Value) -> Result<(), IdTokenError> {
    let function = match alg.get(2..) {
        Some("384") => &SHA384,
        Some("512") => &SHA512,
        _ => &SHA256,
    };
    let whole = digest(function, access_token.as_bytes());
    let half = whole.as_ref().get(..whole.as_ref().len() / 2).unwrap_or_default();
    if hash.as_str() == Some(&URL_SAFE_NO_PAD.encode(half)) { Ok(()) } else { Err(Wrong("at_hash")) }
}

fn text<'a>(raw: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    raw.get(name).and_then(Value::as_str)
}

#[cfg(test)]
#[path = "id_token_tests.rs"]
mod tests;
