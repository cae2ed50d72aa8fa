//! The control API below `/_sim`: the Rust API for other processes. Answers are JSON; 400 says what was not understood.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::{Behaviour, User};
use crate::exchange::{Exchange, Reply};
use crate::fault::{Endpoint, Fault};
use crate::script;
use crate::state::Sim;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultOrder {
    fault: Fault,
    #[serde(default)]
    at: Endpoint,
    /// 4294967295 means until `DELETE /_sim/faults`.
    #[serde(default = "once")]
    times: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretOrder {
    client_id: String,
    value: String,
    expires_at: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoveSecret {
    client_id: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserName {
    user: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantOrder {
    user: String,
    client_id: String,
    scope: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seconds {
    seconds: i64,
}

/// Answers everything below `/_sim`.
pub(crate) fn answer(sim: &Sim, exchange: &Exchange) -> Reply {
    match order(sim, exchange) {
        Ok(body) => Reply::json(200, &body),
        Err(problem) => Reply::json(400, &json!({ "error": problem })),
    }
}

fn order(sim: &Sim, exchange: &Exchange) -> Result<Value, String> {
    let path = exchange.path.trim_start_matches("/_sim/");
    let done = Ok(json!({"ok": true}));
    match (exchange.method.as_str(), path) {
        ("GET", "violations") => value(&sim.world().notebook.violations),
        ("GET", "requests") => value(&sim.world().notebook.requests),
        ("GET", "counters") => value(&sim.world().notebook.counters),
        ("GET", "behaviour") => value(&sim.world().behaviour),
        ("GET", "users") => value(&sim.world().directory.users().collect::<Vec<_>>()),
        ("GET", "address") => Ok(json!({"authority": sim.authority, "graph": sim.authority})),
        ("POST", "faults") => {
            let order = read::<FaultOrder>(exchange)?;
            sim.world().faults.add(order.at, order.fault, order.times);
            done
        }
        ("DELETE", "faults") => {
            sim.world().faults.clear();
            done
        }
        ("POST", "behaviour") => {
            let changes = read::<Value>(exchange)?;
            let mut world = sim.world();
            world.behaviour = merged(&world.behaviour, &changes)?;
            done
        }
        ("POST", "sign-in") => {
            sim.world().behaviour.signed_in = read::<UserName>(exchange)?.user;
            done
        }
        ("POST", "users") => {
            sim.world().directory.put_user(read::<User>(exchange)?);
            done
        }
        ("POST", "secrets") => {
            let order = read::<SecretOrder>(exchange)?;
            script::set_secret(sim, &order.client_id, &order.value, order.expires_at)
                .then(|| json!({"ok": true}))
                .ok_or_else(|| "no such app".into())
        }
        ("DELETE", "secrets") => {
            let order = read::<RemoveSecret>(exchange)?;
            script::remove_secret(sim, &order.client_id, &order.value).then(|| json!({"ok": true})).ok_or_else(|| "no such secret".into())
        }
        ("POST", "revoke") => {
            let user = read::<UserName>(exchange)?.user.ok_or("user is missing")?;
            Ok(json!({"revoked": sim.world().revoke(&user)}))
        }
        ("POST", "grants") => {
            let order = read::<GrantOrder>(exchange)?;
            let token = script::grant(sim, &order.user, &order.client_id, &order.scope)?;
            Ok(json!({"refresh_token": token}))
        }
        ("POST", "introspect") => value(&sim.open_access(&read::<Token>(exchange)?.token)),
        ("POST", "rotate-keys") => {
            sim.world().keys.rotate();
            done
        }
        ("POST", "withdraw-old-keys") => {
            sim.world().keys.withdraw_old();
            done
        }
        ("POST", "advance") => {
            sim.clock.advance(read::<Seconds>(exchange)?.seconds);
            done
        }
        ("POST", "reset") => {
            let mut world = sim.world();
            world.faults.clear();
            world.notebook.clear();
            done
        }
        (method, path) => Err(format!("{method} {path}: no such order")),
    }
}

/// `behaviour` with the members of `changes`; unknown ones are refused.
fn merged(behaviour: &Behaviour, changes: &Value) -> Result<Behaviour, String> {
    let mut whole = value(behaviour)?;
    let changes = changes.as_object().ok_or("an object is expected")?;
    for (name, change) in changes {
        whole[name] = change.clone();
    }
    serde_json::from_value(whole).map_err(|error| error.to_string())
}

fn read<T: DeserializeOwned>(exchange: &Exchange) -> Result<T, String> {
    serde_json::from_slice(&exchange.body).map_err(|error| error.to_string())
}

fn value(content: &impl Serialize) -> Result<Value, String> {
    serde_json::to_value(content).map_err(|error| error.to_string())
}

fn once() -> u32 {
    1
}
