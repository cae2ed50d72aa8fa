//! [`Way`]: a plain connection to a server, step by step (name, port, certificate), so that a failure says at which step it was.
//! For protocols other than HTTP; no proxy is used, since mail programs use none either.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::trust::{self, Distrust};
use crate::model::Hint;

/// How long one step may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// At which step it went wrong, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nobody knows the name.
    #[error("the name {host} cannot be resolved: {cause}")]
    Name {
        /// The host.
        host: String,
        /// Why.
        cause: String,
    },
    /// Nothing listens there, or something on the way says so.
    #[error("{server} refuses connections: {cause}")]
    Closed {
        /// Host and port.
        server: String,
        /// Why.
        cause: String,
    },
    /// Nothing comes back.
    #[error("{server} does not answer within {} s: most likely a firewall drops the connection", PATIENCE.as_secs())]
    Silent {
        /// Host and port.
        server: String,
    },
    /// The certificate was refused; nothing was sent.
    #[error("{server} is not believed: {cause}")]
    Untrusted {
        /// Host and port.
        server: String,
        /// Which certificate is at fault, and why.
        cause: String,
        /// What to do.
        hint: String,
    },
    /// No TLS was agreed on.
    #[error("no TLS with {server}: {cause}")]
    Tls {
        /// Host and port.
        server: String,
        /// Why.
        cause: String,
    },
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Name { host, .. } => format!("check the name servers in /etc/resolv.conf: getent hosts {host}"),
            Self::Closed { server, .. } | Self::Silent { server } => {
                format!("let this machine connect to {server} (TCP), in the firewall between")
            }
            Self::Untrusted { hint, .. } => hint.clone(),
            Self::Tls { server, .. } => format!("see who answers there: openssl s_client -connect {server}"),
        })
    }
}

/// The way out, with the trust anchors that count here.
#[derive(Clone)]
pub struct Way {
    tls: Arc<ClientConfig>,
}

/// A connection whose certificate is believed, and who issued it.
pub struct Secured<S> {
    /// The connection.
    pub stream: TlsStream<S>,
    /// The name of the certificate's issuer.
    pub issuer: String,
}

impl Way {
    /// A way that believes the system's trust store and `ca_file`.
    ///
    /// # Errors
    /// What is wrong with `ca_file` or the TLS library.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, String> {
        let anchors = ca_file.map_or(Ok(Vec::new()), trust::read_ca_file)?;
        let tls = trust::client_config(anchors).map_err(|error| error.to_string())?;
        Ok(Self { tls: Arc::new(tls) })
    }

    /// Connects to `server`, which is `HOST:PORT`.
    ///
    /// # Errors
    /// The name, or the port.
    pub async fn connect(&self, server: &str) -> Result<TcpStream, Error> {
        resolve(server).await?;
        match timeout(PATIENCE, TcpStream::connect(server)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => Err(Error::Silent { server: server.to_owned() }),
            Ok(Err(error)) => Err(Error::Closed { server: server.to_owned(), cause: error.to_string() }),
            Err(_) => Err(Error::Silent { server: server.to_owned() }),
        }
    }

    /// Begins TLS on `stream`, which leads to `server`.
    ///
    /// # Errors
    /// The certificate, or TLS itself.
    pub async fn secure<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S, server: &str) -> Result<Secured<S>, Error> {
        let tls = |cause: String| Error::Tls { server: server.to_owned(), cause };
        let name = ServerName::try_from(host(server).to_owned()).map_err(|error| tls(error.to_string()))?;
        let stream = match timeout(PATIENCE, TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(distrusted(&error, server).unwrap_or_else(|| tls(error.to_string()))),
            Err(_) => return Err(Error::Silent { server: server.to_owned() }),
        };
        let issuer = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(trust::issuer_of).unwrap_or_default();
        Ok(Secured { stream, issuer })
    }
}

/// Whether the name in `HOST:PORT` leads anywhere.
///
/// # Errors
/// [`Error::Name`].
pub async fn resolve(server: &str) -> Result<(), Error> {
    let failed = |cause: String| Error::Name { host: host(server).to_owned(), cause };
    match timeout(PATIENCE, lookup_host(server)).await {
        Ok(Ok(mut addresses)) => addresses.next().map(|_| ()).ok_or_else(|| failed("it has no address".to_owned())),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed(format!("no name server answers within {} s", PATIENCE.as_secs()))),
    }
}

/// The host in `HOST:PORT`, without the brackets of an IPv6 address.
fn host(server: &str) -> &str {
    server.rsplit_once(':').map_or(server, |(host, _)| host).trim_start_matches('[').trim_end_matches(']')
}

fn distrusted(error: &io::Error, server: &str) -> Option<Error> {
    let rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) = error.get_ref()?.downcast_ref()? else { return None };
    let distrust = other.0.downcast_ref::<Distrust>()?;
    let hint = distrust.hint().unwrap_or_default();
    Some(Error::Untrusted { server: server.to_owned(), cause: distrust.to_string(), hint })
}
