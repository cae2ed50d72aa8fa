//! The JSON API for tests in other processes, below `/_op`:
//!
//! - `PUT {alias}` with a [`Script`]: a provider is made, or changes its ways; `GET {alias}`: what it has seen;
//! - `POST {alias}/rotate`: other keys; `POST {alias}/logout-token` with `{"sub", "sid", "edits"}`: the token.

use serde::Deserialize;
use serde_json::json;

use crate::exchange::{Exchange, Reply};
use crate::script::{Edit, Script};
use crate::server::{World, locked};

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Wanted {
    sub: Option<String>,
    sid: Option<String>,
    edits: Vec<Edit>,
}

pub(crate) fn answer(world: &World, rest: &str, exchange: &Exchange) -> Reply {
    let (alias, what) = rest.split_once('/').unwrap_or((rest, ""));
    if (exchange.method.as_str(), what) == ("PUT", "") {
        return match serde_json::from_slice::<Script>(&exchange.body) {
            Ok(script) => {
                world.put(alias, script);
                Reply::json(200, &json!({"issuer": format!("{}/{alias}", world.origin)}))
            }
            Err(error) => Reply::refuse(400, "invalid_script", &error.to_string()),
        };
    }
    let Some(provider) = world.provider(alias) else { return Reply::refuse(404, "not_found", "no such provider") };
    let mut provider = locked(&provider);
    match (exchange.method.as_str(), what) {
        ("GET", "") => Reply::json(
            200,
            &json!({"requests": provider.log, "violations": provider.violations, "counters": provider.counters,
                "notices": provider.notices}),
        ),
        ("POST", "rotate") => {
            provider.ring.rotate();
            Reply::json(200, &json!({}))
        }
        ("POST", "logout-token") => match serde_json::from_slice::<Wanted>(&exchange.body) {
            Ok(wanted) => {
                let token = provider.logout_token(wanted.sub.as_deref(), wanted.sid.as_deref(), &wanted.edits);
                Reply::json(200, &json!({"logout_token": token}))
            }
            Err(error) => Reply::refuse(400, "invalid_request", &error.to_string()),
        },
        _ => Reply::refuse(404, "not_found", "no such control"),
    }
}
