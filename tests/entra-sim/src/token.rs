//! The token endpoint: who asks, for which grant, and what they get.

use serde_json::json;
use uuid::Uuid;

use crate::claims::IdToken;
use crate::client::authenticate;
use crate::config::RefreshPolicy;
use crate::directory::{Member, Segment};
use crate::exchange::{Exchange, Reply, Version};
use crate::fault::{Fault, IdTokenFlaw};
use crate::keys::sha256;
use crate::problem::Failure;
use crate::scope::{OUTLOOK, Scopes, v1_resource, v2_resource};
use crate::state::{AccessToken, Grant, RefreshToken, Sim, World};

/// A token request that is being answered.
pub(crate) struct TokenRequest<'a> {
    pub(crate) sim: &'a Sim,
    pub(crate) version: Version,
    pub(crate) exchange: &'a Exchange,
    pub(crate) fault: Option<&'a Fault>,
}

/// What a grant leads to, before any token is made.
struct Granted {
    client_id: String,
    tenant: String,
    /// The person with their grant; `None` for the app itself.
    person: Option<(Member, usize, Option<String>, Uuid)>,
    resource: String,
    scopes: Scopes,
    id_token: bool,
    refresh_token: Option<RefreshToken>,
}

impl TokenRequest<'_> {
    /// Answers `POST /{segment}/oauth2[/v2.0]/token`.
    pub(crate) fn answer(&self, segment: &str) -> Reply {
        match self.grant(segment) {
            Ok(granted) => self.tokens(granted),
            Err(failure) => self.refuse(&failure),
        }
    }

    pub(crate) fn refuse(&self, failure: &Failure) -> Reply {
        let correlation = self.exchange.header("client-request-id").map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        let body = failure.body(self.sim.clock.now(), &correlation, &self.sim.authority);
        let reply = Reply::json(failure.status, &body).coded(failure.code);
        if failure.status == 401 && self.exchange.basic().is_some() {
            reply.with("www-authenticate", "Basic realm=\"entra-sim\"")
        } else {
            reply
        }
    }

    fn grant(&self, segment: &str) -> Result<Granted, Failure> {
        let exchange = self.exchange;
        if exchange.method != "POST" {
            return Err(Failure::about(900_561, exchange.method.as_str()));
        }
        let mut world = self.sim.world();
        let segment = world.directory.segment(segment)?;
        if !exchange.query.is_empty() {
            world.notebook.violation("parameters-in-url", &exchange.path, "the token endpoint takes parameters in the body only");
        }
        if let Some(name) = exchange.doubled() {
            world.notebook.violation("doubled-parameter", &exchange.path, name);
            return Err(Failure::about(90_023, &format!("the parameter '{name}' is duplicated")));
        }
        let client_id = authenticate(self.sim, &mut world, &segment, exchange)?;
        if self.version == Version::V2 && exchange.field("resource").is_some() {
            world.notebook.violation("resource-on-v2", &exchange.path, "resource at the v2 token endpoint");
            return Err(Failure::new(901_002));
        }
        match exchange.field("grant_type") {
            Some("authorization_code") => self.redeem(&mut world, &segment, &client_id),
            Some("refresh_token") => self.refresh(&mut world, &segment, &client_id),
            Some("client_credentials") => self.app_only(&mut world, &segment, &client_id),
            Some(other) => Err(Failure::about(70_003, other)),
            None => Err(Failure::about(900_144, "grant_type")),
        }
    }

    fn redeem(&self, world: &mut World, segment: &Segment, client_id: &str) -> Result<Granted, Failure> {
        let now = self.sim.clock.now();
        let text = self.required("code")?;
        let violation = |world: &mut World, rule, detail: &str| world.notebook.violation(rule, &self.exchange.path, detail);
        let Some(code) = world.codes.get(text).cloned() else { return Err(Failure::new(9_002_313)) };
        if code.redeemed {
            violation(world, "code-reused", "an authorization code was sent twice");
            return Err(Failure::new(54_005));
        }
        if code.client_id != client_id {
            violation(world, "client-mismatch", "the code was given to another client");
            return Err(Failure::new(70_000).suberror("client_mismatch"));
        }
        if code.segment != *segment {
            violation(world, "tenant-mismatch", "the code was given at another tenant's endpoint");
            return Err(Failure::new(700_005));
        }
        if code.version != self.version {
            violation(world, "version-mixed", "the code was given by the other version's endpoint");
            return Err(Failure::new(70_000));
        }
        if self.exchange.field("redirect_uri") != Some(&code.redirect_uri) {
            violation(world, "redirect-uri", "redirect_uri is not the one of the authorize request");
            return Err(Failure::about(500_112, self.exchange.field("redirect_uri").unwrap_or_default()));
        }
        if let Some((challenge, method)) = &code.challenge {
            let verifier = self.exchange.field("code_verifier").unwrap_or_default();
            let expected = if method == "S256" { sha256(verifier) } else { verifier.to_owned() };
            if expected != *challenge {
                violation(world, "pkce-verifier", if verifier.is_empty() { "no code_verifier" } else { "code_verifier does not fit" });
                return Err(Failure::new(501_481));
            }
        }
        if now - code.issued_at > world.behaviour.code_lifetime {
            return Err(Failure::new(70_008));
        }
        let authorized = Scopes::parse(&code.scope, &self.sim.authority).unwrap_or_default();
        let first = authorized.resources().first().map(|first| authorized.only(first));
        let resource = code.resource.as_deref();
        let (resource, scopes) = self.target(resource, || first.unwrap_or_else(|| authorized.clone()))?;
        let member = self.person(world, &code.upn, &Segment::Tenant(code.tenant.clone()), client_id, &scopes)?;
        world.codes.entry(text.to_owned()).and_modify(|code| code.redeemed = true);
        let id_token = self.version == Version::V1 || authorized.has("openid");
        let offline = self.version == Version::V1 || scopes.has("offline_access") || authorized.has("offline_access");
        world.grants.push(Grant {
            upn: code.upn.clone(),
            tenant: code.tenant.clone(),
            client_id: client_id.to_owned(),
            nonce: code.nonce.clone(),
            resource: code.resource.clone(),
            sid: code.sid,
            newest: 0,
            revoked: false,
            last_used_at: now,
        });
        let grant = world.grants.len() - 1;
        let refresh_token = offline.then_some(RefreshToken { grant, generation: 0 });
        let person = Some((member, grant, code.nonce, code.sid));
        Ok(Granted { client_id: client_id.to_owned(), tenant: code.tenant, person, resource, scopes, id_token, refresh_token })
    }

    fn refresh(&self, world: &mut World, segment: &Segment, client_id: &str) -> Result<Granted, Failure> {
        let now = self.sim.clock.now();
        let token = self.sim.open_refresh(self.required("refresh_token")?).ok_or_else(|| Failure::new(9_002_313))?;
        let behaviour = world.behaviour.clone();
        let stored = world.grants.get(token.grant).cloned().ok_or_else(|| Failure::new(9_002_313))?;
        if stored.client_id != client_id {
            world.notebook.violation("client-mismatch", &self.exchange.path, "the refresh token was given to another client");
            return Err(Failure::new(70_000).suberror("client_mismatch"));
        }
        if stored.revoked {
            return Err(Failure::new(50_173));
        }
        if now - stored.last_used_at > behaviour.refresh_token_lifetime {
            return Err(Failure::new(700_082));
        }
        if token.generation != stored.newest {
            world.notebook.counters.stale_refreshes += 1;
            if behaviour.refresh == RefreshPolicy::Strict {
                world.notebook.violation("refresh-token-reused", &self.exchange.path, format!("{}: an old refresh token", stored.upn));
                world.grants[token.grant].revoked = true;
                return Err(Failure::new(50_173));
            }
        }
        if self.version == Version::V2 && self.exchange.field("scope").is_none() {
            world.notebook.violation("scope-missing", &self.exchange.path, "a refresh without scope");
            return Err(Failure::about(900_144, "scope"));
        }
        let (resource, scopes) = self.target(stored.resource.as_deref(), Scopes::default)?;
        let place = segment.tenant().map_or_else(|| Segment::Tenant(stored.tenant.clone()), |tenant| Segment::Tenant(tenant.to_owned()));
        let member = self.person(world, &stored.upn, &place, client_id, &scopes)?;
        let rotates = (self.version == Version::V1 || scopes.has("offline_access")) && !matches!(self.fault, Some(Fault::NoRefreshToken));
        let grant = &mut world.grants[token.grant];
        grant.last_used_at = now;
        let refresh_token = rotates.then(|| {
            grant.newest += 1;
            RefreshToken { grant: token.grant, generation: grant.newest }
        });
        let id_token = self.version == Version::V1 || scopes.has("openid");
        let (tenant, person) = (member.tenant.clone(), Some((member, token.grant, stored.nonce, stored.sid)));
        Ok(Granted { client_id: client_id.to_owned(), tenant, person, resource, scopes, id_token, refresh_token })
    }

    fn app_only(&self, world: &mut World, segment: &Segment, client_id: &str) -> Result<Granted, Failure> {
        let Some(tenant) = segment.tenant() else {
            world.notebook.violation("tenant-missing", &self.exchange.path, "client credentials at a shared endpoint");
            return Err(Failure::new(50_059));
        };
        let (resource, scopes) = self.target(None, Scopes::default)?;
        if self.version == Version::V2 && scopes.permissions(&resource) != [".default"] {
            return Err(Failure::about(1_002_012, self.exchange.field("scope").unwrap_or("''")));
        }
        Ok(Granted {
            client_id: client_id.to_owned(),
            tenant: tenant.to_owned(),
            person: None,
            resource,
            scopes: Scopes::default(),
            id_token: false,
            refresh_token: None,
        })
    }

    /// The one resource that is asked for, with its scopes; `otherwise` where v2 sends no scope.
    fn target(&self, v1: Option<&str>, otherwise: impl FnOnce() -> Scopes) -> Result<(String, Scopes), Failure> {
        if self.version == Version::V1 {
            return Ok((v1_resource(self.exchange.field("resource").or(v1), &self.sim.authority)?.to_owned(), Scopes::default()));
        }
        let scopes = match self.exchange.field("scope") {
            Some(text) => Scopes::parse(text, &self.sim.authority)?,
            None => otherwise(),
        };
        Ok((v2_resource(&scopes)?, scopes))
    }

    /// The person, if they may still have what is asked.
    fn person(&self, world: &World, upn: &str, place: &Segment, client_id: &str, scopes: &Scopes) -> Result<Member, Failure> {
        let member = world.directory.member(upn, place)?;
        if member.user.disabled {
            return Err(Failure::new(50_057));
        }
        if self.version == Version::V2 && !world.consented(upn, client_id, scopes.consent_keys()) {
            return Err(Failure::about(65_001, client_id).suberror("consent_required"));
        }
        Ok(member)
    }

    fn required(&self, name: &str) -> Result<&str, Failure> {
        self.exchange.field(name).ok_or_else(|| Failure::about(900_144, name))
    }

    /// Makes the tokens; signs only where an ID token is due, and outside the lock.
    fn tokens(&self, granted: Granted) -> Reply {
        let now = self.sim.clock.now();
        let (behaviour, key, groups) = {
            let mut world = self.sim.world();
            world.notebook.counters.id_tokens += u64::from(granted.id_token);
            let groups = world.directory.apps.iter().any(|app| app.client_id == granted.client_id && app.group_claims);
            (world.behaviour.clone(), granted.id_token.then(|| world.keys.signing()), groups)
        };
        let scopes = if matches!(self.fault, Some(Fault::ReducedScope)) { granted.scopes.reduced() } else { granted.scopes };
        let mut permissions = scopes.permissions(&granted.resource);
        if self.version == Version::V1 {
            permissions = v1_permissions(&granted.resource);
        }
        let access = AccessToken {
            upn: granted.person.as_ref().map(|(member, ..)| member.user.upn.clone()),
            tenant: granted.tenant,
            client_id: granted.client_id.clone(),
            resource: granted.resource.clone(),
            permissions,
            expires_at: now + behaviour.access_token_lifetime,
        };
        let lifetime = behaviour.access_token_lifetime;
        let mut body = match self.version {
            Version::V1 => json!({"token_type": "Bearer", "expires_in": lifetime.to_string(), "ext_expires_in": lifetime.to_string(),
                "expires_on": (now + lifetime).to_string(), "not_before": now.to_string(),
                "resource": self.exchange.field("resource").unwrap_or(&granted.resource)}),
            Version::V2 => json!({"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime}),
        };
        if granted.person.is_some() {
            let answer = if self.version == Version::V1 { access.permissions.join(" ") } else { scopes.answer() };
            body["scope"] = answer.into();
        }
        body["access_token"] = self.sim.seal_access(&access, behaviour.access_token_size).into();
        if let Some(token) = granted.refresh_token.filter(|_| !matches!(self.fault, Some(Fault::NoRefreshToken))) {
            body["refresh_token"] = self.sim.seal_refresh(token).into();
        }
        if let (Some((member, _, nonce, sid)), Some(key)) = (&granted.person, key) {
            let token = IdToken {
                version: self.version,
                authority: &self.sim.authority,
                member,
                client_id: &granted.client_id,
                nonce: nonce.as_deref(),
                sid: *sid,
                now,
                lifetime: behaviour.id_token_lifetime,
                groups,
            };
            if let Some(token) = token.issue(&key, behaviour.unsigned_v1, self.flaw()) {
                body["id_token"] = token.into();
            }
        }
        if matches!(self.fault, Some(Fault::NoScope)) {
            body.as_object_mut().map(|body| body.remove("scope"));
        }
        Reply::json(200, &body)
    }

    fn flaw(&self) -> Option<IdTokenFlaw> {
        match self.fault {
            Some(Fault::IdToken { flaw }) => Some(*flaw),
            _ => None,
        }
    }
}

/// What v1 grants: the permissions registered statically.
fn v1_permissions(resource: &str) -> Vec<String> {
    let names: &[&str] = match resource {
        OUTLOOK => &["IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"],
        _ => &["User.Read", "Directory.Read.All"],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}
