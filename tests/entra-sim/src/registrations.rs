//! App registrations at Microsoft Graph: read, made, completed; their secrets and service principals. Bodies are judged before they
//! are taken, and a body that Graph would not take is a violation.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clock::graph_time;
use crate::config::{App, AppSecret};
use crate::exchange::{Exchange, Reply};
use crate::graph::{allows, denied, error};
use crate::keys::sha256;
use crate::scope;
use crate::state::{AccessToken, Sim};

const YEAR: i64 = 365 * 86_400;
/// Microsoft Graph as a resource of registrations.
const GRAPH_APP_ID: &str = "00000003-0000-0000-c000-000000000000";
const AUDIENCES: [&str; 4] = ["AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount"];
const MOST_URIS: usize = 256;
const LONGEST_URI: usize = 256;

/// Which registration a path names.
enum Key<'a> {
    /// `applications(appId='…')`.
    Client(&'a str),
    /// `applications/…`: the object's id.
    Object(&'a str),
}

impl Key<'_> {
    fn is_of(&self, app: &App) -> bool {
        match self {
            Self::Client(id) => app.client_id.eq_ignore_ascii_case(id),
            Self::Object(id) => object_id(app) == *id,
        }
    }
}

/// Answers what is below `/v1.0/applications` and `/v1.0/servicePrincipals`; nothing for other paths.
pub(crate) fn answer(sim: &Sim, path: &[&str], exchange: &Exchange, token: &AccessToken) -> Option<Reply> {
    let (first, rest) = path.split_first()?;
    let (set, client) = match first.split_once("(appId='") {
        Some((set, key)) => (set, Some(Key::Client(key.strip_suffix("')")?))),
        None => (*first, None),
    };
    let (key, rest) = match (client, rest) {
        (None, [id, rest @ ..]) => (Some(Key::Object(id)), rest),
        (client, rest) => (client, rest),
    };
    let method = exchange.method.as_str();
    if !["applications", "servicePrincipals"].contains(&set) {
        return None;
    }
    let may: &[&str] = match method {
        "GET" => &["directory.read.all", "application.read.all", "application.readwrite.all"],
        _ => &["application.readwrite.all"],
    };
    if !allows(token, may) {
        return Some(denied(exchange));
    }
    let desk = Desk { sim, exchange, token };
    Some(match (set, method, key, rest) {
        ("applications", "GET", None, []) => desk.list(),
        ("applications", "GET", Some(key), []) => desk.show(&key),
        ("applications", "POST", None, []) => desk.body().and_then(|body| desk.make(body)).unwrap_or_else(|reply| reply),
        ("applications", "PATCH", Some(key), []) => desk.body().and_then(|body| desk.change(&key, body)).unwrap_or_else(|reply| reply),
        ("applications", "POST", Some(key), ["addPassword"]) => {
            desk.body().and_then(|body| desk.add_password(&key, &body)).unwrap_or_else(|reply| reply)
        }
        ("applications", "POST", Some(key), ["removePassword"]) => {
            desk.body().and_then(|body| desk.remove_password(&key, &body)).unwrap_or_else(|reply| reply)
        }
        ("servicePrincipals", "GET", Some(key), []) => desk.principal(&key),
        ("servicePrincipals", "POST", None, []) => desk.body().and_then(|body| desk.make_principal(&body)).unwrap_or_else(|reply| reply),
        _ => error(404, "Request_ResourceNotFound", "Resource not found for the segment.", exchange),
    })
}

/// One request about registrations.
struct Desk<'a> {
    sim: &'a Sim,
    exchange: &'a Exchange,
    token: &'a AccessToken,
}

impl Desk<'_> {
    fn body(&self) -> Result<Map<String, Value>, Reply> {
        let is_json = self.exchange.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        let body = serde_json::from_slice(&self.exchange.body).ok().filter(|_| is_json);
        body.ok_or_else(|| self.bad("the body is no JSON object, or its type is not application/json".to_owned()))
    }

    /// 400, and a line in the list of what clients did wrong.
    fn bad(&self, why: String) -> Reply {
        let reply = error(400, "Request_BadRequest", &why, self.exchange);
        self.sim.world().notebook.violation("registration", &self.exchange.path, why);
        reply
    }

    fn missing(&self) -> Reply {
        error(404, "Request_ResourceNotFound", "Resource does not exist.", self.exchange)
    }

    fn list(&self) -> Reply {
        let filter =
            self.exchange.param("$filter").map(|filter| filter.strip_prefix("appId eq '").and_then(|rest| rest.strip_suffix('\'')));
        if filter == Some(None) {
            return error(400, "Request_BadRequest", "Invalid filter clause.", self.exchange);
        }
        let world = self.sim.world();
        let here = world.directory.apps.iter().filter(|app| app.tenant == self.token.tenant);
        let found = here.filter(|app| filter.flatten().is_none_or(|id| app.client_id.eq_ignore_ascii_case(id))).map(application);
        let context = format!("{}/v1.0/$metadata#applications", self.sim.authority);
        Reply::json(200, &json!({"@odata.context": context, "value": found.collect::<Vec<_>>()}))
    }

    fn show(&self, key: &Key<'_>) -> Reply {
        self.with(key, |app| Reply::json(200, &application(app)))
    }

    fn make(&self, body: Map<String, Value>) -> Result<Reply, Reply> {
        judge(&body).map_err(|why| self.bad(why))?;
        let name = body.get("displayName").and_then(Value::as_str).ok_or_else(|| self.bad("displayName is missing".to_owned()))?;
        let mut app = App {
            client_id: Uuid::new_v4().to_string(),
            name: name.to_owned(),
            tenant: self.token.tenant.clone(),
            multi_tenant: false,
            redirect_uris: Vec::new(),
            post_logout_uris: Vec::new(),
            secrets: Vec::new(),
            group_claims: false,
            object: Map::new(),
        };
        take(&mut app, body);
        let reply = Reply::json(201, &application(&app));
        self.sim.world().directory.apps.push(app);
        Ok(reply)
    }

    fn change(&self, key: &Key<'_>, body: Map<String, Value>) -> Result<Reply, Reply> {
        judge(&body).map_err(|why| self.bad(why))?;
        Ok(self.with(key, |app| {
            take(app, body);
            Reply { status: 204, ..Reply::default() }
        }))
    }

    fn add_password(&self, key: &Key<'_>, body: &Map<String, Value>) -> Result<Reply, Reply> {
        let wanted = &body.get("passwordCredential").cloned().unwrap_or_default();
        let now = self.sim.clock.now();
        let expires_at = match wanted["endDateTime"].as_str() {
            Some(text) => text.parse::<jiff::Timestamp>().map_err(|why| self.bad(format!("endDateTime: {why}")))?.as_second(),
            None => now + 2 * YEAR,
        };
        let id = Uuid::new_v4();
        let secret = AppSecret {
            key_id: Uuid::new_v4().to_string(),
            value: format!("{}8Q~{}", &sha256(&id.to_string())[..3], id.simple()),
            name: wanted["displayName"].as_str().unwrap_or_default().to_owned(),
            expires_at,
        };
        Ok(self.with(key, |app| {
            let mut shown = credential(&secret);
            // In this answer only.
            shown["secretText"] = secret.value.as_str().into();
            app.secrets.push(secret);
            Reply::json(200, &shown)
        }))
    }

    fn remove_password(&self, key: &Key<'_>, body: &Map<String, Value>) -> Result<Reply, Reply> {
        let id = body.get("keyId").and_then(Value::as_str).ok_or_else(|| self.bad("keyId is missing".to_owned()))?;
        Ok(self.with(key, |app| {
            app.secrets.retain(|secret| secret.key_id != id);
            Reply { status: 204, ..Reply::default() }
        }))
    }

    fn principal(&self, key: &Key<'_>) -> Reply {
        let world = self.sim.world();
        let known = world
            .directory
            .apps
            .iter()
            .filter(|app| key.is_of(app))
            .find(|app| world.directory.principals.contains(&(self.token.tenant.clone(), app.client_id.clone())));
        known.map_or_else(|| self.missing(), |app| Reply::json(200, &json!({"appId": app.client_id, "displayName": app.name})))
    }

    fn make_principal(&self, body: &Map<String, Value>) -> Result<Reply, Reply> {
        let id = body.get("appId").and_then(Value::as_str).unwrap_or_default();
        let app = self.sim.world().directory.apps.iter().find(|app| app.client_id == id).map(|app| app.name.clone());
        let name = app.ok_or_else(|| self.bad(format!("there is no application {id:?}")))?;
        if !self.sim.world().directory.principals.insert((self.token.tenant.clone(), id.to_owned())) {
            return Err(self.bad(format!("{id} has a service principal already")));
        }
        Ok(Reply::json(201, &json!({"appId": id, "displayName": name})))
    }

    /// The application object exists in its home tenant only.
    fn with(&self, key: &Key<'_>, act: impl FnOnce(&mut App) -> Reply) -> Reply {
        let mut world = self.sim.world();
        let found = world.directory.apps.iter_mut().find(|app| app.tenant == self.token.tenant && key.is_of(app));
        match found {
            Some(app) => act(app),
            None => {
                drop(world);
                self.missing()
            }
        }
    }
}

/// Never the client id: whoever mixes them up is told so by a 404.
fn object_id(app: &App) -> String {
    sha256(&app.client_id)
}

fn credential(secret: &AppSecret) -> Value {
    json!({"customKeyIdentifier": null, "displayName": secret.name, "endDateTime": graph_time(secret.expires_at),
        "hint": secret.value.chars().take(3).collect::<String>(), "keyId": secret.key_id, "secretText": null,
        "startDateTime": graph_time(secret.expires_at - 2 * YEAR)})
}

fn application(app: &App) -> Value {
    let mut object = json!({"keyCredentials": [], "requiredResourceAccess": [], "optionalClaims": null, "web": {"logoutUrl": null},
        "signInAudience": if app.multi_tenant { "AzureADMultipleOrgs" } else { "AzureADMyOrg" }});
    for (name, value) in &app.object {
        object[name] = value.clone();
    }
    object["id"] = object_id(app).into();
    object["appId"] = app.client_id.as_str().into();
    object["displayName"] = app.name.as_str().into();
    object["web"]["redirectUris"] = json!(app.redirect_uris);
    object["passwordCredentials"] = app.secrets.iter().map(credential).collect();
    object
}

/// Lists and plain values are replaced as a whole; of `web` only the members that came.
fn take(app: &mut App, body: Map<String, Value>) {
    for (name, value) in body {
        match (name.as_str(), value) {
            ("displayName", value) => app.name = value.as_str().unwrap_or_default().to_owned(),
            ("web", Value::Object(web)) => {
                for (name, value) in web {
                    if name == "redirectUris" {
                        app.redirect_uris = serde_json::from_value(value).unwrap_or_default();
                    } else {
                        app.object.entry("web").or_insert_with(|| json!({}))[name] = value;
                    }
                }
            }
            (name, value) => {
                if name == "signInAudience" {
                    app.multi_tenant = value != "AzureADMyOrg";
                }
                app.object.insert(name.to_owned(), value);
            }
        }
    }
}

/// What Graph refuses of an application object.
fn judge(body: &Map<String, Value>) -> Result<(), String> {
    for (name, value) in body {
        match name.as_str() {
            "displayName" if value.is_string() => {}
            "signInAudience" if AUDIENCES.iter().any(|known| value == known) => {}
            "web" => judge_web(value)?,
            "requiredResourceAccess" => judge_access(value)?,
            "optionalClaims" => judge_claims(value)?,
            "passwordCredentials" => return Err("passwordCredentials cannot be written; use addPassword and removePassword".to_owned()),
            _ => return Err(format!("{name} is unknown, or {value} is none of its values")),
        }
    }
    Ok(())
}

fn judge_web(web: &Value) -> Result<(), String> {
    const MEMBERS: [&str; 3] = ["redirectUris", "logoutUrl", "implicitGrantSettings"];
    let web = web.as_object().ok_or("web is no object")?;
    if let Some(name) = web.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(format!("web has no {name}"));
    }
    let Some(uris) = web.get("redirectUris") else { return Ok(()) };
    let uris = unique(uris, "redirectUris")?;
    if uris.len() > MOST_URIS {
        return Err(format!("more than {MOST_URIS} redirect URIs"));
    }
    uris.iter().try_for_each(|uri| {
        let uri = uri.as_str().unwrap_or_default();
        let is_local = uri.starts_with("http://localhost") || uri.starts_with("http://127.0.0.1");
        let is_good =
            (uri.starts_with("https://") || is_local) && uri.len() <= LONGEST_URI && !uri.contains(['!', '$', '\'', '(', ')', ',', ';']);
        if is_good { Ok(()) } else { Err(format!("{uri:?} cannot be a redirect URI")) }
    })
}

fn judge_access(resources: &Value) -> Result<(), String> {
    let resources = unique(resources, "requiredResourceAccess")?;
    let ids: Vec<Value> = resources.iter().map(|resource| resource["resourceAppId"].clone()).collect();
    unique(&ids.into(), "resourceAppId")?;
    for resource in resources {
        let is_graph = resource["resourceAppId"] == GRAPH_APP_ID;
        for access in unique(&resource["resourceAccess"], "resourceAccess")? {
            let id = access["id"].as_str().filter(|id| Uuid::parse_str(id).is_ok()).ok_or_else(|| format!("{access} has no id"))?;
            match access["type"].as_str() {
                Some("Scope") if is_graph && !scope::DELEGATED_ON_GRAPH.contains(&id) => {
                    return Err(format!("Microsoft Graph has no delegated permission {id}"));
                }
                Some("Scope" | "Role") => {}
                _ => return Err(format!("{access} is neither a Scope nor a Role")),
            }
        }
    }
    Ok(())
}

fn judge_claims(claims: &Value) -> Result<(), String> {
    for (kind, claims) in claims.as_object().ok_or("optionalClaims is no object")? {
        if !["idToken", "accessToken", "saml2Token"].contains(&kind.as_str()) {
            return Err(format!("optionalClaims has no {kind}"));
        }
        let claims = unique(claims, kind)?;
        let names: Vec<Value> = claims.iter().map(|claim| claim["name"].clone()).collect();
        unique(&names.into(), kind)?;
    }
    Ok(())
}

/// The entries of a list without doubles and nulls.
fn unique<'a>(list: &'a Value, name: &str) -> Result<&'a Vec<Value>, String> {
    let list = list.as_array().ok_or_else(|| format!("{name} is no list"))?;
    match list.iter().enumerate().find(|(at, entry)| entry.is_null() || list[..*at].contains(entry)) {
        None => Ok(list),
        Some((_, entry)) => Err(format!("{name} has {entry} twice, or nothing in its place")),
    }
}
