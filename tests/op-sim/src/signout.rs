//! The sign-out: RP-initiated logout, and the notices that go to clients through the browser and behind it.

use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::exchange::{Exchange, Reply, escaped, query, with_query};
use crate::keys::random;
use crate::provider::{Notice, Provider, Shape};
use crate::script::{Edit, Token};

/// What makes a JWT a logout token (OpenID Connect Back-Channel Logout 1.0).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// A logout token that has to be posted.
pub(crate) struct Delivery {
    pub(crate) uri: String,
    pub(crate) token: String,
}

impl Provider {
    /// Ends the session that the browser names and sends it back, by a page with a frame where the client has a front channel.
    pub(crate) fn end_session(&mut self, exchange: &Exchange) -> Reply {
        let given = |name: &str| exchange.parameter(name).map(str::to_owned);
        let client = self.script.client.clone();
        match given("id_token_hint") {
            Some(hint) if !self.id_tokens.contains(&hint) => self.violation("id_token_hint that this provider did not issue"),
            None if given("client_id").as_ref() != Some(&client.id) && given("logout_hint").is_none() => {
                self.violation("a logout that names neither session nor client");
            }
            _ => {}
        }
        let back = given("post_logout_redirect_uri");
        if back.is_some() && client.post_logout_redirect_uri.is_some() && back != client.post_logout_redirect_uri {
            self.violation(format!("post-logout URI {} is not registered", back.unwrap_or_default()));
            return Reply::html("<p>You are signed out.</p>");
        }
        let returned = self.edited(json!({"state": given("state")}), |script| &script.logout_return);
        let back = back.map(|uri| with_query(&uri, &query(&returned)));
        match (self.frontchannel_url(&self.last_sid.clone()), back) {
            (Some(frame), back) => Reply::html(format!(
                "<!doctype html><iframe src=\"{}\"></iframe><a href=\"{}\">Go on</a>",
                escaped(&frame),
                escaped(&back.unwrap_or_default())
            )),
            (None, Some(back)) => Reply::redirect(&back),
            (None, None) => Reply::html("<p>You are signed out.</p>"),
        }
    }

    /// What a frame loads to tell the client of the end of a session. Entra leaves `iss` out.
    pub(crate) fn frontchannel_url(&self, sid: &str) -> Option<String> {
        let mut members = Map::from_iter([("sid".to_owned(), Value::from(sid))]);
        if self.script.entra.is_none() {
            members.insert("iss".to_owned(), Value::from(self.issuer(Shape::Plain)));
        }
        let uri = self.script.client.frontchannel_logout_uri.as_ref()?;
        Some(with_query(uri, &query(&members)))
    }

    /// The notice of a logout behind the browser's back.
    pub(crate) fn delivery(&mut self) -> Option<Delivery> {
        let uri = self.script.client.backchannel_logout_uri.clone()?;
        let sid = self.last_sid.clone();
        let person = self.sessions.get(&sid).cloned();
        Some(Delivery { uri, token: self.logout_token(person.as_deref(), Some(&sid), &[]) })
    }

    /// A logout token about a person, a session, or both; `edits` come after the script's.
    pub(crate) fn logout_token(&mut self, sub: Option<&str>, sid: Option<&str>, edits: &[Edit]) -> String {
        let (now, mut how): (i64, Token) = (self.now(), self.script.logout_token.clone());
        how.claims.extend_from_slice(edits);
        let claims = json!({"iss": self.issuer(Shape::Plain), "aud": self.script.client.id, "iat": now, "exp": now + how.seconds,
            "jti": random(), "events": {EVENT: {}}, "a_claim_that_nobody_knows": 1});
        let mut claims = claims.as_object().cloned().unwrap_or_default();
        for (name, value) in [("sub", sub), ("sid", sid)] {
            if let Some(value) = value {
                claims.insert(name.to_owned(), Value::from(value));
            }
        }
        self.sign(&how, "logout+jwt", claims)
    }
}

/// Posts a logout token as a provider does.
pub(crate) async fn deliver(delivery: &Delivery) -> Notice {
    let nothing = Notice { status: 0, no_store: false };
    let Some((authority, path)) = delivery.uri.strip_prefix("http://").and_then(|rest| rest.split_once('/')) else { return nothing };
    let body = format!("logout_token={}", delivery.token);
    let request = format!(
        "POST /{path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut answer = Vec::new();
    let exchanged = async {
        let mut stream = TcpStream::connect(authority).await?;
        stream.write_all(request.as_bytes()).await?;
        stream.take(64 * 1024).read_to_end(&mut answer).await
    };
    if exchanged.await.is_err() {
        return nothing;
    }
    let head = String::from_utf8_lossy(&answer).to_ascii_lowercase();
    let head = head.split("\r\n\r\n").next().unwrap_or_default();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Notice { status, no_store: head.lines().any(|line| line.starts_with("cache-control:") && line.contains("no-store")) }
}
