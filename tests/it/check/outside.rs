//! `onedeskctl check` where the daemon does not run: the secret is tried from here. And its progress, for whoever waits.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use entra_sim::{CLIENT_ID, EXPIRED_SECRET, SECOND_SECRET, SECRET, Simulator};

use super::{Found, UNITS, command, tool};
use crate::harness::{Site, World};
use crate::installer::screen::Screen;

/// A host whose daemon does not run, and its provider.
fn silent(credentials: &str) -> (Simulator, Site) {
    let (simulator, mut site) = World::apart();
    site.write_credentials(credentials);
    site.set("microsoft.ca_file", "\"\"");
    tool(&site, "systemctl", UNITS);
    (simulator, site)
}

fn whole(site: &Site) -> Found {
    Found::by(command(site, &[]))
}

#[test]
fn root_tries_the_secret_while_the_daemon_does_not_run() {
    let (simulator, mut site) = silent(&format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS={SECRET}\n"));
    let found = whole(&site);
    assert_eq!(found.code, Some(69));
    assert_eq!(found.check("secret")["title"], "Microsoft accepts AZUREAD_CIS");

    site.write_pair(CLIENT_ID, EXPIRED_SECRET);
    whole(&site).says(
        "secret",
        "failed",
        "Microsoft refuses AZUREAD_CIS: The client secret has expired. (AADSTS7000222)",
        "new client secret",
    );
    site.write_credentials(&format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS={EXPIRED_SECRET}\nAZUREAD_CIS_NEXT={SECOND_SECRET}\n"));
    whole(&site).says("secret", "warning", "AZUREAD_CIS_NEXT is in use, since AZUREAD_CIS is refused", "make AZUREAD_CIS_NEXT the value");

    site.write_credentials("AZUREAD_CIS=x\n");
    let found = whole(&site);
    assert_eq!(found.check("secret")["outcome"], "skipped");
    let title = found.check("secret")["title"].as_str().unwrap();
    assert!(title.contains("there is no secret to try") && title.contains(&site.credentials().display().to_string()), "{title}");

    site.write_pair(CLIENT_ID, SECRET);
    site.set("microsoft.tenant", "\"organizations\"");
    let found = whole(&site);
    let title = found.check("secret")["title"].as_str().unwrap();
    assert!(title.contains("only a tenant that microsoft.tenant names"), "{title}");
    assert_eq!(simulator.violations(), []);
}

#[test]
fn whoever_may_not_read_the_file_hears_why_the_secret_was_not_tried() {
    let (_simulator, mut site) = silent("");
    site.unset("credentials.file");
    let program = site.path("onedeskctl");
    fs::copy(env!("CARGO_BIN_EXE_onedeskctl"), &program).unwrap();
    let output = Command::new(program).arg("--config").arg(site.config()).args(["check", "--json"]).uid(65534).gid(65534).output().unwrap();
    let found = Found::of(&output);
    assert_eq!((found.code, &found.check("secret")["outcome"]), (Some(69), &"skipped".into()));
    assert!(found.check("secret")["title"].as_str().unwrap().ends_with("only root can read /root/.OneDesk"), "{}", found.check("secret"));
}

#[test]
fn at_a_terminal_it_says_how_far_it_is_and_leaves_nothing_of_that_behind() {
    let world = World::start();
    let mut screen = Screen::of(&world.daemon.site.config(), &["check", "--offline"]);
    screen.resize(160);
    screen.see("1 of ").see(": ");
    let (code, shown) = screen.end();
    assert!([0, 1].contains(&code), "{shown}");
    // Counted up to the end, each in the place of the one before.
    let total: usize = screen.all.split("1 of ").nth(1).unwrap().split(':').next().unwrap().parse().unwrap();
    for ended in 1..=total {
        assert!(screen.all.contains(&format!("\r\u{1b}[K{ended} of {total}: ")), "{ended} of {total} is not in {:?}", screen.all);
    }
    assert!(!shown.contains(&format!(" of {total}: ")), "{shown}");
    assert!(shown.lines().next().unwrap().trim_end() == "Files" && shown.contains(" checks in "), "{shown}");

    // Into a file goes the report alone.
    let output = command(&world.daemon.site, &["--offline"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
