//! What more can be asked about somebody who signs in: the provider's user information, and Graph where a token has not room for
//! all groups.

use serde_json::{Map, Value};

use super::error::{Error, ErrorKind};
use super::groups::Membership;
use super::record::Record;
use super::wire::Wire;
use crate::model::{Problem, Secret};
use crate::oauth::claims::{Claims, Groups};
use crate::oauth::endpoints::Version;
use crate::oauth::provider::Provider;

/// Pages of groups that are read: 100 groups each, more than Entra lets anybody have.
const MOST_PAGES: usize = 30;
/// Claims that user information may add; what the ID token says stands.
const ADDED: [&str; 5] = ["email", "email_verified", "name", "preferred_username", "groups"];

/// Adds what the provider's user information says, where the ID token says too little. Entra's says nothing more and wants
/// another token.
///
/// # Errors
/// 502 when it is about somebody else. OpenID Connect Core 5.3.2 asks for no more than to leave it out; but then the access token
/// is another person's than the ID token, which no provider in order sends and a mixed-up answer does. Whose sign-in it is
/// would be a guess, so nobody is signed in. An answer that does not come, or cannot be used, is done without.
pub async fn add_user_info(
    claims: &mut Claims,
    record: &Record,
    provider: &Provider,
    access: &Secret<String>,
    wire: &Wire,
) -> Result<(), Error> {
    let needs_groups = !record.details.group_rules.is_empty() && claims.groups == Groups::Unknown;
    let lacks = claims.email.is_none() || claims.name.is_none() || needs_groups;
    if !lacks || record.version() != Version::Other {
        return Ok(());
    }
    let Some(url) = provider.published().await?.document.userinfo_endpoint.clone() else { return Ok(()) };
    let answer = match wire.http().get(url.as_str(), Some(access)).await {
        Ok(answer) if answer.status == 200 => answer,
        Ok(answer) => {
            log::info!(ONEDESK_CONNECTION:% = record.id(), status = answer.status; "the provider gave no user information");
            return Ok(());
        }
        Err(error) => {
            log::warn!(ONEDESK_CONNECTION:% = record.id(), error:% = error; "the provider's user information cannot be read");
            return Ok(());
        }
    };
    let members = if answer.content_type == "application/jwt" {
        let text = std::str::from_utf8(&answer.body).unwrap_or_default().trim();
        let members = provider.verify_signed(text).await?;
        check_signed(&members, claims, record)?;
        members
    } else {
        match serde_json::from_slice(&answer.body) {
            Ok(Value::Object(members)) => members,
            _ => return Ok(()),
        }
    };
    if members.get("sub").and_then(Value::as_str) != Some(claims.subject.as_str()) {
        return Err(Error::new(ErrorKind::BadGateway, Problem::told("user_info_foreign", &[])));
    }
    add(claims, &members);
    Ok(())
}

/// OpenID Connect Core 5.3.2: `iss` and `aud` of signed user information, where they are there.
fn check_signed(members: &Map<String, Value>, claims: &Claims, record: &Record) -> Result<(), Error> {
    let issuer_fits = members.get("iss").is_none_or(|iss| iss.as_str() == Some(claims.issuer.as_str()));
    let client = record.details.client_id.as_str();
    let audience_fits = members.get("aud").is_none_or(|aud| match aud {
        Value::Array(many) => many.iter().any(|one| one.as_str() == Some(client)),
        one => one.as_str() == Some(client),
    });
    if issuer_fits && audience_fits {
        return Ok(());
    }
    Err(Error::new(ErrorKind::BadGateway, Problem::told("user_info_foreign.audience", &[])))
}

fn add(claims: &mut Claims, members: &Map<String, Value>) {
    let had_email = claims.email.is_some();
    for name in ADDED {
        // Who vouches for an address vouches for the one beside it, not for one from elsewhere.
        let stands = claims.raw.contains_key(name) || name == "email_verified" && had_email;
        if let Some(value) = members.get(name).filter(|_| !stands) {
            claims.raw.insert(name.to_owned(), value.clone());
        }
    }
    let text = |name: &str| claims.raw.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
    let (email, name, preferred_username) = (text("email"), text("name"), text("preferred_username"));
    claims.email_verified = claims.raw.get("email_verified") == Some(&Value::Bool(true));
    claims.groups = Claims::groups_of(&claims.raw);
    (claims.email, claims.name, claims.preferred_username) = (email, name, preferred_username);
}

/// The groups of somebody who signs in.
///
/// # Errors
/// 502 or 503 where the record's rules need them and Graph does not give them: "too many to list" is neither none nor all.
pub async fn groups_of(
    claims: &Claims,
    record: &Record,
    graph: &str,
    access: &Secret<String>,
    wire: &Wire,
) -> Result<Option<Vec<String>>, Error> {
    match &claims.groups {
        Groups::Unknown => Ok(None),
        Groups::Listed(groups) => Ok(Some(groups.clone())),
        Groups::Overage => match from_graph(graph, access, wire).await {
            Ok(groups) => Ok(Some(groups)),
            Err(error) if record.details.group_rules.is_empty() => {
                log::warn!(ONEDESK_CONNECTION:% = record.id(), error:% = error; "the groups of somebody with many cannot be read; no rule needs them");
                Ok(None)
            }
            Err(error) => Err(error),
        },
    }
}

/// The form in which rules take groups.
pub fn membership(groups: Option<&[String]>) -> Membership<'_> {
    groups.map_or(Membership::Unknown, Membership::Of)
}

/// Asks Graph with the sign-in's own token. The address that the ID token names for this is data from outside: no token goes there.
async fn from_graph(graph: &str, access: &Secret<String>, wire: &Wire) -> Result<Vec<String>, Error> {
    let mut url = format!("{graph}/v1.0/me/transitiveMemberOf?$select=id&$top=100");
    let mut groups = Vec::new();
    for _ in 0..MOST_PAGES {
        let answer = wire.http().get(&url, Some(access)).await.map_err(|error| unreadable(ErrorKind::BadGateway, &error.to_string()))?;
        let kind = if answer.status >= 500 || answer.status == 429 { ErrorKind::BadGateway } else { ErrorKind::Unavailable };
        let body: Value = match serde_json::from_slice(&answer.body) {
            Ok(body) if answer.status == 200 => body,
            _ => return Err(unreadable(kind, &format!("Microsoft Graph answered with HTTP status {}", answer.status))),
        };
        let listed =
            body.get("value").and_then(Value::as_array).ok_or_else(|| unreadable(ErrorKind::BadGateway, "the answer holds no list"))?;
        groups.extend(listed.iter().filter(|object| is_group(object)).filter_map(|object| object.get("id")?.as_str().map(str::to_owned)));
        match body.get("@odata.nextLink").and_then(Value::as_str) {
            None => return Ok(groups),
            Some(next) if next.starts_with(&format!("{graph}/")) => url = next.to_owned(),
            Some(_) => return Err(unreadable(ErrorKind::BadGateway, "the next page is elsewhere")),
        }
    }
    Err(unreadable(ErrorKind::BadGateway, "there is no end of groups"))
}

/// People are members of roles and administrative units too, which no ID token lists among the groups.
fn is_group(object: &Value) -> bool {
    object.get("@odata.type").and_then(Value::as_str).is_none_or(|kind| kind == "#microsoft.graph.group")
}

fn unreadable(kind: ErrorKind, why: &str) -> Error {
    Error::new(kind, Problem::told("groups_unreadable", &[("why", &why)]))
}
