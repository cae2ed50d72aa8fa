//! Sealing what the database keeps: AEAD bound to the key's id and to the row it belongs to, and the keyring behind it.

mod keyfile;
mod keyring;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

pub use keyfile::KeySource;
pub use keyring::{Error, Keyring, OpenError};

use crate::model::Secret;

/// A sealed value: version, key id, nonce and ciphertext. Safe to store, to back up and to show the length of.
///
/// | bytes | what |
/// | --- | --- |
/// | 1 | version, 1 |
/// | 8 | id of the key |
/// | 12 | nonce, random |
/// | n + 16 | ciphertext and tag of AES-256-GCM-SIV (RFC 8452); additional data: version, key id, context |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

/// A fresh token of `bytes` random bytes, as base64url without padding.
pub fn random_token(bytes: usize) -> Secret<String> {
    let mut random = Zeroizing::new(vec![0; bytes]);
    fill_random(&mut random);
    Secret::new(URL_SAFE_NO_PAD.encode(&*random))
}

/// SHA-256 (FIPS 180-4): also the form in which a token of [`random_token`] is stored and found. Such tokens cannot be guessed, so
/// no salt and no slow hash is needed; passwords that people choose need both.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// By what content is told from other content: the first 8 bytes of its SHA-256, in hexadecimal.
pub fn content_hash(bytes: &[u8]) -> String {
    sha256(bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// By what a secret is recognised without being kept: HMAC-SHA-256 (RFC 2104) with `key`, in hexadecimal. `context` keeps equal
/// secrets of different owners apart.
pub fn keyed_fingerprint(key: &Secret<String>, context: &str, secret: &Secret<String>) -> String {
    let mut signing = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes()));
    signing.update(context.as_bytes());
    signing.update(&[0]);
    signing.update(secret.expose().as_bytes());
    signing.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[expect(clippy::expect_used, reason = "without randomness every key and token could be guessed: nothing may go on")]
fn fill_random(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the system's random number generator works");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_base64url_of_the_asked_length_and_differ() {
        let (one, two) = (random_token(32), random_token(32));
        assert_eq!(one.expose().len(), 43);
        assert!(one.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_ne!(one, two);
    }

    #[test]
    fn sha256_is_the_documented_one() {
        let hex: String = sha256(b"abc").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
