//! Client authentication at the token endpoint: a secret in the body or in an HTTP Basic header.

use crate::directory::Segment;
use crate::exchange::Exchange;
use crate::problem::Failure;
use crate::state::{Sim, World};

/// The client id, as registered, of the app that authenticated itself.
pub(crate) fn authenticate(sim: &Sim, world: &mut World, segment: &Segment, exchange: &Exchange) -> Result<String, Failure> {
    let basic = exchange.basic();
    let in_body = exchange.field("client_secret");
    let secret = basic.as_ref().map(|(_, secret)| secret.as_str()).or(in_body);
    let client_id = exchange.field("client_id").or(basic.as_ref().map(|(id, _)| id.as_str()));
    let client_id = client_id.ok_or_else(|| Failure::about(900_144, "client_id"))?;
    if let Some(origin) = exchange.header("origin") {
        world.notebook.violation("origin-with-secret", &exchange.path, origin);
        return Err(Failure::about(9_002_326, origin));
    }
    if basic.is_some() && in_body.is_some() {
        world.notebook.violation("two-authentications", &exchange.path, "a secret in the header and in the body");
        return Err(Failure::about(90_023, "multiple client authentication methods"));
    }
    let app = world.directory.app(client_id, segment)?;
    if exchange.field("client_assertion").is_some() {
        return Err(Failure::new(700_027));
    }
    let secret = secret.ok_or_else(|| Failure::new(7_000_218))?;
    let known = app.secrets.iter().find(|known| known.value == secret).ok_or_else(|| Failure::about(7_000_215, client_id))?;
    if known.expires_at <= sim.clock.now() {
        return Err(Failure::about(7_000_222, client_id));
    }
    Ok(app.client_id.clone())
}
