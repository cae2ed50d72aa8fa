//! PKCE with S256 (RFC 7636). `plain` is deliberately absent.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::model::Secret;

/// The verifier of one authorization: 43 characters of base64url, sent with the code and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier(Secret<String>);

impl Verifier {
    /// The verifier that 32 octets from the system's random source make (RFC 7636 section 4.1).
    #[cfg(test)]
    pub fn from_entropy(octets: &[u8; 32]) -> Self {
        Self(Secret::new(URL_SAFE_NO_PAD.encode(octets)))
    }

    /// A verifier that was kept while the browser was away.
    pub const fn from_kept(text: Secret<String>) -> Self {
        Self(text)
    }

    /// What goes to the token endpoint.
    pub const fn secret(&self) -> &Secret<String> {
        &self.0
    }

    /// What goes into the authorization request: `BASE64URL(SHA256(verifier))`.
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.0.expose().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    const OCTETS: [u8; 32] = [
        116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105, 214, 191, 240, 91, 88, 5, 88, 83,
        132, 141, 121,
    ];

    #[test]
    fn the_vector_of_rfc_7636_comes_out() {
        let verifier = Verifier::from_entropy(&OCTETS);
        assert_eq!(verifier.secret().expose(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(verifier.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_kept_verifier_has_the_same_challenge() {
        let verifier = Verifier::from_entropy(&[7; 32]);
        assert_eq!(Verifier::from_kept(verifier.secret().clone()).challenge(), verifier.challenge());
    }
}
