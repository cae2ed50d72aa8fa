//! [`Issuer`]: who signs ID tokens, as metadata names it; Entra's multi-tenant metadata holds a literal `{tenantid}`.

use std::fmt;

use crate::model::TenantId;

/// An issuer identifier, exact or with Entra's placeholder for the tenant (Microsoft, "Validate the issuer").
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Issuer(String);

const PLACEHOLDER: &str = "{tenantid}";

impl Issuer {
    /// The issuer that metadata or a record names, to the letter.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As metadata names it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether one of many tenants has to be filled in.
    pub fn is_template(&self) -> bool {
        self.0.contains(PLACEHOLDER)
    }

    /// The issuer of the tenant `tid` (text of the claim, any case): an exact issuer stays as it is.
    pub fn of_tenant(&self, tid: &str) -> String {
        self.0.replace(PLACEHOLDER, tid)
    }

    /// Whether `iss` can be this issuer. Exact ones compare byte for byte (RFC 3986 section 6.2.1); a template takes any GUID.
    pub fn matches(&self, iss: &str) -> bool {
        let Some((before, after)) = self.0.split_once(PLACEHOLDER) else { return self.0 == iss };
        iss.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).is_some_and(|tenant| tenant.parse::<TenantId>().is_ok())
    }

    /// The first segment of the path: Entra's tenant, or the placeholder.
    pub fn first_segment(&self) -> Option<&str> {
        first_segment(&self.0)
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first segment of the path of `url`, read as text: no parser may change what is compared.
pub(super) fn first_segment(url: &str) -> Option<&str> {
    url.split_once("://")?.1.split_once('/')?.1.split('/').next().filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "11111111-2222-3333-4444-555555555555";

    #[test]
    fn a_template_matches_every_tenant_and_nothing_else() {
        let issuer = Issuer::new("https://login.microsoftonline.com/{tenantid}/v2.0");
        for (iss, expected) in [
            (format!("https://login.microsoftonline.com/{TENANT}/v2.0"), true),
            (format!("https://login.microsoftonline.com/{TENANT}/v2.0/"), false),
            (format!("https://login.microsoftonline.com/{TENANT}/x/v2.0"), false),
            (format!("https://LOGIN.microsoftonline.com/{TENANT}/v2.0"), false),
            ("https://login.microsoftonline.com/{tenantid}/v2.0".into(), false),
            ("https://login.microsoftonline.com/common/v2.0".into(), false),
        ] {
            assert_eq!(issuer.matches(&iss), expected, "{iss}");
        }
        assert_eq!(issuer.of_tenant(TENANT), format!("https://login.microsoftonline.com/{TENANT}/v2.0"));
    }

    #[test]
    fn an_exact_issuer_matches_byte_for_byte() {
        let issuer = Issuer::new("https://op.example/");
        assert!(issuer.matches("https://op.example/"));
        assert!(!issuer.matches("https://op.example"));
    }

    #[test]
    fn the_tenant_is_the_first_segment_of_the_path() {
        assert_eq!(first_segment("https://sts.windows.net/abc/"), Some("abc"));
        assert_eq!(first_segment("https://sts.windows.net/"), None);
        assert_eq!(first_segment("abc"), None);
    }
}
