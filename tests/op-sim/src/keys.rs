//! Signing keys, the documents that publish them, and compact JWS in every condition that a relying party may meet.
//!
//! RSA keys are made on first use and shared by all providers of a process: making them is what costs time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::script::{Algorithm, Edit, Keys, Signature, edit};

/// Where keys of other owners are, out of the reach of every rotation.
const STRANGERS: u32 = 1 << 30;

/// The keys of one provider: which of the process's keys it publishes and signs with.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    generation: u32,
}

impl Ring {
    /// From now on other keys, under other ids; the old ones are published no more.
    pub(crate) fn rotate(&mut self) {
        self.generation += 1;
    }

    fn rsa(&self, script: &Keys, number: u32) -> Arc<Rsa> {
        rsa((script.family, self.generation * 16 + number))
    }

    fn ec(&self, script: &Keys) -> Arc<Ec> {
        ec((script.family, self.generation))
    }

    /// The JWKS: as many RSA keys as the script says, and keys of other kinds and uses that a client has to pass over.
    pub(crate) fn document(&self, script: &Keys, issuer: Option<&str>) -> Value {
        let ec = self.ec(script);
        let mut keys = vec![
            json!({"kty": "oct", "kid": "symmetric", "k": "AAAAAAAAAAAAAAAAAAAAAA"}),
            json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": ec.kid, "x": ec.coordinate(1), "y": ec.coordinate(33)}),
            json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "edwards", "x": URL_SAFE_NO_PAD.encode([7; 32])}),
        ];
        for number in 0..script.rsa {
            let rsa = self.rsa(script, number);
            let mut key = json!({"kty": "RSA", "use": "sig", "kid": rsa.kid, "n": URL_SAFE_NO_PAD.encode(rsa.modulus()), "e": "AQAB"});
            if let Some(issuer) = issuer {
                key["issuer"] = Value::from(issuer);
            }
            keys.insert(1, key);
        }
        if !script.kids {
            keys.iter_mut().filter_map(Value::as_object_mut).for_each(|key| drop(key.remove("kid")));
        }
        json!({ "keys": keys })
    }

    /// A compact JWS of `claims` in the condition that the script asks for. `secret` is the client's, for HS256.
    pub(crate) fn sign(&self, script: &Keys, how: &Condition<'_>, claims: &Map<String, Value>, secret: &str) -> String {
        let rsa = match how.signature {
            Signature::Stranger => rsa((script.family, STRANGERS)),
            _ => self.rsa(script, 0),
        };
        let ec = self.ec(script);
        let (name, kid) = match how.algorithm {
            Algorithm::Rs256 => ("RS256", Some(&rsa.kid)),
            Algorithm::Es256 => ("ES256", Some(&ec.kid)),
            Algorithm::Hs256 | Algorithm::Hs256OfPublicKey => ("HS256", None),
            Algorithm::None => ("none", None),
        };
        let mut header = Map::from_iter([("typ".to_owned(), Value::from(how.typ)), ("alg".to_owned(), Value::from(name))]);
        if let Some(kid) = kid.filter(|_| script.kids) {
            // A stranger claims to be the key that is published.
            let claimed = if how.signature == Signature::Stranger { self.rsa(script, 0).kid.clone() } else { kid.clone() };
            header.insert("kid".to_owned(), Value::from(claimed));
        }
        edit(&mut header, how.header);
        let part = |map: &Map<String, Value>| URL_SAFE_NO_PAD.encode(serde_json::to_vec(map).unwrap_or_default());
        let input = format!("{}.{}", part(&header), part(claims));
        let hmac_of = |key: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), input.as_bytes()).as_ref().to_vec();
        let mut signature = match how.algorithm {
            Algorithm::Rs256 => rsa.sign(input.as_bytes()),
            Algorithm::Es256 => ec.sign(input.as_bytes()),
            Algorithm::Hs256 => hmac_of(secret.as_bytes()),
            Algorithm::Hs256OfPublicKey => hmac_of(rsa.modulus()),
            Algorithm::None => Vec::new(),
        };
        if let (Signature::Corrupted, Some(octet)) = (how.signature, signature.get_mut(7)) {
            *octet ^= 0x5a;
        }
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The condition of a token.
pub(crate) struct Condition<'a> {
    pub(crate) typ: &'static str,
    pub(crate) algorithm: Algorithm,
    pub(crate) signature: Signature,
    pub(crate) header: &'a [Edit],
}

/// An RSA key of 2048 bits with exponent 65537.
#[derive(Debug)]
struct Rsa {
    pair: KeyPair,
    kid: String,
}

impl Rsa {
    #[expect(clippy::expect_used, reason = "without randomness there is no provider")]
    fn generate() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("an RSA key can be generated");
        let kid = thumbprint(pair.public_key().as_ref());
        Self { pair, kid }
    }

    /// The 256 octets between the head of the PKCS#1 structure and the exponent; neither varies in length here.
    fn modulus(&self) -> &[u8] {
        &self.pair.public_key().as_ref()[9..265]
    }

    #[expect(clippy::expect_used, reason = "signing with a good key does not fail")]
    fn sign(&self, input: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature).expect("an RSA key signs");
        signature
    }
}

/// A key on P-256.
#[derive(Debug)]
struct Ec {
    pair: EcdsaKeyPair,
    kid: String,
}

impl Ec {
    #[expect(clippy::expect_used, reason = "without randomness there is no provider")]
    fn generate() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a P-256 key can be generated");
        let kid = thumbprint(pair.public_key().as_ref());
        Self { pair, kid }
    }

    /// The coordinate that begins at octet `from` of the uncompressed point.
    fn coordinate(&self, from: usize) -> String {
        URL_SAFE_NO_PAD.encode(&self.pair.public_key().as_ref()[from..from + 32])
    }

    #[expect(clippy::expect_used, reason = "signing with a good key does not fail")]
    fn sign(&self, input: &[u8]) -> Vec<u8> {
        self.pair.sign(&SystemRandom::new(), input).expect("a P-256 key signs").as_ref().to_vec()
    }
}

type Pool<T> = Mutex<BTreeMap<(u8, u32), Arc<T>>>;

fn rsa(slot: (u8, u32)) -> Arc<Rsa> {
    static POOL: Pool<Rsa> = Mutex::new(BTreeMap::new());
    take(&POOL, slot, Rsa::generate)
}

fn ec(slot: (u8, u32)) -> Arc<Ec> {
    static POOL: Pool<Ec> = Mutex::new(BTreeMap::new());
    take(&POOL, slot, Ec::generate)
}

fn take<T>(pool: &Pool<T>, slot: (u8, u32), generate: fn() -> T) -> Arc<T> {
    let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
    pool.entry(slot).or_insert_with(|| Arc::new(generate())).clone()
}

fn thumbprint(public: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, public).as_ref()[..15])
}

/// Base64url of SHA-256, as PKCE has it.
pub(crate) fn sha256(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// 24 random octets, base64url.
#[expect(clippy::expect_used, reason = "without randomness there is no provider")]
pub(crate) fn random() -> String {
    let mut octets = [0; 24];
    SystemRandom::new().fill(&mut octets).expect("the system has randomness");
    URL_SAFE_NO_PAD.encode(octets)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};

    use super::*;

    fn signed(ring: &Ring, algorithm: Algorithm, signature: Signature) -> (String, Vec<u8>) {
        let how = Condition { typ: "JWT", algorithm, signature, header: &[] };
        let token = ring.sign(&Keys::default(), &how, &Map::new(), "secret");
        let (input, signature) = token.rsplit_once('.').unwrap();
        (input.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap())
    }

    fn published(ring: &Ring, kty: &str, name: &str) -> Vec<u8> {
        let document = ring.document(&Keys { rsa: 1, ..Keys::default() }, None);
        let key = document["keys"].as_array().unwrap().iter().find(|key| key["kty"] == kty).unwrap();
        URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap()
    }

    #[test]
    fn a_good_signature_verifies_with_the_published_key_and_no_other_does() {
        let ring = Ring::default();
        let key = RsaPublicKeyComponents { n: published(&ring, "RSA", "n"), e: published(&ring, "RSA", "e") };
        for (condition, good) in [(Signature::Good, true), (Signature::Corrupted, false), (Signature::Stranger, false)] {
            let (input, signature) = signed(&ring, Algorithm::Rs256, condition);
            assert_eq!(key.verify(&RSA_PKCS1_2048_8192_SHA256, input.as_bytes(), &signature).is_ok(), good, "{condition:?}");
        }
        let point = [vec![4], published(&ring, "EC", "x"), published(&ring, "EC", "y")].concat();
        let (input, signature) = signed(&ring, Algorithm::Es256, Signature::Good);
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(input.as_bytes(), &signature).unwrap();
        assert!(signed(&ring, Algorithm::None, Signature::Good).1.is_empty());
    }

    #[test]
    fn a_rotation_replaces_every_published_key() {
        let mut ring = Ring::default();
        let before = published(&ring, "RSA", "n");
        ring.rotate();
        assert_ne!(published(&ring, "RSA", "n"), before);
    }
}
