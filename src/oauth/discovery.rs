//! The provider's metadata (OpenID Connect Discovery 1.0) and whether it may be believed. Pure; `provider` fetches and keeps it.

use serde_json::{Map, Value};
use url::Url;

use super::endpoints::{Endpoints, Version};
use super::id_token::Algorithm;
use super::issuer::Issuer;
use super::text::clean;
use crate::model::{TenantId, is_loopback};

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Metadata that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Document {
    /// Who signs; a template for many tenants of Entra.
    pub issuer: Issuer,
    /// Where browsers go.
    pub authorization_endpoint: Url,
    /// Where codes go.
    pub token_endpoint: Url,
    /// Where the keys are.
    pub jwks_uri: Url,
    /// Where more claims are.
    pub userinfo_endpoint: Option<Url>,
    /// Where browsers go to sign out.
    pub end_session_endpoint: Option<Url>,
    /// Whether callbacks always carry `iss` (RFC 9207).
    pub promises_iss: bool,
    /// What may sign ID tokens, as far as we support it. Microsoft's PKCE is not in its metadata either, so nothing is concluded from that.
    pub algorithms: Vec<Algorithm>,
    /// Entra's `cloud_instance_name`.
    pub cloud_instance: Option<String>,
}

/// Where a provider's metadata comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Metadata {
    /// The provider publishes it.
    Published(Box<Source>),
    /// A record sets it: the provider publishes none.
    Given(Box<Document>),
}

impl Metadata {
    /// What kind of provider; for given metadata never Entra, which always publishes its own.
    pub const fn version(&self) -> Version {
        match self {
            Self::Published(source) => source.version,
            Self::Given(_) => Version::Other,
        }
    }
}

impl From<Source> for Metadata {
    fn from(source: Source) -> Self {
        Self::Published(Box::new(source))
    }
}

/// What is known about a provider before its metadata is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    /// Where the metadata is.
    pub url: Url,
    /// What kind of provider.
    pub version: Version,
    /// Entra's tenant segment: what the issuer has to fit.
    pub tenant: Option<String>,
    /// The issuer that a record names: it has to be this one.
    pub issuer: Option<String>,
    /// Keys that a record sets instead of the metadata's.
    pub jwks_uri: Option<Url>,
    /// Whether the record itself points to this machine: only then may what it names.
    pub loopback: bool,
}

/// Why metadata is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a JSON object.
    #[error("the provider's metadata is not a JSON object")]
    Malformed,
    /// A member is missing or no URL.
    #[error("the provider's metadata lacks {0}, or it is malformed")]
    Missing(&'static str),
    /// Plain http, or an address of this machine that a record of elsewhere must not lead to.
    #[error("the provider's metadata names an address that is not allowed in {0}: it must be https and not this machine")]
    Address(&'static str),
    /// Metadata was found, but of another provider or client.
    #[error("the metadata that was found beside the two URLs does not name them")]
    Foreign,
    /// The issuer is not the one that this metadata can be of.
    #[error("the provider's metadata names the issuer {found}, which does not belong to {expected}")]
    Issuer {
        /// What it names.
        found: String,
        /// What it was looked up by.
        expected: String,
    },
}

impl Source {
    /// The metadata that a pair of endpoints leads to; nothing when the pair does not tell (see [`Endpoints::discovery_candidates`]).
    pub fn of(endpoints: &Endpoints) -> Option<Self> {
        let url = endpoints.discovery.clone()?;
        let loopback = is_loopback(&endpoints.authorization);
        let tenant = endpoints.tenant_segment().map(str::to_owned);
        Some(Self { url, version: endpoints.version, tenant, issuer: None, jwks_uri: None, loopback })
    }

    /// The metadata of another provider, by its issuer (OpenID Connect Discovery 1.0 section 4).
    pub fn of_issuer(issuer: &str) -> Option<Self> {
        let url = Url::parse(&format!("{}{WELL_KNOWN}", issuer.trim_end_matches('/'))).ok()?;
        let allowed = url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url);
        let loopback = is_loopback(&url);
        allowed.then(|| Self { url, version: Version::Other, tenant: None, issuer: Some(issuer.to_owned()), jwks_uri: None, loopback })
    }

    /// What to try for a pair of endpoints, the likeliest first. Found metadata counts only if it [`Document::names`] the pair.
    pub fn candidates(endpoints: &Endpoints) -> Vec<Self> {
        let loopback = is_loopback(&endpoints.authorization);
        let tenant = endpoints.tenant_segment().map(str::to_owned);
        let of = |url| Self { url, version: endpoints.version, tenant: tenant.clone(), issuer: None, jwks_uri: None, loopback };
        endpoints.discovery_candidates().into_iter().map(of).collect()
    }
}

impl Document {
    /// Reads and checks metadata that came from `source`.
    ///
    /// # Errors
    /// [`Error`]: nothing of it is used.
    pub fn parse(body: &[u8], source: &Source) -> Result<Self, Error> {
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else { return Err(Error::Malformed) };
        let needed = |name| address(&members, name, source)?.ok_or(Error::Missing(name));
        let listed = members.get("id_token_signing_alg_values_supported").and_then(Value::as_array).into_iter().flatten();
        let mut algorithms: Vec<_> = listed.filter_map(|name| Algorithm::from_name(name.as_str()?)).take(16).collect();
        if algorithms.is_empty() || source.version.is_entra() {
            algorithms = vec![Algorithm::Rs256];
        }
        Ok(Self {
            issuer: issuer(&members, source)?,
            authorization_endpoint: needed("authorization_endpoint")?,
            token_endpoint: needed("token_endpoint")?,
            jwks_uri: match &source.jwks_uri {
                Some(set) => set.clone(),
                None => needed("jwks_uri")?,
            },
            userinfo_endpoint: address(&members, "userinfo_endpoint", source)?,
            end_session_endpoint: address(&members, "end_session_endpoint", source)?,
            promises_iss: members.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true)),
            algorithms,
            cloud_instance: members.get("cloud_instance_name").and_then(Value::as_str).map(|name| clean(name, 100)),
        })
    }

    /// What a record sets for a provider that publishes no metadata.
    pub fn given(endpoints: &Endpoints, issuer: &str, jwks_uri: Url, algorithms: Vec<Algorithm>) -> Self {
        Self {
            issuer: Issuer::new(issuer),
            authorization_endpoint: endpoints.authorization.clone(),
            token_endpoint: endpoints.token.clone(),
            jwks_uri,
            userinfo_endpoint: None,
            end_session_endpoint: None,
            promises_iss: false,
            algorithms,
            cloud_instance: None,
        }
    }

    /// Whether these are the endpoints that the metadata names: what counts where the metadata was only guessed from them.
    pub fn names(&self, endpoints: &Endpoints) -> bool {
        let plain = |url: &Url| {
            let mut url = url.clone();
            url.set_query(None);
            url
        };
        plain(&self.authorization_endpoint) == plain(&endpoints.authorization) && plain(&self.token_endpoint) == plain(&endpoints.token)
    }
}

fn address(members: &Map<String, Value>, name: &'static str, source: &Source) -> Result<Option<Url>, Error> {
    let text = match members.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value.as_str().ok_or(Error::Missing(name))?,
    };
    let url = Url::parse(text).map_err(|_| Error::Missing(name))?;
    let allowed = match (url.scheme(), is_loopback(&url)) {
        ("https", false) => true,
        ("https" | "http", true) => source.loopback,
        _ => false,
    };
    if allowed && url.username().is_empty() && url.password().is_none() { Ok(Some(url)) } else { Err(Error::Address(name)) }
}

/// Entra: the shape of its version, and the tenant that was asked (Microsoft, "Validate the issuer"). Others: exactly what the
/// metadata was looked up by.
fn issuer(members: &Map<String, Value>, source: &Source) -> Result<Issuer, Error> {
    let text = members.get("issuer").and_then(Value::as_str).ok_or(Error::Missing("issuer"))?;
    let mismatch = |expected: &str| Err(Error::Issuer { found: clean(text, 300), expected: expected.to_owned() });
    if let Some(expected) = source.issuer.as_deref().filter(|expected| *expected != text) {
        return mismatch(expected);
    }
    let issuer = Issuer::new(text);
    match source.version {
        Version::Other => {
            let mut looked_up = source.url.clone();
            looked_up.set_query(None);
            if format!("{}{WELL_KNOWN}", text.trim_end_matches('/')) != looked_up.as_str() {
                return mismatch(looked_up.as_str());
            }
        }
        Version::V1 | Version::V2 => {
            address(members, "issuer", source)?;
            let asked = source.tenant.as_deref().unwrap_or_default();
            let segment = issuer.first_segment().unwrap_or_default();
            let (after, is_many) =
                (if source.version == Version::V1 { "/" } else { "/v2.0" }, ["common", "organizations"].contains(&asked));
            let tenant_fits = match segment.parse::<TenantId>() {
                Ok(found) => !is_many && asked.parse().map_or(true, |asked: TenantId| asked == found),
                Err(_) => is_many && issuer.is_template(),
            };
            if !tenant_fits || !text.ends_with(&format!("/{segment}{after}")) {
                return mismatch(source.url.as_str());
            }
        }
    }
    Ok(issuer)
}

#[cfg(test)]
#[path = "discovery_tests.rs"]
mod tests;
