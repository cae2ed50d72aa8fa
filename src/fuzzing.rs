//! The parsers that read what others wrote, for the fuzz targets of `tests/fuzz` and for the replay of their seeds: one
//! function a target, bytes in, nothing out. A panic or a hang is the finding.

use std::path::Path;

use bytes::Bytes;
use jiff::Timestamp;

use crate::credentials::grammar;
use crate::flows::Browser;
use crate::model::{Hint as _, RequestId};
use crate::oauth::callback::Callback;
use crate::oauth::discovery::{Document, Source};
use crate::oauth::endpoints::Version;
use crate::oauth::id_token::{self, Algorithm, Expectation, Tenants};
use crate::oauth::issuer::Issuer;
use crate::oauth::jwks::KeySet;
use crate::oauth::signed::{self, LogoutNotice};
use crate::oauth::token_response;
use crate::settings::Settings;
use crate::sso::return_to::ReturnTo;
use crate::system::http::Answer;

/// `/root/.OneDesk`.
pub fn credentials(bytes: &[u8]) {
    let _ = grammar::parse(bytes);
}

/// `onedeskd.toml`: settings, or an error that can be shown.
pub fn settings(bytes: &[u8]) {
    if let Err(error) = Settings::parse_bytes(bytes, Path::new("onedeskd.toml")) {
        let _ = (error.to_string(), error.hint());
    }
}

/// What a browser brings back from the provider: a query or a form.
pub fn callback(bytes: &[u8]) {
    let _ = Callback::parse(&String::from_utf8_lossy(bytes));
}

/// What a token endpoint, or whatever stands in its place, answers.
pub fn token_response(bytes: &[u8]) {
    for status in [200, 400, 503] {
        let answer = Answer {
            status,
            content_type: "application/json".to_owned(),
            retry_after: None,
            date: None,
            body: Bytes::copy_from_slice(bytes),
            request_id: RequestId::new(),
        };
        let _ = token_response::parse(&answer);
    }
}

/// An ID token, signed by a key that is not ours to use, or by none where Azure AD v1 may leave that out.
pub fn id_token(bytes: &[u8]) {
    let token = String::from_utf8_lossy(bytes);
    let Ok(keys) = KeySet::parse(KEYS.as_bytes()) else { return };
    let issuer = Issuer::new("https://sts.windows.net/11111111-2222-3333-4444-555555555555/");
    for (version, unsigned_v1) in [(Version::V1, true), (Version::V2, false), (Version::Other, false)] {
        let expected = Expectation {
            client_id: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            issuer: &issuer,
            version,
            nonce: "n-1",
            algorithms: &Algorithm::ALL,
            tenants: Tenants::Any,
            cloud_instance: None,
            access_token: None,
            unsigned_v1,
        };
        let _ = id_token::verify(&token, &keys, &expected, now(), id_token::SKEW);
    }
}

/// A provider's metadata.
pub fn discovery(bytes: &[u8]) {
    let sources = [Source::of_issuer("https://op.example.test"), Source::of_issuer("http://127.0.0.1:8080/op")];
    for source in sources.into_iter().flatten() {
        let _ = Document::parse(bytes, &source);
    }
}

/// A provider's keys.
pub fn jwks(bytes: &[u8]) {
    let _ = KeySet::parse(bytes);
}

/// Where to go after a sign-in: whatever passes stays on our origin.
///
/// # Panics
/// When it does not.
pub fn return_to(bytes: &[u8]) {
    let Some(path) = ReturnTo::parse(&String::from_utf8_lossy(bytes)) else { return };
    let Ok(base) = url::Url::parse("https://help.example.com/sso/openid") else { return };
    let target = base.join(path.as_str());
    assert!(target.is_ok_and(|target| target.origin() == base.origin()), "{path} leads away");
}

/// A `Cookie` header.
pub fn cookies(bytes: &[u8]) {
    let header = String::from_utf8_lossy(bytes);
    for secure in [true, false] {
        let _ = (Browser::from_cookies(&header, secure), Browser::from_post_cookies(&header, secure));
    }
}

/// A logout token, read as it is before and after its signature is looked at.
pub fn logout_token(bytes: &[u8]) {
    let token = String::from_utf8_lossy(bytes);
    if let Ok(keys) = KeySet::parse(KEYS.as_bytes()) {
        let _ = signed::claims(&token, &keys, &Algorithm::ALL);
    }
    if let Some(claims) = signed::unverified(&token) {
        let _ = LogoutNotice::check(&claims, "onedesk", |issuer| issuer == "https://op.example.test", now());
    }
}

/// The public half of a key that signs nothing.
const KEYS: &str = include_str!("../tests/fuzz/seeds/jwks/good-rsa-and-ec");

/// The time of the seeds.
fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    type Target = fn(&[u8]);

    #[test]
    fn every_seed_is_read_without_a_panic() {
        let targets: [(&str, Target); _] = [
            ("credentials", super::credentials),
            ("settings", super::settings),
            ("callback", super::callback),
            ("token_response", super::token_response),
            ("id_token", super::id_token),
            ("discovery", super::discovery),
            ("jwks", super::jwks),
            ("return_to", super::return_to),
            ("cookies", super::cookies),
            ("logout_token", super::logout_token),
        ];
        for (target, read) in targets {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(target);
            let seeds: Vec<_> = fs::read_dir(&folder).unwrap().map(|seed| seed.unwrap().path()).collect();
            assert!(!seeds.is_empty(), "{target} has no seeds");
            for seed in seeds {
                read(&fs::read(seed).unwrap());
            }
        }
    }
}
