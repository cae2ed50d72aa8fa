//! HTTPS served by ourselves: a certificate that is exchanged while connections live.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem};
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
        })
    }
}

/// The certificate in use, for all connections that begin now.
#[derive(Debug)]
pub struct Certificate {
    // Read once a handshake, which costs a thousand times as much.
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads both files.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn load(files: &TlsFiles) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self { current: RwLock::new(Arc::new(read(files)?)) }))
    }

    /// Reads the files again; connections that begin later get the new certificate.
    ///
    /// # Errors
    /// See [`Error`]; the certificate before stays in use then.
    pub fn reload(&self, files: &TlsFiles) -> Result<(), Error> {
        let new = Arc::new(read(files)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// TLS 1.2 and 1.3 with this certificate, whichever it is when a client comes.
    ///
    /// # Errors
    /// When the cryptography library offers neither version.
    pub fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
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

    /// Whether a client that trusts `anchor` alone gets through the handshake.
    async fn trusted_with(acceptor: &TlsAcceptor, anchor: &CertificateDer<'static>) -> bool {
        let (client, server) = duplex(64 * 1024);
        let connector = trusting(anchor);
        let (connected, _accepted) = tokio::join!(connector.connect(localhost(), client), acceptor.accept(server));
        connected.is_ok()
    }

    #[tokio::test]
    async fn a_reload_serves_the_new_certificate_through_the_same_acceptor() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (made(), made());
        let files = write(folder.path(), &first.0, &first.1);
        let certificate = Certificate::load(&files).unwrap();
        let acceptor = certificate.acceptor().unwrap();
        assert!(trusted_with(&acceptor, &first.2).await);
        assert!(!trusted_with(&acceptor, &second.2).await);

        write(folder.path(), &second.0, &second.1);
        certificate.reload(&files).unwrap();
        assert!(trusted_with(&acceptor, &second.2).await);
    }

    #[tokio::test]
    async fn a_broken_file_leaves_the_certificate_before_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let (good, other) = (made(), made());
        let files = write(folder.path(), &good.0, &good.1);
        let certificate = Certificate::load(&files).unwrap();
        let acceptor = certificate.acceptor().unwrap();

        write(folder.path(), &good.0, &other.1);
        assert!(matches!(certificate.reload(&files), Err(Error::Mismatch { .. })));
        assert!(trusted_with(&acceptor, &good.2).await);
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
            let error = Certificate::load(&write(folder.path(), certificate, key)).unwrap_err();
            assert!(error.to_string().ends_with(said), "{error}");
            assert!(error.hint().is_some());
        }
        let nowhere = TlsFiles { certificate: "/nonexistent/c.pem".into(), key: "/nonexistent/k.pem".into() };
        assert!(Certificate::load(&nowhere).unwrap_err().to_string().contains("/nonexistent/c.pem"));
    }
}
