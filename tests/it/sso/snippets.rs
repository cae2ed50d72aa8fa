//! The ready-made snippets for nginx and httpd, in the real servers: a daemon that answers by script behind them, and an app that
//! tells what it was sent.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use super::host::free_port;
use super::http::{Request, Response};
use super::servers::Server;

type Start = fn(u16, &str, &str) -> Option<Server>;

/// Both servers, in front of the same daemon and app.
const SERVERS: [(&str, Start); 2] = [("nginx", Server::nginx), ("httpd", Server::httpd)];

/// Serves each connection in a thread of its own; the address. The listener ends with the process.
fn serve(answer: fn(&str) -> String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| drop(std::thread::spawn(move || talk(&stream, answer)))));
    address
}

fn talk(stream: &TcpStream, answer: fn(&str) -> String) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        let _ = reader.read_exact(&mut vec![0; length.unwrap_or(0)]);
        let mut writer = stream;
        if writer.write_all(answer(&head).as_bytes()).is_err() {
            return;
        }
    }
}

/// A daemon whose cookie says what it answers, as the interface has it.
fn door(head: &str) -> String {
    let (target, says) = (head.split(' ').nth(1).unwrap_or_default(), |text: &str| head.contains(text));
    let answer = |status: &str, headers: &str| format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\n\r\n");
    if !target.starts_with("/sso/check?app=main") {
        return answer("404 Not Found", "");
    }
    let is_page = says("Accept: text/html");
    let uri = head.lines().find_map(|line| line.strip_prefix("X-Forwarded-Uri: ")).unwrap_or("none");
    match () {
        () if says("s=ann") => answer(
            "200 OK",
            "X-OneDesk-User: 7\r\nX-OneDesk-Email: ann@example.test\r\nX-OneDesk-Name: Ann%20%C3%84\r\nX-OneDesk-Kind: user\r\nX-OneDesk-Groups: a,b\r\n",
        ),
        () if says("s=off") => answer("401 Unauthorized", "X-OneDesk-SSO: off\r\n"),
        () if says("s=forbidden") => answer("403 Forbidden", ""),
        () if says("s=broken") => answer("503 Service Unavailable", ""),
        () if is_page && target.contains("redirect=1") => answer("302 Found", &format!("Location: /sso/login/1/main?for={uri}\r\n")),
        () => answer("401 Unauthorized", ""),
    }
}

/// Tells the request's head back.
fn app(head: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}", head.len())
}

fn ask(server: &Server, method: &str, target: &str, headers: &[(&str, &str)]) -> Response {
    let address = (Ipv4Addr::LOCALHOST, server.port()).into();
    Request { method, target, host: "localhost", headers, body: b"" }.over_tcp(address)
}

/// Runs `test` with each server that is installed.
#[expect(clippy::print_stderr, reason = "what was left out belongs to the result")]
fn with_servers(test: impl Fn(&str, &Server)) {
    let (door, app) = (serve(door), serve(app));
    for (name, start) in SERVERS {
        match start(free_port(), &door, &app) {
            Some(server) => test(name, &server),
            None => eprintln!("{name} is not installed: left out"),
        }
    }
}

const PAGE: (&str, &str) = ("Accept", "text/html,*/*;q=0.8");

#[test]
fn the_app_behind_a_web_server_hears_who_is_signed_in() {
    with_servers(|name, server| {
        let response = ask(server, "GET", "/tickets?id=1", &[("Cookie", "a=b; s=ann"), PAGE]);
        let head = response.text().to_ascii_lowercase();
        assert_eq!(response.status, 200, "{name}: {response}");
        assert!(head.starts_with("get /tickets?id=1 "), "{name}: {head}");
        for line in ["user: 7", "email: ann@example.test", "name: ann%20%c3%84", "kind: user", "groups: a,b"] {
            assert!(head.contains(&format!("x-onedesk-{line}\r\n")), "{name}: {line}: {head}");
        }
        assert_eq!(ask(server, "POST", "/tickets", &[("Cookie", "s=ann")]).status, 200, "{name}");
    });
}

#[test]
fn identity_headers_that_a_browser_sent_reach_no_app_however_they_are_spelt() {
    let spellings =
        ["X-OneDesk-User", "x-onedesk-user", "X-ONEDESK-USER", "X_OneDesk_User", "x-onedesk_user", "X_OneDesk-User", "X.OneDesk.User"];
    with_servers(|name, server| {
        for spelling in spellings {
            for cookie in ["s=ann", "s=off", "s=none"] {
                let response =
                    ask(server, "GET", "/", &[("Cookie", cookie), (spelling, "forged"), (&spelling.replace("User", "Groups"), "forged")]);
                assert!(!response.text().contains("forged"), "{name} {spelling} {cookie}: {response}");
            }
        }
        let response = ask(server, "GET", "/", &[("Cookie", "s=ann"), ("x-oneDesk-user", "forged")]);
        assert!(response.text().to_ascii_lowercase().contains("x-onedesk-user: 7\r\n"), "{name}: {response}");
    });
}

#[test]
fn pages_are_sent_to_the_sign_in_with_the_address_they_were_called_by_and_scripts_are_refused() {
    with_servers(|name, server| {
        let response = ask(server, "GET", "/a%20b/%C3%A4?x=1&y=%26", &[PAGE]);
        assert_eq!(response.status, 302, "{name}: {response}");
        let location = response.location();
        assert!(location.ends_with("/sso/login/1/main?for=/a%20b/%C3%A4?x=1&y=%26"), "{name}: {location}");
        assert_eq!(ask(server, "GET", "/api", &[("Accept", "application/json")]).status, 401, "{name}");
        assert_eq!(ask(server, "POST", "/api", &[("Accept", "application/json")]).status, 401, "{name}");
    });
}

#[test]
fn with_sso_off_the_app_shows_its_own_sign_in() {
    with_servers(|name, server| {
        for method in ["GET", "POST"] {
            let response = ask(server, method, "/own/sign-in", &[("Cookie", "s=off"), PAGE]);
            assert_eq!(response.status, 200, "{name}: {response}");
            assert!(!response.text().to_ascii_lowercase().contains("x-onedesk-"), "{name}: {response}");
        }
    });
}

#[test]
fn nobody_gets_in_who_is_not_allowed_and_nobody_while_the_daemon_gives_no_answer() {
    with_servers(|name, server| {
        assert_eq!(ask(server, "GET", "/", &[("Cookie", "s=forbidden"), PAGE]).status, 403, "{name}");
        let broken = ask(server, "GET", "/", &[("Cookie", "s=broken"), PAGE]);
        assert!((500..600).contains(&broken.status), "{name}: {broken}");
        assert_eq!(ask(server, "GET", "/open/", &[]).status, 200, "{name}");
        let around = ask(server, "GET", "/open/../secret", &[]);
        assert!(around.status != 200, "{name}: {around}");
    });
    let nowhere = "127.0.0.1:9";
    let app = serve(app);
    for (name, start) in SERVERS {
        let Some(server) = start(free_port(), nowhere, &app) else { continue };
        let response = ask(&server, "GET", "/", &[("Cookie", "s=ann"), PAGE]);
        assert!((500..600).contains(&response.status), "{name}: {response}");
    }
}
