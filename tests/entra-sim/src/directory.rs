//! Looking things up: the tenant segment of a path, people, apps, and who is what in which tenant.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;
use uuid::Uuid;

use crate::config::{App, PERSONAL_TENANT, REDIRECT_PATHS, Tenant, User};
use crate::problem::Failure;

/// The first path segment, resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Common,
    Organizations,
    /// A tenant by id, whether it was asked for by id, by domain or as `consumers`.
    Tenant(String),
}

impl Segment {
    /// How the segment is written in documents: a GUID, even when asked by domain.
    pub(crate) fn canonical(&self) -> &str {
        match self {
            Self::Common => "common",
            Self::Organizations => "organizations",
            Self::Tenant(id) => id,
        }
    }

    pub(crate) fn tenant(&self) -> Option<&str> {
        match self {
            Self::Tenant(id) => Some(id),
            Self::Common | Self::Organizations => None,
        }
    }
}

/// A person as seen from one tenant.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) user: User,
    pub(crate) tenant: String,
    pub(crate) oid: String,
    pub(crate) guest: bool,
}

impl Member {
    /// The UPN in this tenant: that of a guest carries `#EXT#`.
    pub(crate) fn upn(&self) -> String {
        if self.guest {
            format!("{}#EXT#@{}.onmicrosoft.com", self.user.upn.replace('@', "_"), &self.tenant[..8])
        } else {
            self.user.upn.clone()
        }
    }
}

/// All that exists.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    pub(crate) tenants: Vec<Tenant>,
    users: BTreeMap<String, User>,
    pub(crate) apps: Vec<App>,
    /// Tenant and client id of each service principal.
    pub(crate) principals: BTreeSet<(String, String)>,
}

impl Directory {
    pub(crate) fn new(tenants: Vec<Tenant>, users: Vec<User>, apps: Vec<App>) -> Self {
        let mut directory = Self { tenants, users: BTreeMap::new(), apps, principals: BTreeSet::new() };
        users.into_iter().for_each(|user| directory.put_user(user));
        directory
    }

    /// Adds a person, or replaces the one of that name.
    pub(crate) fn put_user(&mut self, user: User) {
        self.users.insert(user.upn.to_lowercase(), user);
    }

    pub(crate) fn users(&self) -> impl Iterator<Item = &User> {
        self.users.values()
    }

    pub(crate) fn user(&self, upn: &str) -> Option<&User> {
        self.users.get(&upn.to_lowercase())
    }

    pub(crate) fn segment(&self, text: &str) -> Result<Segment, Failure> {
        let lower = text.to_lowercase();
        match lower.as_str() {
            "common" => return Ok(Segment::Common),
            "organizations" => return Ok(Segment::Organizations),
            "consumers" | PERSONAL_TENANT => return Ok(Segment::Tenant(PERSONAL_TENANT.into())),
            _ => {}
        }
        if let Some(tenant) = self.tenants.iter().find(|tenant| tenant.id == lower || tenant.domain == lower) {
            return Ok(Segment::Tenant(tenant.id.clone()));
        }
        let well_formed = Uuid::parse_str(&lower).is_ok() || lower.contains('.');
        Err(Failure::about(if well_formed { 90_002 } else { 900_023 }, text))
    }

    /// The app, if accounts of `segment` may use it.
    pub(crate) fn app(&self, client_id: &str, segment: &Segment) -> Result<&App, Failure> {
        let app = self.apps.iter().find(|app| app.client_id.eq_ignore_ascii_case(client_id));
        let app = app.ok_or_else(|| Failure::about(700_016, client_id))?;
        match segment.tenant() {
            _ if app.multi_tenant => Ok(app),
            None => Err(Failure::about(50_194, client_id)),
            Some(tenant) if tenant == app.tenant => Ok(app),
            Some(_) => Err(Failure::about(700_016, client_id)),
        }
    }

    pub(crate) fn app_mut(&mut self, client_id: &str) -> Option<&mut App> {
        self.apps.iter_mut().find(|app| app.client_id.eq_ignore_ascii_case(client_id))
    }

    /// `upn` as member or guest of the segment's tenant; shared segments lead home.
    pub(crate) fn member(&self, upn: &str, segment: &Segment) -> Result<Member, Failure> {
        let user = self.user(upn).ok_or_else(|| Failure::about(50_034, upn))?;
        let tenant = segment.tenant().unwrap_or(&user.tenant);
        let (oid, guest) = if tenant == user.tenant {
            (&user.oid, false)
        } else {
            let guest = user.guest_in.iter().find(|guest| guest.tenant == tenant).ok_or_else(|| Failure::about(50_020, upn))?;
            (&guest.oid, true)
        };
        Ok(Member { tenant: tenant.to_owned(), oid: oid.clone(), guest, user: user.clone() })
    }
}

impl App {
    /// Whether `uri` is registered, byte for byte, or fits the default rule.
    pub(crate) fn accepts_redirect(&self, uri: &str) -> bool {
        if !self.redirect_uris.is_empty() {
            return self.redirect_uris.iter().any(|registered| registered == uri);
        }
        let Ok(url) = Url::parse(uri) else { return false };
        let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let transport = url.scheme() == "https" || (url.scheme() == "http" && local);
        transport && uri.len() <= 256 && url.query().is_none() && url.fragment().is_none() && REDIRECT_PATHS.contains(&url.path())
    }

    pub(crate) fn accepts_post_logout(&self, uri: &str) -> bool {
        self.post_logout_uris.is_empty()
            || self.post_logout_uris.iter().any(|registered| registered == uri)
            || self.redirect_uris.iter().any(|registered| registered == uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CLIENT_ID, Config, PARTNER_TENANT, TENANT};

    fn directory() -> Directory {
        let config = Config::default();
        Directory::new(config.tenants, config.users, config.apps)
    }

    #[test]
    fn tenants_are_found_by_id_domain_and_shared_name() {
        let directory = directory();
        for (text, canonical) in [("common", "common"), ("Example.test", TENANT), (TENANT, TENANT), ("consumers", PERSONAL_TENANT)] {
            assert_eq!(directory.segment(text).unwrap().canonical(), canonical);
        }
        assert_eq!(directory.segment("nowhere.test").unwrap_err().code, 90_002);
        assert_eq!(directory.segment("nonsense").unwrap_err().code, 900_023);
    }

    #[test]
    fn a_guest_has_another_object_id_and_strangers_are_refused() {
        let directory = directory();
        let partner = Segment::Tenant(PARTNER_TENANT.into());
        let (home, away) =
            (directory.member("bob@example.test", &Segment::Common).unwrap(), directory.member("bob@example.test", &partner).unwrap());
        assert_ne!(home.oid, away.oid);
        assert!(away.guest && away.upn().contains("#EXT#"));
        assert_eq!(directory.member("ann@example.test", &partner).unwrap_err().code, 50_020);
    }

    #[test]
    fn redirect_uris_are_compared_byte_for_byte() {
        let directory = directory();
        let mut app = directory.app(CLIENT_ID, &Segment::Common).unwrap().clone();
        for (uri, good) in [
            ("https://desk.example.test/sso/openid", true),
            ("http://127.0.0.1:8380/integrations/azuread/token", true),
            ("http://desk.example.test/sso/openid", false),
            ("https://desk.example.test/SSO/openid", false),
            ("https://desk.example.test/sso/openid/", false),
            ("https://desk.example.test/sso/openid?x=1", false),
        ] {
            assert_eq!(app.accepts_redirect(uri), good, "{uri}");
        }
        app.redirect_uris = vec!["https://desk.example.test/sso/openid".into()];
        assert!(!app.accepts_redirect("https://desk.example.test:443/sso/openid"));
    }
}
