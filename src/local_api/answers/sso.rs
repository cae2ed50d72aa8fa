//! The JSON of single sign-on and people.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::Problem;
use crate::model::person::{App, CreatedBy, Kind};
use crate::oauth::endpoints::Version;
use crate::settings::Settings;
use crate::sso::groups::GroupRule;
use crate::sso::{self, CALLBACK_PATH};
use crate::store::sso::people::{ConflictRow, Known};
use crate::store::sso::records::Switches as StoredSwitches;

/// The two switches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Switches {
    /// Users may sign in.
    pub users_enabled: bool,
    /// Customers may sign in.
    pub customers_enabled: bool,
}

impl From<StoredSwitches> for Switches {
    fn from(switches: StoredSwitches) -> Self {
        Self { users_enabled: switches.users, customers_enabled: switches.customers }
    }
}

/// A change of the switches: what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SwitchWishes {
    /// Users may sign in; off ends their sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users_enabled: Option<bool>,
    /// Customers may sign in; off ends their sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customers_enabled: Option<bool>,
}

/// An OpenID Connect client record. Its secrets are never shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Connection {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `users` or `customers`.
    pub audience: String,
    /// Authorization URI.
    pub authorization_uri: String,
    /// Token URL.
    pub token_url: String,
    /// Client ID.
    pub client_id: String,
    /// Whether a second secret is there.
    pub has_client_secret_next: bool,
    /// When the secret ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub secret_expires_at: Option<Timestamp>,
    /// `v1` and `v2` of Azure AD, or `other`.
    pub protocol: String,
    /// Who signs, as set or as found.
    pub issuer: Option<String>,
    /// Where the keys are, if set.
    pub jwks_uri: Option<String>,
    /// Where people sign out at the provider, if set.
    pub logout_uri: Option<String>,
    /// Scopes, if set.
    pub scopes: Option<Vec<String>>,
    /// `query` or `form_post`.
    pub response_mode: String,
    /// `client_secret_post` or `client_secret_basic`.
    pub token_auth: String,
    /// Entra tenants that may sign in.
    pub allowed_tenants: Vec<String>,
    /// Domains whose addresses this provider may vouch for.
    pub email_domains: Vec<String>,
    /// What members of groups get.
    pub group_rules: Vec<GroupRule>,
    /// Whether Azure AD v1's unsigned ID token is accepted.
    pub unsigned_v1: bool,
    /// The v2 URLs that a v1 record can be moved to.
    pub upgrade: Option<Upgrade>,
    /// Whether people may sign in by it.
    pub enabled: bool,
    /// When a sign-in or a test with it first worked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub tried_at: Option<Timestamp>,
    /// What is wrong with it.
    pub problem: Option<Problem>,
    /// The redirect URI to register at the provider; nothing while `public_url` is not set.
    pub redirect_uri: Option<String>,
    /// The URLs to hand out, one for each app; nothing while `public_url` is not set.
    pub urls: Option<Urls>,
}

/// The v2 URLs of a v1 record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Upgrade {
    /// Authorization URI.
    pub authorization_uri: String,
    /// Token URL.
    pub token_url: String,
}

/// The generated URLs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Urls {
    /// Main App; for users only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main: Option<String>,
    /// Widget.
    pub widget: String,
    /// Knowledgebase.
    pub kb: String,
    /// Portal.
    pub portal: String,
}

impl Connection {
    /// A record as it is shown, under these settings.
    pub fn new(record: &sso::Record, settings: &Settings, now: Timestamp) -> Self {
        use crate::oauth::token::AuthMethod;
        let details = &record.details;
        let url = |path: &str| settings.public_url.as_ref().map(|origin| origin.join(path));
        let app = |app: App| url(&record.login_path(app));
        let upgraded = record.endpoints.as_ref().and_then(crate::oauth::endpoints::Endpoints::upgraded);
        let is_basic = record.auth_method() == AuthMethod::Basic;
        Self {
            id: record.id().to_string(),
            name: details.name.clone(),
            audience: record.kind().plural().to_owned(),
            authorization_uri: details.authorization_uri.clone(),
            token_url: details.token_url.clone(),
            client_id: details.client_id.clone(),
            has_client_secret_next: record.row.secret_next.is_some(),
            secret_expires_at: details.secret_expires_at,
            protocol: match record.version() {
                Version::V1 => "v1",
                Version::V2 => "v2",
                Version::Other => "other",
            }
            .to_owned(),
            issuer: record.issuer().map(str::to_owned),
            jwks_uri: details.jwks_uri.clone(),
            logout_uri: details.logout_uri.clone(),
            scopes: details.scopes.clone(),
            response_mode: record.response_mode().as_str().to_owned(),
            token_auth: if is_basic { "client_secret_basic" } else { "client_secret_post" }.to_owned(),
            allowed_tenants: details.allowed_tenants.clone(),
            email_domains: details.email_domains.clone(),
            group_rules: details.group_rules.clone(),
            unsigned_v1: record.accepts_unsigned(settings),
            upgrade: upgraded.map(|pair| Upgrade { authorization_uri: pair.authorization.into(), token_url: pair.token.into() }),
            enabled: record.row.enabled,
            tried_at: record.row.tried_at,
            problem: record.problem(now),
            redirect_uri: url(CALLBACK_PATH),
            urls: app(App::Widget).zip(app(App::Kb)).zip(app(App::Portal)).map(|((widget, kb), portal)| Urls {
                main: app(App::Main).filter(|_| record.kind() == Kind::User),
                widget,
                kb,
                portal,
            }),
        }
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// Their id.
    pub id: String,
    /// `user` or `customer`.
    pub kind: Kind,
    /// Their address; guests may have none.
    pub email: Option<String>,
    /// Their name.
    pub name: Option<String>,
    /// Whether the last sign-in gave them the admin role.
    pub admin: bool,
    /// The accounts that they sign in with.
    pub identities: Vec<PersonIdentity>,
    /// Who made the record.
    pub created_by: CreatedBy,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// An account at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonIdentity {
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
}

impl From<Known> for Person {
    fn from(Known { person, identities }: Known) -> Self {
        let identities = identities.into_iter().map(|identity| PersonIdentity { issuer: identity.issuer, subject: identity.subject });
        Self {
            id: person.id.to_string(),
            kind: person.kind,
            email: person.email.map(|email| email.as_str().to_owned()),
            name: person.name,
            admin: person.is_admin,
            identities: identities.collect(),
            created_by: person.created_by,
            created_at: person.created_at,
        }
    }
}

/// A page of people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeoplePage {
    /// The people.
    pub items: Vec<Person>,
    /// Give this as `cursor` to get the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A person to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// `user` or `customer`.
    pub kind: Kind,
    /// Their address.
    pub email: String,
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A sign-in that waits for a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Conflict {
    /// Its id.
    pub id: String,
    /// Whose record the account would be linked to.
    pub person_id: String,
    /// The client record that it came by.
    pub connection_id: String,
    /// The account's `iss`.
    pub issuer: String,
    /// The account's `sub`.
    pub subject: String,
    /// The address that both have.
    pub email: String,
    /// The account's name.
    pub name: Option<String>,
    /// Why it was not linked by itself.
    pub reason: String,
    /// When it was first tried.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl From<ConflictRow> for Conflict {
    fn from(row: ConflictRow) -> Self {
        Self {
            id: row.id.to_string(),
            person_id: row.person.to_string(),
            connection_id: row.connection.to_string(),
            issuer: row.identity.issuer,
            subject: row.identity.subject,
            email: row.email,
            name: row.name,
            reason: row.reason,
            created_at: row.created_at,
        }
    }
}

/// A page of the conflict desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConflictPage {
    /// What waits for a decision, the oldest first.
    pub items: Vec<Conflict>,
    /// Give this as `cursor` to get the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// Link the account to the person, or do not.
    pub decision: Decision,
}

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It is that person.
    Approve,
    /// It is not, or must not be.
    Deny,
}

/// A one-time link to the administration pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdminLink {
    /// The link; a button on its page uses it up.
    pub url: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}
