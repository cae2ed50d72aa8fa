//! What an admin asks for when a client record is made or changed, and how it is applied to what stands. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::error::Error;
use super::groups::GroupRule;
use crate::model::person::Kind;
use crate::model::{Problem, Secret, TenantId};

/// A new record, or a change of one: what is left out stays as it is, `null` clears what may be absent.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Wishes {
    /// Its name on pages and in lists.
    pub name: Option<String>,
    /// `users` or `customers`; cannot be changed.
    pub audience: Option<String>,
    /// Authorization URI.
    pub authorization_uri: Option<String>,
    /// Token URL.
    pub token_url: Option<String>,
    /// Client ID.
    pub client_id: Option<String>,
    /// Client Secret; never shown again.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = Option<String>, write_only, default = json!(null))]
    pub client_secret: Option<Secret<String>>,
    /// A second secret for a rotation without a gap; never shown again.
    #[serde(deserialize_with = "secret_or_null")]
    #[schema(value_type = Option<String>, write_only, default = json!(null))]
    pub client_secret_next: Option<Option<Secret<String>>>,
    /// When the secret ends, as the provider shows it.
    #[serde(deserialize_with = "or_null")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub secret_expires_at: Option<Option<Timestamp>>,
    /// Who signs; found by itself where the provider publishes its metadata.
    #[serde(deserialize_with = "or_null")]
    #[schema(value_type = Option<String>)]
    pub issuer: Option<Option<String>>,
    /// Where the keys are; found by itself where the provider publishes its metadata.
    #[serde(deserialize_with = "or_null")]
    #[schema(value_type = Option<String>)]
    pub jwks_uri: Option<Option<String>>,
    /// Where people are sent to sign out at the provider; found by itself where the provider publishes it.
    #[serde(deserialize_with = "or_null")]
    #[schema(value_type = Option<String>)]
    pub logout_uri: Option<Option<String>>,
    /// Scopes; `openid` is always among them.
    #[serde(deserialize_with = "or_null")]
    #[schema(value_type = Option<Vec<String>>)]
    pub scopes: Option<Option<Vec<String>>>,
    /// `query` (usual) or `form_post`.
    #[serde(deserialize_with = "or_null")]
    #[schema(value_type = Option<String>)]
    pub response_mode: Option<Option<String>>,
    /// `client_secret_post` (Entra's usual way) or `client_secret_basic` (everybody else's).
    #[serde(deserialize_with = "or_null")]
    #[schema(value_type = Option<String>)]
    pub token_auth: Option<Option<String>>,
    /// Entra tenants by GUID; `["*"]` for any, for customers only.
    #[serde(deserialize_with = "or_null")]
    #[schema(value_type = Option<Vec<String>>)]
    pub allowed_tenants: Option<Option<Vec<String>>>,
    /// Domains whose addresses this provider may vouch for.
    #[serde(deserialize_with = "or_null")]
    #[schema(value_type = Option<Vec<String>>)]
    pub email_domains: Option<Option<Vec<String>>>,
    /// What members of groups get.
    #[serde(deserialize_with = "or_null")]
    #[schema(value_type = Option<Vec<GroupRule>>)]
    pub group_rules: Option<Option<Vec<GroupRule>>>,
    /// Whether Azure AD v1's unsigned ID token is accepted.
    #[serde(deserialize_with = "or_null")]
    #[schema(value_type = Option<bool>)]
    pub unsigned_v1: Option<Option<bool>>,
    /// Whether people may sign in by it.
    pub enabled: Option<bool>,
    /// Enable it although it was never tried, or something is wrong with it.
    pub confirm: bool,
    /// The revision of the record that the wishes were made from; any, where nothing is said.
    #[serde(skip)]
    pub made_from: Option<String>,
}

/// Everything of a record that an admin sets and nobody has to keep secret; JSON in the store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    pub name: String,
    pub authorization_uri: String,
    pub token_url: String,
    pub client_id: String,
    pub secret_expires_at: Option<Timestamp>,
    pub issuer: Option<String>,
    pub jwks_uri: Option<String>,
    pub logout_uri: Option<String>,
    pub scopes: Option<Vec<String>>,
    pub response_mode: Option<String>,
    pub token_auth: Option<String>,
    pub allowed_tenants: Vec<String>,
    pub email_domains: Vec<String>,
    pub group_rules: Vec<GroupRule>,
    pub unsigned_v1: Option<bool>,
    /// The issuer that the provider's metadata names.
    pub found_issuer: Option<String>,
    /// The provider publishes no metadata: issuer and keys are as set here.
    pub is_given: bool,
}

/// Longest list of anything in a record.
const MOST: usize = 1000;

impl Wishes {
    /// Whether there is a secret to try.
    pub fn brings_secret(&self) -> bool {
        self.client_secret.is_some() || matches!(self.client_secret_next, Some(Some(_)))
    }

    /// Applies what is wished to `details`. What the URLs mean is looked at elsewhere.
    ///
    /// # Errors
    /// [`Error`] 400 for a value that cannot be.
    pub fn apply(&self, details: &mut Details, kind: Kind) -> Result<(), Error> {
        needed("name", self.name.as_deref(), &mut details.name, 200)?;
        needed("authorization_uri", self.authorization_uri.as_deref(), &mut details.authorization_uri, 2000)?;
        needed("token_url", self.token_url.as_deref(), &mut details.token_url, 2000)?;
        needed("client_id", self.client_id.as_deref(), &mut details.client_id, 500)?;
        url("issuer", self.issuer.as_ref(), &mut details.issuer)?;
        url("jwks_uri", self.jwks_uri.as_ref(), &mut details.jwks_uri)?;
        url("logout_uri", self.logout_uri.as_ref(), &mut details.logout_uri)?;
        one_of("response_mode", self.response_mode.as_ref(), &mut details.response_mode, &["query", "form_post"])?;
        one_of("token_auth", self.token_auth.as_ref(), &mut details.token_auth, &["client_secret_post", "client_secret_basic"])?;
        if let Some(at) = self.secret_expires_at {
            details.secret_expires_at = at;
        }
        if let Some(allowed) = self.unsigned_v1 {
            details.unsigned_v1 = allowed;
        }
        if let Some(scopes) = &self.scopes {
            details.scopes = scopes.as_ref().map(|scopes| read_scopes(scopes)).transpose()?;
        }
        if let Some(tenants) = &self.allowed_tenants {
            details.allowed_tenants = read_tenants(tenants.as_deref().unwrap_or_default(), kind)?;
        }
        if let Some(domains) = &self.email_domains {
            details.email_domains = read_domains(domains.as_deref().unwrap_or_default())?;
        }
        if let Some(rules) = &self.group_rules {
            details.group_rules = read_rules(rules.as_deref().unwrap_or_default(), kind)?;
        }
        Ok(())
    }
}

fn needed(name: &str, wish: Option<&str>, value: &mut String, longest: usize) -> Result<(), Error> {
    if let Some(wish) = wish {
        *value = wish.trim().to_owned();
    }
    if value.is_empty() {
        return Err(Error::bad_request(Problem::told("field.missing", &[("name", &name)]).under(name)));
    }
    if value.len() > longest || value.contains(char::is_control) {
        return Err(Error::bad_request(Problem::told("field.malformed", &[("name", &name), ("longest", &longest)]).under(name)));
    }
    Ok(())
}

fn url(name: &str, wish: Option<&Option<String>>, value: &mut Option<String>) -> Result<(), Error> {
    let Some(wish) = wish else { return Ok(()) };
    let wish = wish.as_deref().map(str::trim).filter(|wish| !wish.is_empty());
    if let Some(text) = wish {
        crate::oauth::endpoints::checked(text)
            .map_err(|error| Error::bad_request(Problem::told("field.url", &[("name", &name), ("error", &error)]).under(name)))?;
    }
    // The issuer is compared to the letter, so it is kept to the letter.
    *value = wish.map(str::to_owned);
    Ok(())
}

fn one_of(name: &str, wish: Option<&Option<String>>, value: &mut Option<String>, choices: &[&str]) -> Result<(), Error> {
    let Some(wish) = wish else { return Ok(()) };
    if let Some(word) = wish.as_deref().filter(|word| !choices.contains(word)) {
        let word: String = word.chars().filter(|c| !c.is_control()).take(40).collect();
        let choices = choices.join(", ");
        let problem = Problem::told("field.choice", &[("name", &name), ("word", &word), ("choices", &choices)]);
        return Err(Error::bad_request(problem.under(name)));
    }
    value.clone_from(wish);
    Ok(())
}

fn read_scopes(scopes: &[String]) -> Result<Vec<String>, Error> {
    // RFC 6749 section 3.3: visible ASCII without quotes and backslashes.
    let scopes: Vec<String> = scopes.iter().flat_map(|scope| scope.split_ascii_whitespace()).map(str::to_owned).collect();
    let is_token = |scope: &String| scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
    if scopes.len() > 50 || !scopes.iter().all(is_token) {
        return Err(Error::bad_request(Problem::told("scopes", &[])));
    }
    Ok(scopes)
}

fn read_tenants(tenants: &[String], kind: Kind) -> Result<Vec<String>, Error> {
    let tenants: Vec<String> = tenants.iter().map(|tenant| tenant.trim().to_ascii_lowercase()).collect();
    if tenants.iter().any(|tenant| tenant == "*") {
        if kind == Kind::User {
            return Err(Error::bad_request(Problem::told("allowed_tenants.anybody", &[])));
        }
        if tenants.len() > 1 {
            return Err(Error::bad_request(Problem::told("allowed_tenants.star", &[])));
        }
        return Ok(tenants);
    }
    if tenants.len() > MOST || tenants.iter().any(|tenant| tenant.parse::<TenantId>().is_err()) {
        return Err(Error::bad_request(Problem::told("allowed_tenants", &[])));
    }
    Ok(tenants)
}

fn read_domains(domains: &[String]) -> Result<Vec<String>, Error> {
    let read = |domain: &String| match url::Host::parse(domain.trim().trim_start_matches('@')) {
        Ok(url::Host::Domain(domain)) if domain.contains('.') => Ok(domain),
        _ => Err(Error::bad_request(Problem::told("email_domains", &[]))),
    };
    domains.iter().take(MOST).map(read).collect()
}

fn read_rules(rules: &[GroupRule], kind: Kind) -> Result<Vec<GroupRule>, Error> {
    for rule in rules {
        if rule.group.trim().is_empty() || rule.group.len() > 256 || rule.group.contains(char::is_control) {
            return Err(Error::bad_request(Problem::told("group_rules.group", &[])));
        }
        if rule.role.is_some() && kind == Kind::Customer {
            return Err(Error::bad_request(Problem::told("group_rules.role", &[])));
        }
        if let Some(app) = rule.apps.iter().find(|app| !kind.apps().contains(**app)) {
            let problem = Problem::told("group_rules.app", &[("people", &kind.plural()), ("app", &app.title())]);
            return Err(Error::bad_request(problem));
        }
        if rule.role.is_none() && rule.apps.is_empty() {
            return Err(Error::bad_request(Problem::told("group_rules.nothing", &[])));
        }
    }
    if rules.len() > MOST {
        return Err(Error::bad_request(Problem::told("group_rules.many", &[("most", &MOST)])));
    }
    Ok(rules.to_vec())
}

/// A member that is there, be it `null`.
fn or_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret<String>>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

fn secret_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Secret<String>>>, D::Error> {
    secret(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const TENANT: &str = "11111111-2222-3333-4444-555555555555";

    fn apply(wishes: &Value, kind: Kind) -> Result<Details, String> {
        let mut details = Details {
            name: "n".into(),
            authorization_uri: "https://op.test/a".into(),
            token_url: "https://op.test/t".into(),
            client_id: "c".into(),
            issuer: Some("https://op.test".into()),
            ..Details::default()
        };
        let wishes: Wishes = serde_json::from_value(wishes.clone()).unwrap();
        wishes.apply(&mut details, kind).map(|()| details).map_err(|error| error.problem.code)
    }

    #[test]
    fn what_is_left_out_stays_and_null_clears() {
        assert_eq!(apply(&json!({}), Kind::User).unwrap().issuer.as_deref(), Some("https://op.test"));
        assert_eq!(apply(&json!({"issuer": null}), Kind::User).unwrap().issuer, None);
        assert_eq!(apply(&json!({"allowed_tenants": [TENANT.to_uppercase()]}), Kind::User).unwrap().allowed_tenants, [TENANT]);
        assert_eq!(apply(&json!({"scopes": ["openid email", "x"]}), Kind::User).unwrap().scopes.unwrap(), ["openid", "email", "x"]);
    }

    #[test]
    fn any_tenant_is_for_customers_only() {
        assert_eq!(apply(&json!({"allowed_tenants": ["*"]}), Kind::Customer).unwrap().allowed_tenants, ["*"]);
        assert_eq!(apply(&json!({"allowed_tenants": ["*"]}), Kind::User), Err("allowed_tenants".into()));
    }

    #[test]
    fn values_that_cannot_be_are_named() {
        for (wishes, code) in [
            (json!({"name": " "}), "name"),
            (json!({"client_id": "a\u{0}"}), "client_id"),
            (json!({"issuer": "http://op.test"}), "issuer"),
            (json!({"jwks_uri": "x"}), "jwks_uri"),
            (json!({"response_mode": "fragment"}), "response_mode"),
            (json!({"token_auth": "none"}), "token_auth"),
            (json!({"scopes": ["a\"b"]}), "scopes"),
            (json!({"allowed_tenants": ["contoso.com"]}), "allowed_tenants"),
            (json!({"email_domains": ["localhost"]}), "email_domains"),
            (json!({"group_rules": [{"group": "g"}]}), "group_rules"),
            (json!({"group_rules": [{"group": "g", "role": "admin"}]}), "group_rules"),
        ] {
            assert_eq!(apply(&wishes, Kind::Customer), Err(code.to_owned()), "{wishes}");
        }
    }

    #[test]
    fn a_secret_shows_nowhere() {
        let wishes: Wishes = serde_json::from_value(json!({"client_secret": "tilde~dot", "client_secret_next": "other~one"})).unwrap();
        let shown = format!("{wishes:?}");
        assert!(!shown.contains("tilde") && !shown.contains("other"), "{shown}");
    }
}
