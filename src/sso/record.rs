//! [`Record`]: a client record as it is in force, with what its two URLs mean.

use jiff::Timestamp;

use super::error::Error;
use super::wishes::Details;
use crate::crypto;
use crate::model::person::{App, Kind};
use crate::model::{ConnectionId, Problem, TenantId};
use crate::oauth::authorization::ResponseMode;
use crate::oauth::discovery::{Document, Metadata, Source};
use crate::oauth::endpoints::{Endpoints, Version};
use crate::oauth::id_token::Algorithm;
use crate::oauth::token::AuthMethod;
use crate::settings::Settings;
use crate::store::sso::records::RecordRow;

/// A client record.
#[derive(Debug, Clone)]
pub struct Record {
    /// As it is stored.
    pub row: RecordRow,
    /// What an admin set.
    pub details: Details,
    /// What the two URLs mean; nothing where they mean nothing since the settings changed.
    pub endpoints: Option<Endpoints>,
    tenants: Vec<TenantId>,
}

impl Record {
    /// The record that `row` holds; `authority` is the configured login origin.
    ///
    /// # Errors
    /// When the stored JSON cannot be read.
    pub fn new(row: RecordRow, authority: &str) -> Result<Self, serde_json::Error> {
        let details: Details = serde_json::from_str(&row.details)?;
        let endpoints = Endpoints::from_urls(&details.authorization_uri, &details.token_url, authority).ok();
        let tenants = details.allowed_tenants.iter().filter_map(|tenant| tenant.parse().ok()).collect();
        Ok(Self { row, details, endpoints, tenants })
    }

    /// Its id.
    pub const fn id(&self) -> ConnectionId {
        self.row.id
    }

    /// Who signs in by it.
    pub const fn kind(&self) -> Kind {
        self.row.kind
    }

    /// One word for all that an administrator set, secrets included: after each change of it, it is another one.
    pub fn revision(&self) -> String {
        let next = self.row.secret_next.iter().map(|sealed| sealed.0.as_slice());
        let parts: Vec<&[u8]> = [self.row.details.as_bytes(), &self.row.secret.0].into_iter().chain(next).collect();
        crypto::content_hash(&parts.concat())
    }

    /// One word for the record as an administrator sees it: the [revision](Self::revision), and whether people sign in by it.
    pub fn standing(&self) -> String {
        format!("{}.{}", self.revision(), if self.row.enabled { "on" } else { "off" })
    }

    /// What the two URLs mean.
    ///
    /// # Errors
    /// 503 where they mean nothing.
    pub fn endpoints(&self) -> Result<&Endpoints, Error> {
        self.endpoints.as_ref().ok_or_else(|| Error::new(super::ErrorKind::Unavailable, Problem::told("urls.apart", &[])))
    }

    /// What kind of provider it is of.
    pub fn version(&self) -> Version {
        self.endpoints.as_ref().map_or(Version::Other, |endpoints| endpoints.version)
    }

    /// Where the provider's metadata is, as far as is known without asking.
    pub fn metadata(&self) -> Option<Metadata> {
        let endpoints = self.endpoints.as_ref()?;
        let jwks_uri = self.details.jwks_uri.as_deref().and_then(|uri| url::Url::parse(uri).ok());
        if self.details.is_given {
            let document = Document::given(endpoints, self.details.issuer.as_deref()?, jwks_uri?, Algorithm::ALL.to_vec());
            return Some(Metadata::Given(Box::new(document)));
        }
        let mut source = match endpoints.version {
            Version::V1 | Version::V2 => Source::of(endpoints)?,
            Version::Other => Source::of_issuer(self.details.issuer.as_deref().or(self.details.found_issuer.as_deref())?)?,
        };
        source.jwks_uri = jwks_uri;
        Some(source.into())
    }

    /// The issuer, as set or as found.
    pub fn issuer(&self) -> Option<&str> {
        self.details.issuer.as_deref().or(self.details.found_issuer.as_deref())
    }

    /// The scopes that are asked for. Entra's token for Graph is there to ask for groups, where the ID token has not room for them.
    pub fn scope(&self, settings: &Settings) -> String {
        let mut scopes: Vec<String> = match (&self.details.scopes, self.version()) {
            (Some(scopes), _) => scopes.clone(),
            (None, Version::V1) => Vec::new(),
            (None, Version::V2) => vec!["profile".into(), "email".into(), format!("{}/User.Read", settings.microsoft.graph)],
            (None, Version::Other) => vec!["profile".into(), "email".into()],
        };
        if !scopes.iter().any(|scope| scope == "openid") {
            scopes.insert(0, "openid".to_owned());
        }
        scopes.join(" ")
    }

    /// How the provider answers by the browser.
    pub fn response_mode(&self) -> ResponseMode {
        if self.details.response_mode.as_deref() == Some("form_post") { ResponseMode::FormPost } else { ResponseMode::Query }
    }

    /// How we prove ourselves at the token endpoint: Microsoft's documented way, else the standard's default.
    pub fn auth_method(&self) -> AuthMethod {
        match self.details.token_auth.as_deref() {
            Some("client_secret_post") => AuthMethod::Post,
            Some("client_secret_basic") => AuthMethod::Basic,
            _ if self.version().is_entra() => AuthMethod::Post,
            _ => AuthMethod::Basic,
        }
    }

    /// The tenants that may sign in; empty where none were listed.
    pub fn tenants(&self) -> &[TenantId] {
        &self.tenants
    }

    /// Whether any tenant may sign in, by somebody's explicit word.
    pub fn allows_any_tenant(&self) -> bool {
        self.details.allowed_tenants.iter().any(|tenant| tenant == "*")
    }

    /// Whether the URLs are those of many tenants, so that the record has to say which.
    pub fn is_multi_tenant(&self) -> bool {
        let segment = self.endpoints.as_ref().and_then(Endpoints::tenant_segment).unwrap_or_default();
        ["common", "organizations"].contains(&segment.to_ascii_lowercase().as_str())
    }

    /// Whether Azure AD v1's unsigned ID token is accepted. Where `ca_file` adds trust anchors, only if the record says so: the
    /// word of the token endpoint is worth what its certificate is.
    pub fn accepts_unsigned(&self, settings: &Settings) -> bool {
        let Some(endpoints) = self.endpoints.as_ref().filter(|endpoints| endpoints.version == Version::V1) else { return false };
        let is_local = crate::model::is_loopback(&endpoints.token);
        self.details.unsigned_v1.unwrap_or(settings.microsoft.ca_file.is_none() || is_local)
    }

    /// Whether it can give the admin role.
    pub fn gives_admin(&self) -> bool {
        self.kind() == Kind::User && self.details.group_rules.iter().any(|rule| rule.role.is_some())
    }

    /// The apps that it leads to.
    pub fn apps(&self) -> impl Iterator<Item = App> {
        self.kind().apps().iter()
    }

    /// The path of the generated URL of `app`.
    pub fn login_path(&self, app: App) -> String {
        format!("/sso/login/{}/{}", self.id(), app.as_str())
    }

    /// What is wrong with it now: what was found, or a secret that has ended.
    pub fn problem(&self, now: Timestamp) -> Option<Problem> {
        let ended = self.details.secret_expires_at.filter(|at| *at <= now);
        self.row.problem.clone().or_else(|| ended.map(|at| secret_ended(&self.details.name, at)))
    }
}

fn secret_ended(name: &str, at: Timestamp) -> Problem {
    Problem::told("sso_secret_expired", &[("day", &at.strftime("%Y-%m-%d")), ("name", &name)])
}
