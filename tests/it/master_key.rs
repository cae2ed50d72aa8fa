//! A database whose master key is gone: nothing is handed out, nothing is lost, and every place says which file to restore.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Daemon, SUPPORT, World, send};

const ADMIN: &str = "admin@example.test";

fn onedeskctl(daemon: &Daemon, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onedeskctl"));
    let output = command.arg("--config").arg(daemon.site.config()).args(arguments).output().unwrap();
    (output.status.code(), format!("{}{}", String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap()))
}

fn readiness(daemon: &Daemon) -> (u16, Value) {
    let answer = send(&daemon.site.web(), "GET", "/readyz", &[], b"").unwrap();
    (answer.status, answer.json())
}

#[test]
fn a_missing_master_key_is_named_wherever_somebody_asks_and_nothing_is_lost_by_it() {
    let mut world = World::connected();
    world.directory_journey(ADMIN).expect(200);
    let (key, kept) = (world.daemon.site.path("master.key"), world.daemon.site.path("kept"));
    world.daemon.stop();
    fs::rename(&key, &kept).unwrap();
    world.daemon.start_again();

    let missing = format!("the master key {} is missing", key.display());
    let restore = format!("restore {} from your backup", key.display());
    let tells = |text: &str, what: &str| {
        assert!(text.contains(&missing) && text.contains(&restore), "{what}: {text}");
        assert!(text.contains("systemctl restart onedeskd"), "{what}: {text}");
        assert!(!text.contains("mailbox connect") && !text.contains("directory connect"), "{what}: nobody need sign in: {text}");
    };
    let daemon = &world.daemon;
    let status = daemon.status();
    assert_eq!(
        (&status["state"], &status["mailboxes"]["waiting"], &status["directory"]["waiting"]),
        (&"degraded".into(), &1.into(), &1.into())
    );
    tells(&status["checks"].to_string(), "the status");
    daemon.manager.wait_for_status(&["degraded: ", &missing]);
    let (code, reasons) = readiness(daemon);
    assert_eq!((code, &reasons["reasons"][0]["code"]), (503, &"master_key".into()));
    tells(&reasons.to_string(), "/readyz");

    let mailbox = daemon.mailbox(SUPPORT);
    assert_eq!((&mailbox["state"], &mailbox["reason"]), (&"waiting".into(), &"master_key_missing".into()));
    tells(&mailbox["problem"].to_string(), "the list of mailboxes");
    let token = daemon.token(SUPPORT, "imap").expect(503);
    assert!(token.header("retry-after").is_some());
    assert_eq!((&token.json()["code"], &token.json()["reason"]), (&"waiting".into(), &"master_key_missing".into()));
    tells(&token.body, "a token");
    tells(&daemon.get("/v1/directory").expect(200).body, "the directories");

    for (arguments, expected) in
        [(&["mailbox", "list"][..], 0), (&["mailbox", "token", SUPPORT], 1), (&["directory", "status"], 0), (&["status"], 1)]
    {
        let (code, text) = onedeskctl(daemon, arguments);
        assert_eq!(code, Some(expected), "{arguments:?}: {text}");
        tells(&text, &arguments.join(" "));
    }
    let told = daemon.log().lines().filter(|line| line.contains(&missing)).count();
    assert_eq!(told, 2, "once by the key, and in the state of the start: {}", daemon.log());

    world.daemon.stop();
    fs::rename(&kept, &key).unwrap();
    world.daemon.start_again();
    world.good_token(SUPPORT, "imap");
    assert_eq!(world.daemon.mailbox(SUPPORT)["state"], "healthy");
    assert_eq!(readiness(&world.daemon).0, 200);
}
