//! Microsoft Graph as a client: what the app registration has. Only in its home tenant, and only with a directory's token (Microsoft,
//! "List applications": delegated Directory.Read.All suffices).

use jiff::Timestamp;
use serde::Deserialize;

use crate::model::{ClientId, Secret};
use crate::system::http::{self, Http};

/// An app registration, as far as it concerns us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Its client secrets.
    pub secrets: Vec<AppSecret>,
    /// The redirect URIs of the platform Web.
    pub redirect_uris: Vec<String>,
}

/// A client secret as Graph shows it: never its value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppSecret {
    /// The first three characters of the value.
    pub hint: Option<String>,
    /// When it ends.
    pub end_date_time: Timestamp,
}

/// Why there is no registration to look at.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error("Microsoft Graph gives no answer: {0}")]
    Http(#[from] http::Error),
    /// The registration is not of this tenant: an application lives in its home tenant only.
    #[error("the app registration is not of this tenant")]
    NotHere,
    /// The token does not suffice.
    #[error("Microsoft Graph refuses to show the app registration (status {0})")]
    Refused(u16),
    /// Not what was asked for.
    #[error("Microsoft Graph answers something else than an app registration (status {0})")]
    Odd(u16),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Application {
    #[serde(default)]
    password_credentials: Vec<AppSecret>,
    #[serde(default)]
    web: Web,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Web {
    redirect_uris: Vec<String>,
}

/// The registration of `client_id`, with a token for Graph of a person in its home tenant.
///
/// # Errors
/// [`Error`]; [`Error::NotHere`] says nothing about the registration itself.
pub async fn registration(http: &Http, graph: &str, token: &Secret<String>, client_id: ClientId) -> Result<Registration, Error> {
    let url = format!("{graph}/v1.0/applications(appId='{client_id}')?$select=id,appId,passwordCredentials,web");
    let answer = http.get(&url, Some(token)).await?;
    match answer.status {
        200 => read(&answer.body).ok_or(Error::Odd(200)),
        404 => Err(Error::NotHere),
        status @ (401 | 403) => Err(Error::Refused(status)),
        status => Err(Error::Odd(status)),
    }
}

fn read(body: &[u8]) -> Option<Registration> {
    let application: Application = serde_json::from_slice(body).ok()?;
    Some(Registration { secrets: application.password_credentials, redirect_uris: application.web.redirect_uris })
}

impl Registration {
    /// When `secret` ends: the earliest of those that begin like it. Nothing when none does: it was deleted, or is another app's.
    pub fn end_of(&self, secret: &Secret<String>) -> Option<Timestamp> {
        let begins: String = secret.expose().chars().take(3).collect();
        self.secrets.iter().filter(|known| known.hint.as_deref() == Some(begins.as_str())).map(|known| known.end_date_time).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_recognised_by_its_beginning_and_the_earliest_end_counts() {
        let body = br#"{"id":"x","appId":"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee","web":{"redirectUris":["https://desk.example.test/sso/openid"]},
            "passwordCredentials":[
            {"customKeyIdentifier":null,"displayName":"one","endDateTime":"2027-09-09T19:50:29.3086381Z","hint":"abc","keyId":"k","secretText":null},
            {"endDateTime":"2027-03-01T00:00:00Z","hint":"abc"},{"endDateTime":"2026-01-01T00:00:00Z","hint":"xyz"},{"endDateTime":"2026-01-01T00:00:00Z","hint":null}]}"#;
        let registration = read(body).unwrap();
        assert_eq!(registration.end_of(&Secret::from("abcdef")), Some("2027-03-01T00:00:00Z".parse().unwrap()));
        assert_eq!(registration.end_of(&Secret::from("ABCdef")), None);
        assert_eq!(registration.redirect_uris, ["https://desk.example.test/sso/openid"]);
        assert!(read(b"<html>").is_none());
    }
}
