//! [`Script`]: what one provider is and what it does wrong. Plain data, the same in Rust and in JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A provider. The default is a good one that knows one client, [`Client::default`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// The one client.
    pub client: Client,
    /// Claims of people by `sub`, added to what [`crate::OpSim`] makes up for everybody (`email`, `name`, …).
    pub people: BTreeMap<String, Map<String, Value>>,
    /// Who signs in when the browser's authorize request names nobody in the parameter `as`.
    pub signed_in: String,
    /// With it the provider is shaped as Microsoft Entra: both versions below its alias, which is the tenant segment.
    pub entra: Option<Entra>,
    /// The published keys.
    pub keys: Keys,
    /// The discovery document.
    pub metadata: Vec<Edit>,
    /// What the browser brings back.
    pub authorization: Vec<Edit>,
    /// The members of the token response.
    pub token: Vec<Edit>,
    /// The ID token.
    pub id_token: Token,
    /// The answer of the userinfo endpoint.
    pub userinfo: UserInfo,
    /// Logout tokens.
    pub logout_token: Token,
    /// The query of the browser's way back after a logout, beside `state`.
    pub logout_return: Vec<Edit>,
    /// Endpoints that fail, by name.
    pub faults: BTreeMap<Endpoint, Fault>,
    /// Seconds that this provider's clock is ahead of the world's; in tokens and in `Date`.
    pub clock_ahead: i64,
    /// Whether codes are bound to their PKCE verifier; a provider that ignores PKCE leaves that to the nonce.
    pub checks_pkce: bool,
    /// Another `jwks_uri` in every discovery document; an older one is a violation.
    pub moving_jwks_uri: bool,
    /// New keys under new ids just before each signature.
    pub rotate_before_signing: bool,
    /// ID tokens are signed when the browser comes, so that the token endpoint does next to nothing: for benches.
    pub sign_early: bool,
    /// Whether every request is kept in the log; the counters count anyway.
    pub keep_log: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            client: Client::default(),
            people: BTreeMap::new(),
            signed_in: "ann".to_owned(),
            entra: None,
            keys: Keys::default(),
            metadata: Vec::new(),
            authorization: Vec::new(),
            token: Vec::new(),
            id_token: Token::default(),
            userinfo: UserInfo::default(),
            logout_token: Token { seconds: 120, ..Token::default() },
            logout_return: Vec::new(),
            faults: BTreeMap::new(),
            clock_ahead: 0,
            checks_pkce: true,
            moving_jwks_uri: false,
            rotate_before_signing: false,
            sign_early: false,
            keep_log: true,
        }
    }
}

/// The registered client; what its requests have to match.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Client {
    /// Client id.
    pub id: String,
    /// The secrets that count.
    pub secrets: Vec<String>,
    /// How it has to authenticate at the token endpoint.
    pub authentication: Authentication,
    /// The redirect URI, to the letter; nothing = any, but the same at both endpoints.
    pub redirect_uri: Option<String>,
    /// Where a browser may be sent after a logout, to the letter.
    pub post_logout_redirect_uri: Option<String>,
    /// Loaded in a frame at a logout.
    pub frontchannel_logout_uri: Option<String>,
    /// Posted to at a logout; plain http only.
    pub backchannel_logout_uri: Option<String>,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            id: "onedesk".to_owned(),
            // What RFC 6749 section 2.3.1 wants encoded before it is put into a Basic header.
            secrets: vec!["s3cret~+/=:&% of ä test".to_owned()],
            authentication: Authentication::Any,
            redirect_uri: None,
            post_logout_redirect_uri: None,
            frontchannel_logout_uri: None,
            backchannel_logout_uri: None,
        }
    }
}

/// Client authentication at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// Either of the two.
    Any,
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Post,
}

/// The shape of Microsoft Entra.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entra {
    /// The tenant that people are of; the alias is this one, or `common` or `organizations`.
    pub tenant: String,
    /// Whether v1 leaves its ID tokens unsigned.
    pub unsigned_v1: bool,
}

/// The published keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Keys {
    /// Providers of one family share their keys, which makes them cheap; a mix-up needs two families.
    pub family: u8,
    /// RSA keys in the JWKS, 1 to 16.
    pub rsa: u32,
    /// Whether keys and tokens name key ids.
    pub kids: bool,
}

impl Default for Keys {
    fn default() -> Self {
        Self { family: 0, rsa: 2, kids: true }
    }
}

/// A signed token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Token {
    /// The claims.
    pub claims: Vec<Edit>,
    /// The header.
    pub header: Vec<Edit>,
    /// What signs.
    pub algorithm: Algorithm,
    /// How well.
    pub signature: Signature,
    /// `exp` minus `iat`.
    pub seconds: i64,
}

impl Default for Token {
    fn default() -> Self {
        Self { claims: Vec::new(), header: Vec::new(), algorithm: Algorithm::Rs256, signature: Signature::Good, seconds: 300 }
    }
}

/// What signs a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// An RSA key of the JWKS.
    Rs256,
    /// The P-256 key of the JWKS.
    Es256,
    /// The client secret.
    Hs256,
    /// The modulus of the RSA key, taken for a client secret: the classic confusion.
    Hs256OfPublicKey,
    /// Nothing.
    None,
}

/// How well a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signature {
    /// Well.
    Good,
    /// One octet differs.
    Corrupted,
    /// By a key that is not published, under the id of one that is.
    Stranger,
}

/// The answer of the userinfo endpoint.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserInfo {
    /// The claims.
    pub claims: Vec<Edit>,
    /// As a JWT (`application/jwt`) instead of JSON.
    pub signed: bool,
}

/// One change of a JSON object: in JSON `{"set": ["iss", "x"]}`, `{"append": ["iss", "1"]}`, `{"remove": "iss"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// Sets a member.
    Set(String, Value),
    /// Appends to a member that is text.
    Append(String, String),
    /// Leaves a member out.
    Remove(String),
}

impl Edit {
    /// [`Edit::Set`].
    pub fn set(name: &str, value: impl Into<Value>) -> Self {
        Self::Set(name.to_owned(), value.into())
    }

    /// [`Edit::Append`].
    #[must_use]
    pub fn append(name: &str, text: &str) -> Self {
        Self::Append(name.to_owned(), text.to_owned())
    }

    /// [`Edit::Remove`].
    #[must_use]
    pub fn remove(name: &str) -> Self {
        Self::Remove(name.to_owned())
    }
}

/// Applies `edits` in their order.
pub(crate) fn edit(members: &mut Map<String, Value>, edits: &[Edit]) {
    for edit in edits {
        match edit {
            Edit::Set(name, value) => drop(members.insert(name.clone(), value.clone())),
            Edit::Append(name, text) => {
                let before = members.get(name).and_then(Value::as_str).unwrap_or_default();
                let value = Value::from(format!("{before}{text}"));
                members.insert(name.clone(), value);
            }
            Edit::Remove(name) => drop(members.remove(name)),
        }
    }
}

/// An endpoint of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `.well-known/openid-configuration`.
    Discovery,
    /// `authorize`.
    Authorize,
    /// `token`.
    Token,
    /// `userinfo`.
    Userinfo,
    /// `jwks`.
    Jwks,
    /// `end_session`.
    EndSession,
}

/// An answer that takes the place of the right one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// HTTP status; 0 lets the client wait until it gives up.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: String,
    /// Further header fields.
    pub headers: Vec<(String, String)>,
}

impl Default for Fault {
    fn default() -> Self {
        Self { status: 503, content_type: "text/html".to_owned(), body: "<h1>Down</h1>".to_owned(), headers: Vec::new() }
    }
}

impl Fault {
    /// A JSON answer with `status`.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, content_type: "application/json".to_owned(), body: body.to_string(), ..Self::default() }
    }
}
