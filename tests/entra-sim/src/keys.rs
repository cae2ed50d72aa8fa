//! Signing keys, their rollover, the JWKS documents, and the tokens that are opaque to clients.
//!
//! RSA keys are made on first use and shared by all simulators of a process: making them is what costs time.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::config::PERSONAL_TENANT;

/// The published key that belongs to personal accounts only; it never signs but for a fault.
const FOREIGN: usize = 0;

/// Which keys are published and which one signs.
#[derive(Debug)]
pub(crate) struct KeyRing {
    published: Vec<usize>,
    signing: usize,
}

impl Default for KeyRing {
    fn default() -> Self {
        Self { published: vec![FOREIGN, 1, 2], signing: 1 }
    }
}

impl KeyRing {
    /// Signs with a new key from now on; the old ones stay published.
    pub(crate) fn rotate(&mut self) {
        let newest = self.published.iter().copied().max().unwrap_or_default() + 1;
        self.published.push(newest);
        self.signing = newest;
    }

    /// Publishes only the key that signs (and the personal accounts'): an emergency rollover.
    pub(crate) fn withdraw_old(&mut self) {
        let signing = self.signing;
        self.published.retain(|key| *key == signing || *key == FOREIGN);
    }

    pub(crate) fn signing(&self) -> Arc<SigningKey> {
        key(self.signing)
    }

    pub(crate) fn foreign() -> Arc<SigningKey> {
        key(FOREIGN)
    }

    /// The JWKS; `issuer` is the member that only v2 keys carry.
    pub(crate) fn document(&self, issuer: Option<&str>, personal_issuer: &str) -> Value {
        let keys = self.published.iter().filter(|slot| issuer.is_some() || **slot != FOREIGN).map(|slot| {
            let key = key(*slot);
            let mut jwk = json!({"kty": "RSA", "use": "sig", "kid": key.kid, "x5t": key.kid,
                "n": URL_SAFE_NO_PAD.encode(key.modulus()), "e": "AQAB", "x5c": [STANDARD.encode(key.pair.public_key().as_ref())]});
            if let Some(issuer) = issuer {
                jwk["issuer"] = Value::from(if *slot == FOREIGN { personal_issuer } else { issuer });
            }
            jwk
        });
        json!({"keys": keys.collect::<Vec<_>>()})
    }
}

/// `issuer` of the tokens of personal accounts.
pub(crate) fn personal_issuer(authority: &str) -> String {
    format!("{authority}/{PERSONAL_TENANT}/v2.0")
}

/// An RSA key of 2048 bits with exponent 65537.
#[derive(Debug)]
pub(crate) struct SigningKey {
    pair: KeyPair,
    pub(crate) kid: String,
}

impl SigningKey {
    #[expect(clippy::expect_used, reason = "without randomness there is nothing to simulate")]
    fn generate() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key can be generated");
        let kid = URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, pair.public_key().as_ref()).as_ref()[..20]);
        Self { pair, kid }
    }

    /// The 256 octets between the headers of the PKCS#1 structure and the exponent, which never vary in length here.
    pub(crate) fn modulus(&self) -> &[u8] {
        &self.pair.public_key().as_ref()[9..265]
    }

    /// A compact JWS, RS256.
    #[expect(clippy::expect_used, reason = "signing with a good key does not fail")]
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = signing_input(header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature).expect("an RSA key signs");
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A compact JWS with `alg: none`: the third part is empty.
pub(crate) fn unsigned(claims: &Value) -> String {
    format!("{}.", signing_input(&json!({"typ": "JWT", "alg": "none"}), claims))
}

/// A compact JWS whose HMAC secret is the public modulus: the classic confusion of algorithms.
pub(crate) fn confused(key: &SigningKey, claims: &Value) -> String {
    let input = signing_input(&json!({"typ": "JWT", "alg": "HS256", "kid": key.kid}), claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.modulus()), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn signing_input(header: &Value, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// Base64url of SHA-256, as PKCE has it.
pub(crate) fn sha256(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// Makes opaque tokens that only this simulator can read, so that none has to be stored.
#[derive(Debug)]
pub(crate) struct Sealer(hmac::Key);

impl Sealer {
    pub(crate) fn new() -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, uuid::Uuid::new_v4().as_bytes()))
    }

    /// `prefix` tells the kinds of token apart; the result is padded to about `size` bytes.
    pub(crate) fn seal(&self, prefix: &str, content: &impl Serialize, size: usize) -> String {
        let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(content).unwrap_or_default());
        let mut token = format!("{prefix}{body}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, format!("{prefix}{body}").as_bytes())));
        if token.len() + 1 < size {
            let padding = "-_x0".chars().cycle().take(size - token.len() - 1).collect::<String>();
            token.push('.');
            token.push_str(&padding);
        }
        token
    }

    pub(crate) fn open<T: DeserializeOwned>(&self, prefix: &str, token: &str) -> Option<T> {
        let mut parts = token.strip_prefix(prefix)?.split('.');
        let (body, tag) = (parts.next()?, URL_SAFE_NO_PAD.decode(parts.next()?).ok()?);
        hmac::verify(&self.0, format!("{prefix}{body}").as_bytes(), &tag).ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
    }
}

fn key(slot: usize) -> Arc<SigningKey> {
    static POOL: Mutex<Vec<Arc<SigningKey>>> = Mutex::new(Vec::new());
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    while pool.len() <= slot {
        pool.push(Arc::new(SigningKey::generate()));
    }
    pool[slot].clone()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_signature_verifies_with_the_published_key() {
        let key = KeyRing::default().signing();
        let token = key.sign(&json!({"alg": "RS256"}), &json!({"sub": "x"}));
        let (input, signature) = token.rsplit_once('.').unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.pair.public_key().as_ref());
        public.verify(input.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        assert_eq!(key.modulus().len(), 256);
        assert_eq!(&key.pair.public_key().as_ref()[265..], [2, 3, 1, 0, 1]);
    }

    #[test]
    fn rollover_keeps_the_old_keys_until_they_are_withdrawn() {
        let mut ring = KeyRing::default();
        let before = ring.signing().kid.clone();
        ring.rotate();
        assert_ne!(ring.signing().kid, before);
        assert!(ring.document(Some("i"), "p").to_string().contains(&before));
        ring.withdraw_old();
        assert!(!ring.document(Some("i"), "p").to_string().contains(&before));
        assert_eq!(ring.document(None, "p")["keys"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_sealed_token_opens_only_unchanged_and_by_its_own_kind() {
        let sealer = Sealer::new();
        let token = sealer.seal("0.", &"content", 300);
        assert_eq!(token.len(), 300);
        assert_eq!(sealer.open::<String>("0.", &token).as_deref(), Some("content"));
        assert_eq!(sealer.open::<String>("1.", &token), None);
        assert_eq!(sealer.open::<String>("0.", &token.replacen("0.", "0.A", 1)), None);
        assert_eq!(Sealer::new().open::<String>("0.", &token), None);
    }
}
