//! ID tokens: the claims of both versions, their signature, and every way to spoil them.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::config::PERSONAL_TENANT;
use crate::directory::Member;
use crate::discovery::issuer;
use crate::exchange::Version;
use crate::fault::IdTokenFlaw;
use crate::keys::{KeyRing, SigningKey, confused, sha256, unsigned};

/// More groups than this are replaced by the overage marker.
const MAX_GROUPS: usize = 200;

/// Everything an ID token tells.
#[derive(Debug)]
pub(crate) struct IdToken<'a> {
    pub(crate) version: Version,
    pub(crate) authority: &'a str,
    pub(crate) member: &'a Member,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: Option<&'a str>,
    pub(crate) sid: Uuid,
    pub(crate) now: i64,
    pub(crate) lifetime: i64,
    pub(crate) groups: bool,
}

impl IdToken<'_> {
    pub(crate) fn claims(&self) -> Value {
        let (member, user) = (self.member, &self.member.user);
        let (first, last) = user.name.split_once(' ').unwrap_or((&user.name, ""));
        let mut claims = json!({
            "aud": self.client_id, "iss": issuer(self.version, self.authority, &member.tenant), "tid": member.tenant, "oid": member.oid,
            "sub": sha256(&format!("{}{}", member.oid, self.client_id)), "name": user.name, "sid": self.sid.to_string(),
            "iat": self.now, "nbf": self.now, "exp": self.now + self.lifetime, "uti": &sha256(&Uuid::new_v4().to_string())[..22],
            "rh": "0.AAAA", "acct": i32::from(member.guest),
        });
        match self.version {
            Version::V1 => {
                claims["ver"] = "1.0".into();
                claims["amr"] = json!(["pwd", "mfa"]);
                claims["upn"] = member.upn().into();
                claims["unique_name"] = user.upn.clone().into();
                claims["given_name"] = first.into();
                claims["family_name"] = last.into();
                claims["ipaddr"] = "192.0.2.7".into();
            }
            Version::V2 => {
                claims["ver"] = "2.0".into();
                claims["aio"] = "AAAA".into();
                claims["preferred_username"] = user.upn.clone().into();
                claims["login_hint"] = format!("O.{}", &sha256(&member.oid)[..32]).into();
            }
        }
        if let Some(nonce) = self.nonce {
            claims["nonce"] = nonce.into();
        }
        if member.guest {
            claims["idp"] = format!("https://sts.windows.net/{}/", user.tenant).into();
        }
        if let Some(mail) = &user.mail {
            claims["email"] = mail.as_str().into();
            if let Some(verified) = &user.xms_edov {
                claims["xms_edov"] = verified.clone();
            }
        }
        if self.groups && user.groups.len() > MAX_GROUPS {
            let endpoint = format!("https://graph.windows.net/{}/users/{}/getMemberObjects", member.tenant, member.oid);
            claims["_claim_names"] = json!({"groups": "src1"});
            claims["_claim_sources"] = json!({"src1": {"endpoint": endpoint}});
        } else if self.groups && !user.groups.is_empty() {
            claims["groups"] = json!(user.groups);
        }
        for (name, value) in &user.claims {
            claims[name] = value.clone();
        }
        claims
    }

    /// The compact token, spoiled if a fault says so; `None` if it is to be missing.
    pub(crate) fn issue(&self, key: &SigningKey, unsigned_v1: bool, flaw: Option<IdTokenFlaw>) -> Option<String> {
        let mut claims = self.claims();
        match flaw {
            None if unsigned_v1 && self.version == Version::V1 => return Some(unsigned(&claims)),
            None => {}
            Some(IdTokenFlaw::Missing) => return None,
            Some(IdTokenFlaw::Garbage) => return Some("not a token".into()),
            Some(IdTokenFlaw::Unsigned) => return Some(unsigned(&claims)),
            Some(IdTokenFlaw::Hmac) => return Some(confused(key, &claims)),
            Some(IdTokenFlaw::Nonce) => claims["nonce"] = "another-nonce".into(),
            Some(IdTokenFlaw::NoNonce) => {
                claims.as_object_mut().map(|claims| claims.remove("nonce"));
            }
            Some(IdTokenFlaw::Audience) => claims["aud"] = "00000003-0000-0000-c000-000000000000".into(),
            Some(IdTokenFlaw::Issuer) => claims["iss"] = "https://issuer.invalid/v2.0".into(),
            Some(IdTokenFlaw::Tenant) => claims["tid"] = PERSONAL_TENANT.into(),
            Some(IdTokenFlaw::Expired) => {
                for (claim, offset) in [("iat", -7200), ("nbf", -7200), ("exp", -3600)] {
                    claims[claim] = (self.now + offset).into();
                }
            }
            Some(IdTokenFlaw::NotYetValid) => {
                for (claim, offset) in [("iat", 3600), ("nbf", 3600), ("exp", 7200)] {
                    claims[claim] = (self.now + offset).into();
                }
            }
            Some(IdTokenFlaw::ForeignKey) => {
                let foreign = KeyRing::foreign();
                return Some(foreign.sign(&self.header(&foreign.kid), &claims));
            }
            Some(IdTokenFlaw::Signature) => {
                let token = key.sign(&self.header(&key.kid), &json!({"sub": "somebody else"}));
                let signature = token.rsplit('.').next()?;
                let genuine = key.sign(&self.header(&key.kid), &claims);
                return Some(format!("{}.{signature}", genuine.rsplit_once('.')?.0));
            }
            Some(IdTokenFlaw::UnknownKey) => return Some(key.sign(&self.header("unknown-key"), &claims)),
        }
        Some(key.sign(&self.header(&key.kid), &claims))
    }

    fn header(&self, kid: &str) -> Value {
        match self.version {
            Version::V1 => json!({"typ": "JWT", "alg": "RS256", "x5t": kid, "kid": kid}),
            Version::V2 => json!({"typ": "JWT", "alg": "RS256", "kid": kid}),
        }
    }
}
