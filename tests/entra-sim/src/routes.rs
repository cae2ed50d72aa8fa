//! Which handler answers which path.

use serde_json::Value;

use crate::authorize::{authorize, logout};
use crate::discovery;
use crate::exchange::{Exchange, Reply, Version};
use crate::fault::{Endpoint, Fault};
use crate::graph;
use crate::keys::personal_issuer;
use crate::problem::Failure;
use crate::state::Sim;
use crate::token::TokenRequest;

/// A path, taken apart.
pub(crate) struct Route<'a> {
    pub(crate) endpoint: Endpoint,
    version: Version,
    /// The tenant segment; empty for Graph and unknown paths.
    segment: &'a str,
    /// What is below the Graph root.
    rest: Vec<&'a str>,
    known: bool,
}

impl<'a> Route<'a> {
    pub(crate) fn of(exchange: &'a Exchange) -> Self {
        use Endpoint::{Anywhere, Authorize, Discovery, Graph, Keys, Logout};
        use Version::{V1, V2};
        let parts = exchange.path.trim_start_matches('/').split('/').collect::<Vec<_>>();
        let (endpoint, version, segment, rest, known) = match parts.as_slice() {
            ["v1.0", rest @ ..] => (Graph, V1, "", rest.to_vec(), true),
            ["oidc", "userinfo"] | [_, "openid", "userinfo"] => (Graph, V1, "", vec!["userinfo"], true),
            [segment, "v2.0", ".well-known", "openid-configuration"] => (Discovery, V2, *segment, vec![], true),
            [segment, ".well-known", "openid-configuration"] => (Discovery, V1, *segment, vec![], true),
            [segment, "discovery", "v2.0", "keys"] => (Keys, V2, *segment, vec![], true),
            [segment, "discovery", "keys"] => (Keys, V1, *segment, vec![], true),
            [segment, "oauth2", "v2.0", "authorize"] => (Authorize, V2, *segment, vec![], true),
            [segment, "oauth2", "authorize"] => (Authorize, V1, *segment, vec![], true),
            [segment, "oauth2", "v2.0", "token"] => (grant(exchange), V2, *segment, vec![], true),
            [segment, "oauth2", "token"] => (grant(exchange), V1, *segment, vec![], true),
            [segment, "oauth2", "v2.0", "logout"] => (Logout, V2, *segment, vec![], true),
            [segment, "oauth2", "logout"] => (Logout, V1, *segment, vec![], true),
            _ => (Anywhere, V1, "", vec![], false),
        };
        Self { endpoint, version, segment, rest, known }
    }

    /// `looping` is the fingerprint of a token request, for the detection of loops.
    pub(crate) fn answer(&self, sim: &Sim, exchange: &Exchange, looping: Option<u64>, fault: Option<&Fault>) -> Reply {
        if !self.known {
            return Reply::html(404, "<!doctype html><title>404</title><h1>404 - File or directory not found.</h1>");
        }
        match self.endpoint {
            Endpoint::Discovery => self.document(sim, |segment| discovery::document(self.version, &sim.authority, segment)),
            Endpoint::Keys => {
                let issuer = |tenant: &str| (self.version == Version::V2).then(|| discovery::issuer(Version::V2, &sim.authority, tenant));
                let ring = |tenant: &str| sim.world().keys.document(issuer(tenant).as_deref(), &personal_issuer(&sim.authority));
                self.document(sim, |segment| ring(segment.tenant().unwrap_or("{tenantid}")))
            }
            Endpoint::Authorize => authorize(sim, self.version, self.segment, exchange, fault),
            Endpoint::Logout => logout(sim, self.segment, exchange),
            Endpoint::Graph => graph::answer(sim, &self.rest, exchange),
            Endpoint::Token | Endpoint::Code | Endpoint::Refresh | Endpoint::ClientCredentials | Endpoint::Anywhere => {
                let request = TokenRequest { sim, version: self.version, exchange, fault };
                if looping.is_some_and(|fingerprint| loops(sim, exchange, fingerprint)) {
                    return request.refuse(&Failure::new(50_196));
                }
                request.answer(self.segment)
            }
        }
    }

    /// An error in the form of this endpoint.
    pub(crate) fn refuse(&self, sim: &Sim, exchange: &Exchange, failure: &Failure) -> Reply {
        TokenRequest { sim, version: self.version, exchange, fault: None }.refuse(failure)
    }

    fn document(&self, sim: &Sim, make: impl FnOnce(&crate::directory::Segment) -> Value) -> Reply {
        let segment = sim.world().directory.segment(self.segment);
        match segment {
            Ok(segment) => {
                let mut reply = Reply::json(200, &make(&segment));
                reply.headers.retain(|(name, _)| *name == "content-type");
                reply.with("cache-control", "max-age=86400, private")
            }
            Err(failure) => {
                let failure = Failure { error: "invalid_tenant".into(), ..failure };
                let body = failure.body(sim.clock.now(), &uuid::Uuid::new_v4().to_string(), &sim.authority);
                Reply::json(400, &body).coded(failure.code)
            }
        }
    }
}

/// The parts by which identical requests are recognised.
pub(crate) fn fingerprint_parts(exchange: &Exchange) -> impl Iterator<Item = &str> {
    let authorization = exchange.header("authorization").unwrap_or_default();
    let fields = exchange.form.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    [exchange.path.as_str(), authorization].into_iter().chain(fields)
}

fn loops(sim: &Sim, exchange: &Exchange, fingerprint: u64) -> bool {
    let now = sim.clock.now();
    let mut world = sim.world();
    let threshold = world.behaviour.loop_threshold;
    let looping = world.notebook.loops(fingerprint, now, threshold);
    if looping {
        world.notebook.violation("loop", &exchange.path, format!("{threshold} identical failing requests within five minutes"));
    }
    looping
}

fn grant(exchange: &Exchange) -> Endpoint {
    match exchange.field("grant_type") {
        Some("authorization_code") => Endpoint::Code,
        Some("refresh_token") => Endpoint::Refresh,
        Some("client_credentials") => Endpoint::ClientCredentials,
        _ => Endpoint::Token,
    }
}
