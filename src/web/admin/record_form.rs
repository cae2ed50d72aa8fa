//! [`Values`]: a client record as the fields of its form, and what a form wishes. The rules are `sso`'s.

use jiff::Timestamp;
use serde::Serialize;

use super::form::{Faults, Form};
use crate::model::{Problem, Secret};
use crate::sso::groups::GroupRule;
use crate::sso::{Error, Record, Wishes};

/// The fields, as they were typed or as they are. Secrets are never among them.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Values {
    pub name: String,
    pub audience: String,
    pub authorization_uri: String,
    pub token_url: String,
    pub client_id: String,
    pub secret_expires_at: String,
    pub issuer: String,
    pub jwks_uri: String,
    pub logout_uri: String,
    pub scopes: String,
    pub response_mode: String,
    pub token_auth: String,
    pub allowed_tenants: String,
    pub email_domains: String,
    pub group_rules: String,
    pub unsigned_v1: String,
}

/// The fields that an error of the service may name.
const FIELDS: [&str; 17] = [
    "name",
    "audience",
    "authorization_uri",
    "token_url",
    "client_id",
    "client_secret",
    "client_secret_next",
    "secret_expires_at",
    "issuer",
    "jwks_uri",
    "logout_uri",
    "scopes",
    "response_mode",
    "token_auth",
    "allowed_tenants",
    "email_domains",
    "group_rules",
];

impl Values {
    /// As a record is.
    pub fn of_record(record: &Record) -> Self {
        let details = &record.details;
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Self {
            name: details.name.clone(),
            audience: record.kind().plural().to_owned(),
            authorization_uri: details.authorization_uri.clone(),
            token_url: details.token_url.clone(),
            client_id: details.client_id.clone(),
            secret_expires_at: details.secret_expires_at.map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default(),
            issuer: text(&details.issuer),
            jwks_uri: text(&details.jwks_uri),
            logout_uri: text(&details.logout_uri),
            scopes: details.scopes.as_ref().map(|scopes| scopes.join(" ")).unwrap_or_default(),
            response_mode: text(&details.response_mode),
            token_auth: text(&details.token_auth),
            allowed_tenants: details.allowed_tenants.join("\n"),
            email_domains: details.email_domains.join("\n"),
            group_rules: details.group_rules.iter().map(GroupRule::to_line).collect::<Vec<_>>().join("\n"),
            unsigned_v1: details.unsigned_v1.map(|accepted| accepted.to_string()).unwrap_or_default(),
        }
    }

    /// All fields, in the order of the form.
    pub fn fields(&self) -> [(&'static str, &str); 16] {
        [
            ("name", &self.name),
            ("audience", &self.audience),
            ("authorization_uri", &self.authorization_uri),
            ("token_url", &self.token_url),
            ("client_id", &self.client_id),
            ("secret_expires_at", &self.secret_expires_at),
            ("issuer", &self.issuer),
            ("jwks_uri", &self.jwks_uri),
            ("logout_uri", &self.logout_uri),
            ("scopes", &self.scopes),
            ("response_mode", &self.response_mode),
            ("token_auth", &self.token_auth),
            ("allowed_tenants", &self.allowed_tenants),
            ("email_domains", &self.email_domains),
            ("group_rules", &self.group_rules),
            ("unsigned_v1", &self.unsigned_v1),
        ]
    }

    /// The same, to be written.
    pub fn fields_mut(&mut self) -> [(&'static str, &mut String); 16] {
        [
            ("name", &mut self.name),
            ("audience", &mut self.audience),
            ("authorization_uri", &mut self.authorization_uri),
            ("token_url", &mut self.token_url),
            ("client_id", &mut self.client_id),
            ("secret_expires_at", &mut self.secret_expires_at),
            ("issuer", &mut self.issuer),
            ("jwks_uri", &mut self.jwks_uri),
            ("logout_uri", &mut self.logout_uri),
            ("scopes", &mut self.scopes),
            ("response_mode", &mut self.response_mode),
            ("token_auth", &mut self.token_auth),
            ("allowed_tenants", &mut self.allowed_tenants),
            ("email_domains", &mut self.email_domains),
            ("group_rules", &mut self.group_rules),
            ("unsigned_v1", &mut self.unsigned_v1),
        ]
    }

    /// As somebody typed them.
    pub fn of_form(form: &Form) -> Self {
        let mut values = Self::default();
        for (name, value) in values.fields_mut() {
            *value = form.get(name).replace("\r\n", "\n");
        }
        values
    }

    /// What they wish. Every field of the form is set; an empty secret leaves the one that is there.
    ///
    /// # Errors
    /// What cannot even be read.
    pub fn wishes(&self, form: &Form, is_new: bool) -> Result<Wishes, Faults> {
        let secret = |name: &str| Some(form.get(name)).filter(|value| !value.is_empty()).map(Secret::from);
        let next = secret("client_secret_next").map(Some);
        Ok(Wishes {
            name: Some(self.name.clone()),
            audience: is_new.then(|| self.audience.clone()),
            authorization_uri: Some(self.authorization_uri.clone()),
            token_url: Some(self.token_url.clone()),
            client_id: Some(self.client_id.clone()),
            client_secret: secret("client_secret"),
            client_secret_next: if form.is_ticked("forget_next") { Some(None) } else { next },
            secret_expires_at: Some(day(&self.secret_expires_at)?),
            issuer: Some(given(&self.issuer)),
            jwks_uri: Some(given(&self.jwks_uri)),
            logout_uri: Some(given(&self.logout_uri)),
            scopes: Some(list(&self.scopes)),
            response_mode: Some(given(&self.response_mode)),
            token_auth: Some(given(&self.token_auth)),
            allowed_tenants: Some(list(&self.allowed_tenants)),
            email_domains: Some(list(&self.email_domains)),
            group_rules: Some(Some(rules(&self.group_rules)?)),
            unsigned_v1: Some(match self.unsigned_v1.as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            }),
            enabled: None,
            confirm: false,
            made_from: None,
        })
    }
}

/// Where an error of the service belongs in the form.
pub fn faults(error: &Error) -> Faults {
    let code = error.problem.code.as_str();
    match code {
        "urls" => Faults::of_all(&["authorization_uri", "token_url"], &error.problem),
        code if FIELDS.contains(&code) => Faults::of(code, &error.problem),
        _ => Faults::of("", &error.problem),
    }
}

fn given(text: &str) -> Option<String> {
    Some(text).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Words, however they are set apart.
fn list(text: &str) -> Option<Vec<String>> {
    let words: Vec<String> =
        text.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    Some(words).filter(|words| !words.is_empty())
}

fn day(text: &str) -> Result<Option<Timestamp>, Faults> {
    if text.is_empty() {
        return Ok(None);
    }
    let at = Some(text).filter(|text| text.len() == 10).and_then(|text| format!("{text}T00:00:00Z").parse().ok());
    at.map(Some).ok_or_else(|| {
        let problem = Problem::told("secret_expires_at", &[]);
        Faults::of("secret_expires_at", &problem)
    })
}

fn rules(text: &str) -> Result<Vec<GroupRule>, Faults> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())).filter(|(_, line)| !line.is_empty());
    let rule = |(number, line): (usize, &str)| {
        GroupRule::from_line(line)
            .map_err(|what| Faults::of("group_rules", &Problem::told("group_rules.line", &[("number", &number), ("what", &what)])))
    };
    lines.map(rule).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_however_their_words_are_set_apart() {
        assert_eq!(list("a, b;c\n d"), Some(["a", "b", "c", "d"].map(str::to_owned).to_vec()));
        assert_eq!((list(" \n"), given("")), (None, None));
    }

    #[test]
    fn a_date_is_a_day_and_nothing_else() {
        assert_eq!(day("2027-11-30").unwrap().unwrap().to_string(), "2027-11-30T00:00:00Z");
        assert!(day("").unwrap().is_none());
        for text in ["30.11.2027", "2027-13-01", "2027-11-30T1", "-999999-01", "9999-99-99"] {
            assert!(day(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_form_without_a_secret_leaves_the_one_that_is_there() {
        let form = Form::parse(b"name=n&client_secret=&client_secret_next=").unwrap();
        let wishes = Values::of_form(&form).wishes(&form, false).unwrap();
        assert!(wishes.client_secret.is_none() && wishes.client_secret_next.is_none() && wishes.audience.is_none());
        let form = Form::parse(b"client_secret=+s+&forget_next=1").unwrap();
        let wishes = Values::of_form(&form).wishes(&form, true).unwrap();
        assert_eq!(wishes.client_secret.unwrap().expose(), "s");
        assert!(matches!(wishes.client_secret_next, Some(None)));
    }
}
