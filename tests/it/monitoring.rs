//! The plugin for Nagios and its like, as its scheduler runs it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

const PLUGIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/monitoring/check_onedesk");

/// What the plugin says and how it ends, where `onedeskctl` is this script.
fn plugin(folder: &Path, onedeskctl: &str) -> (Option<i32>, String) {
    let program = folder.join("onedeskctl");
    std::fs::write(&program, format!("#!/bin/sh\n{onedeskctl}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let output = Command::new(PLUGIN).arg("--offline").env("PATH", path).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_plugin_ends_as_monitoring_expects_and_names_what_is_not_well() {
    let folder = tempfile::tempdir().unwrap();
    let found = |outcome: &str| {
        format!(
            r#"printf '%s\n' '{{"outcome":"{outcome}","took_ms":3,"checks":[{{"name":"a","outcome":"ok","title":"fine"}},{{"name":"b","outcome":"{outcome}","title":"the clock | is slow","hint":"x"}}]}}'"#
        )
    };
    for (script, code, words) in [
        (found("ok"), 0, "ONEDESK OK - all is well\n"),
        (found("warning"), 1, "ONEDESK WARNING - the clock / is slow\n"),
        (format!("{}; exit 1", found("failed")), 2, "ONEDESK CRITICAL - the clock / is slow\n"),
        (format!("{}; exit 69", found("failed")), 2, "ONEDESK CRITICAL - the daemon does not answer: systemctl status onedeskd\n"),
        ("exit 1".to_owned(), 3, "ONEDESK UNKNOWN - onedeskctl check ended with 1\n"),
        ("echo something else".to_owned(), 3, "ONEDESK UNKNOWN - onedeskctl check ended with 0\n"),
        (r#"[ "$*" = "check --json --offline" ] || exit 2; exit 70"#.to_owned(), 3, "ONEDESK UNKNOWN - onedeskctl check ended with 70\n"),
    ] {
        assert_eq!(plugin(folder.path(), &script), (Some(code), words.to_owned()), "{script}");
    }
}

#[test]
fn the_plugin_understands_the_real_onedeskctl() {
    let folder = tempfile::tempdir().unwrap();
    let real = env!("CARGO_BIN_EXE_onedeskctl");
    let script = format!("exec '{real}' --socket '{0}/none.sock' --config '{0}/none.toml' \"$@\"", folder.path().display());
    let (code, words) = plugin(folder.path(), &script);
    assert_eq!((code, words.as_str()), (Some(2), "ONEDESK CRITICAL - the daemon does not answer: systemctl status onedeskd\n"));
}
