//! The local API through its real socket: who may call what, and what a wrong call is told. Section 5 of the interface.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::unistd::{Gid, Group};
use serde_json::{Value, json};

use crate::harness::{ANN, Browser, Connection, Daemon, SUPPORT, World, send, wait_until};

/// Somebody whom no default lets in; on every system.
const NOBODY: u32 = 65_534;

/// Runs `onedeskctl` as [`NOBODY`] and returns its exit code and the answer as it came.
fn as_nobody(daemon: &Daemon, arguments: &str) -> (i32, Value) {
    // The build folder may be closed to others.
    let program = daemon.site.path("onedeskctl");
    if !program.exists() && std::fs::hard_link(env!("CARGO_BIN_EXE_onedeskctl"), &program).is_err() {
        std::fs::copy(env!("CARGO_BIN_EXE_onedeskctl"), &program).unwrap();
    }
    let mut command = Command::new(program);
    command.arg("--socket").arg(daemon.site.socket()).arg("--json").args(arguments.split(' ')).uid(NOBODY).gid(NOBODY).current_dir("/");
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// Which of status, mail token, Graph token and list somebody gets.
fn doors(daemon: &Daemon) -> [bool; 4] {
    let calls = ["status", &format!("mailbox token {SUPPORT}"), &format!("mailbox token {SUPPORT} --for graph"), "mailbox list"];
    calls.map(|call| {
        let (code, answer) = as_nobody(daemon, call);
        let refused = answer["status"] == 403;
        assert!(refused == (code != 0) && (!refused || answer["code"] == "not_permitted"), "{call}: {code} {answer}");
        !refused
    })
}

#[test]
fn each_list_of_readers_opens_what_it_says_and_no_more() {
    let mut world = World::connected();
    world.daemon.wait_for_status("ready", |status| status["state"] == "ready");
    assert_eq!(doors(&world.daemon), [false; 4]);
    let group = Group::from_gid(Gid::from_raw(NOBODY)).unwrap().unwrap().name;
    for (list, entry, open) in [
        ("status_readers", "nobody", [true, false, false, false]),
        ("token_readers", "nobody", [true, true, false, false]),
        ("graph_readers", "nobody", [true, true, true, false]),
        ("token_readers", &format!("@{group}"), [true, true, false, false]),
    ] {
        let key = format!("local_api.{list}");
        world.daemon.site.set(&key, &format!("[{entry:?}]"));
        world.daemon.reload();
        assert_eq!(doors(&world.daemon), open, "{list} = {entry}");
        world.daemon.site.unset(&key);
    }
    world.daemon.reload();
    assert_eq!(doors(&world.daemon), [false; 4]);
}

#[test]
fn connections_are_capped_and_the_next_one_is_told_so() {
    let world = World::start();
    let mut held: Vec<Connection> = (0..256).map(|_| Connection::open(&world.daemon.api())).collect();
    held.iter_mut().for_each(|connection| drop(connection.get("/v1/status").expect(200)));
    let refused = send(&world.daemon.api(), "GET", "/v1/status", &[], b"").unwrap();
    assert_eq!(refused.status, 429, "{}", refused.body);
    held.pop();
    wait_until("room for one", || send(&world.daemon.api(), "GET", "/v1/status", &[], b"").unwrap().status == 200);
}

#[test]
fn a_wrong_call_is_told_what_is_wrong_with_it() {
    let world = World::connected();
    let api = world.daemon.api();
    let json = || vec!["content-type: application/json".to_owned()];
    let token = |query: &str| format!("/v1/mailboxes/{SUPPORT}/token{query}");
    let large = vec![b' '; 2_000_000];
    type Case<'a> = (&'a str, String, Vec<String>, &'a [u8], u16, &'a str);
    let cases: Vec<Case<'_>> = vec![
        ("POST", "/v1/mailboxes".into(), json(), b"{", 400, "bad_json"),
        ("POST", "/v1/mailboxes".into(), json(), b"[]", 400, "bad_json"),
        ("POST", "/v1/mailboxes".into(), json(), br#"{"adress":"x@y.test"}"#, 400, "bad_json"),
        ("POST", "/v1/mailboxes".into(), json(), br#"{"address":"no address"}"#, 400, "address"),
        ("POST", "/v1/mailboxes".into(), json(), br#"{"shared":true}"#, 400, "address_missing"),
        ("POST", "/v1/mailboxes".into(), vec![], br#"{}"#, 415, "not_json"),
        ("POST", "/v1/mailboxes".into(), json(), &large, 413, "body_too_large"),
        ("GET", "/v1/nothing".into(), vec![], b"", 404, "unknown_path"),
        ("GET", "/".into(), vec![], b"", 404, "unknown_path"),
        ("PUT", "/v1/status".into(), vec![], b"", 405, "wrong_method"),
        ("GET", token(""), vec![], b"", 400, "bad_query"),
        ("GET", token("?for=IMAP"), vec![], b"", 400, "bad_query"),
        ("GET", token("?for=imap&for=imap"), vec![], b"", 400, "bad_query"),
        ("GET", token("?for=imap&x=1"), vec![], b"", 400, "bad_query"),
        ("GET", "/v1/mailboxes/%ff/token?for=imap".into(), vec![], b"", 400, "bad_path"),
        ("GET", format!("/v1/mailboxes/{ANN}/token?for=imap"), vec![], b"", 404, "mailbox_unknown"),
        ("DELETE", "/v1/directory/nonsense".into(), vec![], b"", 400, "bad_path"),
        ("GET", "/v1/audit?limit=0".into(), vec![], b"", 400, "bad_query"),
        ("GET", "/v1/directory/users".into(), vec![], b"", 501, "not_in_this_version"),
    ];
    for (method, path, headers, body, status, code) in cases {
        let answer = send(&api, method, &path, &headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{method} {path}");
        let document = answer.json();
        assert_eq!(document["code"], code, "{document}");
        assert_eq!(document["request_id"].as_str(), answer.header("x-request-id"), "{document}");
        assert_eq!(answer.header("allow").is_some(), status == 405, "{method} {path}");
    }
    world.good_token(SUPPORT, "imap");
}

#[test]
fn the_socket_is_open_to_all_and_describes_itself() {
    let world = World::start();
    let mode = std::fs::metadata(world.daemon.site.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666);
    let document = world.daemon.get("/v1/openapi.json").expect(200).json();
    assert!(document["paths"]["/v1/mailboxes/{address}/token"]["get"].is_object(), "{document}");
}

#[test]
fn who_did_what_is_written_down_and_repeated_reads_are_one_line() {
    let world = World::connected();
    for _ in 0..5 {
        world.good_token(SUPPORT, "imap");
    }
    world.daemon.call("DELETE", &format!("/v1/mailboxes/{SUPPORT}"), None).expect(204);
    let audit = world.daemon.get("/v1/audit").expect(200).json();
    let lines = audit["items"].as_array().unwrap();
    let of = |action: &str| lines.iter().filter(|line| line["action"] == action).collect::<Vec<_>>();
    for (action, actor) in [
        ("mailbox.link", "uid:0 (root)"),
        ("mailbox.connect", "browser"),
        ("token.read", "uid:0 (root)"),
        ("mailbox.remove", "uid:0 (root)"),
    ] {
        let found = of(action);
        assert_eq!(found.len(), 1, "{action} in {audit}");
        assert_eq!((&found[0]["actor"], &found[0]["subject"], &found[0]["outcome"]), (&json!(actor), &json!(SUPPORT), &json!("ok")));
    }
    let page = world.daemon.get("/v1/audit?limit=1").expect(200).json();
    let next = world.daemon.get(&format!("/v1/audit?limit=1&cursor={}", page["next_cursor"].as_str().unwrap())).expect(200).json();
    assert_eq!((&page["items"][0], &next["items"][0]), (&lines[0], &lines[1]));
}

#[test]
fn what_cannot_be_named_so_is_told_with_where_to_find_what_there_is() {
    let world = World::start();
    for (method, path, list) in [
        ("GET", "/v1/sso/connections/nope", "onedeskctl sso list"),
        ("DELETE", "/v1/people/nope", "onedeskctl people list"),
        ("POST", "/v1/people/conflicts/nope", "onedeskctl people conflicts"),
        ("DELETE", "/v1/directory/nope", "onedeskctl directory status"),
    ] {
        let document = world.daemon.call(method, path, Some(&json!({"decision": "deny"}))).expect(400).json();
        assert!(document["hint"].as_str().unwrap().contains(list), "{path}: {document}");
    }
    // Codes are lower snake case, whatever words they are made of; titles are those of the status.
    let mut program = Browser::of_a_program();
    for (path, status, code, title) in
        [("/sso/login/nope/main", 404, "sign_in_url_unknown", "not found"), ("/sso/me", 401, "not_signed_in", "nobody is signed in")]
    {
        let document = program.get(&format!("{}{path}", world.daemon.site.origin())).expect(status).json();
        assert_eq!((&document["code"], &document["title"]), (&json!(code), &json!(title)), "{document}");
    }
}
