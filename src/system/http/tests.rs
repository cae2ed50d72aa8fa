//! Against real sockets: servers and a proxy that do what is written here, each on a thread of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::*;

fn outbound() -> Outbound {
    Outbound { ca_file: None, proxy: None, no_proxy: String::new(), deadline: DEADLINE }
}

fn http() -> Http {
    Http::new(&outbound()).unwrap()
}

/// A server that hands each connection to `serve`.
fn server(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    address
}

/// Reads a request's head, and its body as long as `Content-Length` says.
fn read_request(stream: impl Read) -> String {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    let mut length = 0;
    while reader.read_line(&mut request).is_ok_and(|bytes| bytes > 2) {
        if let Some(value) = request.lines().last().and_then(|line| line.strip_prefix("content-length: ")) {
            length = value.parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    request + &String::from_utf8(body).unwrap()
}

/// A server that gives every request the same answer, and what it was asked.
fn answering(answer: impl Into<Vec<u8>>) -> (SocketAddr, Receiver<String>) {
    let answer = answer.into();
    let (asked, requests) = channel();
    let address = server(move |mut stream| {
        let _ = asked.send(read_request(&stream));
        let _ = stream.write_all(&answer);
    });
    (address, requests)
}

#[tokio::test]
async fn an_answer_arrives_with_all_that_matters() {
    let (address, requests) = answering(
        "HTTP/1.1 429 Slow\r\nContent-Type: Application/JSON; charset=utf-8\r\nRetry-After: 17\r\n\
         Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    );
    let answer = http().get(&format!("http://{address}/me?q=1"), Some(&Secret::from("token"))).await.unwrap();
    assert_eq!((answer.status, answer.content_type.as_str(), &answer.body[..]), (429, "application/json", &b"{}"[..]));
    assert_eq!(answer.retry_after, Some(Duration::from_secs(17)));
    assert_eq!(answer.date, Some("1994-11-06T08:49:37Z".parse().unwrap()));
    let request = requests.recv().unwrap();
    for line in [
        "GET /me?q=1 HTTP/1.1",
        "authorization: Bearer token",
        concat!("user-agent: onedesk/", env!("CARGO_PKG_VERSION")),
        &format!("client-request-id: {}", answer.request_id),
    ] {
        assert!(request.contains(line), "{line} in {request}");
    }
    for name in ["origin:", "cookie:", "referer:"] {
        assert!(!request.contains(name), "{request}");
    }
}

#[tokio::test]
async fn a_form_is_posted_encoded_and_with_basic_credentials() {
    let (address, requests) = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let secret = Secret::from("se~cret");
    http().post_form(&format!("http://{address}/token"), &[("a", "1 &ä"), ("b", "=")], Some(("id", &secret))).await.unwrap();
    let request = requests.recv().unwrap();
    assert!(request.contains("content-type: application/x-www-form-urlencoded\r\n"), "{request}");
    assert!(request.contains("authorization: Basic aWQ6c2V+Y3JldA==\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\na=1+%26%C3%A4&b=%3D"), "{request}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (address, requests) = answering("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    assert_eq!(http().get(&format!("http://{address}/"), None).await.unwrap().status, 302);
    assert!(requests.recv().is_ok() && requests.try_recv().is_err());
}

#[tokio::test]
async fn a_server_that_hangs_costs_the_deadline_and_no_more() {
    let address = server(|stream| {
        read_request(&stream);
        std::thread::park();
    });
    let http = Http::new(&Outbound { deadline: Duration::from_secs(1), ..outbound() }).unwrap();
    let error = http.get(&format!("http://{address}/?secret=canary"), None).await.unwrap_err();
    assert_eq!(error.to_string(), format!("{address} did not answer within 1 s"));
}

#[tokio::test]
async fn a_server_that_trickles_costs_the_deadline_too() {
    let address = server(|mut stream| {
        read_request(&stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx");
        std::thread::park();
    });
    let http = Http::new(&Outbound { deadline: Duration::from_secs(1), ..outbound() }).unwrap();
    assert!(matches!(http.get(&format!("http://{address}/"), None).await, Err(Error::Timeout { seconds: 1, .. })));
}

#[tokio::test]
async fn a_body_above_the_bound_is_not_read() {
    let big = vec![b'x'; 2 * 1024 * 1024];
    let (announced, _one) = answering([b"HTTP/1.1 200 OK\r\nContent-Length: 2097152\r\n\r\n".as_slice(), &big].concat());
    let (endless, _two) = answering([b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".as_slice(), &big].concat());
    for address in [announced, endless] {
        assert!(matches!(http().get(&format!("http://{address}/"), None).await, Err(Error::TooLarge { limit: LARGEST_BODY, .. })));
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_told_from_no_connection() {
    let (cut, _requests) = answering("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123");
    let reset = server(drop);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [cut, reset] {
        let error = http().get(&format!("http://{address}/path?secret=canary"), None).await.unwrap_err();
        assert!(matches!(error, Error::Broken { .. }), "{error}");
        assert!(!error.to_string().contains("canary") && error.to_string().contains(&address.to_string()), "{error}");
    }
    let error = http().get(&format!("http://{closed}/?secret=canary"), None).await.unwrap_err();
    assert!(matches!(&error, Error::Connect { cause, .. } if cause.contains("refused")), "{error}");
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[test]
fn retry_after_is_read_and_bounded() {
    let now = http_date("Sun, 06 Nov 1994 08:49:37 GMT");
    for (text, now, seconds) in [
        ("0", now, Some(0)),
        (" 120 ", now, Some(120)),
        ("99999999999999999999999", now, Some(3600)),
        ("Sun, 06 Nov 1994 08:50:37 GMT", now, Some(60)),
        ("Sun, 06 Nov 1994 07:00:00 GMT", now, Some(0)),
        ("Sun, 06 Nov 2094 07:00:00 GMT", now, Some(3600)),
        ("Sun, 06 Nov 1994 08:50:37 GMT", None, Some(60)),
        ("", now, None),
        ("-1", now, None),
        ("soon", now, None),
    ] {
        assert_eq!(retry_after(text, now), seconds.map(Duration::from_secs), "{text}");
    }
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        Self::named("Contoso Inspecting CA")
    }

    fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// An HTTPS server on 127.0.0.1 whose certificate is for `name`, and valid if not `expired`.
    fn serve(&self, name: &str, expired: bool) -> SocketAddr {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        if expired {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        server(move |stream| {
            let mut tls = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
            read_request(&mut tls);
            let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
            tls.conn.send_close_notify();
            let _ = tls.flush();
        })
    }

    /// A client that trusts it, by way of `ca_file`.
    fn trusted(&self, folder: &tempfile::TempDir) -> Outbound {
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, self.0.pem()).unwrap();
        Outbound { ca_file: Some(path), ..outbound() }
    }
}

#[tokio::test]
async fn an_unknown_issuer_is_named_and_ca_file_makes_it_known() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let url = format!("https://{}/?secret=canary", authority.serve("127.0.0.1", false));
    // A client with some anchor, so that the test also holds on a machine without a trust store.
    let stranger = Http::new(&Authority::named("Another CA").trusted(&folder)).unwrap();
    let error = stranger.get(&url, None).await.unwrap_err();
    assert!(matches!(&error, Error::Untrusted { cause, .. } if cause.contains("\"Contoso Inspecting CA\"")), "{error:?}");
    assert!(error.hint().unwrap().contains("microsoft.ca_file") && !format!("{error:?}").contains("canary"));
    let answer = Http::new(&authority.trusted(&folder)).unwrap().get(&url, None).await.unwrap();
    assert_eq!(&answer.body[..], b"ok");
}

#[tokio::test]
async fn an_issuer_that_was_made_anew_under_its_old_name_is_told_from_the_trusted_one() {
    let folder = tempfile::tempdir().unwrap();
    let http = Http::new(&Authority::new().trusted(&folder)).unwrap();
    let error = http.get(&format!("https://{}/", Authority::new().serve("127.0.0.1", false)), None).await.unwrap_err();
    assert!(error.to_string().contains("\"Contoso Inspecting CA\", but with another key"), "{error}");
    assert!(error.hint().unwrap().contains("microsoft.ca_file"));
}

#[tokio::test]
async fn an_expired_certificate_and_one_for_another_name_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let http = Http::new(&authority.trusted(&folder)).unwrap();
    let expired = http.get(&format!("https://{}/", authority.serve("127.0.0.1", true)), None).await.unwrap_err();
    assert!(expired.to_string().ends_with("its certificate has run out"), "{expired}");
    assert!(expired.hint().unwrap().contains("clock"));
    let misnamed = http.get(&format!("https://{}/", authority.serve("other.example", false)), None).await.unwrap_err();
    assert!(misnamed.to_string().contains("for another name") && misnamed.to_string().contains("other.example"), "{misnamed}");
}

#[test]
fn a_ca_file_without_certificates_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let build = || Http::new(&Outbound { ca_file: Some(path.clone()), ..outbound() }).unwrap_err();
    for content in [
        None,
        Some("no certificate"),
        Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        Some("-----BEGIN CERTIFICATE-----\n"),
    ] {
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let error = build();
        assert!(matches!(&error, BuildError::CaFile(what) if what.contains("ca.pem")), "{error}");
        assert!(error.hint().is_some());
    }
}

/// A proxy that notes each CONNECT and tunnels it to `target`, whatever host was asked for.
fn proxy(target: SocketAddr) -> (SocketAddr, Receiver<String>) {
    let (asked, requests) = channel();
    let address = server(move |mut client| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let _ = asked.send(String::from_utf8(head).unwrap());
        let _ = client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n");
        let mut upstream = TcpStream::connect(target).unwrap();
        let (mut from, mut to) = (client.try_clone().unwrap(), upstream.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        let _ = std::io::copy(&mut upstream, &mut client);
    });
    (address, requests)
}

#[tokio::test]
async fn requests_go_through_the_proxy_but_loopback_and_no_proxy_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let target = authority.serve("login.example", false);
    let (address, asked) = proxy(target);
    let way_out = Outbound {
        proxy: Some(Secret::new(format!("http://desk:canary@{address}"))),
        no_proxy: "direct.invalid".to_owned(),
        ..authority.trusted(&folder)
    };
    let http = Http::new(&way_out).unwrap();

    let answer = http.get("https://login.example/token", None).await.unwrap();
    assert_eq!(&answer.body[..], b"ok");
    let connect = asked.recv().unwrap();
    assert!(connect.starts_with("CONNECT login.example:443 HTTP/1.1\r\n"), "{connect}");
    assert!(connect.to_lowercase().contains("proxy-authorization: basic zgvzazpjyw5hcnk="), "{connect}");

    let _ = http.get(&format!("https://{target}/"), None).await;
    let error = http.get("https://direct.invalid/", None).await.unwrap_err();
    assert!(asked.try_recv().is_err());
    assert!(!format!("{error} {error:?} {http:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn a_proxy_that_is_down_is_named_without_its_password() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let http = Http::new(&Outbound { proxy: Some(Secret::new(format!("http://desk:canary@{closed}"))), ..outbound() }).unwrap();
    let error = http.get("https://login.example/", None).await.unwrap_err();
    assert!(error.to_string().contains(&format!("(outbound proxy: {closed})")), "{error}");
    assert!(!format!("{error} {error:?}").contains("canary"));
}

#[test]
fn the_settings_proxy_wins_over_that_of_the_environment() {
    let environment = |name: &str| match name {
        "https_proxy" => Some("env.example:3128".to_owned()),
        "NO_PROXY" => Some("intern.example".to_owned()),
        _ => None,
    };
    let both = Outbound::new(None, Some(Secret::from("http://set.example:1")), environment);
    assert_eq!(both.proxy, Some(Secret::from("http://set.example:1")));
    assert_eq!(both.no_proxy, "intern.example");
    assert_eq!(Outbound::new(None, None, environment).proxy, Some(Secret::from("http://env.example:3128")));
    assert_eq!(Outbound::new(None, None, |_| None).proxy, None);
    assert_eq!(Http::new(&Outbound { proxy: Some(Secret::from("://")), ..outbound() }).unwrap_err(), BuildError::Proxy);
}

#[tokio::test]
async fn a_failed_exchange_is_recorded_without_what_was_sent_in_it() {
    let secret = "Qx8~first.secret-aaaa";
    let body = format!(
        r#"{{"error":"invalid_client","error_codes":[7000215],"suberror":"{secret}","trace_id":"{secret}","timestamp":"2026-11-27 01:02:03Z","error_description":"AADSTS7000215: Invalid client secret provided: '{secret}' or {}.","access_token":"{secret}"}}"#,
        STANDARD.encode(secret)
    );
    let (address, _requests) = answering(format!(
        "HTTP/1.1 401 No\r\nContent-Type: application/json\r\nServer: {secret}\r\nVia: 1.1 squid\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ));
    let transcripts = Transcripts::new(crate::model::Clock::manual("2026-11-27T00:00:00Z".parse().unwrap()));
    let http = http().recorded_in(&transcripts);
    let fields = [("grant_type", "client_credentials"), ("client_secret", secret)];
    http.post_form(&format!("http://{address}/contoso.test/token?state={secret}"), &fields, None).await.unwrap();
    let [transcript] = transcripts.newest_first().try_into().unwrap();
    assert_eq!((transcript.status, transcript.path.as_str()), (Some(401), "/contoso.test/token"));
    assert_eq!((transcript.error.as_deref(), transcript.error_codes.as_slice()), (Some("invalid_client"), [7_000_215].as_slice()));
    assert_eq!(transcript.error_description.as_deref(), Some("AADSTS7000215: Invalid client secret provided: […] or […]"));
    assert_eq!(transcript.headers.keys().collect::<Vec<_>>(), ["content-type", "via"]);
    assert!(!serde_json::to_string(&transcript).unwrap().contains("Qx8"), "{transcript:?}");
}

#[tokio::test]
async fn only_failures_are_recorded_and_the_oldest_make_room() {
    let (address, _requests) =
        answering("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
    let transcripts = Transcripts::new(crate::model::Clock::system());
    let http = http().recorded_in(&transcripts);
    http.get(&format!("http://{address}/"), None).await.unwrap();
    assert_eq!(transcripts.newest_first(), []);
    for number in 0..101 {
        http.get(&format!("http://user:password@127.0.0.1:1/{number}"), None).await.unwrap_err();
    }
    let kept = transcripts.newest_first();
    assert_eq!((kept.len(), kept[0].path.as_str(), kept[99].path.as_str()), (100, "/100", "/1"));
    assert!(kept[0].failure.as_deref().unwrap().starts_with("no connection to 127.0.0.1:1"), "{:?}", kept[0]);
}
