//! Tests that need an environment or limits of their own: each reruns itself in a child process.

use std::ffi::OsStr;
use std::process::Command;

/// Set in the child alone.
const MARK: &str = "ONEDESK_TEST_CHILD";

/// Whether this is the child. If not, `test` (its full name) has run in one with `variables` when this returns, and passed.
pub(in crate::system) fn in_a_child(test: &str, variables: &[(&str, &OsStr)]) -> bool {
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", test]).env_remove("WATCHDOG_PID").env(MARK, "").envs(variables.iter().copied());
    passed(&mut child);
    false
}

/// Runs one test in `child`.
pub(in crate::system) fn passed(child: &mut Command) {
    let answer = child.output().unwrap();
    let said = String::from_utf8_lossy(&answer.stdout);
    assert!(answer.status.success() && said.contains("1 passed"), "{said}");
}
