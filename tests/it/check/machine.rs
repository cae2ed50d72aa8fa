//! What is looked at without the network: files, units, sockets, disk.

use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;

use entra_sim::{CLIENT_ID, SECRET};

use super::{Found, UNITS, command, mode, offline, tool};
use crate::harness::{Site, World};

/// A host where all is well, with its daemon.
fn well() -> World {
    let world = World::start();
    tool(&world.daemon.site, "systemctl", UNITS);
    world.daemon.wait_for_status("ready", |status| status["state"] == "ready");
    world
}

/// A host whose daemon does not run.
fn silent() -> Site {
    let site = Site::new("http://127.0.0.1:9");
    site.write_pair(CLIENT_ID, SECRET);
    tool(&site, "systemctl", UNITS);
    site
}

#[test]
fn a_host_where_all_is_well_has_nothing_to_mend_and_says_so_line_by_line() {
    let world = well();
    let found = offline(&world.daemon.site);
    assert_eq!(found.code, Some(0), "{}", found.report);
    // Nobody has said yet when the secret ends.
    let mended =
        found.report["checks"].as_array().unwrap().iter().filter(|check| check["outcome"] == "warning").map(|check| &check["name"]);
    assert_eq!(mended.collect::<Vec<_>>(), ["secret_expiry"], "{}", found.report);
    for name in ["settings", "credentials_file", "daemon_unit", "http_listener", "metrics_listener", "api_socket", "store", "disk", "fips"]
    {
        assert_eq!(found.check(name)["outcome"], "ok", "{name}");
    }
    let output = command(&world.daemon.site, &["--offline"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("Files\n  ok      "), "{text}");
    assert!(text.trim_end().ends_with("it works, 1 should be mended."), "{text}");
    assert!(!text.contains('\u{1b}') && output.stderr.is_empty(), "{text}");
}

#[test]
fn without_a_daemon_everything_else_is_still_checked_and_the_exit_is_69() {
    let site = silent();
    let found = offline(&site);
    assert_eq!(found.code, Some(69));
    found.says("api_socket", "failed", "onedeskd is not reachable", "systemctl start onedeskd");
    found.says("http_listener", "failed", "nobody answers on", "systemctl start onedeskd");
    assert_eq!(found.check("settings")["outcome"], "ok");
    assert_eq!(found.check("credentials_file")["outcome"], "ok");
}

#[test]
fn a_credentials_file_that_must_not_be_used_is_told_with_the_command_that_mends_it() {
    let site = silent();
    let file = site.credentials();
    mode(&file, 0o666);
    offline(&site).says("credentials_file", "failed", "is writable by others than its owner (mode 0666)", "chmod 600");
    mode(&file, 0o644);
    offline(&site).says("credentials_file", "warning", "is readable by others than its owner (mode 0644)", "chmod 600");
    mode(&file, 0o600);
    chown(&file, Some(4321), None).unwrap();
    offline(&site).says("credentials_file", "failed", "is owned by uid 4321, not by root", "chown root");
    chown(&file, Some(0), None).unwrap();
    site.write_credentials(&format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee\n"));
    offline(&site).says("credentials_file", "failed", "this looks like the Secret ID, copy the secret Value", "Certificates & secrets");
    site.write_credentials(&format!("AZUREAD_CID={CLIENT_ID}\n"));
    offline(&site).says("credentials_file", "failed", "AZUREAD_CIS is not in the credentials file", "add the line AZUREAD_CIS=");
    fs::remove_file(&file).unwrap();
    offline(&site).says("credentials_file", "failed", "does not exist", "onedeskctl setup");
}

#[test]
fn settings_with_a_mistake_are_told_and_the_rest_is_still_looked_at() {
    let site = silent();
    fs::write(site.config(), "lisen = \"x\"\n").unwrap();
    let found = Found::by({
        let mut command = command(&site, &["--offline"]);
        command.arg("--socket").arg(site.socket());
        command
    });
    assert_eq!(found.code, Some(69));
    found.says("settings", "failed", "lisen", "did you mean \"listen\"");
    assert_eq!(found.check("fips")["outcome"], "ok");
    site.write_settings();
    mode(&site.config(), 0o666);
    offline(&site).says("settings", "failed", "is writable by others than its owner (mode 0666)", "chmod 0640");
}

#[test]
fn a_unit_that_is_down_and_one_that_would_not_come_back_are_told_apart() {
    let site = silent();
    tool(
        &site,
        "systemctl",
        &UNITS.replacen("ActiveState=active\nSubState=running", "ActiveState=failed\nSubState=failed\nResult=exit-code", 1),
    );
    offline(&site).says("daemon_unit", "failed", "onedeskd.service does not stay up (exit-code)", "journalctl -u onedeskd.service");
    tool(&site, "systemctl", &UNITS.replace("UnitFileState=enabled", "UnitFileState=disabled"));
    offline(&site).says("daemon_unit", "warning", "would not start at the next boot", "systemctl enable onedeskd");
}

#[test]
fn another_program_on_our_port_is_found() {
    let site = silent();
    let listener = std::net::TcpListener::bind(site.http()).unwrap();
    let answers = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello").unwrap();
    });
    let found = offline(&site);
    answers.join().unwrap();
    found.says("http_listener", "failed", "another program answers on", "ss -ltnp");
}

#[test]
fn a_disk_without_room_is_found_before_it_is_full() {
    let mut site = silent();
    let small = site.path("small");
    fs::create_dir(&small).unwrap();
    site.set("database.url", &format!("\"sqlite://{}/onedesk.db\"", small.display()));
    // A file system of its own, in a mount namespace of its own.
    let plain = command(&site, &["--offline", "--json"]);
    let mut command = Command::new("unshare");
    let script = "size=$1; dir=$2; shift 2; mount -t tmpfs -o size=\"$size\" none \"$dir\" && exec \"$@\"";
    let on = |command: &mut Command, size: &str| {
        command.args(["--mount", "sh", "-c", script, "sh", size]).arg(&small).arg(plain.get_program()).args(plain.get_args());
        command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    };
    on(&mut command, "16m");
    let found = Found::of(&command.output().unwrap());
    found.says("disk", "failed", "16 MiB are free in", "df -h");
    let mut command = Command::new("unshare");
    on(&mut command, "200m");
    Found::of(&command.output().unwrap()).says("disk", "warning", "too little for backups and growth", "df -h");
}
