//! The man pages say what the programs do: both directions are compared.

use std::collections::BTreeSet;

use clap::CommandFactory as _;

use super::args::Cli;

const CTL: &str = include_str!("../../packaging/man/onedeskctl.8");

/// Paths of the commands that do something: `mailbox app-password add`.
fn commands() -> BTreeSet<String> {
    fn walk(command: &clap::Command, path: &str, found: &mut BTreeSet<String>) {
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            let path = format!("{path} {}", sub.get_name()).trim().to_owned();
            if sub.has_subcommands() {
                walk(sub, &path, found);
            } else {
                found.insert(path);
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(&Cli::command(), "", &mut found);
    found
}

fn flags() -> BTreeSet<String> {
    fn walk(command: &clap::Command, found: &mut BTreeSet<String>) {
        found.extend(command.get_arguments().filter_map(|argument| argument.get_long()).map(str::to_owned));
        command.get_subcommands().filter(|sub| !sub.is_hide_set()).for_each(|sub| walk(sub, found));
    }
    let mut found = BTreeSet::new();
    let mut root = Cli::command();
    root.build();
    walk(&root, &mut found);
    found
}

#[test]
fn the_manual_of_onedeskctl_has_every_command_and_no_other() {
    let written: BTreeSet<String> = CTL
        .lines()
        .filter_map(|line| line.strip_prefix(".It Cm "))
        .map(|line| line.split(' ').take_while(|word| !["Op", "Oo", "Ar", "Fl"].contains(word)).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(written, commands());
}

#[test]
fn the_manual_of_onedeskctl_has_every_flag_and_no_other() {
    let written: BTreeSet<String> =
        CTL.lines().flat_map(|line| line.split("Fl -").skip(1)).filter_map(|rest| rest.split(' ').next()).map(str::to_owned).collect();
    assert_eq!(written, flags());
}

#[test]
fn the_manual_and_the_help_of_onedeskctl_have_the_same_exit_codes() {
    let section = CTL.split(".Sh EXIT STATUS").nth(1).and_then(|rest| rest.split(".Sh").next()).unwrap_or_default();
    let written: Vec<&str> = section.lines().filter_map(|line| line.strip_prefix(".It ")).collect();
    assert_eq!(written, ["0", "1", "2", "69"]);
    let help = Cli::command().get_after_help().map(ToString::to_string).unwrap_or_default();
    assert!(written.iter().all(|code| help.contains(&format!("{code} "))), "{help}");
}

#[test]
fn help_marks_exactly_what_is_refused() {
    use clap::Parser as _;
    for (line, refused) in [
        ("status", false),
        ("mailbox list", false),
        ("mailbox connect a@b.test --shared", false),
        ("mailbox token a@b.test --for graph", false),
        ("directory disconnect x", false),
        ("explain AADSTS50173", false),
        ("app-registration --format azcli", false),
        ("audit --limit 7", false),
        ("setup --dry-run", false),
        ("mailbox test a@b.test", true),
        ("mailbox app-password add a@b.test phone", true),
        ("directory sync", true),
        ("sso enable users", false),
        ("people resolve 7 deny", false),
        ("admin-link", false),
        ("support-bundle --pseudonymize", false),
        ("db rekey", false),
    ] {
        let words = std::iter::once("onedeskctl").chain(line.split(' '));
        let cli = Cli::try_parse_from(words.clone()).unwrap();
        assert_eq!(super::later::refusal(&cli.command).is_some(), refused, "{line}");
        let mut command = &Cli::command();
        let mut about = String::new();
        for word in words.skip(1) {
            let Some(sub) = command.find_subcommand(word) else { break };
            about.push_str(&sub.get_about().map(ToString::to_string).unwrap_or_default());
            command = sub;
        }
        assert_eq!(about.contains("(not in this version)"), refused, "{line}: {about}");
    }
}

#[test]
fn every_page_has_examples_and_refers_to_pages_that_are_there() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/man"));
    let pages: Vec<String> = std::fs::read_dir(folder).unwrap().map(|page| page.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(pages.len(), 5);
    for page in &pages {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        for reference in text.lines().filter_map(|line| line.strip_prefix(".Xr onedesk")) {
            let mut words = reference.split(' ');
            let named = format!("onedesk{}.{}", words.next().unwrap_or_default(), words.next().unwrap_or_default());
            assert!(pages.contains(&named), "{page} refers to {named}");
        }
        assert!(text.contains(".Sh EXAMPLES\n") && text.contains(".Sh FILES\n"), "{page}");
    }
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
        let script = String::from_utf8(super::completions(shell)).unwrap();
        assert!(script.contains("app-password") && script.contains("onedeskctl"), "{shell}");
    }
}
