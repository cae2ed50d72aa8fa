//! The completion scripts in the shells that they are for.

use std::path::Path;
use std::process::Command;

const ONEDESKCTL: &str = env!("CARGO_BIN_EXE_onedeskctl");

/// The script of a shell, in a file of that name.
fn script(folder: &Path, shell: &str, name: &str) {
    let output = Command::new(ONEDESKCTL).args(["completions", shell]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    std::fs::write(folder.join(name), output.stdout).unwrap();
}

/// What a shell says to a line of its own language; `$0` is the folder.
fn said(folder: &Path, program: &[&str], line: &str) -> String {
    let mut command = Command::new("timeout");
    command.arg("60").args(program).arg(line).arg(folder).env_clear();
    let path = std::env::var_os("PATH").unwrap();
    command.env("HOME", folder).env("PATH", path).env("TERM", "dumb").current_dir(folder);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn bash_completes_commands_and_flags() {
    let folder = tempfile::tempdir().unwrap();
    script(folder.path(), "bash", "onedeskctl");
    let line = r#"source "$0/onedeskctl"; complete -p onedeskctl
        try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _onedeskctl onedeskctl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            echo "${COMPREPLY[*]}"; }
        try onedeskctl supp; try onedeskctl mailbox co; try onedeskctl support-bundle --pseu; try onedeskctl mailbox token x --for gr"#;
    let said = said(folder.path(), &["bash", "--norc", "-c"], line);
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].contains("-F _onedeskctl") && lines[0].ends_with("onedeskctl"), "{said}");
    assert_eq!(lines[1..], ["support-bundle", "connect", "--pseudonymize", "graph"]);
}

#[test]
fn fish_completes_commands_and_flags() {
    let folder = tempfile::tempdir().unwrap();
    script(folder.path(), "fish", "onedeskctl.fish");
    let line = r#"source onedeskctl.fish; complete -C "onedeskctl supp"; complete -C "onedeskctl support-bundle --pseu"; complete -C "onedeskctl mailbox conn""#;
    let said = said(folder.path(), &["fish", "--no-config", "-c"], line);
    let words: Vec<&str> = said.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(words, ["support-bundle", "--pseudonymize", "connect"], "{said}");
}

#[test]
fn zsh_completes_commands_where_its_functions_are_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    script(folder.path(), "zsh", "_onedeskctl");
    let line = r#"zsh -fn $0/_onedeskctl || exit 1
        zmodload zsh/zpty; zpty inner zsh -f -i
        zpty -w inner "PS1=; unsetopt zle_bracketed_paste; fpath=($0 \$fpath); autoload -Uz compinit; compinit -u -D; echo set-up"
        zpty -r -m inner answer '*set-up*set-up*'
        zpty -w -n inner $'onedeskctl supp\t'
        zpty -r -m inner answer '*support-bundle*' && echo support-bundle
        zpty -w -n inner $'--pseu\t'
        zpty -r -m inner answer '*--pseudonymize*' && echo pseudonymize
        zpty -d inner"#;
    assert_eq!(said(folder.path(), &["zsh", "-f", "-c"], line), "support-bundle\npseudonymize\n");
}
