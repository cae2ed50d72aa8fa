use super::*;
use crate::settings::Settings;

fn settings(text: &str) -> Settings {
    Settings::parse(text, Path::new("onedeskd.toml")).unwrap().settings
}

fn show(state: &[(&str, &str)]) -> Vec<Unit> {
    let lines: String = state.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
    parse(&format!("{lines}\nId=nginx.service\nLoadState=loaded\nActiveState=active\n"))
}

fn daemon(active: &str, sub: &str, enabled: &str, restarts: &str) -> Verdict {
    let unit = show(&[
        ("Id", DAEMON),
        ("LoadState", "loaded"),
        ("ActiveState", active),
        ("SubState", sub),
        ("UnitFileState", enabled),
        ("Result", "exit-code"),
        ("NRestarts", restarts),
    ]);
    judge(DAEMON, unit.first(), false)
}

#[test]
fn a_unit_runs_starts_at_boot_and_stays_up() {
    assert_eq!(daemon("active", "running", "enabled", "0"), Verdict::Fine("onedeskd.service runs and starts at boot".to_owned()));
    let title = |verdict: Verdict| verdict.on(Group::Service, "x").title;
    assert_eq!(title(daemon("active", "running", "disabled", "0")), "onedeskd.service runs, but would not start at the next boot");
    assert_eq!(
        title(daemon("active", "running", "enabled", "3")),
        "onedeskd.service runs, but had to be restarted 3 times since it was started"
    );
    assert_eq!(title(daemon("inactive", "dead", "enabled", "0")), "onedeskd.service does not run (inactive)");
    assert_eq!(title(daemon("failed", "failed", "enabled", "0")), "onedeskd.service does not stay up (exit-code)");
    assert_eq!(title(daemon("activating", "auto-restart", "enabled", "9")), "onedeskd.service does not stay up (exit-code)");
}

#[test]
fn a_missing_unit_is_a_missing_package_or_a_developers_daemon() {
    let missing = show(&[("Id", DAEMON), ("LoadState", "not-found"), ("ActiveState", "inactive")]);
    let checks = units(Ok(&missing), false);
    assert_eq!(checks[0].title, "onedeskd.service is not installed");
    assert_eq!(checks[0].hint, "run: dnf install onedesk-microservices");
    assert_eq!(checks.len(), 2);
    assert!(matches!(judge(DAEMON, missing.first(), true), Verdict::Skip(_)));
}

#[test]
fn selinux_is_asked_only_where_a_web_server_needs_the_network() {
    let tcp = settings("public_url = \"https://desk.example.test\"");
    let unix = settings("public_url = \"https://desk.example.test\"\n[listen]\nhttp = \"unix:/run/onedesk/http.sock\"");
    let nginx = show(&[("Id", DAEMON)]);
    let check = |units: &[Unit], settings: &Settings, boolean| web_server_may_connect(units, settings, true, boolean);
    let failed = check(&nginx, &tcp, Some("0 0"));
    assert_eq!(failed.title, "SELinux forbids nginx to connect to the daemon: people see a bad gateway");
    assert_eq!(failed.hint, "run: setsebool -P httpd_can_network_connect on");
    let outcome = |check: Check| check.outcome;
    use crate::health::status::CheckOutcome::{Ok as Good, Skipped};
    assert_eq!(outcome(check(&nginx, &tcp, Some("1 1"))), Good);
    assert_eq!(outcome(check(&nginx, &tcp, None)), Skipped);
    assert_eq!(outcome(check(&nginx, &unix, Some("0 0"))), Skipped);
    assert_eq!(outcome(check(&[], &tcp, Some("0 0"))), Skipped);
}

#[tokio::test]
async fn another_program_on_our_port_is_told_from_nobody() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::Tcp(listener.local_addr().unwrap());
    let answers = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    };
    let (another, ()) = tokio::join!(asked(&address, false), answers);
    assert_eq!(another, Heard::Another);
    drop(listener);
    assert!(matches!(asked(&address, false).await, Heard::Nobody(_)));
    let failed = heard("listen.http", &Address::Tcp("127.0.0.1:8380".parse().unwrap()), Heard::Another).on(Group::Service, "x");
    assert_eq!(failed.title, "another program answers on 127.0.0.1:8380, where listen.http wants the daemon");
    assert!(failed.hint.contains("ss -ltnp 'sport = :8380'"), "{}", failed.hint);
}

#[test]
fn fips_mode_is_told_without_being_a_failure() {
    use crate::health::status::CheckOutcome;
    assert_eq!(fips(&Some("1".to_owned())).outcome, CheckOutcome::Warning);
    assert_eq!(fips(&Some("0".to_owned())).outcome, CheckOutcome::Ok);
    assert_eq!(fips(&None).outcome, CheckOutcome::Ok);
}
