//! From installed packages to a connected mailbox, by the commands that the README gives and no others.

use std::process::{Command, Output};

use entra_sim::{CLIENT_ID, SECRET};

use super::screen::Screen;
use crate::harness::{Browser, Daemon, SUPPORT, Site, World};

/// Whoever needs more commands than this has been left alone.
const MOST_COMMANDS: usize = 6;

/// The commands of the README's section, without the prompt.
fn commands() -> Vec<String> {
    let readme = include_str!("../../../README.md");
    let section = readme.split("### Set up\n").nth(1).and_then(|rest| rest.split("\n### ").next()).unwrap();
    let block = section.split("```console\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    block.lines().map(|line| line.strip_prefix("# onedeskctl ").unwrap_or_else(|| panic!("not a command: {line}")).to_owned()).collect()
}

/// What the packages leave behind: a service without an address and without credentials.
fn installed() -> (World, String) {
    let (simulator, mut site) = World::apart();
    let origin = site.origin();
    site.unset("public_url");
    (World { daemon: Daemon::start(site), simulator }, origin)
}

fn onedeskctl(site: &Site, command: &str) -> Output {
    let words = command.replace("support@example.com", SUPPORT);
    Command::new(env!("CARGO_BIN_EXE_onedeskctl")).arg("--config").arg(site.config()).args(words.split(' ')).output().unwrap()
}

#[test]
fn a_newcomer_connects_a_mailbox_with_the_commands_of_the_readme() {
    let (world, origin) = installed();
    let site = &world.daemon.site;
    let commands = commands();
    assert!(commands.len() <= MOST_COMMANDS, "{commands:?}");
    let mut connected = false;
    for command in &commands {
        if command == "setup" {
            let mut screen = Screen::of(&site.config(), &["setup"]);
            screen.see("Public URL: ").enter(&origin);
            screen.see("Application (client) ID: ").enter(CLIENT_ID);
            screen.see("(not shown): ").enter(SECRET);
            screen.see("Write this? [Y/n] ").enter("");
            let (code, shown) = screen.end();
            assert!(code == 0 && shown.contains("OneDesk runs and is ready."), "{shown}");
            continue;
        }
        let output = onedeskctl(site, command);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let first = command.split(' ').next().unwrap();
        // A check on a test host finds something to remark: there is neither a service manager nor a firewall of ours.
        let expected = if first == "check" { vec![0, 1] } else { vec![0] };
        assert!(output.status.code().is_some_and(|code| expected.contains(&code)), "{command}: {out}{err}");
        if command.starts_with("mailbox connect") {
            let mut browser = Browser::new();
            let authorization = browser.begin(out.trim());
            let callback = browser.sign_in(&authorization, SUPPORT);
            browser.open(&callback).expect(200);
            connected = true;
        }
    }
    assert!(connected, "{commands:?}");
    world.good_token(SUPPORT, "imap");
}

#[test]
fn setup_waits_for_what_the_provider_says_and_repeats_it() {
    let (world, origin) = installed();
    let site = &world.daemon.site;
    let secret = site.path("secret");
    let set_up = |value: &str| {
        std::fs::write(&secret, value).unwrap();
        onedeskctl(
            site,
            &format!("setup --non-interactive --public-url {origin} --client-id {CLIENT_ID} --client-secret-file {}", secret.display()),
        )
    };
    let refused = set_up("wrong~secret");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("The client secret is wrong"), "{said}");
    assert!(!said.contains("wrong~secret"));
    let good = set_up(SECRET);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    let again = set_up(SECRET);
    let out = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(again.status.code() == Some(0) && out.starts_with("unchanged") && out.contains("is ready"), "{again:?}");
}
