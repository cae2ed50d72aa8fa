//! [`Endpoints`]: where a provider takes authorization and token requests, and what the two URLs tell about it.

use url::Url;

use crate::model::is_loopback;

/// Login hosts of the Microsoft clouds with their aliases (Microsoft, "National clouds").
const MICROSOFT_HOSTS: &[&str] = &[
    "login.microsoftonline.com",
    "login.microsoft.com",
    "login.windows.net",
    "sts.windows.net",
    "login.microsoftonline.us",
    "login-us.microsoftonline.com",
    "login.usgovcloudapi.net",
    "login.partner.microsoftonline.cn",
    "login.chinacloudapi.cn",
    "login.sovcloud-identity.fr",
    "login.sovcloud-identity.de",
    "login.sovcloud-identity.sg",
];

const WELL_KNOWN: &str = ".well-known/openid-configuration";

/// What kind of provider the endpoints belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// Azure AD v1: `/{tenant}/oauth2/authorize`.
    V1,
    /// Microsoft identity platform v2: `/{tenant}/oauth2/v2.0/authorize`.
    V2,
    /// Any other OpenID provider.
    Other,
}

impl Version {
    /// Whether it is Microsoft Entra.
    pub const fn is_entra(self) -> bool {
        matches!(self, Self::V1 | Self::V2)
    }

    /// What the `ver` claim of this version's ID tokens says.
    pub const fn claim(self) -> Option<&'static str> {
        match self {
            Self::V1 => Some("1.0"),
            Self::V2 => Some("2.0"),
            Self::Other => None,
        }
    }
}

/// A pair of endpoints that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoints {
    /// Where the browser goes.
    pub authorization: Url,
    /// Where codes and refresh tokens go.
    pub token: Url,
    /// Where the metadata is, when the pair tells: always for Entra.
    pub discovery: Option<Url>,
    /// What kind of provider this is.
    pub version: Version,
}

/// Why two URLs are no pair of endpoints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No URL, or one with a user name, a password or a fragment.
    #[error("{0:?} is not a usable URL")]
    Url(String),
    /// Plain `http` to somewhere else than this machine.
    #[error("{0:?} must begin with https://")]
    NotHttps(String),
    /// The two are on different hosts.
    #[error("the two URLs are on different hosts: {0} and {1}")]
    Hosts(String, String),
    /// The two name different tenants.
    #[error("the two URLs name different tenants: {0} and {1}")]
    Tenants(String, String),
    /// One is v1 and the other v2.
    #[error("one URL is of v1 and the other of v2: copy both from the same list in the portal")]
    Versions,
    /// A Microsoft host with a path that is no such endpoint.
    #[error("{0:?} is not Microsoft's {1} endpoint")]
    Path(String, &'static str),
}

impl Endpoints {
    /// The v2 endpoints of `segment` (`organizations`, `common`, `consumers`, a GUID or a domain) at the login origin `authority`.
    ///
    /// # Errors
    /// [`Error::Url`] and [`Error::NotHttps`] when they make no usable URL.
    pub fn entra_v2(authority: &str, segment: &str) -> Result<Self, Error> {
        let origin = checked(authority)?;
        Self::entra(&origin, segment, Version::V2).ok_or_else(|| Error::Url(format!("{authority}/{segment}")))
    }

    /// What a pasted pair of URLs means. `authority` is the configured login origin: it counts as Microsoft's, beside the known hosts.
    ///
    /// # Errors
    /// Two URLs of Microsoft that differ in host, tenant or version, or are not such endpoints; any URL that cannot be used.
    pub fn from_urls(authorization: &str, token: &str, authority: &str) -> Result<Self, Error> {
        let (authorization, token) = (checked(authorization)?, checked(token)?);
        let configured = checked(authority).ok();
        let is_configured = |url: &Url| configured.as_ref().is_some_and(|authority| authority.origin() == url.origin());
        let known = MICROSOFT_HOSTS.contains(&host(&authorization)) || MICROSOFT_HOSTS.contains(&host(&token));
        let (first, second) = (EntraPath::of(&authorization, "authorize"), EntraPath::of(&token, "token"));
        if !known && !(is_configured(&authorization) && is_configured(&token) && (first.is_some() || second.is_some())) {
            return Ok(Self { authorization, token, discovery: None, version: Version::Other });
        }
        if authorization.origin() != token.origin() {
            return Err(Error::Hosts(host(&authorization).into(), host(&token).into()));
        }
        let first = first.ok_or_else(|| Error::Path(authorization.to_string(), "authorization"))?;
        let second = second.ok_or_else(|| Error::Path(token.to_string(), "token"))?;
        if !first.tenant.eq_ignore_ascii_case(second.tenant) {
            return Err(Error::Tenants(first.tenant.into(), second.tenant.into()));
        }
        if first.version != second.version {
            return Err(Error::Versions);
        }
        Self::entra(&authorization, first.tenant, first.version).ok_or_else(|| Error::Url(authorization.to_string()))
    }

    /// Entra's tenant segment: `organizations`, `common`, `consumers`, a GUID or a domain.
    pub fn tenant_segment(&self) -> Option<&str> {
        self.version.is_entra().then(|| self.authorization.path_segments()?.next()).flatten()
    }

    /// The v2 endpoints of the same host and tenant; nothing unless these are of v1.
    pub fn upgraded(&self) -> Option<Self> {
        let segment = self.tenant_segment().filter(|_| self.version == Version::V1)?;
        Self::entra(&self.authorization, segment, Version::V2)
    }

    /// The same version's endpoints of another tenant on the same host.
    pub fn for_tenant(&self, segment: &str) -> Option<Self> {
        self.version.is_entra().then(|| Self::entra(&self.authorization, segment, self.version)).flatten()
    }

    /// Where the metadata may be, the likeliest first: for another provider every parent folder of the authorization URL. What is
    /// found counts only when it names these very endpoints (`discovery::Document::names`).
    pub fn discovery_candidates(&self) -> Vec<Url> {
        if let Some(discovery) = &self.discovery {
            return vec![discovery.clone()];
        }
        let segments: Vec<_> = self.authorization.path_segments().into_iter().flatten().take(8).collect();
        let parents = (0..segments.len()).rev().map(|length| segments.get(..length).unwrap_or_default().iter());
        parents.filter_map(|parent| with_path(&self.authorization, parent.copied().chain(WELL_KNOWN.split('/')))).collect()
    }

    fn entra(origin: &Url, segment: &str, version: Version) -> Option<Self> {
        if segment.is_empty() || segment.contains(['/', '\\', '?', '#', '%']) || segment.starts_with('.') {
            return None;
        }
        let (oauth2, document): (&[&str], &[&str]) = match version {
            Version::V1 => (&["oauth2"], &[]),
            Version::V2 => (&["oauth2", "v2.0"], &["v2.0"]),
            Version::Other => return None,
        };
        let at =
            |middle: &[&str], last: &str| with_path(origin, std::iter::once(segment).chain(middle.iter().copied()).chain(last.split('/')));
        Some(Self {
            authorization: at(oauth2, "authorize")?,
            token: at(oauth2, "token")?,
            discovery: Some(at(document, WELL_KNOWN)?),
            version,
        })
    }
}

/// A URL that a person gave: https, or http to this machine; nothing in it that would be sent along unseen.
pub fn checked(text: &str) -> Result<Url, Error> {
    let shown = || super::text::clean(text, 300);
    let url = Url::parse(text.trim()).map_err(|_| Error::Url(shown()))?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() || !url.has_host() {
        return Err(Error::Url(super::text::clean(url.host_str().unwrap_or_default(), 300)));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(Error::NotHttps(shown())),
        _ => Err(Error::Url(shown())),
    }
}

struct EntraPath<'a> {
    tenant: &'a str,
    version: Version,
}

impl<'a> EntraPath<'a> {
    /// Entra ignores case in paths, and so do people who type them.
    fn of(url: &'a Url, last: &str) -> Option<Self> {
        let segments: Vec<_> = url.path_segments()?.collect();
        let is = |given: &str, wanted: &str| given.eq_ignore_ascii_case(wanted);
        match segments.as_slice() {
            [tenant, oauth2, end] if is(oauth2, "oauth2") && is(end, last) => Some(Self { tenant, version: Version::V1 }),
            [tenant, oauth2, v2, end] if is(oauth2, "oauth2") && is(v2, "v2.0") && is(end, last) => {
                Some(Self { tenant, version: Version::V2 })
            }
            _ => None,
        }
    }
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

fn with_path<'a>(origin: &Url, segments: impl Iterator<Item = &'a str>) -> Option<Url> {
    let mut url = origin.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.path_segments_mut().ok()?.clear().extend(segments);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: &str = "https://login.microsoftonline.com";

    fn pair(authorization: &str, token: &str) -> Result<Endpoints, Error> {
        Endpoints::from_urls(authorization, token, MS)
    }

    #[test]
    fn the_v2_endpoints_of_a_tenant_are_the_documented_ones() {
        let endpoints = Endpoints::entra_v2(MS, "organizations").unwrap();
        assert_eq!(endpoints.authorization.as_str(), "https://login.microsoftonline.com/organizations/oauth2/v2.0/authorize");
        assert_eq!(endpoints.token.as_str(), "https://login.microsoftonline.com/organizations/oauth2/v2.0/token");
        assert_eq!(
            endpoints.discovery.as_ref().unwrap().as_str(),
            "https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration"
        );
        assert_eq!(endpoints.tenant_segment(), Some("organizations"));
    }

    #[test]
    fn a_pasted_pair_tells_its_version() {
        let v1 = pair(&format!("{MS}/contoso.com/oauth2/authorize"), &format!("{MS}/contoso.com/oauth2/token")).unwrap();
        assert_eq!(v1.version, Version::V1);
        assert_eq!(v1.discovery.as_ref().unwrap().as_str(), format!("{MS}/contoso.com/.well-known/openid-configuration"));
        assert_eq!(v1.upgraded(), Some(Endpoints::entra_v2(MS, "contoso.com").unwrap()));
        let v2 = pair(&format!("{MS}/common/OAuth2/v2.0/authorize"), &format!("{MS}/common/oauth2/v2.0/token")).unwrap();
        assert_eq!(v2.version, Version::V2);
        assert_eq!(v2.upgraded(), None);
        let other = pair("https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token").unwrap();
        assert_eq!((other.version, other.discovery), (Version::Other, None));
    }

    #[test]
    fn the_configured_authority_counts_as_microsofts() {
        let local = "http://127.0.0.1:8080";
        let endpoints =
            Endpoints::from_urls(&format!("{local}/common/oauth2/authorize"), &format!("{local}/common/oauth2/token"), local).unwrap();
        assert_eq!(endpoints.version, Version::V1);
        let op = Endpoints::from_urls(&format!("{local}/op/authorize"), &format!("{local}/op/token"), local).unwrap();
        assert_eq!(op.version, Version::Other);
    }

    #[test]
    fn a_pair_that_does_not_belong_together_is_refused() {
        for (authorization, token, expected) in [
            (
                format!("{MS}/a/oauth2/authorize"),
                "https://login.microsoftonline.us/a/oauth2/token".into(),
                Error::Hosts("login.microsoftonline.com".into(), "login.microsoftonline.us".into()),
            ),
            (
                format!("{MS}/a/oauth2/authorize"),
                "https://evil.example/a/oauth2/token".into(),
                Error::Hosts("login.microsoftonline.com".into(), "evil.example".into()),
            ),
            (format!("{MS}/a/oauth2/authorize"), format!("{MS}/b/oauth2/token"), Error::Tenants("a".into(), "b".into())),
            (format!("{MS}/a/oauth2/authorize"), format!("{MS}/a/oauth2/v2.0/token"), Error::Versions),
            (format!("{MS}/a/oauth2/token"), format!("{MS}/a/oauth2/token"), Error::Path(format!("{MS}/a/oauth2/token"), "authorization")),
            ("http://op.example/a".into(), "https://op.example/t".into(), Error::NotHttps("http://op.example/a".into())),
            ("https://user:secret@op.example/a".into(), "https://op.example/t".into(), Error::Url("op.example".into())),
            ("nonsense".into(), "https://op.example/t".into(), Error::Url("nonsense".into())),
        ] {
            assert_eq!(pair(&authorization, &token), Err(expected), "{authorization} {token}");
        }
    }

    #[test]
    fn metadata_of_another_provider_is_looked_for_in_every_parent_folder() {
        let keycloak = pair("https://kc.example/realms/r/auth?x=1", "https://kc.example/realms/r/token").unwrap();
        let candidates: Vec<_> = keycloak.discovery_candidates().iter().map(Url::to_string).collect();
        assert_eq!(
            candidates,
            [
                "https://kc.example/realms/r/.well-known/openid-configuration",
                "https://kc.example/realms/.well-known/openid-configuration",
                "https://kc.example/.well-known/openid-configuration",
            ]
        );
    }
}
