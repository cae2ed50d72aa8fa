//! `onedeskctl check`: each check made to fail by a real fault, its words asserted. The system's own tools (`systemctl`, `busctl`,
//! `matchpathcon`) are stand-ins on the PATH that answer as the real ones do: a build host has no units of ours.

mod machine;
mod network;
mod outside;
mod public;
mod real_mail;
pub mod servers;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::Site;

/// What the service manager says of a host where all is well.
const UNITS: &str = "Id=onedeskd.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nNRestarts=0\n\n\
    Id=onedesk-credentials.service\nLoadState=loaded\nActiveState=active\nSubState=running\nNRestarts=0\n";

/// Puts a tool that says `out` into the site's own folder of tools.
fn tool(site: &Site, name: &str, out: &str) {
    let folder = site.path("tools");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\ncat <<'END'\n{out}\nEND\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// `onedeskctl check` on the site's host.
fn command(site: &Site, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onedeskctl"));
    command.arg("--config").arg(site.config()).arg("check").args(arguments).env_clear();
    command.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", site.path("tools").display()));
    command
}

/// What was found.
struct Found {
    code: Option<i32>,
    report: Value,
}

impl Found {
    fn by(mut command: Command) -> Self {
        Self::of(&command.arg("--json").output().unwrap())
    }

    fn of(output: &Output) -> Self {
        let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{error}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
        });
        Self { code: output.status.code(), report }
    }

    /// The first check of that name that did not go well, or else the first of that name.
    #[track_caller]
    fn check(&self, name: &str) -> &Value {
        let all: Vec<&Value> = self.report["checks"].as_array().unwrap().iter().filter(|check| check["name"] == name).collect();
        let bad = all.iter().find(|check| ["failed", "warning"].contains(&check["outcome"].as_str().unwrap()));
        bad.or(all.first()).unwrap_or_else(|| panic!("no check {name} in {}", self.report))
    }

    /// Asserts how a check went and what it says: title and hint hold these words, and somebody is named.
    #[track_caller]
    fn says(&self, name: &str, outcome: &str, title: &str, hint: &str) {
        let check = self.check(name);
        assert_eq!(check["outcome"], outcome, "{check}");
        assert!(check["title"].as_str().unwrap().contains(title), "{title:?} is not in {check}");
        assert!(check["hint"].as_str().unwrap().contains(hint), "{hint:?} is not in {check}");
        assert_eq!(check["who"].is_string(), outcome != "ok" && outcome != "skipped", "{check}");
    }
}

fn offline(site: &Site) -> Found {
    Found::by(command(site, &["--offline"]))
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
