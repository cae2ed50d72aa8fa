//! Answers that are given instead of the right one, and what is done to the right one.

use serde_json::{Map, Value, json};

use crate::clock::http_date;
use crate::exchange::{Exchange, Reply};
use crate::fault::{Endpoint, Fault};
use crate::problem::Failure;
use crate::routes::Route;
use crate::state::Sim;

/// Deep enough to overflow the stack of a recursive parser.
const DEPTH: usize = 100_000;
const HUGE: usize = 2 << 20;

/// The answer that `fault` gives without processing the request, if it is of that kind.
pub(crate) fn instead(sim: &Sim, route: &Route<'_>, exchange: &Exchange, fault: &Fault) -> Option<Reply> {
    let json = |status, body: String| Reply { body: body.into_bytes(), ..Reply::json(status, &Value::Null) };
    let busy = |code, status| {
        let failure = Failure { status, error: "temporarily_unavailable".into(), ..Failure::new(code) };
        route.refuse(sim, exchange, &failure)
    };
    Some(match fault {
        Fault::Status { status } => busy(90_033, *status),
        Fault::Throttle { retry_after } => {
            let reply = busy(90_055, 429);
            match retry_after {
                Some(value) => reply.with("retry-after", value),
                None => reply,
            }
        }
        Fault::ThrottleUntil { seconds } => busy(90_055, 429).with("retry-after", http_date(sim.clock.now() + seconds)),
        Fault::HtmlOk => Reply::html(200, "<!doctype html><title>Welcome</title><h1>Please sign in to the guest network</h1>"),
        Fault::HtmlUnavailable => Reply::html(503, "<!doctype html><title>503</title><h1>Service Unavailable</h1>"),
        Fault::EmptyBody => json(200, String::new()),
        Fault::InvalidJson => json(200, "{\"token_type\":\"Bearer\",\"expires_in\":".to_owned()),
        Fault::DeepJson => json(200, format!("{{\"token_type\":{}{}}}", "[".repeat(DEPTH), "]".repeat(DEPTH))),
        Fault::Error(problem) if route.endpoint != Endpoint::Authorize => route.refuse(sim, exchange, &problem.clone().into()),
        _ => return None,
    })
}

/// What `fault` does to the right answer.
pub(crate) fn spoil(sim: &Sim, mut reply: Reply, fault: &Fault) -> Reply {
    match fault {
        Fault::DateSkew { seconds } => return reply.with("date", http_date(sim.clock.now() + seconds)),
        Fault::HugeBody => edit(&mut reply, |body| {
            body.insert("padding".into(), "x".repeat(HUGE).into());
        }),
        Fault::WrongTypes => edit(&mut reply, |body| body.values_mut().for_each(|value| *value = wrong(value))),
        _ => {}
    }
    reply
}

fn edit(reply: &mut Reply, change: impl FnOnce(&mut Map<String, Value>)) {
    if let Ok(Value::Object(mut body)) = serde_json::from_slice(&reply.body) {
        change(&mut body);
        reply.body = Value::Object(body).to_string().into_bytes();
    }
}

fn wrong(value: &Value) -> Value {
    match value {
        Value::String(text) => json!([text]),
        Value::Number(number) => json!({"value": number}),
        Value::Bool(_) | Value::Null => json!(1),
        Value::Array(_) | Value::Object(_) => json!("text"),
    }
}
