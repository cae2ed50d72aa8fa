//! The modules of the OpenID Foundation's conformance suite for relying parties, as data: what the provider does, and what we do.
//!
//! Where the suite leaves a choice, ours is the stricter one; the notes say so.

use op_sim::{Algorithm, Authentication, Client, Edit, Keys, Script, Signature, Token, UserInfo};
use serde_json::{Value, json};

/// One module.
pub struct Module {
    pub name: &'static str,
    /// What the provider does.
    pub provider: &'static str,
    pub script: fn() -> Script,
    /// Further members of the client record.
    pub record: fn() -> Value,
    pub expect: Expect,
}

/// What we do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Session, record and audit line.
    SignedIn,
    /// Signed in, and the person has the e-mail address that only userinfo tells.
    SignedInWithUserinfo,
    /// No session, no record, an audit line.
    Refused,
    /// The browser is never sent to the provider.
    Stopped,
    /// Two sign-ins, the keys change in between: both succeed.
    SignedInTwice,
    /// The provider starts it: signed in; an unknown `iss` is refused.
    StartedByProvider,
    /// Not run, with the reason.
    NotForUs(&'static str),
}

use Expect::{NotForUs, Refused, SignedIn, SignedInTwice, SignedInWithUserinfo, StartedByProvider, Stopped};

/// A plan of the suite.
pub struct Plan {
    pub title: &'static str,
    pub modules: Vec<Module>,
}

/// Every plan, in the order of the document.
pub fn plans() -> Vec<Plan> {
    let form_post = || {
        let mut modules = basic();
        modules.iter_mut().for_each(|module| module.record = || json!({"response_mode": "form_post"}));
        modules.push(module(
            "oidcc-client-test-form-post-error",
            "posts `error=login_required`",
            || Script { authorization: vec![Edit::remove("code"), Edit::set("error", "login_required")], ..Script::default() },
            Refused,
        ));
        if let Some(last) = modules.last_mut() {
            last.record = || json!({"response_mode": "form_post"});
        }
        modules
    };
    vec![
        Plan { title: "Basic", modules: basic() },
        Plan { title: "Config", modules: config() },
        Plan { title: "Form Post", modules: form_post() },
        Plan { title: "Single modules", modules: single() },
        Plan { title: "Ours beside them", modules: ours() },
    ]
}

fn module(name: &'static str, provider: &'static str, script: fn() -> Script, expect: Expect) -> Module {
    Module { name, provider, script, record: || json!({}), expect }
}

fn left_out(name: &'static str, provider: &'static str, reason: &'static str) -> Module {
    module(name, provider, Script::default, NotForUs(reason))
}

fn claims<const N: usize>(edits: [Edit; N]) -> Script {
    Script { id_token: Token { claims: edits.into(), ..Token::default() }, ..Script::default() }
}

fn signed(algorithm: Algorithm, signature: Signature) -> Script {
    Script { id_token: Token { algorithm, signature, ..Token::default() }, ..Script::default() }
}

fn client(authentication: Authentication) -> Script {
    Script { client: Client { authentication, ..Client::default() }, ..Script::default() }
}

fn keys(rsa: u32, kids: bool) -> Script {
    Script { keys: Keys { rsa, kids, ..Keys::default() }, ..Script::default() }
}

fn userinfo<const N: usize>(edits: [Edit; N]) -> UserInfo {
    UserInfo { claims: edits.into(), signed: false }
}

fn basic() -> Vec<Module> {
    vec![
        module("oidcc-client-test", "plain success", Script::default, SignedIn),
        module("oidcc-client-test-invalid-iss", "another `iss`", || claims([Edit::append("iss", "1")]), Refused),
        module("oidcc-client-test-missing-sub", "no `sub`", || claims([Edit::remove("sub")]), Refused),
        module("oidcc-client-test-invalid-aud", "another `aud`", || claims([Edit::append("aud", "1")]), Refused),
        module("oidcc-client-test-missing-iat", "no `iat`", || claims([Edit::remove("iat")]), Refused),
        module("oidcc-client-test-kid-absent-single-jwks", "one RSA key, no `kid` anywhere", || keys(1, false), SignedIn),
        module("oidcc-client-test-kid-absent-multiple-jwks", "three RSA keys, no `kid` anywhere", || keys(3, false), SignedIn),
        module(
            "oidcc-client-test-idtoken-sig-rs256",
            "metadata offers RS256 only",
            || Script { metadata: vec![Edit::set("id_token_signing_alg_values_supported", json!(["RS256"]))], ..Script::default() },
            SignedIn,
        ),
        module("oidcc-client-test-idtoken-sig-none", "unsigned ID token", || signed(Algorithm::None, Signature::Good), Refused),
        module("oidcc-client-test-invalid-sig-rs256", "corrupted signature", || signed(Algorithm::Rs256, Signature::Corrupted), Refused),
        module(
            "oidcc-client-test-userinfo-invalid-sub",
            "another `sub` in userinfo, with the only `email`",
            || Script { userinfo: userinfo([Edit::append("sub", "invalid")]), ..claims([Edit::remove("email")]) },
            Refused,
        ),
        module("oidcc-client-test-nonce-invalid", "another `nonce`", || claims([Edit::append("nonce", "1")]), Refused),
        module(
            "oidcc-client-test-scope-userinfo-claims",
            "`email` in userinfo only",
            || claims([Edit::remove("email")]),
            SignedInWithUserinfo,
        ),
        module("oidcc-client-test-client-secret-basic", "takes Basic only", || client(Authentication::Basic), SignedIn),
    ]
}

fn config() -> Vec<Module> {
    vec![
        module("oidcc-client-test-discovery-openid-config", "usual metadata", Script::default, SignedIn),
        module(
            "oidcc-client-test-discovery-jwks-uri-keys",
            "another `jwks_uri` in each document",
            || Script { moving_jwks_uri: true, ..Script::default() },
            SignedIn,
        ),
        module(
            "oidcc-client-test-discovery-issuer-mismatch",
            "another `issuer` in the metadata",
            || Script { metadata: vec![Edit::append("issuer", "INVALID")], ..Script::default() },
            Stopped,
        ),
        module("oidcc-client-test-idtoken-sig-none", "unsigned ID token", || signed(Algorithm::None, Signature::Good), Refused),
        module(
            "oidcc-client-test-signing-key-rotation-just-before-signing",
            "new keys just before it signs",
            || Script { rotate_before_signing: true, ..Script::default() },
            SignedIn,
        ),
        module("oidcc-client-test-signing-key-rotation", "new keys between two sign-ins", Script::default, SignedInTwice),
    ]
}

fn single() -> Vec<Module> {
    vec![
        module("oidcc-client-test-missing-aud", "no `aud`", || claims([Edit::remove("aud")]), Refused),
        module("oidcc-client-test-invalid-sig-es256", "ES256, corrupted", || signed(Algorithm::Es256, Signature::Corrupted), Refused),
        module("oidcc-client-test-invalid-sig-hs256", "HS256, corrupted", || signed(Algorithm::Hs256, Signature::Corrupted), Refused),
        module(
            "oidcc-client-test-userinfo-bearer-header",
            "userinfo takes the token in the header only",
            || claims([Edit::remove("email")]),
            SignedInWithUserinfo,
        ),
        left_out(
            "oidcc-client-test-userinfo-bearer-body",
            "userinfo takes the token as a form parameter",
            "optional; the header is the safer way",
        ),
        module(
            "oidcc-client-test-userinfo-signed",
            "userinfo as a signed JWT",
            || Script { userinfo: UserInfo { signed: true, ..UserInfo::default() }, ..Script::default() },
            SignedIn,
        ),
        module(
            "oidcc-client-test-aggregated-claims",
            "claims inside of claims in userinfo",
            || Script {
                userinfo: userinfo([
                    Edit::set("_claim_names", json!({"address": "src1"})),
                    Edit::set("_claim_sources", json!({"src1": {"JWT": "a.b.c"}})),
                ]),
                ..Script::default()
            },
            SignedIn,
        ),
        module(
            "oidcc-client-test-distributed-claims",
            "claims at an endpoint that the token names",
            || {
                claims([
                    Edit::set("_claim_names", json!({"address": "src1"})),
                    Edit::set("_claim_sources", json!({"src1": {"endpoint": "http://127.0.0.1:9/claims", "access_token": "t"}})),
                ])
            },
            SignedIn,
        ),
        module("oidcc-client-test-3rd-party-init-login", "sends the browser to `/sso/start?iss=…`", Script::default, StartedByProvider),
        left_out("oidcc-client-test-mtls-endpoint-aliases", "a token endpoint for mutual TLS only", "client certificates are not offered"),
        left_out("oidcc-client-test-refresh-token", "issues a refresh token", "a sign-in keeps no refresh token"),
        left_out("oidcc-client-test-refresh-token-invalid-issuer", "another `iss` after a refresh", "a sign-in keeps no refresh token"),
        left_out("oidcc-client-test-refresh-token-invalid-sub", "another `sub` after a refresh", "a sign-in keeps no refresh token"),
    ]
}

/// What the suite does not ask and attackers do.
fn ours() -> Vec<Module> {
    vec![
        module("an ES256 signature", "ES256", || signed(Algorithm::Es256, Signature::Good), SignedIn),
        module("HS256 with the client secret", "HS256", || signed(Algorithm::Hs256, Signature::Good), Refused),
        module(
            "HS256 with the public key",
            "HS256, the RSA modulus as the secret",
            || signed(Algorithm::Hs256OfPublicKey, Signature::Good),
            Refused,
        ),
        module(
            "a stranger's key",
            "signed by an unpublished key under a published `kid`",
            || signed(Algorithm::Rs256, Signature::Stranger),
            Refused,
        ),
        module(
            "a critical extension",
            "`crit` in the header",
            || Script {
                id_token: Token { header: vec![Edit::set("crit", json!(["exp2"])), Edit::set("exp2", 1)], ..Token::default() },
                ..Script::default()
            },
            Refused,
        ),
        module(
            "a key in the header",
            "`jwk` and `jku` in the header of a stranger's token",
            || Script {
                id_token: Token {
                    signature: Signature::Stranger,
                    header: vec![Edit::set("jku", "http://127.0.0.1:9/jwks"), Edit::set("jwk", json!({"kty": "RSA"}))],
                    ..Token::default()
                },
                ..Script::default()
            },
            Refused,
        ),
        module(
            "an expired ID token",
            "`exp` an hour ago",
            || Script { id_token: Token { seconds: -3600, ..Token::default() }, ..Script::default() },
            Refused,
        ),
        module("no expiry", "no `exp`", || claims([Edit::remove("exp")]), Refused),
        module("an ID token of the future", "`iat` far ahead", || claims([Edit::set("iat", 4_102_444_800_u64)]), Refused),
        module("not valid yet", "`nbf` far ahead", || claims([Edit::set("nbf", 4_102_444_800_u64)]), Refused),
        module("no nonce", "no `nonce`", || claims([Edit::remove("nonce")]), Refused),
        module("an empty subject", "`sub` is empty", || claims([Edit::set("sub", "")]), Refused),
        module("a numeric subject", "`sub` is a number", || claims([Edit::set("sub", 7)]), Refused),
        module(
            "two audiences without azp",
            "`aud` is a list of two, no `azp`",
            || claims([Edit::set("aud", json!(["onedesk", "other"]))]),
            Refused,
        ),
        module(
            "two audiences, another's azp",
            "`azp` names the other",
            || claims([Edit::set("aud", json!(["onedesk", "other"])), Edit::set("azp", "other")]),
            Refused,
        ),
        module(
            "two audiences, our azp",
            "`azp` names us",
            || claims([Edit::set("aud", json!(["onedesk", "other"])), Edit::set("azp", "onedesk")]),
            SignedIn,
        ),
        module("a list of one audience", "`aud` is a list of us", || claims([Edit::set("aud", json!(["onedesk"]))]), SignedIn),
        module(
            "no ID token",
            "no `id_token` in the answer",
            || Script { token: vec![Edit::remove("id_token")], ..Script::default() },
            Refused,
        ),
        module(
            "an ID token that is none",
            "`id_token` is no JWT",
            || Script { token: vec![Edit::set("id_token", "a.b")], ..Script::default() },
            Refused,
        ),
        module("post only", "takes the secret in the form only", || client(Authentication::Post), SignedIn),
        module("no e-mail address", "a guest without `email`", || claims([Edit::remove("email")]), SignedIn),
        module(
            "unverified e-mail address",
            "`email_verified` is the text \"true\"",
            || claims([Edit::set("email_verified", "true")]),
            SignedIn,
        ),
        module(
            "the provider declines",
            "`error=access_denied`",
            || Script {
                authorization: vec![
                    Edit::remove("code"),
                    Edit::set("error", "access_denied"),
                    Edit::set("error_description", "<script>\r\nX"),
                ],
                ..Script::default()
            },
            Refused,
        ),
        module(
            "neither code nor error",
            "an answer with nothing in it",
            || Script { authorization: vec![Edit::remove("code")], ..Script::default() },
            Refused,
        ),
        module(
            "code and error",
            "an answer with both",
            || Script { authorization: vec![Edit::set("error", "server_error")], ..Script::default() },
            Refused,
        ),
        module(
            "iss promised and missing",
            "promises `iss` (RFC 9207) and leaves it out",
            || Script { metadata: vec![promise()], ..Script::default() },
            Refused,
        ),
        module(
            "a foreign iss",
            "`iss` of somebody else in the answer",
            || Script { authorization: vec![Edit::set("iss", "https://evil.example.test")], ..Script::default() },
            Refused,
        ),
        module(
            "a foreign iss with an error",
            "`iss` of somebody else, and an error",
            || Script {
                authorization: vec![
                    Edit::remove("code"),
                    Edit::set("error", "access_denied"),
                    Edit::set("iss", "https://evil.example.test"),
                ],
                ..Script::default()
            },
            Refused,
        ),
        module(
            "a foreign iss where it is promised",
            "promises `iss` and names somebody else",
            || Script {
                metadata: vec![promise()],
                authorization: vec![Edit::set("iss", "https://evil.example.test")],
                ..Script::default()
            },
            Refused,
        ),
    ]
}

fn promise() -> Edit {
    Edit::set("authorization_response_iss_parameter_supported", true)
}
