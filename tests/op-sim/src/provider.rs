//! [`Provider`]: one issuer, with what it was told to be and what it has seen. Which endpoint a path means is decided here.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::exchange::{Exchange, Reply};
use crate::keys::{Condition, Ring, random};
use crate::script::{Edit, Endpoint, Script, Token, edit};

/// The path below an alias at which a client finds an endpoint, and the shape that this gives the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Any OpenID provider.
    Plain,
    /// Azure AD v1.
    V1,
    /// Microsoft identity platform v2.
    V2,
}

/// A request as the provider saw it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Seen {
    /// Where it came to.
    pub endpoint: Endpoint,
    /// GET or POST.
    pub method: String,
    /// The path.
    pub path: String,
    /// Query, then form; a client secret is left out.
    pub parameters: Vec<(String, String)>,
    /// The kind of client authentication: the scheme of the `Authorization` header.
    pub scheme: Option<String>,
    /// What was answered.
    pub status: u16,
}

impl Seen {
    /// The parameter `name`.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A back-channel notice and how the client took it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The HTTP status; 0 when the client was not reached.
    pub status: u16,
    /// Whether the answer forbids caches to keep it.
    pub no_store: bool,
}

/// What a code, an access token or a session stands for.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) person: String,
    pub(crate) shape: Shape,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) scope: String,
    pub(crate) sid: String,
    pub(crate) early: Option<String>,
    pub(crate) used: bool,
}

/// One issuer.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) base: String,
    pub(crate) alias: String,
    pub(crate) script: Script,
    pub(crate) ring: Ring,
    pub(crate) jwks_name: String,
    pub(crate) codes: HashMap<String, Grant>,
    pub(crate) access: HashMap<String, Grant>,
    /// `sid` to person.
    pub(crate) sessions: HashMap<String, String>,
    pub(crate) last_sid: String,
    pub(crate) id_tokens: HashSet<String>,
    /// States, nonces and challenges: none may come twice.
    pub(crate) once: HashSet<String>,
    pub(crate) log: Vec<Seen>,
    pub(crate) violations: Vec<String>,
    pub(crate) counters: BTreeMap<Endpoint, u64>,
    pub(crate) notices: Vec<Notice>,
}

impl Provider {
    pub(crate) fn new(origin: &str, alias: &str, script: Script) -> Self {
        Self {
            base: format!("{origin}/{alias}"),
            alias: alias.to_owned(),
            script,
            ring: Ring::default(),
            jwks_name: "jwks".to_owned(),
            codes: HashMap::new(),
            access: HashMap::new(),
            sessions: HashMap::new(),
            last_sid: String::new(),
            id_tokens: HashSet::new(),
            once: HashSet::new(),
            log: Vec::new(),
            violations: Vec::new(),
            counters: BTreeMap::new(),
            notices: Vec::new(),
        }
    }

    /// Answers the request for `rest`, the path below the alias.
    pub(crate) fn answer(&mut self, rest: &str, exchange: &Exchange) -> Option<Reply> {
        let (endpoint, shape) = self.route(rest)?;
        *self.counters.entry(endpoint).or_default() += 1;
        let reply = match self.script.faults.get(&endpoint) {
            Some(fault) => {
                let reply = Reply::new(fault.status, &fault.content_type, fault.body.clone());
                fault.headers.iter().fold(reply, |reply, (name, value)| reply.with(name, value.clone()))
            }
            None => match endpoint {
                Endpoint::Discovery => self.discovery(shape),
                Endpoint::Jwks => self.jwks(rest, shape),
                Endpoint::Authorize => self.authorize(exchange, shape),
                Endpoint::Token => self.token(exchange, shape),
                Endpoint::Userinfo => self.userinfo(exchange),
                Endpoint::EndSession => self.end_session(exchange),
            },
        };
        if self.script.keep_log {
            self.note(endpoint, exchange, reply.status);
        }
        Some(reply.with("cache-control", "no-store"))
    }

    fn route(&self, rest: &str) -> Option<(Endpoint, Shape)> {
        let entra = self.script.entra.is_some();
        Some(match rest {
            ".well-known/openid-configuration" => (Endpoint::Discovery, if entra { Shape::V1 } else { Shape::Plain }),
            "v2.0/.well-known/openid-configuration" if entra => (Endpoint::Discovery, Shape::V2),
            "oauth2/authorize" if entra => (Endpoint::Authorize, Shape::V1),
            "oauth2/v2.0/authorize" if entra => (Endpoint::Authorize, Shape::V2),
            "oauth2/token" if entra => (Endpoint::Token, Shape::V1),
            "oauth2/v2.0/token" if entra => (Endpoint::Token, Shape::V2),
            "discovery/keys" if entra => (Endpoint::Jwks, Shape::V1),
            "discovery/v2.0/keys" if entra => (Endpoint::Jwks, Shape::V2),
            "oauth2/logout" if entra => (Endpoint::EndSession, Shape::V1),
            "oauth2/v2.0/logout" if entra => (Endpoint::EndSession, Shape::V2),
            "userinfo" | "openid/userinfo" => (Endpoint::Userinfo, Shape::Plain),
            "authorize" if !entra => (Endpoint::Authorize, Shape::Plain),
            "token" if !entra => (Endpoint::Token, Shape::Plain),
            "end_session" if !entra => (Endpoint::EndSession, Shape::Plain),
            _ if !entra && rest.starts_with("jwks") => (Endpoint::Jwks, Shape::Plain),
            _ => return None,
        })
    }

    /// `iss` of the tokens of a person.
    pub(crate) fn issuer(&self, shape: Shape) -> String {
        self.issuer_of(shape, self.script.entra.as_ref().map_or("", |entra| &entra.tenant))
    }

    fn issuer_of(&self, shape: Shape, tenant: &str) -> String {
        let origin = self.base.trim_end_matches(&self.alias);
        match shape {
            Shape::Plain => self.base.clone(),
            Shape::V1 => format!("{origin}{tenant}/"),
            Shape::V2 => format!("{origin}{tenant}/v2.0"),
        }
    }

    /// `issuer` of the metadata: a template where the alias is no tenant.
    fn published_issuer(&self, shape: Shape) -> String {
        let many = ["common", "organizations"].contains(&self.alias.as_str());
        if many { self.issuer_of(shape, "{tenantid}") } else { self.issuer(shape) }
    }

    fn discovery(&mut self, shape: Shape) -> Reply {
        if self.script.moving_jwks_uri {
            self.jwks_name = format!("jwks-{}", random());
        }
        let url = |path: &str| format!("{}/{path}", self.base);
        let (authorize, token, jwks, end) = match shape {
            Shape::Plain => ("authorize", "token", self.jwks_name.as_str(), "end_session"),
            Shape::V1 => ("oauth2/authorize", "oauth2/token", "discovery/keys", "oauth2/logout"),
            Shape::V2 => ("oauth2/v2.0/authorize", "oauth2/v2.0/token", "discovery/v2.0/keys", "oauth2/v2.0/logout"),
        };
        let mut document = json!({
            "issuer": self.published_issuer(shape),
            "authorization_endpoint": url(authorize),
            "token_endpoint": url(token),
            "jwks_uri": url(jwks),
            "end_session_endpoint": url(end),
            // Odd orders on purpose: a client must not depend on them.
            "response_types_supported": ["token id_token", "id_token", "id_token code", "code"],
            "response_modes_supported": ["form_post", "fragment", "query"],
            "grant_types_supported": ["refresh_token", "authorization_code"],
            "subject_types_supported": ["pairwise", "public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post", "client_secret_basic"],
            "scopes_supported": ["profile", "email", "openid"],
            "claims_supported": ["email", "sub", "name"],
            "a_member_that_nobody_knows": {"nested": [1, null, true]},
        });
        let members = document.as_object_mut();
        let extras = match shape {
            Shape::Plain => json!({
                "userinfo_endpoint": url("userinfo"),
                "code_challenge_methods_supported": ["S256"],
                "backchannel_logout_supported": true, "backchannel_logout_session_supported": true,
                "frontchannel_logout_supported": true, "frontchannel_logout_session_supported": true,
            }),
            // As Microsoft publishes it: no word of PKCE, and only RS256.
            Shape::V1 | Shape::V2 => json!({
                "userinfo_endpoint": url("openid/userinfo"),
                "id_token_signing_alg_values_supported": ["RS256"],
                "frontchannel_logout_supported": true, "http_logout_supported": true,
                "cloud_instance_name": "microsoftonline.com", "tenant_region_scope": null,
            }),
        };
        let mut members = members.map(std::mem::take).unwrap_or_default();
        members.extend(extras.as_object().cloned().unwrap_or_default());
        edit(&mut members, &self.script.metadata);
        Reply::json(200, &Value::from(members))
    }

    fn jwks(&mut self, rest: &str, shape: Shape) -> Reply {
        if shape == Shape::Plain && rest != self.jwks_name {
            self.violation(format!("keys asked for at {rest}, but the metadata says {}", self.jwks_name));
        }
        let issuer = (shape == Shape::V2).then(|| self.published_issuer(shape));
        Reply::json(200, &self.ring.document(&self.script.keys, issuer.as_deref()))
    }

    /// A token over `claims`, in the condition that `how` asks for.
    pub(crate) fn sign(&mut self, how: &Token, typ: &'static str, mut claims: Map<String, Value>) -> String {
        edit(&mut claims, &how.claims);
        if self.script.rotate_before_signing {
            self.ring.rotate();
        }
        let condition = Condition { typ, algorithm: how.algorithm, signature: how.signature, header: &how.header };
        let secret = self.script.client.secrets.first().map(String::as_str).unwrap_or_default();
        self.ring.sign(&self.script.keys, &condition, &claims, secret)
    }

    /// The claims about `person`, made up unless the script lists some.
    pub(crate) fn person(&self, person: &str) -> Map<String, Value> {
        let mut claims = json!({"sub": person, "name": format!("{person} of {}", self.alias), "given_name": person,
            "preferred_username": format!("{person}@example.test"), "email": format!("{person}@example.test")});
        match &self.script.entra {
            None => claims["email_verified"] = Value::from(true),
            Some(entra) => {
                claims["tid"] = Value::from(entra.tenant.clone());
                claims["oid"] = Value::from(object_id(person));
            }
        }
        let mut claims = claims.as_object().cloned().unwrap_or_default();
        claims.extend(self.script.people.get(person).cloned().unwrap_or_default());
        claims
    }

    pub(crate) fn violation(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    /// Notes a value that must be new each time.
    pub(crate) fn only_once(&mut self, name: &str, value: &str) {
        if self.script.keep_log && !self.once.insert(format!("{name} {value}")) {
            self.violation(format!("{name} came twice"));
        }
    }

    /// Seconds since the epoch by this provider's clock.
    #[expect(clippy::disallowed_methods, reason = "a provider of its own, with a clock of its own")]
    pub(crate) fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or_default() + self.script.clock_ahead
    }

    fn note(&mut self, endpoint: Endpoint, exchange: &Exchange, status: u16) {
        let parameters = exchange.query.iter().chain(&exchange.form).filter(|(name, _)| name != "client_secret").cloned().collect();
        let scheme = exchange.authorization.as_deref().and_then(|value| value.split(' ').next()).map(str::to_owned);
        self.log.push(Seen { endpoint, method: exchange.method.clone(), path: exchange.path.clone(), parameters, scheme, status });
    }

    /// The edits of the script's part, borrowed apart from `self`.
    pub(crate) fn edited(&self, members: Value, edits: impl Fn(&Script) -> &Vec<Edit>) -> Map<String, Value> {
        let mut members = match members {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        edit(&mut members, edits(&self.script));
        members
    }
}

/// A GUID that belongs to a person for ever.
fn object_id(person: &str) -> String {
    let hex: String = crate::keys::sha256(person).bytes().take(16).map(|octet| format!("{octet:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32])
}
