//! Mail servers as Exchange Online is one, as far as a check hears: they greet, do TLS with a certificate of a CA of ours, and
//! answer a token as they are told. Scripted, since no real server says what Exchange says; the real ones are in `real_mail.rs`.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::PrivateKeyDer;

use crate::harness::Site;

/// A certification authority that nobody trusts unless told.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Lets a site trust it.
    pub fn trusted_by(&self, site: &mut Site) {
        let file = site.path("ca.pem");
        std::fs::write(&file, self.0.pem()).unwrap();
        site.set("microsoft.ca_file", &format!("\"{}\"", file.display()));
    }

    /// A certificate for a name or an address, and its key.
    pub fn pair(&self, name: &str) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    /// A server's side of TLS for `localhost`.
    pub fn server(&self) -> Arc<ServerConfig> {
        let (certificate, key) = self.pair("localhost");
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        Arc::new(builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }
}

/// Serves each connection on a thread of its own; the address has a name that certificates can have.
pub fn serve(talk: impl Fn(TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let talk = Arc::new(talk);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let talk = Arc::clone(&talk);
            std::thread::spawn(move || {
                // Who hangs up early has heard enough.
                let _ = talk(stream);
            });
        }
    });
    format!("localhost:{}", address.port())
}

/// A server that begins with TLS and says `greeting`: IMAP and POP.
pub fn greeting(tls: Arc<ServerConfig>, greeting: &'static str) -> String {
    serve(move |stream| {
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&tls)).unwrap(), stream);
        stream.write_all(greeting.as_bytes())?;
        let mut farewell = String::new();
        BufReader::new(&mut stream).read_line(&mut farewell)?;
        Ok(())
    })
}

/// Submission as Exchange does it: no AUTH before STARTTLS, `AUTH XOAUTH2` in two steps, then `verdict`.
pub fn submission(tls: Arc<ServerConfig>, starttls: bool, verdict: &'static str) -> String {
    serve(move |mut stream| {
        let mut plain = BufReader::new(stream.try_clone()?);
        stream.write_all(b"220 AB0001.mail.example.test Microsoft ESMTP MAIL Service ready\r\n")?;
        assert_eq!(hear(&mut plain)?, "EHLO onedesk");
        let offers = if starttls {
            "250-mail.example.test Hello\r\n250-SIZE 157286400\r\n250-STARTTLS\r\n250 SMTPUTF8\r\n"
        } else {
            "250-mail.example.test Hello\r\n250 XXXXXXXA\r\n"
        };
        stream.write_all(offers.as_bytes())?;
        if hear(&mut plain)? != "STARTTLS" {
            return Ok(());
        }
        stream.write_all(b"220 2.0.0 SMTP server ready\r\n")?;
        let mut secure = BufReader::new(StreamOwned::new(ServerConnection::new(Arc::clone(&tls)).unwrap(), stream));
        assert_eq!(hear(&mut secure)?, "EHLO onedesk");
        secure.get_mut().write_all(b"250-mail.example.test Hello\r\n250-AUTH LOGIN XOAUTH2\r\n250 SMTPUTF8\r\n")?;
        if hear(&mut secure)? != "AUTH XOAUTH2" {
            return Ok(());
        }
        secure.get_mut().write_all(b"334 \r\n")?;
        let sasl = hear(&mut secure)?;
        assert!(sasl.len() > 100 && sasl.starts_with("dXNlcj"), "no XOAUTH2 response");
        secure.get_mut().write_all(format!("{verdict}\r\n").as_bytes())?;
        hear(&mut secure)?;
        Ok(())
    })
}

/// A proxy that lets nobody through.
pub fn refusing_proxy() -> String {
    serve(|mut stream| {
        let mut lines = BufReader::new(stream.try_clone()?);
        assert!(hear(&mut lines)?.starts_with("CONNECT "));
        stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    })
}

fn hear(stream: &mut impl std::io::BufRead) -> std::io::Result<String> {
    let mut line = String::new();
    stream.take(64 * 1024).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
