//! Which servers are believed: the system's trust store and `ca_file`. The store is read at the first handshake, not at
//! the start, and a refusal says which certificate is at fault and what to do.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::files;
use crate::model::Hint;

/// Larger than any bundle of trust anchors.
const LARGEST_CA_FILE: u64 = 4 * 1024 * 1024;

/// Why a server's certificate was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Distrust {
    #[error("its certificate was issued by \"{issuer}\", which this machine does not trust")]
    UnknownIssuer { issuer: String },
    #[error("its certificate was issued by \"{issuer}\", but with another key than that issuer's certificate here")]
    OtherKey { issuer: String },
    #[error("its certificate has run out")]
    Expired,
    #[error("its certificate is not valid yet")]
    NotYetValid,
    #[error("its certificate is for another name{}", presented(.names))]
    OtherName { names: Vec<String> },
    #[error("its certificate was refused: {0}")]
    Other(String),
    #[error("the system's trust store cannot be read: {0}")]
    NoStore(String),
}

fn presented(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) }
}

impl Hint for Distrust {
    fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::UnknownIssuer { .. } => {
                    "if a proxy inspects TLS here, or the server has a private CA: set microsoft.ca_file to a PEM file with that CA's certificate"
                }
                Self::OtherKey { .. } => "ask for the issuer's new certificate, and put it into microsoft.ca_file or the system's trust store",
                Self::Expired | Self::NotYetValid => "check the clock of this machine with timedatectl; if it is right, the server's certificate must be renewed",
                Self::OtherName { .. } => "see whether the URL is right, and whether a proxy or name server leads to another host",
                Self::Other(_) => "see who answers there: openssl s_client -connect HOST:443 -showcerts",
                Self::NoStore(_) => "install the package ca-certificates, or set microsoft.ca_file",
            }
            .to_owned(),
        )
    }
}

/// Reads the trust anchors in a PEM file.
pub(super) fn read_ca_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes =
        files::open_regular(path).and_then(|file| files::read_bounded(file, path, LARGEST_CA_FILE)).map_err(|error| error.to_string())?;
    let anchors: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|fault| format!("{} is no PEM file: {fault}", path.display()))?;
    if anchors.is_empty() {
        return Err(format!("{} holds no certificate in PEM form", path.display()));
    }
    let mut store = RootCertStore::empty();
    for anchor in &anchors {
        store.add(anchor.clone()).map_err(|fault| format!("{} holds a certificate that cannot be used: {fault}", path.display()))?;
    }
    Ok(anchors)
}

/// The TLS side of a client that believes the system's store and `anchors`.
pub(super) fn client_config(anchors: Vec<CertificateDer<'static>>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let trust = Trust { anchors, provider: provider.clone(), verifier: OnceLock::new() };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(trust))
        .with_no_client_auth())
}

/// The usual verification, begun late and explained well; it accepts nothing that rustls refuses.
#[derive(Debug)]
struct Trust {
    anchors: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
    verifier: OnceLock<Result<Arc<WebPkiServerVerifier>, Distrust>>,
}

impl Trust {
    fn verifier(&self) -> Result<&WebPkiServerVerifier, Distrust> {
        self.verifier.get_or_init(|| self.read_store()).as_deref().map_err(Clone::clone)
    }

    fn read_store(&self) -> Result<Arc<WebPkiServerVerifier>, Distrust> {
        let system = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(system.certs);
        store.add_parsable_certificates(self.anchors.iter().cloned());
        if store.is_empty() {
            return Err(Distrust::NoStore(system.errors.first().map_or_else(|| "it is empty".to_owned(), ToString::to_string)));
        }
        WebPkiServerVerifier::builder_with_provider(store.into(), self.provider.clone())
            .build()
            .map_err(|fault| Distrust::NoStore(fault.to_string()))
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verifier = self.verifier().map_err(refusal)?;
        verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now).map_err(|error| match error {
            rustls::Error::InvalidCertificate(fault) => refusal(explained(fault, intermediates.last().unwrap_or(end_entity))),
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn refusal(distrust: Distrust) -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(distrust))))
}

fn explained(fault: CertificateError, topmost: &CertificateDer<'_>) -> Distrust {
    match fault {
        CertificateError::UnknownIssuer => Distrust::UnknownIssuer { issuer: issuer_of(topmost) },
        CertificateError::BadSignature => Distrust::OtherKey { issuer: issuer_of(topmost) },
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Distrust::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Distrust::NotYetValid,
        CertificateError::NotValidForName => Distrust::OtherName { names: Vec::new() },
        CertificateError::NotValidForNameContext { presented, .. } => {
            Distrust::OtherName { names: presented.iter().take(3).map(|name| readable(name.as_bytes())).collect() }
        }
        other => Distrust::Other(other.to_string()),
    }
}

/// The issuer's common name, else its organisation (RFC 5280 section 4.1.2.4).
pub(super) fn issuer_of(certificate: &CertificateDer<'_>) -> String {
    const COMMON_NAME: &[u8] = &[0x06, 3, 0x55, 4, 3];
    const ORGANIZATION: &[u8] = &[0x06, 3, 0x55, 4, 10];
    webpki::EndEntityCert::try_from(certificate)
        .ok()
        .and_then(|parsed| attribute(parsed.issuer(), COMMON_NAME).or_else(|| attribute(parsed.issuer(), ORGANIZATION)))
        .unwrap_or_else(|| "an unnamed issuer".to_owned())
}

/// The string that follows the object identifier `kind` in a DER name. Strings of 128 bytes and more are not named.
fn attribute(name: &[u8], kind: &[u8]) -> Option<String> {
    let at = name.windows(kind.len()).position(|window| window == kind)? + kind.len();
    let length = usize::from(*name.get(at + 1)?);
    name.get(at + 2..at + 2 + length).filter(|_| length < 128).map(readable)
}

/// The other side chose these bytes: bounded, and nothing that drives a terminal.
fn readable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().filter(|character| !character.is_control()).take(120).collect()
}
