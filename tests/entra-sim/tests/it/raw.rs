//! A client of few lines over real sockets, so that nothing but the simulator is under test.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_sim::{CLIENT_ID, SECRET, Simulator};
use serde_json::Value;

pub const REDIRECT: &str = "https://desk.example.test/sso/openid";
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub const MAIL: &str = "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send offline_access";

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let line = self.headers.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}: ")))?;
        Some(line.split_once(": ")?.1)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// AADSTS number and `error`.
    pub fn problem(&self) -> (u64, String) {
        let body = self.json();
        (body["error_codes"][0].as_u64().unwrap(), body["error"].as_str().unwrap().to_owned())
    }
}

pub fn send(simulator: &Simulator, method: &str, target: &str, headers: &str, body: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(simulator.address())?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let length = body.len();
    write!(stream, "{method} {target} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}")?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let headers = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = headers.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    let answer = Answer { status, headers, body: bytes[end + 4..].to_vec() };
    let announced = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|announced| announced > answer.body.len()) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(answer)
}

pub fn get(simulator: &Simulator, target: &str) -> Answer {
    send(simulator, "GET", target, "", "").unwrap()
}

pub fn encode(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

pub fn post(simulator: &Simulator, target: &str, fields: &[(&str, &str)]) -> io::Result<Answer> {
    send(simulator, "POST", target, "content-type: application/x-www-form-urlencoded\r\n", &encode(fields))
}

pub fn order(simulator: &Simulator, method: &str, target: &str, body: &str) -> Answer {
    send(simulator, method, target, "content-type: application/json\r\n", body).unwrap()
}

/// A good v2 authorize request with more parameters at its end.
pub fn authorize(simulator: &Simulator, tenant: &str, scope: &str, more: &[(&str, &str)]) -> Answer {
    let mut fields = vec![
        ("client_id", CLIENT_ID),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", scope),
        ("state", "state-0123456789-0123456789"),
        ("nonce", "nonce-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    fields.extend(more);
    get(simulator, &format!("/{tenant}/oauth2/v2.0/authorize?{}", encode(&fields)))
}

/// A parameter of the redirect in `answer`.
pub fn redirected(answer: &Answer, name: &str) -> Option<String> {
    let location = answer.header("location").unwrap_or_else(|| panic!("no redirect: {} {}", answer.status, answer.text()));
    let url = url::Url::parse(location).unwrap();
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

pub fn redeem(simulator: &Simulator, tenant: &str, code: &str, more: &[(&str, &str)]) -> Answer {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT_ID),
        ("client_secret", SECRET),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    fields.extend(more);
    post(simulator, &format!("/{tenant}/oauth2/v2.0/token"), &fields).unwrap()
}

pub fn try_refresh(simulator: &Simulator, token: &str, scope: &str, secret: &str) -> io::Result<Answer> {
    let fields =
        [("grant_type", "refresh_token"), ("client_id", CLIENT_ID), ("client_secret", secret), ("refresh_token", token), ("scope", scope)];
    post(simulator, "/organizations/oauth2/v2.0/token", &fields)
}

pub fn refresh(simulator: &Simulator, token: &str, scope: &str) -> Answer {
    try_refresh(simulator, token, scope, SECRET).unwrap()
}

/// Sends a refresh without waiting for the answer.
pub fn begin_refresh(simulator: &Simulator, token: &str) -> TcpStream {
    let fields =
        [("grant_type", "refresh_token"), ("client_id", CLIENT_ID), ("client_secret", SECRET), ("refresh_token", token), ("scope", MAIL)];
    let (body, mut stream) = (encode(&fields), TcpStream::connect(simulator.address()).unwrap());
    let head = "POST /common/oauth2/v2.0/token HTTP/1.1\r\nhost: sim\r\ncontent-type: application/x-www-form-urlencoded\r\n";
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream
}

/// A member of an answer that is text.
pub fn text(answer: &Answer, name: &str) -> String {
    answer.json()[name].as_str().unwrap_or_else(|| panic!("no {name}: {}", answer.text())).to_owned()
}

/// Header and claims of a JWT.
pub fn decode(token: &str) -> (Value, Value) {
    let part = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let mut parts = token.split('.');
    (part(parts.next().unwrap()), part(parts.next().unwrap()))
}
