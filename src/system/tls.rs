//! HTTPS served by ourselves; certificate, and whether there is one, are exchanged while connections live.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{InconsistentKeys, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::model::Hint;
use crate::settings::TlsFiles;

/// Why a certificate cannot be used; the one before stays in use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read, or holds no PEM of the kind.
    #[error("{} holds no {wanted} in PEM form that can be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// `certificate` or `private key`.
        wanted: &'static str,
        /// Why.
        #[source]
        cause: pem::Error,
    },
    /// The certificate file holds no certificate.
    #[error("{} holds no certificate", .0.display())]
    Empty(PathBuf),
    /// They belong to different certificates.
    #[error("the key in {} is not the key of the certificate in {}", key.display(), certificate.display())]
    Mismatch {
        /// `tls_certificate`.
        certificate: PathBuf,
        /// `tls_key`.
        key: PathBuf,
    },
    /// A key or certificate that TLS cannot use.
    #[error("{} and {} cannot be used", certificate.display(), key.display())]
    Unusable {
        /// `tls_certificate`.
        certificate: PathBuf,
        /// `tls_key`.
        key: PathBuf,
        /// Why.
        #[source]
        cause: rustls::Error,
    },
    /// The cryptography library offers neither version of TLS.
    #[error("TLS cannot be set up")]
    Library(#[source] rustls::Error),
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreadable { path, .. } | Self::Empty(path) => {
                format!("{} must be PEM and readable by user onedesk", path.display())
            }
            Self::Mismatch { .. } => {
                "set listen.tls_certificate and listen.tls_key to files of the same certificate, leaf first".to_owned()
            }
            Self::Unusable { .. } => "use an RSA key of 2048 bits or more, an ECDSA key or an Ed25519 key".to_owned(),
            Self::Library(_) => return None,
        })
    }
}

/// How a door speaks to clients that come now: TLS with this certificate, or plain HTTP. Connections that live keep theirs.
pub type Current = watch::Receiver<Option<TlsAcceptor>>;

/// TLS 1.2 and 1.3 with the certificate that the files hold now.
///
/// # Errors
/// See [`Error`].
pub fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Error::Library)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(read(files)?)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn read(files: &TlsFiles) -> Result<CertifiedKey, Error> {
    let unreadable = |path: &PathBuf, wanted| {
        let path = path.clone();
        move |cause| Error::Unreadable { path, wanted, cause }
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(unreadable(&files.certificate, "certificate"))?;
    if chain.is_empty() {
        return Err(Error::Empty(files.certificate.clone()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(unreadable(&files.key, "private key"))?;
    CertifiedKey::from_der(chain, key, &default_provider()).map_err(|cause| {
        let (certificate, key) = (files.certificate.clone(), files.key.clone());
        match cause {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Error::Mismatch { certificate, key },
            cause => Error::Unusable { certificate, key, cause },
        }
    })
}

#[cfg(test)]
pub(in crate::system) mod tests {
    use super::*;
    use rcgen::{CertifiedKey as Generated, generate_simple_self_signed};
    use rustls_pki_types::ServerName;
    use std::path::Path;
    use tokio::io::duplex;

    pub(in crate::system) fn made() -> (String, String, CertificateDer<'static>) {
        let Generated { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        (cert.pem(), signing_key.serialize_pem(), cert.der().clone())
    }

    pub(in crate::system) fn write(folder: &Path, certificate: &str, key: &str) -> TlsFiles {
        let files = TlsFiles { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
        std::fs::write(&files.certificate, certificate).unwrap();
        std::fs::write(&files.key, key).unwrap();
        files
    }

    /// A client that trusts `anchor` alone.
    pub(in crate::system) fn trusting(anchor: &CertificateDer<'static>) -> tokio_rustls::TlsConnector {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(anchor.clone()).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        tokio_rustls::TlsConnector::from(Arc::new(config))
    }

    pub(in crate::system) fn localhost() -> ServerName<'static> {
        ServerName::try_from("localhost").unwrap()
    }

    #[tokio::test]
    async fn a_client_that_trusts_the_certificate_gets_in_and_another_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let (served, other) = (made(), made());
        let acceptor = acceptor(&write(folder.path(), &served.0, &served.1)).unwrap();
        for (anchor, is_let_in) in [(&served.2, true), (&other.2, false)] {
            let (client, server) = duplex(64 * 1024);
            let connector = trusting(anchor);
            let (connected, _accepted) = tokio::join!(connector.connect(localhost(), client), acceptor.accept(server));
            assert_eq!(connected.is_ok(), is_let_in);
        }
    }

    #[test]
    fn a_key_of_another_certificate_is_told_from_a_bad_one() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (made(), made());
        let error = acceptor(&write(folder.path(), &one.0, &other.1)).err().unwrap();
        assert!(matches!(error, Error::Mismatch { .. }), "{error}");
    }

    #[test]
    fn each_fault_of_the_files_is_named_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key, _) = made();
        for (certificate, key, said) in [
            ("", key.as_str(), "certificate.pem holds no certificate"),
            (certificate.as_str(), "", "key.pem holds no private key in PEM form that can be read"),
            (certificate.as_str(), certificate.as_str(), "key.pem holds no private key in PEM form that can be read"),
        ] {
            let error = acceptor(&write(folder.path(), certificate, key)).err().unwrap();
            assert!(error.to_string().ends_with(said), "{error}");
            assert!(error.hint().is_some());
        }
        let nowhere = TlsFiles { certificate: "/nonexistent/c.pem".into(), key: "/nonexistent/k.pem".into() };
        assert!(acceptor(&nowhere).err().unwrap().to_string().contains("/nonexistent/c.pem"));
    }
}
