//! The life of the process: what it tells its service manager, how it ends, and whose listeners it takes. Section 7.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};

use entra_sim::{CLIENT_ID, Endpoint, Fault, SECRET};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::harness::{Browser, Daemon, Manager, SUPPORT, Site, World, wait_until};

#[test]
fn ready_waits_for_nobody_and_the_status_line_says_the_state_in_words() {
    let world = World::start_with(|site| site.set("microsoft.authority", "\"http://127.0.0.1:9\""));
    let ready = world.daemon.manager.messages().into_iter().find(|message| message.contains("READY=1")).unwrap();
    assert!(ready.contains("STATUS=unconfigured"), "{ready}");
    world.daemon.site.write_pair(CLIENT_ID, SECRET);
    world.daemon.manager.wait_for_status(&["ready", "0 mailboxes"]);
}

#[test]
fn the_watchdog_hears_from_the_serving_runtime() {
    let (simulator, site) = World::apart();
    let daemon = Daemon::start_with(site, &[("WATCHDOG_USEC", "400000")]);
    wait_until("three signs of life", || daemon.manager.heard("WATCHDOG=1") >= 3);
    drop(simulator);
}

#[test]
fn a_terminate_finishes_what_is_in_hand_and_ends_well() {
    let mut world = World::start();
    let mut browser = Browser::new();
    let authorization = browser.begin(&world.daemon.mailbox_link(&json!({})));
    let callback = browser.sign_in(&authorization, SUPPORT);
    world.simulator.fault_at(Endpoint::Code, Fault::Held, 1);
    let arriving = std::thread::spawn(move || browser.get(&callback));
    wait_until("the code is being exchanged", || world.simulator.counters().token_requests_in_flight > 0);
    world.daemon.signal(Signal::SIGTERM);
    wait_until("STOPPING=1", || world.daemon.manager.heard("STOPPING=1") == 1);
    world.simulator.clear_faults();
    arriving.join().unwrap().expect(303);
    assert!(world.daemon.ended().success());
    assert!(TcpStream::connect(world.daemon.site.http()).is_err(), "nobody listens any more");
    world.daemon.start_again();
    world.good_token(SUPPORT, "imap");
}

#[test]
fn an_end_with_nothing_in_hand_waits_for_no_task() {
    let mut world = World::start();
    assert!(world.daemon.stop().success());
    assert!(!world.daemon.log().contains("not all tasks ended"), "{}", world.daemon.log());
}

#[test]
fn a_provider_that_hangs_does_not_hold_the_end_up() {
    let mut world = World::start();
    world.daemon.wait_for_status("verified", |status| status["credentials"]["verified"] == "yes");
    world.simulator.fault_at(Endpoint::Refresh, Fault::Hang, entra_sim::ALWAYS);
    world.connect_for(SUPPORT, 1);
    wait_until("a refresh that hangs", || world.simulator.counters().token_requests_in_flight > 0);
    let began = std::time::Instant::now();
    assert!(world.daemon.stop().success());
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

#[test]
fn a_start_that_cannot_work_says_why_and_what_to_do() {
    let (_simulator, mut site) = World::apart();
    let outcome = |site: &_| Daemon::run_to_the_end(site, &[]);
    // Not even root makes a folder there.
    site.set("database.url", "\"sqlite:///proc/onedesk/onedesk.db\"");
    let (code, shown) = outcome(&site);
    assert!(code == Some(1) && shown.contains("/proc/onedesk") && shown.contains("hint="), "{code:?} {shown}");

    std::fs::write(site.path("garbage.db"), "this is no database, but some text that is long enough to be looked at. ".repeat(100))
        .unwrap();
    let url = format!("\"sqlite://{}\"", site.path("garbage.db").display());
    site.set("database.url", &url);
    let (code, shown) = outcome(&site);
    assert!(code == Some(1) && shown.contains("garbage.db") && shown.contains("hint="), "{code:?} {shown}");

    std::fs::write(site.config(), [0xff, 0xfe, 0x00]).unwrap();
    let (code, shown) = outcome(&site);
    assert!(code == Some(78) && shown.contains("UTF-8"), "{code:?} {shown}");
}

#[test]
fn an_older_program_leaves_a_newer_database_alone_and_is_not_started_again() {
    let mut world = World::start();
    world.daemon.site.sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
            VALUES (99990101000000, 'from the future', 1, x'00', 0)",
    );
    world.daemon.restart_is_refused_with(78);
    assert!(world.daemon.log().contains("made by a newer version"), "{}", world.daemon.log());
}

#[test]
fn what_ends_it_reaches_the_journal_by_the_stream_that_bears_the_units_name() {
    let site = Site::new("http://127.0.0.1:9");
    let stream = File::create(site.path("stream")).unwrap();
    let journal = stream.metadata().map(|stream| format!("{}:{}", stream.dev(), stream.ino())).unwrap();
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_onedeskd"));
    let ended = daemon.args(["--config", "/nonexistent/onedeskd.toml"]).env("JOURNAL_STREAM", journal).stderr(stream).status().unwrap();
    let said = std::fs::read_to_string(site.path("stream")).unwrap();
    assert_eq!((ended.code(), said.lines().count()), (Some(78), 1), "{said}");
    assert!(said.starts_with("<3>cannot run: ") && said.contains("/nonexistent/onedeskd.toml"), "{said}");
}

#[test]
fn an_address_that_somebody_else_has_is_named() {
    let world = World::start();
    let (_simulator, mut site) = World::apart();
    let taken = world.daemon.site.http().to_string();
    site.set("listen.http", &format!("{taken:?}"));
    let (code, shown) = Daemon::run_to_the_end(&site, &[]);
    assert!(code == Some(1) && shown.contains(&taken) && shown.contains("ss -ltnp"), "{shown}");
}

#[test]
fn a_listener_of_the_service_manager_is_taken_with_whoever_waits_at_it() {
    let (_simulator, site) = World::apart();
    let listener = TcpListener::bind(site.http()).unwrap();
    // Connected before there is a daemon: only who inherits the listener can answer.
    let mut early = TcpStream::connect(site.http()).unwrap();
    early.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();

    let manager = Manager::listen(&site.path("notify.sock"));
    let log = std::fs::File::create(site.path("log")).unwrap();
    let script = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=http; exec \"$0\" --config \"$1\"";
    let mut child = Command::new("/bin/sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_onedeskd")])
        .arg(site.config())
        .env_clear()
        .env("NOTIFY_SOCKET", manager.socket())
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(listener)))
        .stderr(log)
        .spawn()
        .unwrap();
    wait_until("READY=1", || manager.heard("READY=1") > 0);
    let mut answer = String::new();
    early.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let stored =
        |name: &str| manager.messages().iter().any(|message| message.contains("FDSTORE=1") && message.contains(&format!("FDNAME={name}")));
    assert!(["api", "http", "metrics"].into_iter().all(stored), "{:?}", manager.messages());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn no_core_is_written() {
    let world = World::start();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", world.daemon.pid())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "{core}");
}

#[test]
fn the_numbers_are_there_for_whoever_scrapes() {
    let world = World::connected();
    world.good_token(SUPPORT, "imap");
    let numbers = world.daemon.metrics();
    assert!(numbers.contains("onedesk_mailboxes{state=\"healthy\"} 1"), "{numbers}");
    assert!(!numbers.contains(SUPPORT), "no address is a label: {numbers}");
}
