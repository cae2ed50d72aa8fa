//! `onedeskctl check`: everything that has to work, looked at side by side, one line each.
//!
//! What only the daemon sees is asked from the daemon, and so is the network, for its way out is what counts. Where the daemon
//! does not run, that is a finding (69), and everything that can be looked at without it is.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::args::Global;
use super::client::Client;
use super::failure::Failure;
use super::output::{self, Output, Tone};
use crate::health::checks::{Checks, Look, Machine, Network, Trouble, Verdict, Who, side_by_side};
use crate::health::status::{Check, CheckOutcome, Group};
use crate::model::Clock;
use crate::settings::{DEFAULT_FILE, Settings};

/// Checks; 0 where nothing failed (warnings are no failure), 1 where something did, 69 where the daemon cannot be reached.
pub fn run(global: &Global, offline: bool, output: Output) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::found(format!("the machine gives no event loop: {error}")))?;
    runtime.block_on(check(global, offline, output))
}

async fn check(global: &Global, offline: bool, output: Output) -> Result<(), Failure> {
    let machine = Machine::new(global.config.as_deref().unwrap_or(Path::new(DEFAULT_FILE)));
    let client = Client::new(socket(global, &machine)?);
    let (report, unreachable) = look(&machine, &client, offline, output).await;
    if output.is_json() {
        output::in_json(&output, &report)?;
    } else {
        output.text(&render(&report, output))?;
    }
    match (unreachable, report.outcome) {
        (Some(failure), _) => Err(failure.said_already()),
        (None, CheckOutcome::Failed) => Err(Failure::said()),
        (None, _) => Ok(()),
    }
}

/// What was found, and why the daemon could not be asked if so.
pub async fn look(machine: &Machine, client: &Client, offline: bool, output: Output) -> (Checks, Option<Failure>) {
    let began = Instant::now();
    let daemon = Mutex::new(None);
    let mut looks = machine.looks();
    looks.push(Look::new("the daemon", async {
        let (mut checks, failure) = ask(client, offline).await;
        if let (Some(failure), Some(settings)) = (&failure, machine.settings())
            && failure.exit == 69
            && !offline
        {
            checks.extend(from_here(settings).await);
        }
        *daemon.lock().unwrap_or_else(PoisonError::into_inner) = failure;
        checks
    }));
    let checks = side_by_side(looks, |ended, total, what| output.progress(&format!("{ended} of {total}: {what}"))).await;
    output.progress("");
    let unreachable = daemon.into_inner().unwrap_or_else(PoisonError::into_inner).filter(|failure| failure.exit == 69);
    (Checks::new(ordered(checks), began), unreachable)
}

/// As told, or as the settings say; settings that cannot be read are a finding, not the end.
fn socket(global: &Global, machine: &Machine) -> Result<PathBuf, Failure> {
    match (&global.socket, machine.settings()) {
        (Some(socket), _) => Ok(socket.clone()),
        (None, Some(settings)) => Ok(settings.local_api.socket.clone()),
        (None, None) => Global { config: None, ..Global::default() }.socket(),
    }
}

/// What the daemon sees, and how it went to ask it.
async fn ask(client: &Client, offline: bool) -> (Vec<Check>, Option<Failure>) {
    let path = if offline { "/v1/checks?offline=true" } else { "/v1/checks" };
    match client.get::<Checks>(path).await {
        Ok(answer) => {
            let mut checks = vec![Verdict::Fine("the daemon answers on its socket".to_owned()).on(Group::Service, "api_socket")];
            checks.extend(answer.value.checks);
            (checks, None)
        }
        Err(failure) => {
            let title = failure.message.clone().unwrap_or_default();
            let trouble = Trouble::new(title, Who::Root, failure.hint.clone().unwrap_or_default());
            (vec![Verdict::Fail(trouble).on(Group::Service, "api_socket")], Some(failure))
        }
    }
}

/// The network as this process sees it, and the secret: better than nothing while the daemon does not run.
async fn from_here(settings: &Settings) -> Vec<Check> {
    match Network::new(Arc::new(settings.clone()), Clock::system()) {
        Ok(network) => {
            let mut looks = network.looks();
            looks.push(Look::new("the secret", network.secret()));
            side_by_side(looks, |_, _, _| {}).await
        }
        Err(check) => vec![check],
    }
}

/// By group. What the daemon says of itself (it comes last) is worth more than the same look from outside.
fn ordered(mut checks: Vec<Check>) -> Vec<Check> {
    let from_daemon = checks.iter().position(|check| check.name == "api_socket").unwrap_or(checks.len());
    let known: HashSet<String> = checks.iter().skip(from_daemon).map(|check| check.name.clone()).collect();
    let mut place = 0;
    checks.retain(|check| {
        place += 1;
        place > from_daemon || !known.contains(&check.name)
    });
    checks.sort_by_key(|check| check.group);
    checks
}

fn render(report: &Checks, output: Output) -> String {
    let width = report.checks.iter().map(|check| check.title.chars().count()).max().unwrap_or_default().min(88);
    let mut lines = Vec::new();
    let mut group = None;
    for check in &report.checks {
        if group.replace(check.group) != Some(check.group) {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            lines.push(output.paint(Tone::Bold, heading(check.group)));
        }
        let (tone, word) = word(check.outcome);
        let took = check.took_ms.map(|took| format!("{took:>5} ms")).unwrap_or_default();
        lines.push(format!("  {} {:<width$} {took}", output.paint(tone, &format!("{word:<7}")), check.title).trim_end().to_owned());
        let told = [("who", check.who.as_deref().unwrap_or_default()), ("how", check.hint.as_str())];
        lines.extend(told.iter().filter(|(_, text)| !text.is_empty()).map(|(word, text)| format!("          {word}: {text}")));
    }
    let count = |outcome| report.checks.iter().filter(|check| check.outcome == outcome).count();
    let (warnings, failed) = (count(CheckOutcome::Warning), count(CheckOutcome::Failed));
    let (tone, sentence) = match (failed, warnings) {
        (0, 0) => (Tone::Good, "all is well".to_owned()),
        (0, _) => (Tone::Warning, format!("it works, {warnings} should be mended")),
        (_, 0) => (Tone::Bad, format!("{failed} failed")),
        _ => (Tone::Bad, format!("{failed} failed, {warnings} should be mended")),
    };
    let seconds = std::time::Duration::from_millis(report.took_ms).as_secs_f64();
    lines.extend([String::new(), format!("{} checks in {seconds:.1} s: {}.", report.checks.len(), output.paint(tone, &sentence))]);
    lines.join("\n")
}

const fn word(outcome: CheckOutcome) -> (Tone, &'static str) {
    match outcome {
        CheckOutcome::Ok => (Tone::Good, "ok"),
        CheckOutcome::Warning => (Tone::Warning, "warning"),
        CheckOutcome::Failed => (Tone::Bad, "FAILED"),
        CheckOutcome::Skipped => (Tone::Plain, "-"),
    }
}

const fn heading(group: Group) -> &'static str {
    match group {
        Group::Files => "Files",
        Group::Service => "Service",
        Group::Network => "Network",
        Group::Microsoft => "Microsoft",
        Group::Mail => "Mail",
        Group::Directory => "Directory",
        Group::Sso => "Sign-on",
        Group::Store => "Store",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_is_a_line_and_a_failure_says_who_and_how() {
        let fine = |group, name: &str, title: &str| Check { took_ms: Some(3), ..Verdict::Fine(title.to_owned()).on(group, name) };
        let trouble = Trouble::new("AZUREAD_CIS is wrong", Who::Owner, "make a new secret");
        let checks = vec![
            fine(Group::Store, "disk", "looked at from outside"),
            fine(Group::Service, "api_socket", "the daemon answers"),
            Verdict::Fail(trouble).on(Group::Microsoft, "secret"),
            fine(Group::Store, "disk", "9 MiB are free"),
        ];
        let report = Checks { outcome: CheckOutcome::Failed, took_ms: 1234, checks: ordered(checks) };
        assert_eq!(
            render(&report, Output::plain()),
            "Service\n  ok      the daemon answers       3 ms\n\n\
             Microsoft\n  FAILED  AZUREAD_CIS is wrong\n\
             \u{20}         who: whoever owns the app registration at Microsoft\n\
             \u{20}         how: make a new secret\n\n\
             Store\n  ok      9 MiB are free           3 ms\n\n\
             3 checks in 1.2 s: 1 failed."
        );
    }
}
