//! Keys that sign tokens in tests, as a provider would.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Made once: an RSA key takes its time.
pub static RSA: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
pub static OTHER_RSA: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
pub static EC: LazyLock<EcdsaKeyPair> = LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap());

pub fn rsa_jwk(key: &RsaKeyPair, kid: Option<&str>) -> Value {
    let n = key.public_key().modulus().big_endian_without_leading_zero();
    let mut jwk = json!({"kty": "RSA", "use": "sig", "n": URL_SAFE_NO_PAD.encode(n), "e": "AQAB"});
    if let Some(kid) = kid {
        jwk["kid"] = json!(kid);
    }
    jwk
}

pub fn ec_jwk(kid: &str) -> Value {
    let point = EC.public_key().as_ref();
    json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..])})
}

/// `header.claims.signature`; the header's `alg` says how: RS256, PS256, ES256 or not at all.
pub fn sign(header: &Value, claims: &str) -> String {
    sign_with(&RSA, header, claims)
}

pub fn sign_with(key: &RsaKeyPair, header: &Value, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    match header["alg"].as_str() {
        Some("RS256") => key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap(),
        Some("PS256") => key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap(),
        Some("ES256") => signature = EC.sign(&SystemRandom::new(), message.as_bytes()).unwrap().as_ref().to_vec(),
        _ => signature.clear(),
    }
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}
