//! HTTPS on the daemon's own door, without a web server in front.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use entra_sim::{CLIENT_ID, SECRET};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::json;

use crate::harness::{Site, Target, World, send, wait_until};
use crate::sso::host::free_port;
use crate::sso::servers::{Sample, Server};

/// A certificate for `localhost` with its key.
struct Pair(CertifiedKey<rcgen::KeyPair>);

impl Pair {
    fn new() -> Self {
        Self(generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap())
    }

    /// Puts both files in place, each by a rename.
    fn place(&self, site: &Site, name: &str) {
        for (file, text) in [(key(site, name), self.0.signing_key.serialize_pem()), (certificate(site, name), self.0.cert.pem())] {
            fs::write(file.with_extension("new"), text).unwrap();
            fs::rename(file.with_extension("new"), file).unwrap();
        }
    }

    /// Whether the daemon shows this certificate now, and answers over it.
    fn is_served(&self, site: &Site) -> bool {
        self.get(site.http(), "/healthz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200 "))
    }

    /// The whole answer of a server that shows this certificate; nothing if it shows another one or speaks no TLS.
    fn get(&self, server: SocketAddr, path: &str) -> Option<String> {
        let stream = TcpStream::connect(server).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut stream = StreamOwned::new(self.client(), stream);
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        String::from_utf8(answer).ok()
    }

    fn client(&self) -> ClientConnection {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::clone(self.0.cert.der())).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap()
    }
}

fn certificate(site: &Site, name: &str) -> PathBuf {
    site.path(&format!("{name}.crt"))
}

fn key(site: &Site, name: &str) -> PathBuf {
    site.path(&format!("{name}.key"))
}

fn serve_by(site: &mut Site, name: &str) {
    let files = [("listen.tls_certificate", certificate(site, name)), ("listen.tls_key", key(site, name))];
    for (setting, file) in files {
        site.set(setting, &format!("\"{}\"", file.display()));
    }
}

fn https(pair: &Pair) -> World {
    World::start_with(|site| {
        pair.place(site, "first");
        serve_by(site, "first");
        site.write_pair(CLIENT_ID, SECRET);
    })
}

#[test]
fn a_changed_certificate_is_served_without_a_signal_wherever_it_is() {
    let (first, second, third, fourth) = (Pair::new(), Pair::new(), Pair::new(), Pair::new());
    let mut world = https(&first);
    assert!(first.is_served(&world.daemon.site) && !second.is_served(&world.daemon.site));
    second.place(&world.daemon.site, "first");
    wait_until("the renewed certificate is served", || second.is_served(&world.daemon.site));

    third.place(&world.daemon.site, "elsewhere");
    serve_by(&mut world.daemon.site, "elsewhere");
    wait_until("the certificate at its new place is served", || third.is_served(&world.daemon.site));
    fourth.place(&world.daemon.site, "elsewhere");
    wait_until("that place is watched too", || fourth.is_served(&world.daemon.site));
}

#[test]
fn a_broken_certificate_leaves_the_one_before_in_use_and_is_shown() {
    let good = Pair::new();
    let world = https(&good);
    fs::write(certificate(&world.daemon.site, "first"), "no certificate").unwrap();
    let status = world.daemon.wait_for_status("the fault is shown", |status| status["warnings"].to_string().contains("tls_certificate"));
    assert!(status["warnings"].to_string().contains("first.crt"), "{status}");
    assert!(good.is_served(&world.daemon.site));
    good.place(&world.daemon.site, "first");
    world.daemon.wait_for_status("the fault is gone", |status| !status["warnings"].to_string().contains("tls_certificate"));
}

#[test]
fn https_is_turned_off_and_on_while_it_runs() {
    let pair = Pair::new();
    let mut world = https(&pair);
    let speaks_plainly =
        |site: &Site| send(&Target::Tcp(site.http()), "GET", "/healthz", &[], b"").is_ok_and(|answer| answer.status == 200);
    assert!(!speaks_plainly(&world.daemon.site));
    for setting in ["listen.tls_certificate", "listen.tls_key"] {
        world.daemon.site.unset(setting);
    }
    wait_until("plain HTTP is served", || speaks_plainly(&world.daemon.site));
    serve_by(&mut world.daemon.site, "first");
    wait_until("HTTPS is served again", || pair.is_served(&world.daemon.site));
}

#[test]
fn the_samples_for_web_servers_serve_https_in_front_of_the_daemon() {
    let pair = Pair::new();
    for start in [Server::nginx_sample, Server::httpd_sample] {
        let (http, https) = (free_port(), free_port());
        let world = World::start_with(|site| {
            pair.place(site, "web");
            site.set("public_url", &format!("\"https://localhost:{https}\""));
            site.write_pair(CLIENT_ID, SECRET);
        });
        let door = world.daemon.site.http().to_string();
        let certificate = certificate(&world.daemon.site, "web");
        let _server = start(&Sample { http, https, door: &door, certificate: &certificate, changes: &[] });
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, https));
        assert!(pair.get(server, "/healthz").unwrap().starts_with("HTTP/1.1 200 "));

        let link = world.daemon.mailbox_link(&json!({}));
        let answer = pair.get(server, link.strip_prefix(&format!("https://localhost:{https}")).unwrap()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 303 "), "{answer}");
        let cookie = answer.lines().find(|line| line.to_ascii_lowercase().starts_with("set-cookie: __host-onedesk-flow=")).unwrap();
        assert!(cookie.contains("Secure"), "{cookie}");

        let plain = send(&Target::Tcp((Ipv4Addr::LOCALHOST, http).into()), "GET", "/any", &[], b"").unwrap();
        assert!([301, 308].contains(&plain.status) && plain.header("location").unwrap().starts_with("https://"), "{plain:?}");
    }
}
