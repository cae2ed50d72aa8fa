//! The scopes that we ask for. The authorization request may name several resources, so that one sign-in serves all; a token
//! request always names one (Microsoft, "Scopes and permissions").

use crate::model::Audience;
use crate::settings::Microsoft;

/// Who signed in, and a refresh token.
const IDENTITY: &str = "openid profile email offline_access";

/// Registered under Microsoft Graph in the portal, but only the Outlook prefix yields a token that Exchange accepts.
const MAIL: [&str; 2] = ["IMAP.AccessAsUser.All", "SMTP.Send"];
/// Lets a mailbox's grant serve Graph too.
const PROFILE: [&str; 1] = ["User.Read"];
const DIRECTORY: [&str; 5] = ["User.Read", "User.ReadBasic.All", "People.Read", "Group.Read.All", "Directory.Read.All"];

/// The eleven delegated permissions of the registration.
pub const ALL: [&str; 11] = [
    "openid",
    "profile",
    "email",
    "offline_access",
    "IMAP.AccessAsUser.All",
    "SMTP.Send",
    "User.Read",
    "User.ReadBasic.All",
    "People.Read",
    "Group.Read.All",
    "Directory.Read.All",
];

/// What a grant needs of the resource that it is mainly for, by the scopes that were asked for.
pub fn wanted(given: &str) -> &'static [&'static str] {
    if is_mailbox(given) { &MAIL } else { &DIRECTORY }
}

/// For the authorization request of a mailbox: mail and Graph's `User.Read` are consented to in one go.
pub fn authorize_mailbox(microsoft: &Microsoft) -> String {
    join(&[(&microsoft.outlook, &MAIL), (&microsoft.graph, &PROFILE)])
}

/// For a token request of a mailbox.
pub fn mailbox(microsoft: &Microsoft, audience: Audience) -> String {
    match audience {
        Audience::Outlook => join(&[(&microsoft.outlook, &MAIL)]),
        Audience::Graph => join(&[(&microsoft.graph, &PROFILE)]),
    }
}

/// For the authorization request and the token requests of a directory.
pub fn directory(microsoft: &Microsoft) -> String {
    join(&[(&microsoft.graph, &DIRECTORY)])
}

/// For the credential probe: client credentials know only the static list of permissions.
pub fn probe(microsoft: &Microsoft) -> String {
    format!("{}/.default", microsoft.graph)
}

/// The resource that a grant is mainly for, by the scopes that were asked for.
pub fn primary(given: &str) -> Audience {
    if is_mailbox(given) { Audience::Outlook } else { Audience::Graph }
}

/// Whether these scopes were asked for a mailbox.
pub fn is_mailbox(given: &str) -> bool {
    given.contains(MAIL[0])
}

fn join(resources: &[(&str, &[&str])]) -> String {
    let named = resources.iter().flat_map(|(resource, names)| names.iter().map(move |name| format!("{resource}/{name}")));
    named.chain([IDENTITY.to_owned()]).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Cloud;

    fn microsoft() -> Microsoft {
        Microsoft {
            cloud: Cloud::Global,
            authority: "https://login.microsoftonline.com".into(),
            graph: "https://graph.microsoft.com".into(),
            outlook: "https://outlook.office.com".into(),
            tenant: "organizations".into(),
            ca_file: None,
            proxy: None,
        }
    }

    #[test]
    fn a_mailbox_asks_for_the_outlook_scopes_and_a_refresh_token() {
        assert_eq!(
            mailbox(&microsoft(), Audience::Outlook),
            "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send openid profile email offline_access"
        );
    }

    #[test]
    fn only_the_authorization_request_names_two_resources() {
        let resources = |scope: &str| {
            let mut hosts: Vec<_> = scope.split(' ').filter_map(|name| Some(name.rsplit_once('/')?.0.to_owned())).collect();
            hosts.dedup();
            hosts.len()
        };
        assert_eq!(resources(&authorize_mailbox(&microsoft())), 2);
        for scope in
            [mailbox(&microsoft(), Audience::Outlook), mailbox(&microsoft(), Audience::Graph), directory(&microsoft()), probe(&microsoft())]
        {
            assert_eq!(resources(&scope), 1, "{scope}");
        }
    }

    #[test]
    fn a_directory_asks_for_every_permission_of_the_registration() {
        let scope = directory(&microsoft());
        for name in DIRECTORY {
            assert!(scope.split(' ').any(|s| s == format!("https://graph.microsoft.com/{name}")), "{name}");
        }
    }
}
