//! The two scripts: templates with this host's values, each value quoted for its language.

use serde_json::{Value, json};

use super::{App, claim};
use crate::oauth::registration::{AUDIENCE, FRONT_CHANNEL_LOGOUT, GRAPH_APP_ID, OPTIONAL_CLAIMS, PERMISSIONS};
use crate::settings::Cloud;

impl App {
    /// A script of the shell for the Azure CLI.
    pub(super) fn azcli(&self) -> String {
        let ids: Vec<&str> = PERMISSIONS.iter().map(|permission| permission.id).collect();
        let access: Vec<Value> = ids.iter().map(|id| json!({"id": id, "type": "Scope"})).collect();
        let claims = OPTIONAL_CLAIMS.map(|name| format!("      optionalClaims.idToken[?name=='{name}'] || `[{}]`", claim(name)));
        let cloud = match self.cloud {
            Cloud::Global => "AzureCloud",
            Cloud::Usgov | Cloud::Dod => "AzureUSGovernment",
            Cloud::China => "AzureChinaCloud",
        };
        filled(
            include_str!("azcli.sh"),
            &[
                ("ORIGIN", &self.origin),
                ("CREDENTIALS_FILE", &self.credentials_file),
                ("CLOUD", cloud),
                ("GRAPH", &for_shell(&self.graph)),
                ("SECRET_NAME", &for_shell(&self.secret_name())),
                ("AUDIENCE", AUDIENCE),
                ("REDIRECT_URIS", &json!(self.redirect_uris()).to_string()),
                ("LOGOUT_URL", &self.url(FRONT_CHANNEL_LOGOUT)),
                ("GRAPH_APP_ID", GRAPH_APP_ID),
                ("PERMISSION_IDS", &json!(ids).to_string()),
                ("PERMISSIONS", &json!(access).to_string()),
                ("CLAIM_NAMES", &json!(OPTIONAL_CLAIMS).to_string()),
                ("CLAIMS", &claims.join(",\n")),
            ],
        )
    }

    /// A script of PowerShell for the Microsoft Graph modules.
    pub(super) fn powershell(&self) -> String {
        let environment = match self.cloud {
            Cloud::Global => "Global",
            Cloud::Usgov => "USGov",
            Cloud::Dod => "USGovDoD",
            Cloud::China => "China",
        };
        let lines = |values: Vec<String>| values.iter().map(|value| format!("    {value}")).collect::<Vec<_>>().join("\n");
        let permissions = PERMISSIONS.iter().map(|permission| format!("{} # {}", for_powershell(permission.id), permission.name));
        filled(
            include_str!("powershell.ps1"),
            &[
                ("ORIGIN", &self.origin),
                ("CREDENTIALS_FILE", &self.credentials_file),
                ("ENVIRONMENT", environment),
                ("SECRET_NAME", &for_powershell(&self.secret_name())),
                ("AUDIENCE", AUDIENCE),
                ("REDIRECT_URIS", &lines(self.redirect_uris().iter().map(|uri| for_powershell(uri)).collect())),
                ("LOGOUT_URL", &self.url(FRONT_CHANNEL_LOGOUT)),
                ("GRAPH_APP_ID", GRAPH_APP_ID),
                ("PERMISSION_IDS", &lines(permissions.collect())),
                ("CLAIM_NAMES", &OPTIONAL_CLAIMS.map(for_powershell).join(", ")),
            ],
        )
    }

    /// One secret for each host, so that a second run knows its own and leaves the others alone.
    fn secret_name(&self) -> String {
        format!("OneDesk {}", self.host())
    }
}

/// `template` with every `@@NAME@@` replaced. An origin holds no quote, dollar or backtick by then: `unregistrable` refuses quotes and
/// dollars, and a URL's host never has the others.
fn filled(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("@@{name}@@"), value))
}

fn for_shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn for_powershell(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
