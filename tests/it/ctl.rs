//! The real `onedeskctl` against a daemon that asserts what it hears: one connection, one request, one scripted answer.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

/// A request as the daemon hears it, and what it answers.
struct Scene {
    request: &'static str,
    body: &'static str,
    status: &'static str,
    answer: &'static str,
}

const EMPTY: Scene = Scene { request: "", body: "", status: "200 OK", answer: "[]" };

/// A daemon that plays `scenes` one after the other.
struct Daemon {
    folder: tempfile::TempDir,
    plays: JoinHandle<()>,
}

impl Daemon {
    fn playing(scenes: Vec<Scene>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("api.sock")).unwrap();
        let plays = std::thread::spawn(move || scenes.into_iter().for_each(|scene| play(&listener, &scene)));
        Self { folder, plays }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("api.sock")
    }

    fn asked(self, arguments: &str) -> Output {
        let output = onedeskctl(&self.socket(), arguments, "");
        self.plays.join().unwrap();
        output
    }
}

fn play(listener: &UnixListener, scene: &Scene) {
    let (mut stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "the request broke off: {head}");
    }
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    assert_eq!(head.lines().next().unwrap(), format!("{} HTTP/1.1", scene.request));
    assert_eq!(String::from_utf8(body).unwrap(), scene.body);
    let Scene { status, answer, .. } = scene;
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len()).unwrap();
}

fn onedeskctl(socket: &Path, arguments: &str, input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onedeskctl"));
    command.arg("--socket").arg(socket).args(arguments.split_whitespace());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may end without reading its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn texts(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

const READY: &str = r#"{"version":"1.0.0","state":"ready","credentials":{"client_id":"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee","verified":"yes","secret_in_use":"current","secret_expires_at":null,"changed_at":null,"problem":null},"warnings":[],"mailboxes":{"healthy":2,"waiting":0,"needs_reauth":0},"directory":{"healthy":0,"waiting":0,"needs_reauth":0},"sso":{"users_enabled":false,"customers_enabled":false},"checks":[],"something_newer":1}"#;
const MAILBOXES: &str = r#"[{"address":"support@example.test","signed_in_as":"support@example.test","state":"healthy","reason":null,"problem":null,"access_expires_at":"2026-01-01T01:00:00Z","connected_at":"2026-01-01T00:00:00Z","last_refresh_at":null,"grant_expires_at":"2026-04-01T00:00:00Z"},{"address":"a@b.test","signed_in_as":"ann@b.test","state":"needs_reauth","reason":"grant_refused","problem":{"code":"AADSTS50173","title":"the password was changed\u001b[2J","hint":"x"},"access_expires_at":null,"connected_at":"2026-01-01T00:00:00Z","last_refresh_at":"2026-01-01T00:00:00Z"}]"#;
const TOKEN: &str = r#"{"access_token":"opaque~token","token_type":"Bearer","expires_at":"2026-01-01T01:00:00Z","user":"support@example.test","xoauth2":"eHg="}"#;
const LINK: &str =
    r#"{"connect_url":"https://helpdesk.example.test/integrations/office365/connect?ticket=t","expires_at":"2026-01-01T01:00:00Z"}"#;

#[test]
fn status_says_the_state_in_the_first_line_and_scripts_get_the_json_as_it_came() {
    let scene = || Scene { request: "GET /v1/status", answer: READY, ..EMPTY };
    let (code, out, err) = texts(&Daemon::playing(vec![scene()]).asked("status"));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("OneDesk 1.0.0 is ready: everything works.\n"), "{out}");
    let (code, out, _) = texts(&Daemon::playing(vec![scene()]).asked("status --json"));
    assert_eq!((code, out), (Some(0), format!("{READY}\n")));
}

#[test]
fn a_state_that_is_not_ready_is_exit_1() {
    let stale = READY.replace("\"ready\"", "\"stale\"");
    let scene = Scene { request: "GET /v1/status", answer: stale.leak(), ..EMPTY };
    let (code, out, err) = texts(&Daemon::playing(vec![scene]).asked("status"));
    assert_eq!((code, err.as_str()), (Some(1), ""));
    assert!(out.starts_with("OneDesk 1.0.0 is stale: "), "{out}");
}

#[test]
fn mailbox_list_is_a_table_with_the_next_step_and_no_foreign_escapes() {
    let scene = Scene { request: "GET /v1/mailboxes", answer: MAILBOXES, ..EMPTY };
    let (code, out, _) = texts(&Daemon::playing(vec![scene]).asked("mailbox list"));
    assert_eq!(code, Some(0));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "MAILBOX               STATE         REASON         SIGNED IN AS          LAST REFRESH          ENDS UNUSED");
    assert_eq!(lines[1], "support@example.test  healthy                      support@example.test  -                     2026-04-01");
    assert_eq!(lines[2], "a@b.test              needs_reauth  grant_refused  ann@b.test            2026-01-01 00:00 UTC  -");
    assert!(out.ends_with("mailbox connect a@b.test\n") && !out.contains('\u{1b}'), "{out}");
}

#[test]
fn mailbox_connect_prints_the_link_alone() {
    let scene = Scene {
        request: "POST /v1/mailboxes",
        body: r#"{"address":"a@b.test","shared":true,"replace":false}"#,
        status: "201 Created",
        answer: LINK,
    };
    let (code, out, _) = texts(&Daemon::playing(vec![scene]).asked("mailbox connect a@b.test --shared"));
    assert_eq!((code, out.as_str()), (Some(0), "https://helpdesk.example.test/integrations/office365/connect?ticket=t\n"));
}

#[test]
fn mailbox_token_prints_the_token_alone_and_the_whole_answer_for_scripts() {
    let scene = |request| Scene { request, answer: TOKEN, ..EMPTY };
    let imap = "GET /v1/mailboxes/support@example.test/token?for=imap";
    let (code, out, err) = texts(&Daemon::playing(vec![scene(imap)]).asked("mailbox token support@example.test"));
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "opaque~token\n", ""));
    let graph = "GET /v1/mailboxes/a%2Fb@example.test/token?for=graph";
    let (code, out, _) = texts(&Daemon::playing(vec![scene(graph)]).asked("--json mailbox token a/b@example.test --for graph"));
    assert_eq!((code, out), (Some(0), format!("{TOKEN}\n")));
}

#[test]
fn a_refusal_is_told_in_the_daemons_words_with_the_command_that_helps() {
    let answer = r#"{"type":"urn:onedesk:problem:needs_reauth","title":"Conflict","status":409,"detail":"the password was changed","code":"needs_reauth","reason":"grant_refused","request_id":"r"}"#;
    let scene = || Scene { request: "GET /v1/mailboxes/a@b.test/token?for=imap", status: "409 Conflict", answer, ..EMPTY };
    let (code, out, err) = texts(&Daemon::playing(vec![scene()]).asked("mailbox token a@b.test"));
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert_eq!(
        err,
        "onedeskctl: the password was changed\nhint: make a new link and send it to whoever can sign in: onedeskctl mailbox connect a@b.test\n"
    );
    let (_, out, _) = texts(&Daemon::playing(vec![scene()]).asked("mailbox token a@b.test --json"));
    assert_eq!(out, format!("{answer}\n"));
}

#[test]
fn removing_asks_back_and_without_anybody_to_answer_refuses() {
    let (code, out, err) = texts(&onedeskctl(Path::new("/nonexistent"), "mailbox remove a@b.test", "y\n"));
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.ends_with("hint: add --yes\n"), "{err}");
    let scene = Scene { request: "DELETE /v1/mailboxes/a@b.test", status: "204 No Content", answer: "", ..EMPTY };
    let (code, out, _) = texts(&Daemon::playing(vec![scene]).asked("mailbox remove a@b.test --yes"));
    assert_eq!((code, out.as_str()), (Some(0), "a@b.test is removed.\n"));
    let tenant =
        Scene { request: "DELETE /v1/directory/9188040d-6c67-4c5b-b112-36a304b66dad", status: "204 No Content", answer: "", ..EMPTY };
    let disconnect = "directory disconnect 9188040d-6c67-4c5b-b112-36a304b66dad --yes --json";
    let (code, out, _) = texts(&Daemon::playing(vec![tenant]).asked(disconnect));
    assert_eq!((code, out.as_str()), (Some(0), "{\"removed\":\"9188040d-6c67-4c5b-b112-36a304b66dad\"}\n"));
}

#[test]
fn directory_and_audit_are_listed() {
    let scene = Scene { request: "GET /v1/directory", answer: r#"{"tenants":[]}"#, ..EMPTY };
    let (code, out, _) = texts(&Daemon::playing(vec![scene]).asked("directory status"));
    assert_eq!(code, Some(0));
    assert!(out.contains("onedeskctl directory connect"), "{out}");
    let answer = r#"{"items":[{"id":7,"at":"2026-01-01T00:00:00Z","actor":"uid:0 (root)","origin":"local-api","action":"mailbox.remove","subject":"a@b.test","outcome":"ok","detail":""}],"next_cursor":null}"#;
    let scene = Scene { request: "GET /v1/audit?limit=5", answer, ..EMPTY };
    let (code, out, _) = texts(&Daemon::playing(vec![scene]).asked("audit --limit 5"));
    assert_eq!(code, Some(0));
    assert_eq!(out.lines().nth(1), Some("2026-01-01 00:00 UTC  uid:0 (root)  local-api  mailbox.remove  a@b.test  ok"));
}

#[test]
fn a_daemon_that_is_not_there_or_talks_nonsense_is_exit_69() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, err) = texts(&onedeskctl(&folder.path().join("no.sock"), "status", ""));
    assert_eq!(code, Some(69));
    assert!(err.contains("there is no such socket\nhint: start it: systemctl start onedeskd"), "{err}");

    let dead = folder.path().join("dead.sock");
    drop(UnixListener::bind(&dead).unwrap());
    let (code, _, err) = texts(&onedeskctl(&dead, "status", ""));
    assert_eq!(code, Some(69));
    assert!(err.contains("nobody listens there"), "{err}");

    let mute = folder.path().join("mute.sock");
    let listener = UnixListener::bind(&mute).unwrap();
    let hangs_up = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let (code, _, err) = texts(&onedeskctl(&mute, "status", ""));
    hangs_up.join().unwrap();
    assert_eq!(code, Some(69), "{err}");
}

#[test]
fn the_socket_is_read_from_the_settings_file() {
    let daemon = Daemon::playing(vec![Scene { request: "GET /v1/mailboxes", ..EMPTY }]);
    let config = daemon.folder.path().join("onedeskd.toml");
    std::fs::write(&config, format!("[local_api]\nsocket = \"{}\"\n", daemon.socket().display())).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_onedeskctl")).arg("mailbox").arg("list").arg("--config").arg(&config).output().unwrap();
    daemon.plays.join().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn what_is_not_in_this_version_is_refused_with_something_to_do_instead() {
    for line in ["mailbox app-password list a@b.test", "mailbox test a@b.test", "directory sync"] {
        let (code, out, err) = texts(&onedeskctl(Path::new("/nonexistent"), line, ""));
        assert_eq!((code, out.as_str()), (Some(1), ""), "{line}");
        assert!(err.contains("not in this version of OneDesk\nhint: "), "{line}: {err}");
    }
}

#[test]
fn wrong_usage_is_exit_2_and_help_is_exit_0() {
    for (line, expected) in
        [("", 2), ("mailbox", 2), ("nonsense", 2), ("mailbox token", 2), ("audit --limit 0", 2), ("--help", 0), ("--version", 0)]
    {
        assert_eq!(texts(&onedeskctl(Path::new("/nonexistent"), line, "")).0, Some(expected), "{line}");
    }
}

#[test]
fn explain_needs_no_daemon_and_reads_standard_input() {
    for (line, input) in [("explain AADSTS7000222", ""), ("explain -", "AADSTS7000222: The provided client secret keys are expired.")] {
        let (code, out, err) = texts(&onedeskctl(Path::new("/nonexistent"), line, input));
        assert_eq!((code, err.as_str()), (Some(0), ""), "{line}");
        assert!(out.starts_with("AADSTS7000222: ") && out.contains("\n1. "), "{out}");
    }
    assert_eq!(texts(&onedeskctl(Path::new("/nonexistent"), "explain -", "")).0, Some(1));
}

#[test]
fn a_reader_that_stops_reading_causes_no_panic() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onedeskctl"));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.args(["completions", "bash"]).stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

/// Exit status, the problem document on standard output, and what people are told.
fn document(arguments: &str) -> (Option<i32>, serde_json::Value, String) {
    let (code, out, err) = texts(&onedeskctl(Path::new("/nonexistent/api.sock"), arguments, ""));
    (code, serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments}: {error}: {out}{err}")), err)
}

#[test]
fn what_fails_here_is_told_to_scripts_in_the_form_that_the_daemon_has() {
    for (arguments, exit, status, code) in [
        ("mailbox list --json", 69, 503, "daemon_unreachable"),
        ("--json status", 69, 503, "daemon_unreachable"),
        ("directory sync --json", 1, 501, "not_in_this_version"),
        ("mailbox app-password list a@b.test --json", 1, 501, "not_in_this_version"),
        ("mailbox test a@b.test --json", 1, 501, "not_in_this_version"),
        ("setup --json --config /nonexistent/onedeskd.toml --non-interactive", 1, 500, "failed"),
        (
            "sso add --json --name n --audience users --authorization-uri https://a.test --token-url https://a.test --client-id x --client-secret-file /nonexistent",
            1,
            500,
            "failed",
        ),
        ("support-bundle --json --output /proc/version", 1, 500, "failed"),
        ("mailbox --json", 2, 400, "wrong_usage"),
        ("--json statsu", 2, 400, "wrong_usage"),
        ("mailbox list --json --limit 1", 2, 400, "wrong_usage"),
    ] {
        let (got, document, err) = document(arguments);
        assert_eq!(got, Some(exit), "{arguments}: {document}");
        assert_eq!((&document["status"], &document["code"]), (&status.into(), &code.into()), "{arguments}: {document}");
        assert_eq!(document["type"], format!("urn:onedesk:problem:{code}"));
        assert!(document["title"].is_string(), "{document}");
        let detail = document["detail"].as_str().unwrap();
        assert!(err.contains(detail.lines().next().unwrap()), "people hear the same: {detail}: {err}");
    }
    let (code, out, _) = texts(&onedeskctl(Path::new("/nonexistent/api.sock"), "mailbox list", ""));
    assert_eq!((code, out.as_str()), (Some(69), ""), "without --json standard output stays empty");
}

#[test]
fn a_missing_command_is_told_with_those_for_people_alone() {
    let (code, _, err) = texts(&onedeskctl(Path::new("/nonexistent/api.sock"), "", ""));
    assert_eq!(code, Some(2));
    assert!(err.contains("setup") && err.contains("mailbox") && !err.contains("gate") && !err.contains("completions"), "{err}");
}
