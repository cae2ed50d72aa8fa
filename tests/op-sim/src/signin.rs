//! The sign-in: authorize, token, userinfo, and what is always checked about a client's requests (RFC 6749, 7636, 9700).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::exchange::{Exchange, Reply, escaped, query, with_query};
use crate::keys::{random, sha256};
use crate::provider::{Grant, Provider, Shape};
use crate::script::{Algorithm, Authentication, Token};

impl Provider {
    /// Signs in at once whoever the browser names in `as`, and sends the browser back.
    pub(crate) fn authorize(&mut self, exchange: &Exchange, shape: Shape) -> Reply {
        let given = |name: &str| exchange.parameter(name).map(str::to_owned);
        self.check_authorization(exchange);
        let Some(redirect_uri) = given("redirect_uri").filter(|uri| self.is_registered(uri)) else {
            return Reply::refuse(400, "invalid_request", "the redirect URI is not registered");
        };
        let person = given("as").unwrap_or_else(|| self.script.signed_in.clone());
        let (code, sid) = (random(), random());
        let mut grant = Grant {
            person: person.clone(),
            shape,
            redirect_uri: redirect_uri.clone(),
            challenge: given("code_challenge"),
            nonce: given("nonce"),
            scope: given("scope").unwrap_or_default(),
            sid: sid.clone(),
            early: None,
            used: false,
        };
        if self.script.sign_early {
            grant.early = Some(self.id_token(&grant));
        }
        self.codes.insert(code.clone(), grant);
        self.sessions.insert(sid.clone(), person);
        self.last_sid = sid;
        let answer = json!({"code": code, "state": given("state"), "session_state": "a value that nobody needs"});
        let answer = self.edited(answer, |script| &script.authorization);
        match given("response_mode").as_deref() {
            Some("form_post") => posting_page(&redirect_uri, &answer),
            _ => Reply::redirect(&with_query(&redirect_uri, &query(&answer))),
        }
    }

    fn is_registered(&self, uri: &str) -> bool {
        self.script.client.redirect_uri.as_deref().is_none_or(|registered| registered == uri)
    }

    fn check_authorization(&mut self, exchange: &Exchange) {
        let given = |name: &str| exchange.parameter(name).unwrap_or_default().to_owned();
        for name in ["client_id", "redirect_uri", "scope", "response_type", "state", "nonce", "code_challenge"] {
            if exchange.query.iter().filter(|(key, _)| key == name).count() != 1 {
                self.violation(format!("{name} must be in an authorization request once"));
            }
        }
        if given("client_id") != self.script.client.id {
            self.violation("authorization request of an unknown client");
        }
        if !self.is_registered(&given("redirect_uri")) {
            self.violation(format!("redirect URI {} is not registered", given("redirect_uri")));
        }
        if !given("scope").split(' ').any(|scope| scope == "openid") {
            self.violation("scope lacks openid");
        }
        if given("response_type") != "code" {
            self.violation("response_type is not code");
        }
        if given("code_challenge_method") != "S256" || given("code_challenge").len() != 43 {
            self.violation("no PKCE challenge by S256");
        }
        let nonce = given("nonce");
        if nonce.len() > 43 || !nonce.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.~".contains(&octet)) {
            self.violation("nonce is longer than 43 characters or not safe in URLs");
        }
        if given("max_age") == "0" && given("prompt") == "none" {
            self.violation("max_age=0 contradicts prompt=none");
        }
        if exchange.parameter("client_secret").is_some() {
            self.violation("the client secret went through the browser");
        }
        for name in ["state", "nonce", "code_challenge"] {
            self.only_once(name, &given(name));
        }
    }

    /// Redeems a code.
    pub(crate) fn token(&mut self, exchange: &Exchange, shape: Shape) -> Reply {
        let form = |name: &str| exchange.form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        if form("grant_type").as_deref() == Some("client_credentials") {
            // How a client tries its secret: it learns whether it counts, and nothing else.
            let refusal = self.authenticate(exchange, form("client_id"), form("client_secret")).err();
            return refusal.unwrap_or_else(|| Reply::refuse(400, "unauthorized_client", "no client credentials here"));
        }
        if exchange.method != "POST" || form("grant_type").as_deref() != Some("authorization_code") {
            self.violation("token request that is no POST of an authorization code");
            return Reply::refuse(400, "unsupported_grant_type", "only codes are redeemed here");
        }
        if shape == Shape::V2 && form("resource").is_some() {
            self.violation("resource at v2");
            return Reply::refuse(400, "invalid_request", "AADSTS901002: the 'resource' parameter is not supported");
        }
        if let Err(reply) = self.authenticate(exchange, form("client_id"), form("client_secret")) {
            return reply;
        }
        let code = form("code").unwrap_or_default();
        let Some(grant) = self.codes.get_mut(&code) else {
            self.violation("a code that this provider did not issue");
            return Reply::refuse(400, "invalid_grant", "no such code");
        };
        if std::mem::replace(&mut grant.used, true) {
            self.violation("a code was used twice");
            return Reply::refuse(400, "invalid_grant", "the code was used");
        }
        let mut grant = grant.clone();
        if !self.script.keep_log {
            self.codes.remove(&code);
        }
        if form("redirect_uri").as_deref() != Some(&grant.redirect_uri) {
            self.violation("another redirect URI at the token endpoint");
            return Reply::refuse(400, "invalid_grant", "another redirect URI");
        }
        let proves = grant.challenge.as_deref() == form("code_verifier").map(|verifier| sha256(&verifier)).as_deref();
        if self.script.checks_pkce && !proves {
            // No fault of the client by itself: this is what stops an injected code.
            return Reply::refuse(400, "invalid_grant", "the verifier does not match the challenge");
        }
        let id_token = grant.early.take().unwrap_or_else(|| self.id_token(&grant));
        if self.script.keep_log {
            self.id_tokens.insert(id_token.clone());
        }
        let access_token = random();
        let seconds = if shape == Shape::V1 { Value::from("3599") } else { Value::from(3599) };
        let answer = json!({"access_token": access_token, "token_type": "bearer", "expires_in": seconds, "scope": grant.scope,
            "id_token": id_token, "a_member_that_nobody_knows": null});
        self.access.insert(access_token, grant);
        Reply::json(200, &Value::from(self.edited(answer, |script| &script.token)))
    }

    /// Client authentication (RFC 6749 section 2.3.1): id and secret are form-encoded before they are put into a Basic header.
    fn authenticate(&mut self, exchange: &Exchange, id: Option<String>, secret: Option<String>) -> Result<(), Reply> {
        let decoded = |text: &str| form_urlencoded::parse(format!("x={text}").as_bytes()).next().map(|(_, value)| value.into_owned());
        let basic = exchange.authorization.as_deref().and_then(|value| value.strip_prefix("Basic ")).and_then(|encoded| {
            let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
            let (id, secret) = text.split_once(':')?;
            Some((decoded(id)?, decoded(secret)?))
        });
        if basic.is_some() && secret.is_some() {
            self.violation("two ways of client authentication at once");
        }
        let allowed = self.script.client.authentication;
        let (wrong_way, given) = match (basic, id.zip(secret)) {
            (Some(pair), _) => (allowed == Authentication::Post, Some(pair)),
            (None, pair) => (allowed == Authentication::Basic, pair),
        };
        if wrong_way {
            self.violation("another way of client authentication than the registered one");
        }
        let client = &self.script.client;
        let is_known = given.is_some_and(|(id, secret)| id == client.id && client.secrets.contains(&secret));
        if is_known && !wrong_way {
            return Ok(());
        }
        let description = "AADSTS7000215: Invalid client secret provided.";
        Err(Reply::refuse(401, "invalid_client", description).with("www-authenticate", "Basic realm=\"op-sim\""))
    }

    fn id_token(&mut self, grant: &Grant) -> String {
        let (now, mut how) = (self.now(), self.script.id_token.clone());
        let mut claims = self.person(&grant.person);
        claims.extend([
            ("iss".to_owned(), Value::from(self.issuer(grant.shape))),
            ("aud".to_owned(), Value::from(self.script.client.id.clone())),
            ("iat".to_owned(), Value::from(now)),
            ("exp".to_owned(), Value::from(now + how.seconds)),
            ("sid".to_owned(), Value::from(grant.sid.clone())),
            ("a_claim_that_nobody_knows".to_owned(), json!({"nested": []})),
        ]);
        if let Some(nonce) = &grant.nonce {
            claims.insert("nonce".to_owned(), Value::from(nonce.clone()));
        }
        if let Some(version) = match grant.shape {
            Shape::Plain => None,
            Shape::V1 => Some("1.0"),
            Shape::V2 => Some("2.0"),
        } {
            claims.insert("ver".to_owned(), Value::from(version));
            claims.insert("nbf".to_owned(), Value::from(now));
        }
        if grant.shape == Shape::V1 && self.script.entra.as_ref().is_some_and(|entra| entra.unsigned_v1) {
            how = Token { algorithm: Algorithm::None, ..how };
        }
        self.sign(&how, "JWT", claims)
    }

    /// Answers the owner of an access token, which must come in the header and nowhere else (RFC 6750, RFC 9700).
    pub(crate) fn userinfo(&mut self, exchange: &Exchange) -> Reply {
        if exchange.parameter("access_token").is_some() {
            self.violation("an access token outside of the Authorization header");
        }
        let token = exchange.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let Some(grant) = self.access.get(token).cloned() else {
            self.violation("userinfo without a good access token");
            return Reply::refuse(401, "invalid_token", "no such token").with("www-authenticate", "Bearer");
        };
        let claims = self.edited(Value::from(self.person(&grant.person)), |script| &script.userinfo.claims);
        if !self.script.userinfo.signed {
            return Reply::json(200, &Value::from(claims));
        }
        let mut claims = claims;
        claims.insert("iss".to_owned(), Value::from(self.issuer(grant.shape)));
        claims.insert("aud".to_owned(), Value::from(self.script.client.id.clone()));
        let token = self.sign(&Token::default(), "JWT", claims);
        Reply::new(200, "application/jwt", token)
    }
}

/// The page that posts the answer from the browser (OAuth 2.0 Form Post Response Mode).
fn posting_page(target: &str, answer: &Map<String, Value>) -> Reply {
    let texts = answer.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    let fields: String =
        texts.map(|(name, value)| format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escaped(name), escaped(value))).collect();
    Reply::html(format!(
        "<!doctype html><body onload=\"document.forms[0].submit()\"><form method=\"post\" action=\"{}\">{fields}</form>",
        escaped(target)
    ))
}
