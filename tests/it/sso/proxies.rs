//! The whole way through real web servers: the snippet sends a page to sign in, and hands the person to the app afterwards.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use op_sim::Script;
use serde_json::json;

use super::browser::Browser;
use super::host::free_port;
use super::servers::SERVERS;
use super::stage::Stage;

/// An app that tells the head of each request back; the address.
fn app() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = vec![0; 16 * 1024];
            let length = stream.read(&mut head).unwrap_or(0);
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
            let _ = stream.write_all(&head[..length]);
        }
    });
    address
}

#[test]
fn behind_a_real_web_server_a_page_leads_through_the_sign_in_back_to_itself() {
    for (name, start) in SERVERS {
        let port = free_port();
        let stage = Stage::behind(port);
        stage.record("front", Script::default());
        let _server = start(port, &stage.daemon.address().to_string(), &app());
        let page = stage.daemon.url("/tickets/7?view=all");
        let mut browser = Browser::new();
        let (response, at) = browser.follow(&page);
        assert_eq!(response.status, 200, "{name}: {response}");
        assert_eq!(at.as_str(), page, "{name}");
        let head = response.text().to_ascii_lowercase();
        assert!(head.starts_with("get /tickets/7?view=all ") && head.contains("x-onedesk-email: ann@example.test\r\n"), "{name}: {head}");
        stage.daemon.api("PATCH", "/v1/sso", &json!({"users_enabled": false, "customers_enabled": false}));
        let response = browser.get(&page);
        assert_eq!(response.status, 200, "{name}: {response}");
        assert!(!response.text().to_ascii_lowercase().contains("x-onedesk-"), "{name}: {response}");
    }
}
