//! [`Claims`]: what a verified ID token says (Microsoft, "ID token claims reference"; OpenID Connect Core 5.1).

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::model::{ObjectId, TenantId};

/// The claims of an ID token that passed every check.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// `iss`.
    pub issuer: String,
    /// `sub`: the person at this issuer; for Entra another one for every app.
    pub subject: String,
    /// `aud`.
    pub audience: Vec<String>,
    /// `tid`, always there for Entra.
    pub tid: Option<TenantId>,
    /// `oid`: the person in that tenant, the same for every app.
    pub oid: Option<ObjectId>,
    /// `preferred_username`: for display only, like every name and address below.
    pub preferred_username: Option<String>,
    /// `upn`, v1's.
    pub upn: Option<String>,
    /// `email`: proof of nothing, see [`Claims::xms_edov`] and [`Claims::email_verified`].
    pub email: Option<String>,
    /// Whether Microsoft says that the owner of the address's domain is verified.
    pub xms_edov: bool,
    /// Whether another provider says that the address is verified: JSON `true` only.
    pub email_verified: bool,
    /// `name`.
    pub name: Option<String>,
    /// `nonce`.
    pub nonce: Option<String>,
    /// `sid`: the session, for logout notices.
    pub sid: Option<String>,
    /// `login_hint`: opaque, for sign-in and sign-out hints.
    pub login_hint: Option<String>,
    /// `acct`: 0 member, 1 guest.
    pub acct: Option<u64>,
    /// `idp`: where a guest comes from.
    pub idp: Option<String>,
    /// `groups`.
    pub groups: Groups,
    /// `ver`.
    pub ver: Option<String>,
    /// `iat`, seconds since 1970.
    pub issued_at: i64,
    /// `exp`, seconds since 1970.
    pub expires_at: i64,
    /// Whether a signature vouches for all this. Without one nothing of weight, such as an admin role, may follow from it.
    pub signed: bool,
    /// Everything, as it came.
    pub raw: Map<String, Value>,
}

/// What a token says about groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Groups {
    /// Nothing: neither "no groups" nor any.
    Unknown,
    /// These.
    Listed(Vec<String>),
    /// Too many to list: Graph has to be asked. The address in the token is data from outside and gets no token of ours.
    Overage,
}

impl Claims {
    /// The name that the person is known by at the provider, for display.
    pub fn signed_in_as(&self) -> &str {
        let names = [&self.preferred_username, &self.upn, &self.email, &self.name];
        names.into_iter().flatten().next().unwrap_or(&self.subject)
    }

    /// What claims say about groups, also those of user information.
    pub fn groups_of(raw: &Map<String, Value>) -> Groups {
        let pointed = raw.get("_claim_names").is_some_and(|names| names.get("groups").is_some());
        if pointed || raw.get("hasgroups").is_some_and(is_true) {
            return Groups::Overage;
        }
        match raw.get("groups") {
            Some(Value::Array(groups)) => Groups::Listed(groups.iter().filter_map(|group| group.as_str().map(str::to_owned)).collect()),
            Some(Value::String(group)) => Groups::Listed(vec![group.clone()]),
            _ => Groups::Unknown,
        }
    }

    /// `true`, `"true"`, `1` and `"1"` were all seen; anything else, and absence, is unverified.
    pub(super) fn edov_of(raw: &Map<String, Value>) -> bool {
        raw.get("xms_edov").is_some_and(is_true)
    }
}

fn is_true(value: &Value) -> bool {
    matches!(value, Value::Bool(true)) || value.as_u64() == Some(1) || matches!(value.as_str(), Some("1" | "true"))
}

/// The members of a JSON object in order, doubled ones included: `serde_json::Map` would keep the last without a word.
pub(super) struct Members(pub Vec<(String, Value)>);

/// A claim that came twice, or in two spellings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Doubled(pub String);

/// Claims whose look-alikes are refused too: another reader of the token might take the other one.
const WEIGHTY: [&str; 8] = ["iss", "sub", "aud", "exp", "nonce", "tid", "oid", "azp"];

impl Members {
    pub fn into_map(self) -> Result<Map<String, Value>, Doubled> {
        let mut map = Map::new();
        for (name, value) in self.0 {
            let alike = WEIGHTY.iter().any(|weighty| *weighty != name && weighty.eq_ignore_ascii_case(&name));
            if alike || map.contains_key(&name) {
                return Err(Doubled(name));
            }
            map.insert(name, value);
        }
        Ok(map)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = access.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn only_the_four_forms_of_xms_edov_are_true() {
        for (value, expected) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(1), true),
            (json!("1"), true),
            (json!(false), false),
            (json!("0"), false),
            (json!(2), false),
            (json!("True"), false),
            (json!(null), false),
            (json!([true]), false),
        ] {
            assert_eq!(Claims::edov_of(&map(&json!({"xms_edov": value}))), expected, "{value}");
        }
        assert!(!Claims::edov_of(&Map::new()));
    }

    #[test]
    fn groups_are_listed_unknown_or_too_many() {
        for (raw, expected) in [
            (json!({}), Groups::Unknown),
            (json!({"groups": ["a", 1, "b"]}), Groups::Listed(vec!["a".into(), "b".into()])),
            (json!({"groups": []}), Groups::Listed(vec![])),
            (
                json!({"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://evil.example"}}}),
                Groups::Overage,
            ),
            (json!({"hasgroups": true}), Groups::Overage),
            (json!({"hasgroups": "true"}), Groups::Overage),
        ] {
            assert_eq!(Claims::groups_of(&map(&raw)), expected, "{raw}");
        }
    }

    #[test]
    fn a_doubled_claim_and_a_look_alike_are_seen() {
        for (text, expected) in [
            (r#"{"tid":"a","tid":"b"}"#, Some("tid")),
            (r#"{"tid":"a","TID":"b"}"#, Some("TID")),
            (r#"{"Sub":"a"}"#, Some("Sub")),
            (r#"{"x":1,"X":2}"#, None),
        ] {
            let found = serde_json::from_str::<Members>(text).unwrap().into_map().err().map(|doubled| doubled.0);
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
