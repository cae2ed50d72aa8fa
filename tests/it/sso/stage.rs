//! [`Stage`]: a daemon with single sign-on switched on, and the provider that its client records point to.

use op_sim::{OpSim, Script};
use serde_json::{Value, json};

use super::browser::Browser;
use super::host::Host;
use super::http::Response;

/// A daemon and a provider.
pub struct Stage {
    pub op: OpSim,
    pub daemon: Host,
}

/// A client record.
#[derive(Debug, Clone)]
pub struct Record {
    pub id: String,
    /// The alias of its issuer.
    pub alias: String,
    /// Generated URLs by app.
    pub urls: Value,
}

impl Record {
    /// The generated URL of an app.
    #[track_caller]
    pub fn url(&self, app: &str) -> &str {
        self.urls[app].as_str().unwrap_or_else(|| panic!("no URL for {app}: {}", self.urls))
    }
}

impl Stage {
    /// Both switches on.
    pub fn new() -> Self {
        let op = OpSim::start();
        let daemon = Host::start(op.origin(), None);
        Self::of(op, daemon)
    }

    /// Behind a web server at `port` of localhost.
    pub fn behind(port: u16) -> Self {
        let op = OpSim::start();
        let daemon = Host::start(op.origin(), Some(format!("http://localhost:{port}")));
        Self::of(op, daemon)
    }

    fn of(op: OpSim, daemon: Host) -> Self {
        daemon.api("PATCH", "/v1/sso", &json!({"users_enabled": true, "customers_enabled": true}));
        Self { op, daemon }
    }

    /// An issuer and the record of it, for users, enabled.
    #[track_caller]
    pub fn record(&self, alias: &str, script: Script) -> Record {
        self.record_with(alias, script, &json!({}))
    }

    /// The same with further members of the record.
    #[track_caller]
    pub fn record_with(&self, alias: &str, script: Script, wishes: &Value) -> Record {
        self.try_record(alias, script, wishes).unwrap_or_else(|refusal| panic!("{alias}: {refusal}"))
    }

    /// The same where the daemon may refuse it.
    pub fn try_record(&self, alias: &str, mut script: Script, wishes: &Value) -> Result<Record, Response> {
        script.client.redirect_uri = Some(self.daemon.url("/sso/openid"));
        let client = script.client.clone();
        let issuer = self.op.issuer(alias, script);
        let mut body = json!({"name": alias, "audience": "users", "authorization_uri": issuer.authorization_uri, "token_url": issuer.token_url,
            "client_id": client.id, "client_secret": client.secrets[0]});
        merge(&mut body, wishes);
        let made = self.daemon.call("POST", "/v1/sso/connections", &body);
        if made.status != 201 {
            return Err(made);
        }
        let id = made.json()["id"].as_str().unwrap_or_default().to_owned();
        let path = format!("/v1/sso/connections/{id}");
        let enabled = self.daemon.call("PATCH", &path, &json!({"enabled": true, "confirm": true}));
        if enabled.status != 200 {
            return Err(enabled);
        }
        Ok(Record { id, alias: alias.to_owned(), urls: enabled.json()["urls"].clone() })
    }

    /// Whether the browser has a session for an app.
    pub fn is_signed_in(&self, browser: &mut Browser, app: &str) -> bool {
        self.check(browser, app).status == 200
    }

    /// What a web server is told about the browser.
    pub fn check(&self, browser: &mut Browser, app: &str) -> Response {
        browser.get(&self.daemon.url(&format!("/sso/check?app={app}")))
    }

    /// All people.
    pub fn people(&self) -> Vec<Value> {
        self.pages("/v1/people")
    }

    /// The people who have that address.
    pub fn people_with(&self, email: &str) -> Vec<Value> {
        let has = |person: &Value| person["email"].as_str().is_some_and(|of| of.eq_ignore_ascii_case(email));
        self.people().into_iter().filter(has).collect()
    }

    /// The newest line of the audit log.
    pub fn last_audit(&self) -> Value {
        self.daemon.api("GET", "/v1/audit?limit=1", &Value::Null)["items"][0].clone()
    }

    fn pages(&self, path: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.daemon.api("GET", &format!("{path}?limit=100{cursor}"), &Value::Null);
            items.extend(page["items"].as_array().cloned().unwrap_or_default());
            match &page["next_cursor"] {
                Value::Null => return items,
                Value::String(next) => cursor = format!("&cursor={next}"),
                next => cursor = format!("&cursor={next}"),
            }
        }
    }
}

/// A sign-in ended well: a redirect away from the callback, which must be GET (RFC 9700 section 4.12) and leak nothing.
#[track_caller]
pub fn assert_signed_in(stage: &Stage, browser: &mut Browser, response: &Response) {
    assert_eq!(response.status, 303, "{response}");
    assert_eq!(response.header("referrer-policy"), Some("no-referrer"), "{response}");
    assert!(response.header("cache-control").is_some_and(|value| value.contains("no-store")), "{response}");
    assert!(stage.is_signed_in(browser, "main"), "no session after {response}");
}

/// A sign-in was refused with `status`: no session, and nothing secret on the page.
#[track_caller]
pub fn assert_refused(stage: &Stage, browser: &mut Browser, response: &Response, status: u16) {
    assert_eq!(response.status, status, "{response}");
    assert_eq!(response.header("referrer-policy"), Some("no-referrer"), "{response}");
    assert!(!stage.is_signed_in(browser, "main"), "a session after {response}");
}

/// Puts the members of `more` into `into`.
pub fn merge(into: &mut Value, more: &Value) {
    if let (Some(into), Some(more)) = (into.as_object_mut(), more.as_object()) {
        into.extend(more.clone());
    }
}
