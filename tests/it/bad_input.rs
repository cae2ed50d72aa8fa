//! What nobody should send: bounded in time and memory, told in words, and nothing is lost by it.

use std::io::{Read as _, Write as _};
use std::time::Instant;

use entra_sim::{CLIENT_ID, Endpoint, Fault, SECRET};
use serde_json::json;

use crate::harness::{Browser, SUPPORT, World, send};

const CALLBACK: &str = "/integrations/office365/oauth2redirectWithAuthCode";

#[test]
fn two_megabytes_are_refused_at_every_door() {
    let world = World::connected();
    let large = "a".repeat(2_000_000);
    let form = vec!["content-type: application/x-www-form-urlencoded".to_owned()];
    for path in [CALLBACK, "/integrations/azuread/token"] {
        let answer = send(&world.daemon.site.web(), "POST", path, &form, format!("state={large}").as_bytes()).unwrap();
        assert!([400, 413].contains(&answer.status), "{path}: {}", answer.status);
    }
    let query = send(&world.daemon.site.web(), "GET", &format!("{CALLBACK}?code={large}"), &[], b"");
    assert!(query.is_err() || [400, 414, 431].contains(&query.unwrap().status));
    world.good_token(SUPPORT, "imap");
}

#[test]
fn bytes_that_are_no_http_end_the_connection_and_nothing_else() {
    let world = World::start();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n\r\n\r\n\xff\xff\r\n\r\n",
    ] {
        for target in [world.daemon.site.web(), world.daemon.api()] {
            let mut stream = target.connect().unwrap();
            stream.write_all(bytes).unwrap();
            let mut answer = Vec::new();
            // Ends by an answer, an end or a reset; the deadline of the stream would be an error of another kind.
            if let Err(error) = stream.read_to_end(&mut answer) {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
            }
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
        }
    }
    assert_eq!(world.daemon.status()["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_hanging_provider_costs_one_answer_and_bounded_time() {
    let world = World::start();
    world.daemon.wait_for_status("verified", |status| status["credentials"]["verified"] == "yes");
    world.connect("ann@example.test");
    let link = world.daemon.mailbox_link(&json!({}));
    let mut browser = Browser::new();
    let authorization = browser.begin(&link);
    let callback = browser.sign_in(&authorization, SUPPORT);
    world.simulator.fault_at(Endpoint::Code, Fault::Hang, 1);
    let began = Instant::now();
    let arriving = std::thread::spawn(move || browser.get(&callback));
    for _ in 0..50 {
        world.good_token("ann@example.test", "imap");
    }
    assert!(began.elapsed().as_secs() < 10, "others are served meanwhile");
    arriving.join().unwrap().expect(502);
    assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
}

#[test]
fn a_credentials_file_of_any_bytes_is_a_reason_and_no_crash() {
    let world = World::connected();
    let file = world.daemon.site.credentials();
    for bytes in [
        &b"\xff\xfe\0A\0Z\0"[..],
        b"AZUREAD_CID=\xc3\x28\n",
        b"AZUREAD_CIS=\0\0\0\n",
        &[b'='; 5000],
        b"\xef\xbb\xbf\xef\xbb\xbf\n",
        &[0; 300],
    ] {
        std::fs::write(&file, bytes).unwrap();
        world.daemon.wait_for_status("stale", |status| status["state"] == "stale");
        world.good_token(SUPPORT, "imap");
        world.daemon.site.write_pair(CLIENT_ID, SECRET);
        world.daemon.wait_for_status("ready", |status| status["state"] == "ready");
    }
}

#[test]
fn foreign_text_is_text_on_every_page() {
    let world = World::start();
    let origin = world.daemon.site.origin();
    let evil = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let mut browser = Browser::new();
    let authorization = browser.begin(&world.daemon.mailbox_link(&json!({})));
    let state = url::Url::parse(&authorization).unwrap().query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    for url in [
        format!("{origin}{CALLBACK}?error={evil}&error_description={evil}+AADSTS50105&state={state}"),
        format!("{origin}{CALLBACK}?code={evil}&state={evil}"),
        format!("{origin}/{evil}"),
        format!("{origin}/integrations/office365/connect?ticket={evil}"),
    ] {
        let answer = browser.get(&url);
        assert!((400..500).contains(&answer.status), "{url}: {}", answer.status);
        // Our own script is a file of ours; theirs would stand in the page.
        assert!(!answer.body.contains("<script>"), "{}", answer.body);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{url}");
        }
        assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"));
    }
}
