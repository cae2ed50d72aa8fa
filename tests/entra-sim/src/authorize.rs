//! The authorize endpoint: what Microsoft refuses on its own page, what it sends back, and who signs in.

use url::Url;
use uuid::Uuid;

use crate::config::{App, User};
use crate::directory::Segment;
use crate::exchange::{Exchange, Reply, Version};
use crate::fault::Fault;
use crate::page;
use crate::problem::Failure;
use crate::scope::{self, Scopes};
use crate::state::{Code, Sim, World};

/// As long as real codes may get, with all characters that they may have.
const CODE_TAIL: &str = "-_.A";

/// Answers `GET|POST /{segment}/oauth2[/v2.0]/authorize`.
pub(crate) fn authorize(sim: &Sim, version: Version, segment: &str, exchange: &Exchange, fault: Option<&Fault>) -> Reply {
    let mut world = sim.world();
    let checked = check_on_page(&mut world, segment, exchange);
    let (segment, app, redirect_uri) = match checked {
        Ok(checked) => checked,
        Err(failure) => return page::failure(&failure, sim.clock.now()),
    };
    assert_protocol(&mut world, version, exchange);
    let back = Back { uri: &redirect_uri, exchange, now: sim.clock.now() };
    let scopes = match check_request(sim, version, exchange) {
        Ok(scopes) => scopes,
        Err(failure) => return back.failure(&failure),
    };
    if let Some(Fault::Error(problem)) = fault {
        return back.failure(&problem.clone().into());
    }
    if exchange.param("sim_decline").is_some() || matches!(fault, Some(Fault::Decline)) {
        return back.declined();
    }
    let silent = exchange.param("prompt") == Some("none");
    let Some(upn) = exchange.param("sim_user").map(str::to_owned).or_else(|| world.behaviour.signed_in.clone()) else {
        return if silent {
            back.failure(&Failure::new(50_058))
        } else {
            page::choose_user(&app, exchange, world.directory.users().collect())
        };
    };
    let member = match world.directory.member(&upn, &segment) {
        Ok(member) => member,
        Err(failure) => return page::failure(&failure, sim.clock.now()),
    };
    if let Some(failure) = refusal(&world, &member.user, &scopes) {
        return page::failure(&failure, sim.clock.now());
    }
    if version == Version::V2 {
        world.consent(&member.user.upn, &app.client_id, scopes.consent_keys());
    }
    let code = Code {
        version,
        segment,
        client_id: app.client_id.clone(),
        redirect_uri: redirect_uri.clone(),
        challenge: exchange
            .param("code_challenge")
            .map(|challenge| (challenge.to_owned(), exchange.param("code_challenge_method").unwrap_or("plain").to_owned())),
        nonce: exchange.param("nonce").map(str::to_owned),
        scope: exchange.param("scope").unwrap_or_default().to_owned(),
        resource: exchange.param("resource").map(str::to_owned),
        upn: member.user.upn.clone(),
        tenant: member.tenant,
        sid: Uuid::new_v4(),
        issued_at: sim.clock.now(),
        redeemed: false,
    };
    let session_state = code.sid.to_string();
    let text = format!("1.{}{}", Uuid::new_v4().simple(), CODE_TAIL.repeat(200));
    world.codes.insert(text.clone(), code);
    back.answer(vec![("code", text), ("session_state", session_state)])
}

/// The checks whose failure never comes back to the client.
fn check_on_page(world: &mut World, segment: &str, exchange: &Exchange) -> Result<(Segment, App, String), Failure> {
    let segment = world.directory.segment(segment)?;
    let client_id = exchange.param("client_id").ok_or_else(|| Failure::about(900_144, "client_id"))?;
    let app = world.directory.app(client_id, &segment)?.clone();
    let Some(redirect_uri) = exchange.param("redirect_uri") else {
        world.notebook.violation("redirect-uri", &exchange.path, "no redirect_uri: Entra would pick any registered one");
        return Err(Failure::new(900_971));
    };
    if !app.accepts_redirect(redirect_uri) {
        world.notebook.violation("redirect-uri", &exchange.path, format!("{redirect_uri} is not registered"));
        return Err(Failure::about(50_011, redirect_uri));
    }
    Ok((segment, app, redirect_uri.to_owned()))
}

/// Records what the client should have done better, though Entra goes on.
fn assert_protocol(world: &mut World, version: Version, exchange: &Exchange) {
    let mut violation = |rule, detail: &str| world.notebook.violation(rule, &exchange.path, detail);
    if let Some(name) = exchange.doubled() {
        violation("doubled-parameter", name);
    }
    match (exchange.param("code_challenge"), exchange.param("code_challenge_method")) {
        (None, _) => violation("pkce-missing", "no code_challenge"),
        (Some(_), Some("S256")) => {}
        (Some(_), method) => violation("pkce-plain", method.unwrap_or("no code_challenge_method means plain")),
    }
    match exchange.param("state") {
        None => violation("state-missing", "no state"),
        Some(state) if !is_base64url(state) => violation("state-form", "state is not base64url: Entra strips HTML from it"),
        Some(state) if state.len() < 22 => violation("state-form", "state has less than 128 bits"),
        Some(_) => {}
    }
    let wants_id_token = version == Version::V1 || exchange.param("scope").is_some_and(|scope| scope.split(' ').any(|one| one == "openid"));
    if wants_id_token && exchange.param("nonce").is_none() {
        violation("nonce-missing", "an ID token is asked for without a nonce");
    }
    if exchange.param("prompt") == Some("select_account") && exchange.param("login_hint").is_some() {
        violation("prompt-and-hint", "select_account and login_hint exclude each other");
    }
    if version == Version::V2 && exchange.param("resource").is_some() {
        violation("resource-on-v2", "resource at the v2 authorize endpoint");
    }
    if exchange.param("response_mode") == Some("fragment") {
        violation("response-mode", "a fragment never reaches a server");
    }
    if exchange.param("client_secret").is_some() {
        violation("secret-in-url", "client_secret at the authorize endpoint");
    }
    if exchange.param("client_id").is_some_and(|id| id.chars().any(|c| c.is_ascii_uppercase())) {
        violation("client-id-case", "client_id is not lower case");
    }
}

/// The checks whose failure is sent back to the redirect URI.
fn check_request(sim: &Sim, version: Version, exchange: &Exchange) -> Result<Scopes, Failure> {
    if let Some(name) = exchange.doubled() {
        return Err(Failure::about(90_023, &format!("the parameter '{name}' is duplicated")));
    }
    match exchange.param("response_type") {
        Some("code") => {}
        None => return Err(Failure::about(900_144, "response_type")),
        Some(other) => return Err(Failure::about(700_054, other)),
    }
    match exchange.param("response_mode") {
        None | Some("query" | "fragment" | "form_post") => {}
        Some(other) => return Err(Failure::about(70_007, other)),
    }
    match (exchange.param("prompt"), version) {
        (None | Some("login" | "select_account" | "consent" | "none"), _) | (Some("admin_consent"), Version::V1) => {}
        (Some(other), _) => return Err(Failure::about(90_023, &format!("unsupported prompt value '{other}'"))),
    }
    if exchange.param("code_challenge").is_some_and(|challenge| !(43..=128).contains(&challenge.len())) {
        return Err(Failure::new(501_491));
    }
    let resource = exchange.param("resource");
    match version {
        Version::V2 if resource.is_some() => Err(Failure::new(901_002)),
        Version::V2 => {
            let scopes = Scopes::parse(exchange.param("scope").unwrap_or_default(), &sim.authority)?;
            if scopes.is_empty() { Err(Failure::about(900_144, "scope")) } else { Ok(scopes) }
        }
        Version::V1 => match resource {
            Some(named) if scope::resource(named, &sim.authority).is_none() => Err(Failure::about(500_011, named)),
            _ => Ok(Scopes::default()),
        },
    }
}

/// Why this person gets no code though the request is good.
fn refusal(world: &World, user: &User, scopes: &Scopes) -> Option<Failure> {
    if user.disabled {
        return Some(Failure::new(50_057));
    }
    (world.behaviour.require_admin_consent && scopes.needs_admin() && !user.admin).then(|| Failure::new(90_094))
}

fn is_base64url(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// The way back to the client.
struct Back<'a> {
    uri: &'a str,
    exchange: &'a Exchange,
    now: i64,
}

impl Back<'_> {
    fn failure(&self, failure: &Failure) -> Reply {
        let description = failure.description(self.now, Uuid::new_v4(), &Uuid::new_v4().to_string());
        self.answer(vec![("error", failure.error.clone()), ("error_description", description)]).coded(failure.code)
    }

    /// What the client gets when the person backs out: no description.
    fn declined(&self) -> Reply {
        self.answer(vec![("error", "access_denied".into()), ("error_subcode", "cancel".into())]).coded(65_004)
    }

    fn answer(&self, mut fields: Vec<(&str, String)>) -> Reply {
        if let Some(state) = self.exchange.param("state") {
            fields.insert(fields.len().min(1), ("state", state.to_owned()));
        }
        match self.exchange.param("response_mode") {
            Some("form_post") => page::form_post(self.uri, &fields),
            Some("fragment") => Reply::redirect(format!("{}#{}", self.uri, encoded(&fields))),
            _ => {
                let separator = if self.uri.contains('?') { '&' } else { '?' };
                Reply::redirect(format!("{}{separator}{}#", self.uri, encoded(&fields)))
            }
        }
    }
}

fn encoded(fields: &[(&str, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// Answers `GET|POST /{segment}/oauth2[/v2.0]/logout`.
pub(crate) fn logout(sim: &Sim, segment: &str, exchange: &Exchange) -> Reply {
    let world = sim.world();
    if let Err(failure) = world.directory.segment(segment) {
        return page::failure(&failure, sim.clock.now());
    }
    let target =
        exchange.param("post_logout_redirect_uri").filter(|uri| world.directory.apps.iter().any(|app| app.accepts_post_logout(uri)));
    let Some(mut url) = target.and_then(|uri| Url::parse(uri).ok()) else {
        return page::signed_out();
    };
    if let Some(state) = exchange.param("state") {
        url.query_pairs_mut().append_pair("state", state);
    }
    Reply::redirect(url.into())
}
