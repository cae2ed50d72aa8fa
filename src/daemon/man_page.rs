//! onedeskd(8) says what the program takes, and no more.

use std::collections::BTreeSet;

use clap::CommandFactory as _;

use super::arguments::{Arguments, EXIT_CONFIG, EXIT_OK};

const MANUAL: &str = include_str!("../../packaging/man/onedeskd.8");

#[test]
fn the_manual_of_onedeskd_has_every_flag_and_no_other() {
    let mut command = Arguments::command();
    command.build();
    let flags: BTreeSet<&str> = command.get_arguments().filter_map(|argument| argument.get_long()).collect();
    let written = MANUAL.lines().flat_map(|line| line.split("Fl -").skip(1)).filter_map(|rest| rest.split(' ').next());
    assert_eq!(written.collect::<BTreeSet<_>>(), flags);
}

#[test]
fn the_manual_of_onedeskd_has_the_exit_codes_of_a_check() {
    for code in [EXIT_OK, EXIT_CONFIG] {
        assert!(MANUAL.contains(&format!(".It {code}\n")), "{code}");
    }
}
