//! What an app registration of ours holds (Microsoft, "Register an application"; permission ids from Graph's permissions reference).

/// Microsoft Graph, in every cloud.
pub const GRAPH_APP_ID: &str = "00000003-0000-0000-c000-000000000000";

/// Work and school accounts of every tenant.
pub const AUDIENCE: &str = "AzureADMultipleOrgs";

/// Where the provider sends the browser back after connecting a mailbox.
pub const MAILBOX_CALLBACK: &str = "/integrations/office365/oauth2redirectWithAuthCode";
/// The same for the directory.
pub const DIRECTORY_CALLBACK: &str = "/integrations/azuread/token";
/// The same for single sign-on.
pub const SIGN_ON_CALLBACK: &str = "/sso/openid";
/// Where the browser comes back to after a sign-out; Entra demands that it is registered like a redirect URI.
pub const SIGNED_OUT: &str = "/sso/signed-out";
/// What Entra calls when somebody signs out elsewhere.
pub const FRONT_CHANNEL_LOGOUT: &str = "/sso/frontchannel-logout";

/// Everything that has to be registered as a redirect URI.
pub const REDIRECT_PATHS: [&str; 4] = [MAILBOX_CALLBACK, DIRECTORY_CALLBACK, SIGN_ON_CALLBACK, SIGNED_OUT];

/// Claims that Entra puts into an ID token only when asked.
pub const OPTIONAL_CLAIMS: [&str; 3] = ["email", "xms_edov", "login_hint"];

/// A delegated permission of Microsoft Graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Permission {
    /// As the portal shows it.
    pub name: &'static str,
    /// As a registration holds it.
    pub id: &'static str,
    /// Whether only an administrator can consent.
    pub admin_consent: bool,
}

const fn everybodys(name: &'static str, id: &'static str) -> Permission {
    Permission { name, id, admin_consent: false }
}

const fn admins(name: &'static str, id: &'static str) -> Permission {
    Permission { name, id, admin_consent: true }
}

/// The delegated permissions that we use.
pub const PERMISSIONS: [Permission; 11] = [
    admins("Directory.Read.All", "06da0dbc-49e2-44d2-8312-53f166ab848a"),
    everybodys("email", "64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0"),
    admins("Group.Read.All", "5f8c59db-677d-491f-a6b8-5f174b11ec1d"),
    everybodys("IMAP.AccessAsUser.All", "652390e4-393a-48de-9484-05f9b1212954"),
    everybodys("offline_access", "7427e0e9-2fba-42fe-b0c0-848c9e6a8182"),
    everybodys("openid", "37f7f235-527c-4136-accd-4a02d197296e"),
    everybodys("People.Read", "ba47897c-39ec-4d83-8086-ee8256fa737d"),
    everybodys("profile", "14dad69e-099b-42c9-810b-d002981feec1"),
    everybodys("SMTP.Send", "258f6531-6087-4cc4-bb90-092c5fb3ed3f"),
    everybodys("User.Read", "e1fe6dd8-ba31-4d61-89e7-88639da4683d"),
    everybodys("User.ReadBasic.All", "b340eb25-3456-403f-be2f-af7a0d370277"),
];

/// Why Entra would not register redirect URIs on `origin`, if so ("Redirect URI restrictions").
pub fn unregistrable(origin: &str) -> Option<String> {
    const FORBIDDEN: [char; 7] = ['!', '$', '\'', '(', ')', ',', ';'];
    const LONGEST: usize = 256;
    let longest_path = REDIRECT_PATHS.iter().map(|path| path.len()).max().unwrap_or_default();
    if let Some(found) = origin.chars().find(|c| FORBIDDEN.contains(c)) {
        return Some(format!("Entra registers no redirect URI with the character {found}"));
    }
    (origin.len() + longest_path > LONGEST).then(|| format!("Entra registers no redirect URI of more than {LONGEST} characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_that_entra_cannot_register_is_told_before_anybody_tries() {
        assert_eq!(unregistrable("https://helpdesk.example.com:8443"), None);
        assert!(unregistrable("https://o'desk.example.com").is_some_and(|why| why.ends_with('\'')));
        assert!(unregistrable(&format!("https://{}.example.com", "a".repeat(230))).is_some());
    }
}
