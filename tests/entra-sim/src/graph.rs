//! The bits of Microsoft Graph that sign-in needs: who am I, my groups, UserInfo. App registrations are in `registrations`.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::directory::{Member, Segment};
use crate::exchange::{Exchange, Reply};
use crate::keys::sha256;
use crate::registrations;
use crate::scope::GRAPH;
use crate::state::{AccessToken, Sim};

/// Groups on a page of `transitiveMemberOf`.
const PAGE: usize = 100;

/// Answers what is below `/v1.0` and `/oidc/userinfo`.
pub(crate) fn answer(sim: &Sim, path: &[&str], exchange: &Exchange) -> Reply {
    let token = match authorized(sim, exchange) {
        Ok(token) => token,
        Err(reply) => return reply,
    };
    if let Some(reply) = registrations::answer(sim, path, exchange, &token) {
        return reply;
    }
    match path {
        ["me"] => me(sim, exchange, &token),
        ["me", "transitiveMemberOf"] => groups(sim, exchange, &token),
        ["me", "getMemberObjects"] => member_objects(sim, exchange, &token),
        ["userinfo"] => userinfo(sim, exchange, &token),
        _ => error(404, "Request_ResourceNotFound", "Resource not found for the segment.", exchange),
    }
}

fn authorized(sim: &Sim, exchange: &Exchange) -> Result<AccessToken, Reply> {
    let refuse =
        |message: &str| Err(error(401, "InvalidAuthenticationToken", message, exchange).with("www-authenticate", "Bearer realm=\"\""));
    if exchange.param("access_token").is_some() {
        sim.world().notebook.violation("token-in-url", &exchange.path, "an access token in the query");
    }
    match exchange.bearer().map(|bearer| sim.open_access(bearer)) {
        None => refuse("Access token is empty."),
        Some(None) => refuse("IDX14100: JWT is not well formed."),
        Some(Some(token)) if token.resource != GRAPH => {
            sim.world().notebook.violation("wrong-audience", &exchange.path, format!("a token for {}", token.resource));
            refuse("Access token validation failure. Invalid audience.")
        }
        Some(Some(token)) if token.expires_at <= sim.clock.now() => refuse("Lifetime validation failed, the token is expired."),
        Some(Some(token)) => Ok(token),
    }
}

fn me(sim: &Sim, exchange: &Exchange, token: &AccessToken) -> Reply {
    if !allows(token, &["user.read", "user.readbasic.all", "directory.read.all"]) {
        return denied(exchange);
    }
    with_member(sim, exchange, token, |member| {
        let user = &member.user;
        let (first, last) = user.name.split_once(' ').unwrap_or((&user.name, ""));
        json!({"@odata.context": format!("{}/v1.0/$metadata#users/$entity", sim.authority), "id": member.oid, "displayName": user.name,
            "givenName": first, "surname": last, "mail": user.mail, "userPrincipalName": member.upn(), "jobTitle": null,
            "mobilePhone": null, "businessPhones": [], "officeLocation": null, "preferredLanguage": null})
    })
}

fn groups(sim: &Sim, exchange: &Exchange, token: &AccessToken) -> Reply {
    if !allows(token, &["user.read", "group.read.all", "groupmember.read.all", "directory.read.all"]) {
        return denied(exchange);
    }
    let skip = exchange.param("$skiptoken").and_then(|text| text.parse::<usize>().ok()).unwrap_or_default();
    let size = exchange.param("$top").and_then(|text| text.parse::<usize>().ok()).unwrap_or(PAGE).clamp(1, 999);
    with_member(sim, exchange, token, |member| {
        let groups = &member.user.groups;
        let page = groups.iter().skip(skip).take(size);
        let page = page
            .map(|id| json!({"@odata.type": "#microsoft.graph.group", "id": id, "displayName": format!("Group {}", &id[id.len() - 4..])}));
        let mut body =
            json!({"@odata.context": format!("{}/v1.0/$metadata#directoryObjects", sim.authority), "value": page.collect::<Vec<_>>()});
        if skip + size < groups.len() {
            let next = format!("{}/v1.0/me/transitiveMemberOf?$select=id&$top={size}&$skiptoken={}", sim.authority, skip + size);
            body["@odata.nextLink"] = next.into();
        }
        body
    })
}

fn member_objects(sim: &Sim, exchange: &Exchange, token: &AccessToken) -> Reply {
    if exchange.method != "POST" {
        return error(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.", exchange);
    }
    with_member(sim, exchange, token, |member| json!({"value": member.user.groups}))
}

fn userinfo(sim: &Sim, exchange: &Exchange, token: &AccessToken) -> Reply {
    with_member(sim, exchange, token, |member| {
        let user = &member.user;
        let (first, last) = user.name.split_once(' ').unwrap_or((&user.name, ""));
        let mut body = json!({"sub": sha256(&format!("{}{}", member.oid, token.client_id)), "name": user.name, "given_name": first,
            "family_name": last, "picture": format!("{}/v1.0/me/photo/$value", sim.authority)});
        if let Some(mail) = &user.mail {
            body["email"] = mail.as_str().into();
        }
        body
    })
}

/// App-only tokens carry `.default`: everything.
pub(crate) fn allows(token: &AccessToken, any: &[&str]) -> bool {
    token.upn.is_none() || token.permissions.iter().any(|have| have == ".default" || any.contains(&have.to_lowercase().as_str()))
}

fn with_member(sim: &Sim, exchange: &Exchange, token: &AccessToken, body: impl FnOnce(&Member) -> Value) -> Reply {
    let Some(upn) = &token.upn else {
        return error(400, "BadRequest", "/me request is only valid with delegated authentication flow.", exchange);
    };
    match sim.world().directory.member(upn, &Segment::Tenant(token.tenant.clone())) {
        Ok(member) => Reply::json(200, &body(&member)),
        Err(_) => error(404, "Request_ResourceNotFound", "Resource does not exist.", exchange),
    }
}

pub(crate) fn denied(exchange: &Exchange) -> Reply {
    error(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.", exchange)
}

pub(crate) fn error(status: u16, code: &str, message: &str, exchange: &Exchange) -> Reply {
    let id = Uuid::new_v4().to_string();
    let client = exchange.header("client-request-id").unwrap_or(&id).to_owned();
    let inner = json!({"date": "2026-09-21T10:00:00", "request-id": id, "client-request-id": client});
    Reply::json(status, &json!({"error": {"code": code, "message": message, "innerError": inner}})).with("request-id", id)
}
