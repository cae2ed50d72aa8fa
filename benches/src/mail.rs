//! Mail hosts as a check meets them: they greet, do TLS with a certificate of a CA of ours, and take a token.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// An IMAP, a POP and a submission server on loopback.
pub struct MailHosts {
    /// The certificate of their CA.
    pub ca_file: PathBuf,
    /// The keys of `[mail]`, with the addresses.
    pub settings: String,
    _serving: JoinSet<()>,
}

impl MailHosts {
    /// Starts them; their CA's certificate goes into `folder`.
    pub async fn start(folder: &Path) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let ca_file = folder.join("ca.pem");
        fs::write(&ca_file, authority.pem())?;
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &authority)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let tls = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key)?;
        let tls = TlsAcceptor::from(Arc::new(tls));

        let mut serving = JoinSet::new();
        let mut settings = String::from("[mail]\n");
        for (key, greeting) in
            [("imap_upstream", Some("* OK ready\r\n")), ("pop3_upstream", Some("+OK ready\r\n")), ("smtp_upstream", None)]
        {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            settings += &format!("{key} = \"localhost:{}\"\n", listener.local_addr()?.port());
            let tls = tls.clone();
            serving.spawn(async move {
                let mut talks = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    let tls = tls.clone();
                    // Who hangs up early has heard enough.
                    talks.spawn(async move {
                        match greeting {
                            Some(greeting) => greet(&tls, stream, greeting).await,
                            None => submit(&tls, stream).await,
                        }
                    });
                    while talks.try_join_next().is_some() {}
                }
            });
        }
        Ok(Self { ca_file, settings, _serving: serving })
    }
}

async fn greet(tls: &TlsAcceptor, stream: TcpStream, greeting: &str) -> Result<()> {
    let mut stream = BufReader::new(tls.accept(stream).await?);
    stream.write_all(greeting.as_bytes()).await?;
    hear(&mut stream).await.map(drop)
}

/// No AUTH before STARTTLS, then XOAUTH2 in two steps, as Exchange Online does it.
async fn submit(tls: &TlsAcceptor, stream: TcpStream) -> Result<()> {
    let mut plain = BufReader::new(stream);
    plain.write_all(b"220 ready\r\n").await?;
    hear(&mut plain).await?;
    plain.write_all(b"250-hello\r\n250 STARTTLS\r\n").await?;
    hear(&mut plain).await?;
    plain.write_all(b"220 2.0.0 go on\r\n").await?;
    let mut secure = BufReader::new(tls.accept(plain.into_inner()).await?);
    hear(&mut secure).await?;
    secure.write_all(b"250-hello\r\n250 AUTH LOGIN XOAUTH2\r\n").await?;
    hear(&mut secure).await?;
    secure.write_all(b"334 \r\n").await?;
    hear(&mut secure).await?;
    secure.write_all(b"235 2.7.0 Authentication successful\r\n").await?;
    hear(&mut secure).await.map(drop)
}

async fn hear(stream: &mut BufReader<impl AsyncRead + AsyncWrite + Unpin>) -> Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await.context("the client hung up")?;
    Ok(line)
}
