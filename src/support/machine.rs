//! What root sees of the machine: versions, the units, the journal. Each is asked of the program that knows it; one that is not
//! there, or says no, leaves its part missing and the rest as it is.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::process::Command;

use super::Bundle;
use super::facts::{certificates, database_files};
use crate::settings::Settings;
use crate::system::journal;

/// Nothing that is asked takes longer on a sound machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of the journal is taken: the newest lines of three days.
const LINES: &str = "3000";
const SINCE: &str = "-3d";

const UNITS: [&str; 3] = ["onedeskd.service", "onedesk-credentials.service", "onedeskd.socket"];
const UNIT_FACTS: &str = "Id,LoadState,ActiveState,SubState,Result,ExecMainStatus,NRestarts,UnitFileState,StatusText,ActiveEnterTimestamp,\
    MemoryCurrent,TasksCurrent,FragmentPath,DropInPaths";
const PACKAGES: [&str; 4] = ["onedesk-db-utils", "onedesk-microservices", "onedesk-webapps", "onedesk-customerapps"];
/// os-release(5): what names the system, not the subscription.
const OS_FACTS: [&str; 6] = ["ID", "ID_LIKE", "NAME", "VERSION", "VERSION_ID", "PRETTY_NAME"];

/// The machine's half of a bundle.
pub async fn gather(bundle: &mut Bundle) {
    bundle.add("versions", "versions of OneDesk, its packages, and what they run on", Ok(versions().await));
    bundle.add("units", "the state of OneDesk's units, as systemctl shows it", units().await);
    bundle.add("journal", "the newest lines of OneDesk's units in the journal, by fields from a list", journal_lines().await);
}

/// What the daemon would tell of files, told without it.
pub fn files(bundle: &mut Bundle, settings: &Settings) {
    database_files(bundle, settings);
    certificates(bundle, settings);
}

/// The host's own name.
pub fn host() -> Option<String> {
    nix::sys::utsname::uname().ok()?.nodename().to_str().filter(|name| !name.is_empty()).map(str::to_owned)
}

async fn versions() -> Value {
    let os = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let os: Map<String, Value> = os
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| OS_FACTS.contains(name))
        .map(|(name, value)| (name.to_owned(), json!(value.trim_matches('"'))))
        .collect();
    let kernel = nix::sys::utsname::uname().ok();
    let kernel = kernel.map(|kernel| format!("{} {}", kernel.release().to_string_lossy(), kernel.machine().to_string_lossy()));
    let query = ["-q", "--qf", "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH} %{INSTALLTIME:date}\\n"];
    let packages = said("rpm", &[&query[..], &PACKAGES[..]].concat()).await;
    let first = |said: Result<String, String>| said.map_or_else(|why| why, |text| text.lines().next().unwrap_or_default().to_owned());
    let file = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    json!({
        "onedeskctl": env!("CARGO_PKG_VERSION"),
        "packages": packages.map_or_else(|why| json!(why), |text| json!(text.lines().collect::<Vec<_>>())),
        "system": os,
        "kernel": kernel,
        "systemd": first(said("systemctl", &["--version"]).await),
        "glibc": first(said("getconf", &["GNU_LIBC_VERSION"]).await),
        "selinux": first(said("getenforce", &[]).await),
        "fips": file("/proc/sys/crypto/fips_enabled"),
    })
}

async fn units() -> Result<Value, String> {
    let property = format!("--property={UNIT_FACTS}");
    let shown = said("systemctl", &[&["show", "--no-pager", property.as_str()], &UNITS[..]].concat()).await?;
    let unit =
        |block: &str| block.lines().filter_map(|line| line.split_once('=')).map(|(name, value)| (name.to_owned(), json!(value))).collect();
    Ok(shown.split("\n\n").map(unit).filter(|unit: &Map<_, _>| !unit.is_empty()).map(Value::Object).collect())
}

async fn journal_lines() -> Result<Value, String> {
    let mut arguments = vec!["--output=json", "--no-pager", "--quiet", "--since", SINCE, "--lines", LINES];
    arguments.extend(UNITS.iter().flat_map(|unit| ["--unit", unit]));
    let text = said("journalctl", &arguments).await?;
    let lines: Vec<Value> = text.lines().filter_map(listed_fields).collect();
    if lines.is_empty() {
        Err("the journal has no line of OneDesk's units in the last three days".to_owned())
    } else {
        Ok(Value::Array(lines))
    }
}

/// Of a line in the journal, the fields on the list.
fn listed_fields(line: &str) -> Option<Value> {
    let entry: BTreeMap<String, Value> = serde_json::from_str(line).ok()?;
    let kept = entry.into_iter().filter(|(name, value)| value.is_string() && journal::is_listed(name));
    let kept: Map<String, Value> = kept.collect();
    (!kept.is_empty()).then_some(Value::Object(kept))
}

/// What a program says; its refusal in one line.
async fn said(program: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C").stdin(Stdio::null()).kill_on_drop(true);
    let output = match tokio::time::timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => return Err(format!("{program} is not on this host")),
        Ok(Err(error)) => return Err(format!("{program} cannot be run: {error}")),
        Err(_) => return Err(format!("{program} did not end within {} s", PATIENCE.as_secs())),
    };
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    // rpm ends with an error for each package that is not there, and says so on standard output.
    if output.status.success() || program == "rpm" && !stdout.is_empty() {
        return Ok(stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} ended with {}: {}", output.status, words.lines().next().unwrap_or("without a word")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_line_in_the_journal_the_listed_fields_are_kept() {
        let line = r#"{"MESSAGE":"started","PRIORITY":"6","_CMDLINE":"onedeskd --secret hunter2","ONEDESK_MAILBOX":"a@b.test","_SYSTEMD_UNIT":"onedeskd.service","ENVIRONMENT":"X=hunter2","CODE_FILE":[1,2]}"#;
        let kept = listed_fields(line).unwrap();
        assert_eq!(
            kept,
            json!({"MESSAGE": "started", "PRIORITY": "6", "ONEDESK_MAILBOX": "a@b.test", "_SYSTEMD_UNIT": "onedeskd.service"})
        );
        assert_eq!(listed_fields("no JSON"), None);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_or_refuses_is_told_in_one_line() {
        assert_eq!(said("onedesk-no-such-program", &[]).await, Err("onedesk-no-such-program is not on this host".to_owned()));
        let refused = said("sh", &["-c", "echo first >&2; echo second >&2; exit 3"]).await.unwrap_err();
        assert_eq!(refused, "sh ended with exit status: 3: first");
    }
}
