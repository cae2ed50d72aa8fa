//! `onedeskctl app-registration`: how to register this host's app in Entra. Works without the daemon.

mod scripts;
mod steps;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::args::Registration;
use super::failure::Failure;
use super::output::{Output, in_json};
use crate::model::Hint as _;
use crate::oauth::registration::{
    AUDIENCE, FRONT_CHANNEL_LOGOUT, GRAPH_APP_ID, OPTIONAL_CLAIMS, PERMISSIONS, REDIRECT_PATHS, SIGNED_OUT, unregistrable,
};
use crate::settings::{self, Cloud, PublicUrl, Settings};

/// Stands in where `public_url` is not set yet; reserved for examples (RFC 2606), so nobody registers it by mistake.
const PLACEHOLDER: &str = "https://helpdesk.example.com";

/// Says how to register the app for the host of the settings, or of `public_url`.
pub fn run(config: Option<PathBuf>, format: Registration, public_url: Option<&str>, output: Output) -> Result<(), Failure> {
    let path = config.unwrap_or_else(|| PathBuf::from(settings::DEFAULT_FILE));
    let settings = load(&path)?;
    let app = App::of(&settings, public_url)?;
    if app.is_placeholder {
        let how = format!(
            "set it with onedeskctl setup, or name it: onedeskctl app-registration --public-url https://HOST (settings: {})",
            path.display()
        );
        if matches!(format, Registration::Azcli | Registration::Powershell) {
            return Err(Failure::found("public_url is not set, and a script would register the wrong host").hint(how));
        }
        output.warn(&format!("public_url is not set, so {PLACEHOLDER} stands in its place; {how}"));
    }
    let text = app.text(format);
    match format {
        _ if output.is_json() => in_json(&output, &app.facts(format, &text)),
        Registration::Steps => output.text(&text),
        Registration::Azcli | Registration::Powershell | Registration::Manifest => output.raw(text.as_bytes()),
    }
}

fn load(path: &Path) -> Result<Settings, Failure> {
    let loaded = Settings::load(path).map_err(|error| {
        let failure = Failure::found(error.to_string());
        error.hint().map_or_else(|| failure.clone(), |hint| failure.clone().hint(hint))
    })?;
    Ok(loaded.settings)
}

/// What is to be registered.
struct App {
    origin: String,
    is_placeholder: bool,
    cloud: Cloud,
    graph: String,
    /// Where this host keeps its credentials.
    credentials_file: String,
}

impl App {
    fn of(settings: &Settings, public_url: Option<&str>) -> Result<Self, Failure> {
        let named = public_url.map(str::parse::<PublicUrl>).transpose();
        let named = named.map_err(|problem| Failure::found(problem.title).hint(problem.hint))?;
        let origin = named.as_ref().or(settings.public_url.as_ref()).map(|origin| origin.as_str().to_owned());
        if let Some(why) = origin.as_deref().and_then(unregistrable) {
            return Err(Failure::found(why).hint("reach this host by another name, and set public_url to it"));
        }
        Ok(Self {
            is_placeholder: origin.is_none(),
            origin: origin.unwrap_or_else(|| PLACEHOLDER.to_owned()),
            cloud: settings.microsoft.cloud,
            graph: settings.microsoft.graph.clone(),
            credentials_file: in_text(settings.credentials_path()),
        })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    fn redirect_uris(&self) -> Vec<String> {
        REDIRECT_PATHS.iter().map(|path| self.url(path)).collect()
    }

    /// Host and port: what tells this installation's secret from another's.
    fn host(&self) -> &str {
        self.origin.split_once("://").map_or(&self.origin, |(_, host)| host)
    }

    /// Where registrations are looked after (Microsoft, "National clouds").
    const fn portal(&self) -> &'static str {
        match self.cloud {
            Cloud::Global => "https://portal.azure.com",
            Cloud::Usgov | Cloud::Dod => "https://portal.azure.us",
            Cloud::China => "https://portal.azure.cn",
        }
    }

    fn text(&self, format: Registration) -> String {
        match format {
            Registration::Steps => self.steps(),
            Registration::Azcli => self.azcli(),
            Registration::Powershell => self.powershell(),
            Registration::Manifest => format!("{:#}\n", self.manifest()),
        }
    }

    /// The application object in the form of Microsoft Graph, which the portal shows under Manifest.
    fn manifest(&self) -> Value {
        let access: Vec<Value> = PERMISSIONS.iter().map(|permission| json!({"id": permission.id, "type": "Scope"})).collect();
        json!({
            "displayName": "OneDesk",
            "signInAudience": AUDIENCE,
            "web": {
                "redirectUris": self.redirect_uris(),
                "logoutUrl": self.url(FRONT_CHANNEL_LOGOUT),
                "implicitGrantSettings": {"enableIdTokenIssuance": false, "enableAccessTokenIssuance": false},
            },
            "requiredResourceAccess": [{"resourceAppId": GRAPH_APP_ID, "resourceAccess": access}],
            "optionalClaims": {"idToken": OPTIONAL_CLAIMS.map(claim), "accessToken": [], "saml2Token": []},
        })
    }

    fn facts(&self, format: Registration, text: &str) -> Value {
        json!({
            "public_url": self.origin,
            "placeholder": self.is_placeholder,
            "portal": self.portal(),
            "platform": "Web",
            "sign_in_audience": AUDIENCE,
            "redirect_uris": self.redirect_uris(),
            "front_channel_logout_url": self.url(FRONT_CHANNEL_LOGOUT),
            "post_logout_redirect_uri": self.url(SIGNED_OUT),
            "permissions": PERMISSIONS,
            "optional_claims": OPTIONAL_CLAIMS,
            "manifest": self.manifest(),
            "format": format.as_str(),
            "text": text,
        })
    }
}

/// For comments and quoted texts of scripts: a path that could end them is not named.
fn in_text(path: &Path) -> String {
    let text = path.display().to_string();
    if text.chars().all(|c| c.is_alphanumeric() || "/._-+:@% ".contains(c)) { text } else { "its credentials file".to_owned() }
}

fn claim(name: &str) -> Value {
    json!({"name": name, "source": null, "essential": false, "additionalProperties": []})
}
