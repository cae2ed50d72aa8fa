//! What a provider signs besides ID tokens: logout tokens (OpenID Connect Back-Channel Logout 1.0) and user information. Pure.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::claims::Members;
use super::id_token::{Algorithm, IdTokenError, SKEW};
use super::jwks::KeySet;
use super::jws::Jws;

/// Far above any real one.
const SIZE_LIMIT: usize = 64 * 1024;
/// How long a logout token may live (section 2.4 of the specification recommends two minutes), and how old it may be.
const LONGEST_LIFE: i64 = 120;
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The claims of a signed token, whatever they mean. Unsigned ones are refused.
///
/// # Errors
/// [`IdTokenError`]; after [`IdTokenError::UnknownKey`] newer keys may help.
pub fn claims(token: &str, keys: &KeySet, algorithms: &[Algorithm]) -> Result<Map<String, Value>, IdTokenError> {
    if token.len() > SIZE_LIMIT {
        return Err(IdTokenError::Malformed("it is too large"));
    }
    let jws = Jws::parse(token).map_err(IdTokenError::Malformed)?;
    if jws.alg.eq_ignore_ascii_case("none") {
        return Err(IdTokenError::Unsigned);
    }
    let algorithm = Algorithm::from_name(&jws.alg).filter(|algorithm| algorithms.contains(algorithm));
    let algorithm = algorithm.ok_or_else(|| IdTokenError::Algorithm(super::text::clean(&jws.alg, 20)))?;
    let mut candidates = keys.candidates(jws.kid.as_deref(), algorithm).peekable();
    if candidates.peek().is_none() {
        return Err(IdTokenError::UnknownKey);
    }
    if !candidates.any(|key| key.public.verifies(algorithm, jws.signed, &jws.signature)) {
        return Err(IdTokenError::Signature);
    }
    read(&jws.payload)
}

/// The claims of a token that nobody vouches for: good only for finding out whose keys to verify it with.
pub fn unverified(token: &str) -> Option<Map<String, Value>> {
    if token.len() > SIZE_LIMIT {
        return None;
    }
    read(&Jws::parse(token).ok()?.payload).ok()
}

fn read(payload: &[u8]) -> Result<Map<String, Value>, IdTokenError> {
    let members: Members = serde_json::from_slice(payload).map_err(|_| IdTokenError::Malformed("its claims are not a JSON object"))?;
    members.into_map().map_err(|doubled| IdTokenError::Doubled(super::text::clean(&doubled.0, 60)))
}

/// What a good logout token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutNotice {
    /// `iss`.
    pub issuer: String,
    /// `sub`: without `sid`, all sessions of this account end.
    pub subject: Option<String>,
    /// `sid`: this session ends.
    pub sid: Option<String>,
    /// `jti`: what makes it count once.
    pub id: String,
    /// `exp`.
    pub expires_at: Timestamp,
}

impl LogoutNotice {
    /// Checks verified claims against section 2.6 of the specification.
    ///
    /// # Errors
    /// [`IdTokenError`]; an ID token never passes, since it has a nonce and no event.
    pub fn check(raw: &Map<String, Value>, client_id: &str, issuer: impl Fn(&str) -> bool, now: Timestamp) -> Result<Self, IdTokenError> {
        let text = |name: &'static str| match raw.get(name) {
            None => Ok(None),
            Some(Value::String(value)) if !value.is_empty() => Ok(Some(value.clone())),
            Some(_) => Err(IdTokenError::Missing(name)),
        };
        let seconds = |name: &'static str| raw.get(name).and_then(Value::as_i64).ok_or(IdTokenError::Missing(name));
        let iss = text("iss")?.ok_or(IdTokenError::Missing("iss"))?;
        if !issuer(&iss) {
            return Err(IdTokenError::Wrong("iss"));
        }
        let is_for_us = match raw.get("aud") {
            Some(Value::String(one)) => one == client_id,
            Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(client_id)),
            _ => return Err(IdTokenError::Missing("aud")),
        };
        if !is_for_us {
            return Err(IdTokenError::Wrong("aud"));
        }
        let (issued_at, expires_at) = (seconds("iat")?, seconds("exp")?);
        let skew = i64::try_from(SKEW.as_secs()).unwrap_or(i64::MAX);
        let now = now.as_second();
        if now >= expires_at.saturating_add(skew) {
            return Err(IdTokenError::Expired);
        }
        if issued_at > now.saturating_add(skew) {
            return Err(IdTokenError::NotYet);
        }
        if issued_at < now.saturating_sub(LONGEST_LIFE + skew) || expires_at.saturating_sub(issued_at) > LONGEST_LIFE {
            return Err(IdTokenError::TooOld);
        }
        if raw.contains_key("nonce") {
            return Err(IdTokenError::Wrong("nonce"));
        }
        let event = raw.get("events").and_then(Value::as_object).ok_or(IdTokenError::Missing("events"))?;
        if !event.get(EVENT).is_some_and(Value::is_object) {
            return Err(IdTokenError::Wrong("events"));
        }
        let (subject, sid) = (text("sub")?, text("sid")?);
        if subject.is_none() && sid.is_none() {
            return Err(IdTokenError::Missing("sub or sid"));
        }
        let id = text("jti")?.ok_or(IdTokenError::Missing("jti"))?;
        let kept_until = Timestamp::from_second(expires_at).unwrap_or(Timestamp::MAX);
        let kept_until = kept_until.saturating_add(SignedDuration::from_secs(skew)).unwrap_or(Timestamp::MAX);
        Ok(Self { issuer: iss, subject, sid, id, expires_at: kept_until })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn notice() -> Value {
        json!({"iss": "https://op.test", "aud": "us", "iat": NOW, "exp": NOW + 120, "jti": "j-1", "sub": "s", "sid": "x",
            "events": {EVENT: {}}, "unknown": 1})
    }

    fn check(value: &Value) -> Result<LogoutNotice, IdTokenError> {
        let raw = value.as_object().cloned().unwrap();
        LogoutNotice::check(&raw, "us", |iss| iss == "https://op.test", Timestamp::from_second(NOW).unwrap())
    }

    #[test]
    fn a_good_notice_names_session_and_account() {
        let good = check(&notice()).unwrap();
        assert_eq!((good.subject.as_deref(), good.sid.as_deref(), good.id.as_str()), (Some("s"), Some("x"), "j-1"));
    }

    #[test]
    fn each_fault_is_refused() {
        use IdTokenError::{Expired, Missing, NotYet, TooOld, Wrong};
        let faults = [
            ("iss", json!("https://op.testINVALID"), Wrong("iss")),
            ("aud", json!("usINVALID"), Wrong("aud")),
            ("aud", json!(null), Missing("aud")),
            ("iat", json!(null), Missing("iat")),
            ("exp", json!(null), Missing("exp")),
            ("exp", json!(NOW - 121), Expired),
            ("exp", json!(NOW + 121), TooOld),
            ("iat", json!(NOW + 121), NotYet),
            ("nonce", json!("n"), Wrong("nonce")),
            ("events", json!(null), Missing("events")),
            ("events", json!([EVENT]), Missing("events")),
            ("events", json!({"urn:other": {}}), Wrong("events")),
            ("events", json!({EVENT: true}), Wrong("events")),
            ("jti", json!(null), Missing("jti")),
            ("sub", json!(7), Missing("sub")),
        ];
        for (name, value, expected) in faults {
            let mut bad = notice();
            if value.is_null() {
                bad.as_object_mut().unwrap().remove(name);
            } else {
                bad[name] = value.clone();
            }
            assert_eq!(check(&bad), Err(expected), "{name} {value}");
        }
        let mut nobody = notice();
        nobody.as_object_mut().unwrap().retain(|name, _| name != "sub" && name != "sid");
        assert_eq!(check(&nobody), Err(Missing("sub or sid")));
    }
}
