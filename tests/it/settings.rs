//! `onedeskd.toml` through the running daemon: section 3 of the interface.

use entra_sim::{CLIENT_ID, SECRET, TENANT};
use serde_json::{Value, json};

use crate::harness::{Browser, Daemon, SUPPORT, World, eventually};

fn warning(status: &Value, code: &str) -> Option<Value> {
    status["warnings"].as_array().unwrap().iter().find(|warning| warning["code"] == code).cloned()
}

#[test]
fn a_changed_file_is_in_force_without_a_signal() {
    let mut world = World::start();
    world.daemon.site.set("microsoft.tenant", "\"organizations\"");
    let link = world.daemon.mailbox_link(&json!({}));
    eventually("sign-ins go to organizations", || {
        Browser::new().begin(&link).contains("/organizations/oauth2/v2.0/authorize").then_some(())
    });
}

#[test]
fn a_reload_is_told_to_the_service_manager_and_drops_nothing() {
    let mut world = World::connected();
    world.daemon.site.set("microsoft.tenant", "\"organizations\"");
    world.daemon.reload();
    let messages = world.daemon.manager.messages();
    let reloading = messages.iter().find(|message| message.contains("RELOADING=1")).unwrap();
    assert!(reloading.contains("MONOTONIC_USEC="), "{messages:?}");
    assert!(Browser::new().begin(&world.daemon.mailbox_link(&json!({}))).contains("/organizations/"));
    world.good_token(SUPPORT, "imap");
}

#[test]
fn a_bad_file_keeps_the_old_settings_and_says_line_and_cure() {
    let mut world = World::start();
    let good = std::fs::read_to_string(world.daemon.site.config()).unwrap();
    std::fs::write(world.daemon.site.config(), format!("lisen = 1\n{good}")).unwrap();
    let status = world.daemon.wait_for_status("the mistake is shown", |status| warning(status, "settings_invalid").is_some());
    let told = warning(&status, "settings_invalid").unwrap();
    assert!(told["title"].as_str().unwrap().contains("unknown key \"lisen\""), "{told}");
    assert!(told["hint"].as_str().unwrap().contains("listen"), "{told}");
    assert!(Browser::new().begin(&world.daemon.mailbox_link(&json!({}))).contains(TENANT));
    world.daemon.restart_is_refused_with(78);

    std::fs::write(world.daemon.site.config(), good).unwrap();
    world.daemon.start_again();
    assert_eq!(warning(&world.daemon.status(), "settings_invalid"), None);
}

#[test]
fn what_needs_a_restart_is_named() {
    let mut world = World::start();
    world.daemon.site.set("database.url", "\"sqlite:///proc/onedesk/other.db\"");
    let status = world.daemon.wait_for_status("a restart is asked for", |status| warning(status, "restart_needed").is_some());
    assert!(warning(&status, "restart_needed").unwrap()["title"].as_str().unwrap().contains("database"), "{status}");
}

#[test]
fn without_a_public_url_the_daemon_runs_unconfigured_until_there_is_one() {
    let mut world = World::start_with(|site| {
        site.unset("public_url");
        site.write_pair(CLIENT_ID, SECRET);
    });
    let status = world.daemon.wait_for_status("unconfigured", |status| status["state"] == "unconfigured");
    let check = status["checks"].as_array().unwrap().iter().find(|check| check["name"] == "public_url").unwrap();
    assert_eq!(check["outcome"], "failed");
    let refused = world.daemon.call("POST", "/v1/mailboxes", Some(&json!({}))).expect(503);
    refused.says(&["public_url"]);
    let origin = format!("{:?}", world.daemon.site.origin());
    world.daemon.site.set("public_url", &origin);
    world.daemon.wait_for_status("ready", |status| status["state"] == "ready");
    world.connect(SUPPORT);
}

#[test]
fn a_check_of_the_settings_says_what_is_wrong_and_where() {
    let (_simulator, site) = World::apart();
    let check = |site: &_| Daemon::run_to_the_end(site, &["--check-config"]);
    assert_eq!(check(&site), (Some(0), String::new()));
    std::fs::write(site.config(), "public_url = \"https://desk.example.test\"\n[listen]\nhtpp = \"127.0.0.1:1\"\n").unwrap();
    let (code, shown) = check(&site);
    assert_eq!(code, Some(78));
    for part in [":3:1: unknown key \"htpp\"", "^^^^", "did you mean \"http\"?"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}
