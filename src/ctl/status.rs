//! `onedeskctl status`: the state in one sentence, then the numbers, then what is wrong and what to do.

use jiff::Timestamp;

use super::Context;
use super::failure::Failure;
use super::output::{Cell, Output, Tone};
use crate::health::status::{CheckOutcome, CredentialsStatus, SecretInUse, State, Status, Verified};

/// Shows the status; 1 when the state is anything but `ready`.
pub async fn run(context: &Context) -> Result<(), Failure> {
    let answer = context.client.get::<Status>("/v1/status").await?;
    if context.output.is_json() {
        context.output.json(&answer.json)?;
    } else {
        context.output.text(&render(&answer.value, context.output))?;
    }
    if answer.value.state == State::Ready { Ok(()) } else { Err(Failure::said()) }
}

/// A time for people: to the minute, and in UTC as in every log of ours.
pub fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A mailbox's or directory's state in its colour.
pub fn state_cell(state: &str) -> Cell {
    let tone = match state {
        "healthy" | "refreshing" => Tone::Good,
        "waiting" => Tone::Warning,
        _ => Tone::Bad,
    };
    Cell(tone, state.to_owned())
}

fn render(status: &Status, output: Output) -> String {
    let troubles = troubles(status);
    let (tone, word, sentence) = match status.state {
        State::Ready => (Tone::Good, "ready", "everything works"),
        State::Unconfigured => (Tone::Warning, "unconfigured", "something has to be set up first"),
        State::Stale => (Tone::Bad, "stale", "the newest credentials cannot be used, the last good ones stay in force"),
        State::Degraded => (Tone::Warning, "degraded", "the credentials are good, but something needs somebody"),
    };
    let sentence = troubles.first().map_or_else(|| sentence.to_owned(), |trouble| format!("{sentence}: {}", trouble.title));
    let mut lines =
        vec![format!("OneDesk {} is {}: {}.", status.version, output.paint(tone, word), sentence.trim_end_matches('.')), String::new()];
    lines.push(format!("Credentials  {}", credentials(&status.credentials)));
    let mailboxes = status.mailboxes;
    lines.push(format!("Mailboxes    {}", counts(mailboxes.healthy, mailboxes.waiting, mailboxes.needs_reauth)));
    let directory = status.directory;
    lines.push(format!("Directory    {}", counts(directory.healthy, directory.waiting, directory.needs_reauth)));
    let switch = |on: bool| if on { "on" } else { "off" };
    lines.push(format!("Sign-on      users {}, customers {}", switch(status.sso.users_enabled), switch(status.sso.customers_enabled)));
    if !troubles.is_empty() {
        lines.extend([String::new(), output.paint(Tone::Bold, "What to do")]);
    }
    for trouble in &troubles {
        lines.push(format!("- {}", trouble.title));
        if !trouble.hint.is_empty() {
            lines.push(format!("  hint: {}", trouble.hint));
        }
    }
    lines.join("\n")
}

fn credentials(credentials: &CredentialsStatus) -> String {
    let Some(client_id) = &credentials.client_id else { return "none".to_owned() };
    let verdict = match credentials.verified {
        Verified::Yes => "accepted by Microsoft",
        Verified::No => "refused by Microsoft",
        Verified::Unverified => "not verified",
    };
    let mut text = format!("client {client_id}, {verdict}");
    if let Some(at) = credentials.changed_at {
        text.push_str(&format!(", in force since {}", time(at)));
    }
    if credentials.secret_in_use == Some(SecretInUse::Next) {
        text.push_str("; AZUREAD_CIS_NEXT is in use");
    }
    if let Some(at) = credentials.secret_expires_at {
        text.push_str(&format!("; the secret ends {}", time(at)));
    }
    text
}

fn counts(healthy: u64, waiting: u64, needs_reauth: u64) -> String {
    if healthy + waiting + needs_reauth == 0 {
        return "none connected".to_owned();
    }
    let mut text = format!("{healthy} healthy");
    if waiting > 0 {
        text.push_str(&format!(", {waiting} waiting"));
    }
    if needs_reauth > 0 {
        text.push_str(&format!(", {needs_reauth} must be signed in again"));
    }
    text
}

/// Something that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
struct Trouble<'a> {
    title: String,
    hint: &'a str,
}

/// Everything that is not as it should be, the worst first, each once: checks may repeat what the credentials say.
fn troubles(status: &Status) -> Vec<Trouble<'_>> {
    let told = |problem: &'_ crate::model::Problem| match problem.line {
        Some(line) => format!("{} (line {line})", problem.title),
        None => problem.title.clone(),
    };
    let failed = |outcome: CheckOutcome| {
        let checks = status.checks.iter().filter(move |check| check.outcome == outcome);
        checks.map(|check| Trouble { title: check.title.clone(), hint: &check.hint })
    };
    let credentials = status.credentials.problem.iter().map(|problem| Trouble { title: told(problem), hint: &problem.hint });
    let warnings = status.warnings.iter().map(|problem| Trouble { title: told(problem), hint: &problem.hint });
    let mut all: Vec<Trouble<'_>> = Vec::new();
    for trouble in credentials.chain(failed(CheckOutcome::Failed)).chain(failed(CheckOutcome::Warning)).chain(warnings) {
        if !all.iter().any(|known| known.title == trouble.title || !known.hint.is_empty() && known.hint == trouble.hint) {
            all.push(trouble);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::status::{Check, DirectoryCounts, Group, MailboxCounts, SsoSwitches};
    use crate::model::Problem;

    #[test]
    fn a_tired_admin_reads_the_state_first_and_the_next_step_last() {
        let problem = Problem::new("not_a_guid", "AZUREAD_CID is not an Application (client) ID", "copy it from Entra").at_line(3);
        let check = |outcome, title: &str, hint: &str| Check {
            name: "x".into(),
            group: Group::Service,
            outcome,
            title: title.into(),
            who: None,
            hint: hint.into(),
            took_ms: None,
        };
        let status = Status {
            version: "1.0.0".to_owned(),
            state: State::Stale,
            credentials: CredentialsStatus {
                client_id: Some("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee".to_owned()),
                verified: Verified::Yes,
                secret_in_use: Some(SecretInUse::Current),
                secret_expires_at: None,
                secret_expiry_source: None,
                next_secret_expires_at: None,
                changed_at: Some("2026-01-02T03:04:05Z".parse().unwrap()),
                problem: Some(problem),
            },
            warnings: vec![],
            mailboxes: MailboxCounts { healthy: 12, waiting: 0, needs_reauth: 1 },
            directory: DirectoryCounts::default(),
            sso: SsoSwitches::default(),
            checks: vec![
                check(CheckOutcome::Ok, "the store works", ""),
                check(CheckOutcome::Failed, "AZUREAD_CID again", "copy it from Entra"),
                check(CheckOutcome::Warning, "a@b.test must be signed in again", "onedeskctl mailbox connect a@b.test"),
            ],
        };
        assert_eq!(
            render(&status, Output::plain()),
            "OneDesk 1.0.0 is stale: the newest credentials cannot be used, the last good ones stay in force: \
             AZUREAD_CID is not an Application (client) ID (line 3).\n\n\
             Credentials  client aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee, accepted by Microsoft, in force since 2026-01-02 03:04 UTC\n\
             Mailboxes    12 healthy, 1 must be signed in again\n\
             Directory    none connected\n\
             Sign-on      users off, customers off\n\n\
             What to do\n\
             - AZUREAD_CID is not an Application (client) ID (line 3)\n  hint: copy it from Entra\n\
             - a@b.test must be signed in again\n  hint: onedeskctl mailbox connect a@b.test"
        );
    }
}
