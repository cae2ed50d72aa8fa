//! `onedeskctl setup` with somebody at a terminal.

use std::fs;
use std::path::PathBuf;

use nix::sys::signal::Signal;

use super::screen::Screen;
use crate::harness::World;

const ID: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const SECRET: &str = "canary~Value.typed";
const URL: &str = "http://127.0.0.1:9";

/// Prompts in their order, with an answer to each.
const PROMPTS: [(&str, &str); 4] =
    [("Public URL: ", URL), ("Application (client) ID: ", ID), ("Client secret Value (not shown): ", SECRET), ("Write this? [Y/n] ", "")];

/// A scratch host that is not set up.
fn host() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("onedeskd.toml");
    fs::write(&config, format!("[credentials]\nfile = \"{}\"\n", folder.path().join("OneDesk").display())).unwrap();
    (folder, config)
}

fn files(folder: &tempfile::TempDir) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn three_answers_and_an_enter_set_the_host_up() {
    let (folder, config) = host();
    let mut screen = Screen::of(&config, &["setup"]);
    screen.see("Public URL: ").with_echo().enter("helpdesk.example.com");
    screen.see("hint: write it as https://helpdesk.example.com").see("Public URL: ").enter(URL);
    screen.see("/integrations/office365/oauth2redirectWithAuthCode").see("/sso/openid").see("/sso/signed-out");
    screen.see("Application (client) ID: ").enter("");
    screen.see("An answer is needed").see("Application (client) ID: ").enter("12345");
    screen.see("not an Application (client) ID").see("Application (client) ID: ").enter(ID);
    screen.see("Client secret Value (not shown): ");
    assert!(!screen.echoes(), "the terminal would show the secret");
    screen.enter("11111111-2222-3333-4444-555555555555");
    screen.see("this looks like the Secret ID, copy the secret Value").see("Client secret Value (not shown): ").enter(SECRET);
    screen.see("Write this? [Y/n] ");
    assert!(screen.echoes());
    screen.enter("");
    let (code, shown) = screen.end();
    assert_eq!(code, 0, "{shown}");
    assert!(!screen.all.contains("canary") && !screen.all.contains("11111111-2222"), "{}", screen.all);
    for line in [
        "OneDesk setup. Enter keeps what stands in brackets; Ctrl-C leaves everything as it is.",
        "Client secret Value (not shown):",
        &format!("+public_url = \"{URL}\""),
        &format!("+AZUREAD_CID={ID}"),
        "+AZUREAD_CIS=********",
    ] {
        assert!(shown.lines().any(|on_screen| on_screen.trim_end() == line), "{line:?} is not a line of:\n{shown}");
    }
    let credentials = fs::read_to_string(folder.path().join("OneDesk")).unwrap();
    assert!(credentials.ends_with(&format!("AZUREAD_CID={ID}\nAZUREAD_CIS={SECRET}\n")), "{credentials}");
}

#[test]
fn ctrl_c_at_any_prompt_leaves_the_files_and_the_terminal_as_they_were() {
    for (stop, (at, _)) in PROMPTS.iter().enumerate() {
        let (folder, config) = host();
        let before = files(&folder);
        let mut screen = Screen::of(&config, &["setup"]);
        for (index, (prompt, answer)) in PROMPTS.iter().enumerate().take(stop + 1) {
            screen.see(prompt);
            if index == 0 {
                screen.with_echo();
            }
            if index == stop {
                screen.interrupt();
            } else {
                screen.enter(answer);
            }
        }
        let (code, shown) = screen.end();
        assert_eq!((code, screen.echoes()), (1, true), "at {at:?}: {shown}");
        assert!(shown.contains("nothing was changed"), "{shown}");
        assert_eq!(files(&folder), before, "at {at:?}");
    }
}

#[test]
fn ctrl_c_while_it_waits_says_that_the_files_are_written_and_how_the_service_is() {
    let world = World::start();
    let socket = world.daemon.site.socket();
    for (answers, how_it_is) in [(true, "the service runs and has not taken the answers yet"), (false, "the service does not answer yet")] {
        let (folder, config) = host();
        // That daemon reads another file, so it never takes these answers.
        let mut screen = Screen::of(&config, &["--socket", socket.to_str().unwrap(), "setup"]);
        for (index, (prompt, answer)) in PROMPTS.iter().enumerate() {
            screen.see(prompt);
            if index == 0 {
                screen.with_echo();
            }
            screen.enter(answer);
        }
        screen.see("Waiting until the service has taken these answers.");
        if !answers {
            world.daemon.signal(Signal::SIGSTOP);
        }
        screen.interrupt();
        let (code, shown) = screen.end();
        world.daemon.signal(Signal::SIGCONT);
        assert_eq!((code, screen.echoes()), (1, true), "{shown}");
        assert!(screen.all.contains(&format!("interrupted: the files are written; {how_it_is}")), "{shown}");
        assert!(screen.all.contains("hint: see how it is: onedeskctl status"), "{shown}");
        let written = fs::read_to_string(folder.path().join("OneDesk")).unwrap();
        assert!(written.ends_with(&format!("AZUREAD_CID={ID}\nAZUREAD_CIS={SECRET}\n")), "{written}");
        assert!(fs::read_to_string(&config).unwrap().contains(URL));
    }
}

#[test]
fn the_answers_survive_a_window_that_is_dragged() {
    let (folder, config) = host();
    let mut screen = Screen::of(&config, &["setup"]);
    screen.see("Public URL: ").with_echo();
    for (index, (prompt, answer)) in PROMPTS.iter().enumerate() {
        if index > 0 {
            screen.see(prompt);
        }
        screen.resize(if index % 2 == 0 { 40 } else { 120 });
        screen.enter(answer);
    }
    let (code, shown) = screen.end();
    assert_eq!(code, 0, "{shown}");
    assert!(fs::read_to_string(folder.path().join("OneDesk")).unwrap().contains(SECRET));
}

#[test]
fn a_second_time_enter_keeps_every_answer_and_no_is_heard() {
    let (folder, config) = host();
    let credentials = format!("AZUREAD_CID={ID}\nAZUREAD_CIS={SECRET}\n");
    fs::write(folder.path().join("OneDesk"), credentials).unwrap();
    fs::write(&config, format!("public_url = \"{URL}\"\n{}", fs::read_to_string(&config).unwrap())).unwrap();
    std::process::Command::new("chmod").arg("600").arg(folder.path().join("OneDesk")).status().unwrap();
    let before = files(&folder);
    let mut screen = Screen::of(&config, &["setup"]);
    screen.see(&format!("Public URL [{URL}]: ")).with_echo().enter("");
    screen.see(&format!("Application (client) ID [{ID}]: ")).enter("");
    screen.see("Client secret Value (not shown) [keep the present one]: ").enter("");
    screen.see("unchanged");
    let (code, _) = screen.end();
    assert_eq!((code, screen.all.contains("canary")), (0, false));
    assert_eq!(files(&folder), before);

    let mut screen = Screen::of(&config, &["setup", "--public-url", URL, "--client-id", ID]);
    screen.see("[keep the present one]: ").enter("another~secret");
    screen.see("Write this? [Y/n] ").enter("n");
    assert_eq!(screen.end().0, 1);
    assert_eq!(files(&folder), before);
}
