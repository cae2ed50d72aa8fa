//! [`KeySet`]: the keys that a provider publishes (RFC 7517), as far as they can verify signatures.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::issuer::Issuer;
use super::jws::{Algorithm, PublicKey};

/// More than any provider publishes (Microsoft: "10 to 1000 entries").
const MOST_KEYS: usize = 1000;
/// A token without `kid` is tried with this many keys at most.
const MOST_TRIES: usize = 8;

/// The keys of one provider; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    kid: Option<String>,
    /// Microsoft leaves it out: then our own list of algorithms decides alone.
    alg: Option<String>,
    /// Microsoft's: whose tokens this key may sign; may hold `{tenantid}`.
    pub issuer: Option<Issuer>,
    /// Microsoft's: the cloud that the key belongs to.
    pub cloud_instance: Option<String>,
    pub public: PublicKey,
}

/// Why a document is no key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not JSON, or without the array `keys`.
    #[error("the provider's keys are not a JSON Web Key Set")]
    Malformed,
    /// Nothing in it can verify a signature.
    #[error("the provider publishes no key that can be used")]
    Empty,
}

impl KeySet {
    /// Reads a key set. Keys of other kinds, for other uses, too short or malformed are left out without a word.
    ///
    /// # Errors
    /// [`Error`]: the set must not replace a good one.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let document: Value = serde_json::from_slice(body).map_err(|_| Error::Malformed)?;
        let listed = document.get("keys").and_then(Value::as_array).ok_or(Error::Malformed)?;
        let keys: Vec<_> = listed.iter().take(MOST_KEYS).filter_map(|key| Key::parse(key.as_object()?)).collect();
        if keys.is_empty() { Err(Error::Empty) } else { Ok(Self { keys }) }
    }

    /// The keys that may have signed a token: those with its `kid`, or without one all that fit the algorithm.
    pub(super) fn candidates<'a>(&'a self, kid: Option<&'a str>, algorithm: Algorithm) -> impl Iterator<Item = &'a Key> {
        let fits = move |key: &&Key| key.public.fits(algorithm) && key.alg.as_deref().is_none_or(|alg| alg == algorithm.as_str());
        self.keys.iter().filter(move |key| kid.is_none() || key.kid.as_deref() == kid).filter(fits).take(MOST_TRIES)
    }
}

impl Key {
    fn parse(members: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let octets = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        if text("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        if members.get("key_ops").and_then(Value::as_array).is_some_and(|operations| !operations.iter().any(|op| op == "verify")) {
            return None;
        }
        let public = match (text("kty")?, text("crv")) {
            ("RSA", _) => rsa(&octets("n")?, &octets("e")?)?,
            ("EC", Some("P-256")) => PublicKey::P256(point(&octets("x")?, &octets("y")?, 32)?),
            ("EC", Some("P-384")) => PublicKey::P384(point(&octets("x")?, &octets("y")?, 48)?),
            _ => return None,
        };
        Some(Self {
            kid: text("kid").map(str::to_owned),
            alg: text("alg").map(str::to_owned),
            issuer: text("issuer").map(Issuer::new),
            cloud_instance: text("cloud_instance_name").map(str::to_owned),
            public,
        })
    }
}

/// RSA keys of 2048 to 8192 bits with an odd exponent of at least 3.
fn rsa(n: &[u8], e: &[u8]) -> Option<PublicKey> {
    let (n, e) = (without_zeros(n), without_zeros(e));
    let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
    let is_odd = e.last()? % 2 == 1;
    let sound = (2048..=8192).contains(&bits) && e.len() <= 8 && is_odd && e != [1];
    sound.then(|| PublicKey::Rsa { n: n.to_vec(), e: e.to_vec() })
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|octet| **octet == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The uncompressed form (SEC 1 section 2.3.3). Whether it is on the curve is checked where it is used.
fn point(x: &[u8], y: &[u8], length: usize) -> Option<Vec<u8>> {
    (x.len() == length && y.len() == length).then(|| [&[4], x, y].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn modulus(bits: usize) -> String {
        URL_SAFE_NO_PAD.encode(vec![0xff; bits / 8])
    }

    fn usable(key: &Value) -> bool {
        KeySet::parse(json!({"keys": [key]}).to_string().as_bytes()).is_ok()
    }

    #[test]
    fn a_key_is_usable_or_left_out() {
        let rsa = json!({"kty": "RSA", "n": modulus(2048), "e": "AQAB"});
        let with = |name: &str, value: Value| {
            let mut key = rsa.clone();
            key[name] = value;
            key
        };
        let coordinate = URL_SAFE_NO_PAD.encode([1; 32]);
        for (key, expected) in [
            (rsa.clone(), true),
            (with("use", json!("sig")), true),
            (with("use", json!("enc")), false),
            (with("key_ops", json!(["verify"])), true),
            (with("key_ops", json!(["encrypt"])), false),
            (with("n", json!(modulus(1024))), false),
            (with("n", json!(modulus(16384))), false),
            (with("n", json!("")), false),
            (with("n", json!("not base64!")), false),
            (with("e", json!("AQ")), false),
            (with("e", json!("Ag")), false),
            (with("kty", json!("oct")), false),
            (with("kty", json!("OKP")), false),
            (json!({"kty": "EC", "crv": "P-256", "x": coordinate, "y": coordinate}), true),
            (json!({"kty": "EC", "crv": "P-384", "x": coordinate, "y": coordinate}), false),
            (json!({"kty": "EC", "crv": "secp256k1", "x": coordinate, "y": coordinate}), false),
            (json!("RSA"), false),
        ] {
            assert_eq!(usable(&key), expected, "{key:.100}");
        }
    }

    #[test]
    fn a_broken_set_is_an_error_and_a_useless_one_too() {
        for (body, expected) in [
            ("", Error::Malformed),
            ("[]", Error::Malformed),
            ("<html>", Error::Malformed),
            (r#"{"keys":{}}"#, Error::Malformed),
            (r#"{"keys":[]}"#, Error::Empty),
            (r#"{"keys":[{"kty":"oct","k":"AA"}]}"#, Error::Empty),
        ] {
            assert_eq!(KeySet::parse(body.as_bytes()), Err(expected), "{body}");
        }
    }

    #[test]
    fn a_key_is_chosen_by_kid_kind_and_algorithm() {
        let set = json!({"keys": [
            {"kty": "RSA", "kid": "a", "n": modulus(2048), "e": "AQAB"},
            {"kty": "RSA", "kid": "b", "alg": "RS512", "n": modulus(2048), "e": "AQAB"},
            {"kty": "EC", "kid": "a", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode([1; 32]), "y": URL_SAFE_NO_PAD.encode([2; 32])},
        ]});
        let set = KeySet::parse(set.to_string().as_bytes()).unwrap();
        let count = |kid, algorithm| set.candidates(kid, algorithm).count();
        assert_eq!(count(Some("a"), Algorithm::Rs256), 1);
        assert_eq!(count(Some("b"), Algorithm::Rs256), 0);
        assert_eq!(count(Some("c"), Algorithm::Rs256), 0);
        assert_eq!(count(None, Algorithm::Rs512), 2);
        assert_eq!(count(Some("a"), Algorithm::Es256), 1);
        assert_eq!(count(None, Algorithm::Es384), 0);
    }

    proptest! {
        #[test]
        fn no_document_makes_the_parser_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = KeySet::parse(&body);
        }
    }
}
