//! Who and what exists in the simulated directory, and how it behaves. `Config::default()` is the company that
//! the tests and the demo share; every part can be replaced, from Rust or from a JSON file.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The default tenant, `example.test`.
pub const TENANT: &str = "11111111-2222-3333-4444-555555555555";
/// The second tenant, `partner.test`, where `bob@example.test` is a guest.
pub const PARTNER_TENANT: &str = "22222222-3333-4444-5555-666666666666";
/// The default application: multi-tenant, registered in [`TENANT`].
pub const CLIENT_ID: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
/// A valid secret of [`CLIENT_ID`].
pub const SECRET: &str = "Sim~Secret.Value_One-8Q~aaaaaaaaaaaaaaaaaaaa";
/// Another valid secret of [`CLIENT_ID`].
pub const SECOND_SECRET: &str = "Sim~Secret.Value_Two-8Q~bbbbbbbbbbbbbbbbbbbb";
/// A secret of [`CLIENT_ID`] that has expired.
pub const EXPIRED_SECRET: &str = "Old~Secret.Value_Three-8Q~cccccccccccccccccc";
/// The tenant of all personal accounts.
pub const PERSONAL_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// The paths accepted for an application that lists no redirect URIs, on any host.
pub const REDIRECT_PATHS: [&str; 3] = ["/integrations/office365/oauth2redirectWithAuthCode", "/integrations/azuread/token", "/sso/openid"];

/// Everything the simulator starts with.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen; port 0 picks a free one.
    pub listen: String,
    /// Origin under which clients see the simulator, if it is not the listener (behind a TLS proxy).
    pub public_url: Option<String>,
    /// Organisations.
    pub tenants: Vec<Tenant>,
    /// People.
    pub users: Vec<User>,
    /// App registrations.
    pub apps: Vec<App>,
    /// What can be changed while it runs.
    pub behaviour: Behaviour,
}

/// An organisation's directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// Tenant id, a lower-case GUID.
    pub id: String,
    /// Verified domain, which may stand for the id in a path.
    pub domain: String,
    /// Display name.
    pub name: String,
}

/// A person, at home in one tenant.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct User {
    /// User principal name at home.
    pub upn: String,
    /// Display name.
    pub name: String,
    /// Home tenant id.
    pub tenant: String,
    /// Object id at home, a GUID.
    pub oid: String,
    /// Mail address; `None` for a user without a mailbox.
    pub mail: Option<String>,
    /// The optional claim `xms_edov`, in whatever JSON form a test wants; sent only together with `email`.
    pub xms_edov: Option<Value>,
    /// Object ids of groups; above 200 the ID token carries the overage marker instead.
    pub groups: Vec<String>,
    /// May consent to permissions that need an admin.
    pub admin: bool,
    /// The account is blocked (AADSTS50057).
    pub disabled: bool,
    /// Tenants where this person is a guest.
    pub guest_in: Vec<Guest>,
    /// Claims that are added to (or replace those of) every ID token of this person.
    pub claims: Map<String, Value>,
}

/// A membership in another organisation's tenant.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guest {
    /// Resource tenant id.
    pub tenant: String,
    /// Object id there: never the one at home.
    pub oid: String,
}

/// An app registration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Application (client) ID.
    pub client_id: String,
    /// Display name.
    pub name: String,
    /// The tenant that holds the application object.
    pub tenant: String,
    /// Usable by accounts of other tenants (and so through `common` and `organizations`).
    pub multi_tenant: bool,
    /// Registered redirect URIs, compared byte for byte; empty accepts any URI whose path is one of [`REDIRECT_PATHS`].
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Registered targets after sign-out; empty accepts any.
    #[serde(default)]
    pub post_logout_uris: Vec<String>,
    /// Client secrets.
    pub secrets: Vec<AppSecret>,
    /// `groupMembershipClaims` is set: ID tokens carry `groups`.
    #[serde(default)]
    pub group_claims: bool,
    /// Further members of the application object, as Graph shows them: `optionalClaims`, `requiredResourceAccess`….
    #[serde(default)]
    pub object: Map<String, Value>,
}

/// A client secret of an app.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppSecret {
    /// What the portal calls the Secret ID.
    pub key_id: String,
    /// The secret itself.
    pub value: String,
    /// Display name.
    pub name: String,
    /// Seconds since the epoch; from then on AADSTS7000222.
    pub expires_at: i64,
}

/// What refreshing does to the refresh token that was presented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefreshPolicy {
    /// A new one is issued, the old one stays valid: Entra's way.
    #[default]
    Rolling,
    /// The old one dies; presenting it again revokes the whole family.
    Strict,
}

/// What can be changed while the simulator runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// The user whose browser session answers every authorize request at once; `None` shows the page with all users.
    pub signed_in: Option<String>,
    /// What happens to refresh tokens.
    pub refresh: RefreshPolicy,
    /// Seconds; Entra draws 60 to 90 minutes at random.
    pub access_token_lifetime: i64,
    /// Seconds.
    pub id_token_lifetime: i64,
    /// Seconds.
    pub code_lifetime: i64,
    /// Seconds without use after which a refresh token is dead.
    pub refresh_token_lifetime: i64,
    /// Milliseconds that every token request takes at least.
    pub latency_ms: u64,
    /// The v1 token endpoint returns `alg:none` ID tokens.
    pub unsigned_v1: bool,
    /// Directory.Read.All and Group.Read.All are refused to people who are no admin.
    pub require_admin_consent: bool,
    /// Approximate length of access tokens in bytes.
    pub access_token_size: usize,
    /// Identical failing token requests within five minutes before AADSTS50196.
    pub loop_threshold: usize,
    /// Requests kept in the log, the newest ones.
    pub log_limit: usize,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            signed_in: None,
            refresh: RefreshPolicy::Rolling,
            access_token_lifetime: 4312,
            id_token_lifetime: 3600,
            code_lifetime: 600,
            refresh_token_lifetime: 90 * 86_400,
            latency_ms: 0,
            unsigned_v1: false,
            require_admin_consent: false,
            access_token_size: 1800,
            loop_threshold: 15,
            log_limit: 2000,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        let tenant = |id: &str, domain: &str, name: &str| Tenant { id: id.into(), domain: domain.into(), name: name.into() };
        Self {
            listen: "127.0.0.1:0".into(),
            public_url: None,
            tenants: vec![tenant(TENANT, "example.test", "Example"), tenant(PARTNER_TENANT, "partner.test", "Partner")],
            users: default_users(),
            apps: vec![default_app()],
            behaviour: Behaviour::default(),
        }
    }
}

impl User {
    /// A member of [`TENANT`] with a mailbox; the last digits of the object id are `number`.
    #[must_use]
    pub fn member(upn: &str, name: &str, number: u64) -> Self {
        Self {
            upn: upn.into(),
            name: name.into(),
            tenant: TENANT.into(),
            oid: format!("99999999-8888-7777-6666-{number:012}"),
            mail: Some(upn.into()),
            xms_edov: Some(Value::from("1")),
            ..Self::default()
        }
    }
}

fn default_users() -> Vec<User> {
    let group = |number: usize| format!("66666666-0000-0000-0000-{number:012}");
    let mut ann = User::member("ann@example.test", "Ann Example", 2);
    ann.groups = vec![group(1), group(2)];
    let mut bob = User::member("bob@example.test", "Bob Example", 3);
    bob.guest_in = vec![Guest { tenant: PARTNER_TENANT.into(), oid: "99999999-8888-7777-6666-000000010003".into() }];
    let mut admin = User::member("admin@example.test", "Alex Admin", 4);
    admin.admin = true;
    let mut plain = User::member("nomail@example.test", "Nora Nomail", 5);
    plain.mail = None;
    let mut joiner = User::member("groups@example.test", "Gus Groups", 6);
    joiner.groups = (1..=250).map(group).collect();
    let mut partner = User::member("paula@partner.test", "Paula Partner", 7);
    partner.tenant = PARTNER_TENANT.into();
    vec![User::member("support@example.test", "Support Desk", 1), ann, bob, admin, plain, joiner, partner]
}

fn default_app() -> App {
    let secret = |number: usize, value: &str, expires_at| AppSecret {
        key_id: format!("55555555-0000-0000-0000-{number:012}"),
        value: value.into(),
        name: format!("onedesk-{number}"),
        expires_at,
    };
    const YEAR_2100: i64 = 4_102_444_800;
    const YEAR_2020: i64 = 1_577_836_800;
    App {
        client_id: CLIENT_ID.into(),
        name: "OneDesk".into(),
        tenant: TENANT.into(),
        multi_tenant: true,
        redirect_uris: Vec::new(),
        post_logout_uris: Vec::new(),
        secrets: vec![secret(1, SECRET, YEAR_2100), secret(2, SECOND_SECRET, YEAR_2100), secret(3, EXPIRED_SECRET, YEAR_2020)],
        group_claims: true,
        object: Map::new(),
    }
}
