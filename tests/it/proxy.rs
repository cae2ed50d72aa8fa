//! A host that reaches Microsoft only by way of a proxy, over TLS of a private authority.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use entra_sim::{CLIENT_ID, Config, REDIRECT_PATHS, SECRET, Simulator};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::harness::{Browser, Daemon, SUPPORT, Site, World};

/// A name that no resolver knows: only the proxy finds it.
const PROVIDER: &str = "login.microsoft.test";

/// The proxy, and behind it the provider's TLS.
struct Proxy {
    address: SocketAddr,
    /// The heads of the requests that it got.
    asked: Arc<Mutex<Vec<String>>>,
    certificate: String,
    _runtime: tokio::runtime::Runtime,
}

impl Proxy {
    /// One that takes everybody who asks for [`PROVIDER`] to `simulator`.
    fn to(simulator: SocketAddr) -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec![PROVIDER.to_owned()]).unwrap();
        let tls = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], signing_key.into())
            .unwrap();
        let tls = TlsAcceptor::from(Arc::new(tls));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (noted, tunnels) = (Arc::clone(&asked), runtime.handle().clone());
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tunnels.spawn(tunnel(client, simulator, tls.clone(), Arc::clone(&noted)));
            }
        });
        Self { address, asked, certificate: cert.pem(), _runtime: runtime }
    }

    fn url(&self) -> String {
        format!("http://desk:pr0xy-canary@{}", self.address)
    }
}

async fn tunnel(mut client: TcpStream, simulator: SocketAddr, tls: TlsAcceptor, noted: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else { return };
        head.push(byte);
    }
    noted.lock().unwrap().push(String::from_utf8(head).unwrap());
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.unwrap();
    let Ok(mut client) = tls.accept(client).await else { return };
    let mut provider = TcpStream::connect(simulator).await.unwrap();
    // Whoever hangs up first ends it.
    let _ = copy_bidirectional(&mut client, &mut provider).await;
}

/// A daemon whose provider is behind the proxy, which it is told of by its settings or by its environment.
fn world(by_environment: bool) -> (World, Proxy) {
    let authority = format!("https://{PROVIDER}");
    let simulator = Simulator::start(Config { public_url: Some(authority.clone()), ..Config::default() });
    let mut site = Site::new(&authority);
    let mut app = Config::default().apps.remove(0);
    app.redirect_uris = REDIRECT_PATHS.iter().map(|path| format!("{}{path}", site.origin())).collect();
    simulator.put_app(app);
    let proxy = Proxy::to(simulator.address());
    std::fs::write(site.path("ca.pem"), &proxy.certificate).unwrap();
    let ca_file = format!("\"{}\"", site.path("ca.pem").display());
    site.set("microsoft.ca_file", &ca_file);
    site.write_pair(CLIENT_ID, SECRET);
    let url = proxy.url();
    let daemon = if by_environment {
        Daemon::start_with(site, &[("HTTPS_PROXY", url.as_str())])
    } else {
        site.set("microsoft.proxy", &format!("{url:?}"));
        Daemon::start(site)
    };
    (World { daemon, simulator }, proxy)
}

fn a_mailbox_is_connected_and_read_through_it(by_environment: bool) {
    let (world, proxy) = world(by_environment);
    world.daemon.wait_for_status("the secret was tried", |status| status["credentials"]["verified"] == "yes");
    let mut browser = Browser::new();
    let authorization = browser.begin(&world.daemon.mailbox_link(&json!({"address": SUPPORT})));
    // The person's browser has its own way to the provider.
    let direct = authorization.replace(&format!("https://{PROVIDER}"), &format!("http://{}", world.simulator.address()));
    let callback = browser.sign_in(&direct, SUPPORT);
    browser.open(&callback).expect(200);
    world.good_token(SUPPORT, "imap");

    let asked = proxy.asked.lock().unwrap().clone();
    assert!(!asked.is_empty());
    for head in asked {
        assert!(head.starts_with(&format!("CONNECT {PROVIDER}:443 HTTP/1.1\r\n")), "{head}");
        assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic "), "{head}");
    }
    let (log, status) = (world.daemon.log(), world.daemon.status().to_string());
    assert!(!log.contains("pr0xy-canary") && !status.contains("pr0xy-canary"), "the proxy's password is nobody's business");
}

#[test]
fn everything_goes_by_way_of_the_proxy_of_the_settings() {
    a_mailbox_is_connected_and_read_through_it(false);
}

#[test]
fn everything_goes_by_way_of_the_proxy_of_the_environment() {
    a_mailbox_is_connected_and_read_through_it(true);
}
