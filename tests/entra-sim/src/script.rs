//! What a test does to the directory behind the clients' back.

use uuid::Uuid;

use crate::config::AppSecret;
use crate::directory::Segment;
use crate::scope::{GRAPH, Scopes};
use crate::state::{AccessToken, Grant, RefreshToken, Sim};

/// Adds a secret to an app, or replaces the one with the same value. `false`: no such app.
pub(crate) fn set_secret(sim: &Sim, client_id: &str, value: &str, expires_at: i64) -> bool {
    let secret = AppSecret { key_id: Uuid::new_v4().to_string(), value: value.into(), name: "added".into(), expires_at };
    let mut world = sim.world();
    let Some(app) = world.directory.app_mut(client_id) else { return false };
    app.secrets.retain(|known| known.value != secret.value);
    app.secrets.push(secret);
    true
}

/// `false`: no such app or secret.
pub(crate) fn remove_secret(sim: &Sim, client_id: &str, value: &str) -> bool {
    let mut world = sim.world();
    let Some(app) = world.directory.app_mut(client_id) else { return false };
    let before = app.secrets.len();
    app.secrets.retain(|known| known.value != value);
    app.secrets.len() < before
}

/// A refresh token as if `upn` had signed in and consented to `scope`, without a browser.
pub(crate) fn grant(sim: &Sim, upn: &str, client_id: &str, scope: &str) -> Result<String, String> {
    let scopes = Scopes::parse(scope, &sim.authority).map_err(|failure| failure.text)?;
    let now = sim.clock.now();
    let mut world = sim.world();
    let member = world.directory.member(upn, &Segment::Common).map_err(|failure| failure.text)?;
    let client_id = world.directory.app(client_id, &Segment::Common).map_err(|failure| failure.text)?.client_id.clone();
    world.consent(upn, &client_id, scopes.consent_keys());
    let grant = Grant {
        upn: member.user.upn,
        tenant: member.tenant,
        client_id,
        nonce: None,
        resource: None,
        sid: Uuid::new_v4(),
        newest: 0,
        revoked: false,
        last_used_at: now,
    };
    world.grants.push(grant);
    let grant = world.grants.len() - 1;
    drop(world);
    Ok(sim.seal_refresh(RefreshToken { grant, generation: 0 }))
}

/// An access token for Graph without a sign-in.
pub(crate) fn graph_token(sim: &Sim, upn: &str, client_id: &str, permissions: &[&str]) -> Result<String, String> {
    const HOUR: i64 = 3600;
    const SIZE: usize = 1500;
    let member = sim.world().directory.member(upn, &Segment::Common).map_err(|failure| failure.text)?;
    let token = AccessToken {
        upn: Some(member.user.upn),
        tenant: member.tenant,
        client_id: client_id.to_owned(),
        resource: GRAPH.to_owned(),
        permissions: permissions.iter().map(|permission| (*permission).to_owned()).collect(),
        expires_at: sim.clock.now() + HOUR,
    };
    Ok(sim.seal_access(&token, SIZE))
}
