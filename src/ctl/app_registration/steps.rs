//! The registration by hand: numbered, in the words that the portal shows.

use super::App;
use crate::oauth::registration::{FRONT_CHANNEL_LOGOUT, MAILBOX_CALLBACK, OPTIONAL_CLAIMS, PERMISSIONS, SIGNED_OUT};

impl App {
    /// The steps, from the portal's front page to `onedeskctl setup`.
    pub(super) fn steps(&self) -> String {
        let uris: String = self.redirect_uris().iter().map(|uri| format!("\n      {uri}")).collect();
        let widest = PERMISSIONS.iter().map(|permission| permission.name.len()).max().unwrap_or_default();
        let permissions: String = PERMISSIONS
            .iter()
            .map(|permission| {
                let admin = if permission.admin_consent { "  admin consent" } else { "" };
                format!("\n      {:widest$}  {}{admin}", permission.name, permission.id)
            })
            .collect();
        let admins: Vec<&str> =
            PERMISSIONS.iter().filter(|permission| permission.admin_consent).map(|permission| permission.name).collect();
        let steps = [
            format!(
                "Open {} as somebody who may register apps, and go to Microsoft Entra ID > App registrations > New registration.",
                self.portal()
            ),
            format!(
                "Name: OneDesk. Supported account types: Accounts in any organizational directory (Multitenant). \
                 Redirect URI: the platform Web, with\n      {}\n    Then choose Register.",
                self.url(MAILBOX_CALLBACK)
            ),
            "On the Overview page copy the Application (client) ID. It becomes AZUREAD_CID.".to_owned(),
            format!(
                "Authentication > Web > Redirect URIs: have all of these, to the letter ({SIGNED_OUT} is where browsers come back to \
                 after signing out):{uris}"
            ),
            format!(
                "On the same page, Front-channel logout URL:\n      {}\n    Leave the boxes under \"Implicit grant and hybrid flows\" empty \
                 and \"Allow public client flows\" at No. Save.",
                self.url(FRONT_CHANNEL_LOGOUT)
            ),
            format!(
                "API permissions > Add a permission > Microsoft Graph > Delegated permissions: choose these {}, then Add \
                 permissions:{permissions}",
                PERMISSIONS.len()
            ),
            format!("On the same page choose Grant admin consent; without it {} are not granted.", admins.join(" and ")),
            format!(
                "Token configuration > Add optional claim > ID: {}. A claim that the list does not offer goes into the Manifest, under \
                 optionalClaims (onedeskctl app-registration --format manifest shows it).",
                OPTIONAL_CLAIMS.join(", ")
            ),
            "Certificates & secrets > Client secrets > New client secret: 12 months or less. Copy its Value at once, for it is shown \
             once, and not the Secret ID. It becomes AZUREAD_CIS."
                .to_owned(),
            "On this host, run onedeskctl setup and answer with the two values.".to_owned(),
        ];
        let numbered = steps.iter().zip(1..).map(|(step, number)| format!("{number:2}. {step}"));
        format!("Register OneDesk for {} in Microsoft Entra\n\n{}", self.origin, numbered.collect::<Vec<_>>().join("\n"))
    }
}
