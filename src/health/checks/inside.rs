//! What only the daemon sees: the secret in force, what people consented to, whether mailboxes may send, the client records.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::examiner::Parts;
use super::mail;
use super::public::REDIRECT_PATHS;
use super::verdict::{Trouble, Verdict, Who};
use crate::audit::Actor;
use crate::credentials::keeper::{Slot, Verdict as Word};
use crate::health::status::{Check, Group};
use crate::model::hint::naming;
use crate::model::{GrantState, Problem, Purpose};
use crate::oauth::scopes;
use crate::oauth::xoauth2::InitialResponse;
use crate::system::dial::Way;

/// Mailboxes that try whether they may send: the switch is mostly the tenant's, and ten thousand sign-ins would be noticed.
const MOST_SENDERS: usize = 3;
/// Grants whose permissions are compared: all of a usual host, and a sample of a huge one.
const MOST_GRANTS: usize = 200;
/// What every grant shows by its effect: without them there would be no ID token, no address and no refresh token.
const BY_EFFECT: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// What to do about a secret that is not the registration's.
const RENEWED: &str = "make a new client secret in the app registration and put its Value as AZUREAD_CIS into /root/.OneDesk";

/// Asks Microsoft about the secret in force.
pub async fn secret(parts: &Parts) -> Vec<Check> {
    let status = parts.keeper.status();
    let verdict = match &status.in_force {
        None => Verdict::Skip("there is no secret in force".to_owned()),
        Some(pair) => accepted(pair.slot, parts.probe.probe(pair.client_id, &pair.secret).await),
    };
    let mut checks = vec![verdict.on(Group::Microsoft, "secret")];
    checks.extend(status.warnings.iter().filter_map(rotation));
    checks
}

/// What Microsoft's word on a secret means.
pub fn accepted(slot: Slot, word: Word) -> Verdict {
    let key = match slot {
        Slot::Current => "AZUREAD_CIS",
        Slot::Next => "AZUREAD_CIS_NEXT",
    };
    match word {
        Word::Accepted => Verdict::Fine(format!("Microsoft accepts {key}")),
        Word::Refused(problem) => {
            Verdict::Fail(Trouble::new(format!("Microsoft refuses {key}: {} ({})", problem.title, problem.code), Who::Owner, problem.hint))
        }
        Word::None(None) => {
            Verdict::Skip(format!("{key} cannot be tried before microsoft.tenant names one tenant or something is connected"))
        }
        Word::None(Some(problem)) => Verdict::Warn(Trouble::new(
            format!("Microsoft says neither yes nor no to {key}: {} ({})", problem.title, problem.code),
            Who::Owner,
            problem.hint,
        )),
    }
}

/// Where a rotation stands: the keeper's notes about the other secret.
fn rotation(note: &Problem) -> Option<Check> {
    let about_next = ["next_secret_accepted", Slot::Next.refused_code(), Slot::Current.refused_code()];
    about_next.contains(&note.code.as_str()).then(|| Verdict::Warn(Trouble::of(note, Who::Owner)).on(Group::Microsoft, "next_secret"))
}

/// When the secret in force ends, as far as it is known.
pub fn expiry(parts: &Parts) -> Vec<Check> {
    let mut credentials = crate::health::reporter::credentials(&parts.keeper.status());
    parts.expiry.complete(&mut credentials);
    let verdict = match (credentials.secret_expires_at, parts.expiry.warnings().into_iter().next()) {
        (_, Some(problem)) if problem.code == "secret_expired" => Verdict::Fail(Trouble::of(&problem, Who::Owner)),
        (_, Some(problem)) => Verdict::Warn(Trouble::of(&problem, Who::Owner)),
        (Some(ends), None) => Verdict::Fine(format!("the client secret lasts until {}", ends.strftime("%Y-%m-%d"))),
        (None, None) if credentials.client_id.is_none() => Verdict::Skip("there is no client secret that could end".to_owned()),
        (None, None) => Verdict::Warn(Trouble::new(
            "nobody knows when the client secret ends, so nobody can be told in time",
            Who::Owner,
            "connect the directory of the registration's home tenant (onedeskctl directory connect), or type the day that the portal shows: \
             onedeskctl credentials expires DATE",
        )),
    };
    vec![verdict.on(Group::Microsoft, "secret_expiry")]
}

/// The app registration as Graph shows it: whether it has our secret and our redirect URIs.
pub async fn registration(parts: &Parts) -> Vec<Check> {
    let renewed = naming(RENEWED, parts.settings.borrow().credentials_path());
    let Some(pair) = parts.keeper.in_force() else { return Vec::new() };
    let registration = match parts.expiry.learn(&pair).await {
        Ok(registration) => registration,
        Err(why) => {
            return vec![Verdict::Skip(format!("the app registration cannot be looked at: {why}")).on(Group::Microsoft, "registration")];
        }
    };
    let origin = parts.settings.borrow().public_url.clone();
    let uris: Vec<String> = origin.iter().flat_map(|origin| REDIRECT_PATHS.map(|path| origin.join(path))).collect();
    let missing: Vec<&str> =
        uris.iter().map(String::as_str).filter(|uri| !registration.redirect_uris.iter().any(|known| known == uri)).collect();
    let verdict = if registration.end_of(&pair.secret).is_none() {
        Verdict::Warn(Trouble::new(
            "no secret of the app registration begins like the one in force: it was deleted, or belongs to another registration",
            Who::Owner,
            renewed,
        ))
    } else if missing.is_empty() {
        Verdict::Fine("the app registration has this secret and the redirect URIs".to_owned())
    } else {
        Verdict::Fail(Trouble::new(
            format!("the app registration lacks redirect URIs, so sign-ins end with AADSTS50011: {}", missing.join(" ")),
            Who::Owner,
            "add them under Authentication, platform Web, letter by letter",
        ))
    };
    vec![verdict.on(Group::Microsoft, "registration")]
}

/// What was granted, beside the eleven permissions of the registration.
pub async fn consent(parts: &Parts) -> Vec<Check> {
    let verdict = match granted(parts).await {
        Ok(grants) => compared(&grants),
        // The store's own check says it already.
        Err(error) => Verdict::Skip(format!("what was granted cannot be read: {error}")),
    };
    vec![verdict.on(Group::Microsoft, "consent")]
}

/// A grant by what was asked for and what was given.
struct Granted {
    wanted: &'static [&'static str],
    given: BTreeSet<String>,
}

async fn granted(parts: &Parts) -> Result<Vec<Granted>, crate::store::Error> {
    let mut grants = Vec::new();
    for row in parts.grants.all().await?.iter().take(MOST_GRANTS) {
        let rows = parts.grants.access(row.id).await?;
        let names = rows.iter().flat_map(|row| row.scope.split_ascii_whitespace()).filter_map(|scope| scope.rsplit('/').next());
        grants.push(Granted { wanted: scopes::wanted(&row.scope), given: names.map(str::to_ascii_lowercase).collect() });
    }
    Ok(grants)
}

fn compared(grants: &[Granted]) -> Verdict {
    if grants.is_empty() {
        return Verdict::Skip("nobody has consented yet: connect a mailbox and the directory".to_owned());
    }
    let lacks =
        |grant: &Granted| grant.wanted.iter().filter(|name| !grant.given.contains(&name.to_ascii_lowercase())).copied().collect::<Vec<_>>();
    let missing: BTreeSet<&str> = grants.iter().flat_map(lacks).collect();
    if !missing.is_empty() {
        let names = missing.into_iter().collect::<Vec<_>>().join(", ");
        let count = grants.iter().filter(|grant| !lacks(grant).is_empty()).count();
        return Verdict::Fail(Trouble::new(
            format!("not everything was granted to {count} of {} sign-ins: {names} is missing", grants.len()),
            Who::Tenant,
            "add what is missing to the app registration's delegated permissions, let an administrator consent for the organization, then connect again: \
             onedeskctl mailbox connect ADDRESS, onedeskctl directory connect",
        ));
    }
    let known: BTreeSet<&str> = grants.iter().flat_map(|grant| grant.wanted.iter().copied()).chain(BY_EFFECT).collect();
    let words = if known.len() == scopes::ALL.len() {
        "all eleven permissions are granted".to_owned()
    } else {
        let rest = scopes::ALL.iter().filter(|name| !known.contains(*name)).copied().collect::<Vec<_>>().join(", ");
        format!("{} of the eleven permissions are granted; nobody was asked for {rest} yet", known.len())
    };
    Verdict::Fine(words)
}

/// Whether mailboxes may send: SMTP AUTH may be switched off for the tenant or for one of them, whatever the token.
pub async fn sending(parts: &Parts, way: &Way) -> Vec<Check> {
    let mailboxes = parts.mailboxes.list();
    let healthy: Vec<_> = mailboxes.into_iter().filter(|mailbox| mailbox.state == GrantState::Healthy).take(MOST_SENDERS).collect();
    if healthy.is_empty() {
        return vec![Verdict::Skip("no healthy mailbox could try whether it may send".to_owned()).on(Group::Mail, "smtp_auth")];
    }
    let server = parts.settings.borrow().mail.smtp_upstream.clone();
    let tried = healthy.iter().map(|mailbox| async {
        let skipped = |why: String| {
            vec![Verdict::Skip(format!("whether {} may send was not tried: {why}", mailbox.address)).on(Group::Mail, "smtp_auth")]
        };
        match parts.mailboxes.token(&mailbox.address, Purpose::Smtp, &Actor::daemon()).await {
            Err(error) => skipped(error.to_string()),
            Ok(token) => match InitialResponse::new(&token.user, &token.access.value) {
                Ok(sasl) => mail::sending(way, &server, mailbox.address.as_str(), &sasl.line()).await,
                Err(error) => skipped(error.to_string()),
            },
        }
    });
    join_all(tried).await.into_iter().flatten().collect()
}

/// The client records by which people may sign in: what is known of them, and unless `offline` what their providers say now.
pub async fn records(parts: &Parts, offline: bool) -> Vec<Check> {
    let now = parts.clock.now();
    let records: Vec<_> = parts.sso.connections().list().into_iter().filter(|record| record.row.enabled).collect();
    if records.is_empty() {
        return vec![Verdict::Skip("no client record is enabled".to_owned()).on(Group::Sso, "sso_records")];
    }
    let looked = records.iter().map(|record| async {
        let name = &record.details.name;
        let ended = record.problem(now);
        let problem = if offline || ended.is_some() { ended } else { parts.sso.condition(record).await };
        let verdict = match problem {
            None => match parts.expiry.record_warning(record) {
                Some(problem) => Verdict::Warn(Trouble::of(&problem, Who::Owner)),
                None => Verdict::Fine(format!("people can sign in by {name}")),
            },
            Some(problem) => {
                Verdict::Fail(Trouble::new(format!("nobody can sign in by {name}: {}", problem.title), Who::Owner, problem.hint))
            }
        };
        verdict.on(Group::Sso, "sso_records")
    });
    join_all(looked).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(asked: &str, given: &[&str]) -> Granted {
        Granted { wanted: scopes::wanted(asked), given: given.iter().map(|name| name.to_ascii_lowercase()).collect() }
    }

    #[test]
    fn granted_scopes_are_compared_with_the_eleven() {
        const MAIL: &str = "https://outlook.office.com/IMAP.AccessAsUser.All https://outlook.office.com/SMTP.Send";
        const GRAPH: &str = "https://graph.microsoft.com/User.Read";
        let directory = grant(GRAPH, &["User.Read", "User.ReadBasic.All", "People.Read", "Group.Read.All", "Directory.Read.All"]);
        let mailbox = grant(MAIL, &["IMAP.AccessAsUser.All", "SMTP.Send", "openid"]);
        assert!(matches!(compared(&[]), Verdict::Skip(_)));
        let title = |verdict: Verdict| verdict.on(Group::Microsoft, "x").title;
        let partly = title(compared(std::slice::from_ref(&mailbox)));
        assert!(partly.starts_with("6 of the eleven permissions are granted; nobody was asked for User.Read"), "{partly}");
        assert_eq!(title(compared(&[mailbox, directory])), "all eleven permissions are granted");
        let lacking = compared(&[grant(MAIL, &["IMAP.AccessAsUser.All"])]);
        assert!(matches!(lacking, Verdict::Fail(_)));
        assert_eq!(title(lacking), "not everything was granted to 1 of 1 sign-ins: SMTP.Send is missing");
    }

    #[test]
    fn a_refused_secret_is_told_by_its_key_and_code() {
        let expired = Problem::new("AADSTS7000222", "The client secret has expired.", "make a new one");
        let failed = accepted(Slot::Current, Word::Refused(expired)).on(Group::Microsoft, "secret");
        assert_eq!(failed.title, "Microsoft refuses AZUREAD_CIS: The client secret has expired. (AADSTS7000222)");
        assert_eq!(accepted(Slot::Next, Word::Accepted), Verdict::Fine("Microsoft accepts AZUREAD_CIS_NEXT".to_owned()));
        assert!(matches!(accepted(Slot::Current, Word::None(None)), Verdict::Skip(_)));
    }
}
