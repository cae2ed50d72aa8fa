//! Scopes and resources: which API a permission belongs to, and the rule of one resource per token request.

use crate::problem::Failure;

/// Microsoft Graph, however it was named.
pub const GRAPH: &str = "https://graph.microsoft.com";
/// Exchange Online (IMAP, POP, SMTP), however it was named.
pub const OUTLOOK: &str = "https://outlook.office.com";
/// What a v1 token is for when no resource was named: the retired Azure AD Graph.
pub(crate) const LEGACY_GRAPH: &str = "00000002-0000-0000-c000-000000000000";

/// Ids of delegated permissions on Microsoft Graph, as registrations name them: the eleven, and those near them.
pub(crate) const DELEGATED_ON_GRAPH: [&str; 14] = [
    "06da0dbc-49e2-44d2-8312-53f166ab848a",
    "64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0",
    "5f8c59db-677d-491f-a6b8-5f174b11ec1d",
    "652390e4-393a-48de-9484-05f9b1212954",
    "7427e0e9-2fba-42fe-b0c0-848c9e6a8182",
    "37f7f235-527c-4136-accd-4a02d197296e",
    "ba47897c-39ec-4d83-8086-ee8256fa737d",
    "14dad69e-099b-42c9-810b-d002981feec1",
    "258f6531-6087-4cc4-bb90-092c5fb3ed3f",
    "e1fe6dd8-ba31-4d61-89e7-88639da4683d",
    "b340eb25-3456-403f-be2f-af7a0d370277",
    "d7b7f2d9-0f45-4ea1-9d42-e50810c06991",
    "bc024368-1153-4739-b217-4326f2e966d0",
    "c79f8feb-a9db-4090-85f9-90d820caa0eb",
];

const OIDC: [&str; 4] = ["openid", "profile", "email", "offline_access"];
const ADMIN_ONLY: [&str; 4] = ["directory.read.all", "group.read.all", "groupmember.read.all", "application.read.all"];

/// A parsed `scope` parameter.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Scopes {
    asked: Vec<Scope>,
}

#[derive(Clone, Debug, PartialEq)]
struct Scope {
    text: String,
    /// `None` for the four of OpenID Connect.
    resource: Option<String>,
    permission: String,
}

impl Scopes {
    /// Reads `text`; `own` is the simulator's origin, which stands for Graph.
    pub(crate) fn parse(text: &str, own: &str) -> Result<Self, Failure> {
        let asked = text.split_ascii_whitespace().map(|scope| Scope::parse(scope, own)).collect::<Result<_, _>>()?;
        Ok(Self { asked })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    pub(crate) fn has(&self, oidc: &str) -> bool {
        self.asked.iter().any(|scope| scope.resource.is_none() && scope.permission == oidc)
    }

    /// The distinct resources, in the order asked.
    pub(crate) fn resources(&self) -> Vec<&str> {
        let mut resources = Vec::new();
        for resource in self.asked.iter().filter_map(|scope| scope.resource.as_deref()) {
            if !resources.contains(&resource) {
                resources.push(resource);
            }
        }
        resources
    }

    /// What these scopes ask for at `resource`: lower-case permission names with the resource, for the list of consents.
    pub(crate) fn consent_keys(&self) -> impl Iterator<Item = String> {
        self.asked.iter().filter_map(|scope| Some(format!("{}/{}", scope.resource.as_deref()?, scope.permission.to_lowercase())))
    }

    pub(crate) fn needs_admin(&self) -> bool {
        self.asked.iter().any(|scope| ADMIN_ONLY.contains(&scope.permission.to_lowercase().as_str()))
    }

    /// The permissions at `resource`, by name.
    pub(crate) fn permissions(&self, resource: &str) -> Vec<String> {
        self.asked.iter().filter(|scope| scope.resource.as_deref() == Some(resource)).map(|scope| scope.permission.clone()).collect()
    }

    /// The same without permissions of other resources than `resource`.
    pub(crate) fn only(&self, resource: &str) -> Self {
        let keep = |scope: &&Scope| scope.resource.as_deref().is_none_or(|of| of == resource);
        Self { asked: self.asked.iter().filter(keep).cloned().collect() }
    }

    /// The same without the last permission (a fault).
    pub(crate) fn reduced(mut self) -> Self {
        if let Some(last) = self.asked.iter().rposition(|scope| scope.resource.is_some()) {
            self.asked.remove(last);
        }
        self
    }

    /// The response's `scope`: as asked, without `offline_access`, as Entra answers.
    pub(crate) fn answer(&self) -> String {
        let texts = self.asked.iter().filter(|scope| scope.permission != "offline_access").map(|scope| scope.text.as_str());
        texts.collect::<Vec<_>>().join(" ")
    }
}

impl Scope {
    fn parse(text: &str, own: &str) -> Result<Self, Failure> {
        let scope = |resource: Option<&str>, permission: &str| Self {
            text: text.to_owned(),
            resource: resource.map(str::to_owned),
            permission: permission.to_owned(),
        };
        if OIDC.contains(&text) {
            return Ok(scope(None, text));
        }
        let Some((named, permission)) = text.rsplit_once('/') else {
            let well_formed = text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
            return if well_formed { Ok(scope(Some(GRAPH), text)) } else { Err(Failure::about(70_011, text)) };
        };
        if permission.is_empty() {
            return Err(Failure::about(70_011, text));
        }
        let mail = ["IMAP.", "POP.", "SMTP."].iter().any(|prefix| permission.starts_with(prefix));
        match resource(named, own) {
            Some(resource) => Ok(scope(Some(resource), permission)),
            None if mail => Ok(scope(Some(OUTLOOK), permission)),
            None => Err(Failure::about(500_011, named)),
        }
    }
}

/// The canonical name of a resource, or `None` if the tenant has no such thing.
pub(crate) fn resource(named: &str, own: &str) -> Option<&'static str> {
    let named = named.trim_end_matches('/');
    if named == own || named == "00000003-0000-0000-c000-000000000000" {
        return Some(GRAPH);
    }
    if named == "00000002-0000-0ff1-ce00-000000000000" {
        return Some(OUTLOOK);
    }
    if named == LEGACY_GRAPH || named == "https://graph.windows.net" {
        return Some(LEGACY_GRAPH);
    }
    let host = named.strip_prefix("https://")?;
    match host {
        "graph.microsoft.com" | "graph.microsoft.us" | "dod-graph.microsoft.us" | "microsoftgraph.chinacloudapi.cn" => Some(GRAPH),
        "outlook.office.com" | "outlook.office365.com" | "outlook.office365.us" | "outlook-dod.office365.us" | "partner.outlook.cn" => {
            Some(OUTLOOK)
        }
        _ => None,
    }
}

/// The resource that a v1 request without one gets, and the canonical name of any other.
pub(crate) fn v1_resource(named: Option<&str>, own: &str) -> Result<&'static str, Failure> {
    match named {
        None => Ok(LEGACY_GRAPH),
        Some(named) => resource(named, own).ok_or_else(|| Failure::about(500_011, named)),
    }
}

/// The resource of a v2 token request: the only one, or Graph for OpenID scopes alone.
pub(crate) fn v2_resource(scopes: &Scopes) -> Result<String, Failure> {
    match scopes.resources().as_slice() {
        [] => Ok(GRAPH.to_owned()),
        [one] => Ok((*one).to_owned()),
        _ => Err(Failure::about(28_000, &scopes.answer())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_without_a_prefix_is_graphs_even_if_it_is_about_mail() {
        let cases = [
            ("User.Read", Ok(GRAPH)),
            ("IMAP.AccessAsUser.All", Ok(GRAPH)),
            ("https://outlook.office.com/IMAP.AccessAsUser.All", Ok(OUTLOOK)),
            ("https://outlook.office365.com/.default", Ok(OUTLOOK)),
            ("http://sim/.default", Ok(GRAPH)),
            ("https://graph.microsoft.com//.default", Ok(GRAPH)),
            ("https://unknown.test/x", Err(500_011)),
            ("bad{scope}", Err(70_011)),
            ("https://graph.microsoft.com/", Err(70_011)),
        ];
        for (text, expected) in cases {
            let scopes = Scopes::parse(text, "http://sim");
            let found = scopes.as_ref().map(|scopes| scopes.resources()[0]).map_err(|failure| failure.code);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn several_resources_are_told_apart_and_the_answer_lacks_offline_access() {
        let scopes = Scopes::parse("openid offline_access User.Read https://outlook.office.com/SMTP.Send", "http://sim").unwrap();
        assert_eq!(scopes.resources(), [GRAPH, OUTLOOK]);
        assert_eq!(scopes.only(OUTLOOK).answer(), "openid https://outlook.office.com/SMTP.Send");
        assert_eq!(scopes.reduced().answer(), "openid User.Read");
    }
}
