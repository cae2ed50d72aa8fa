//! `onedeskctl mailbox`.

use serde::Deserialize;

use super::Context;
use super::args::Mailbox as Command;
use super::client::segment;
use super::failure::Failure;
use super::output::Cell;
use super::status::{state_cell, time};
use crate::local_api::answers::{ConnectLink, ConnectMailbox, Mailbox};
use crate::model::Problem;

/// Runs one of them.
pub async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::List => list(context).await,
        Command::Connect { address, shared, replace } => connect(context, ConnectMailbox { address, shared, replace }).await,
        Command::Token { address, purpose } => token(context, &address, purpose.as_str()).await,
        Command::Remove { address } => remove(context, &address).await,
        Command::Test { .. } | Command::AppPassword(_) => Err(Failure::later("not in this version of OneDesk")),
    }
}

async fn list(context: &Context) -> Result<(), Failure> {
    let answer = context.client.get::<Vec<Mailbox>>("/v1/mailboxes").await?;
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    if answer.value.is_empty() {
        return context.output.text("No mailbox is connected. Make a link for whoever can sign in: onedeskctl mailbox connect");
    }
    let row = |mailbox: &Mailbox| -> [Cell; 6] {
        [
            mailbox.address.clone().into(),
            state_cell(&mailbox.state),
            mailbox.reason.clone().unwrap_or_default().into(),
            mailbox.signed_in_as.clone().into(),
            mailbox.last_refresh_at.map_or_else(|| "-".to_owned(), time).into(),
            mailbox.grant_expires_at.map_or_else(|| "-".to_owned(), |at| at.strftime("%Y-%m-%d").to_string()).into(),
        ]
    };
    let headings = ["MAILBOX", "STATE", "REASON", "SIGNED IN AS", "LAST REFRESH", "ENDS UNUSED"];
    context.output.table(headings, answer.value.iter().map(row).collect())?;
    waiting(context, answer.value.iter().map(|mailbox| (&mailbox.state, mailbox.problem.as_ref())))?;
    for mailbox in answer.value.iter().filter(|mailbox| mailbox.state == "needs_reauth") {
        let why = mailbox.problem.as_ref().map_or("somebody has to sign in again", |problem| problem.title.as_str());
        context.output.text(&format!("\n{}: {why}\nhint: {}", mailbox.address, link_hint(&mailbox.address)))?;
    }
    Ok(())
}

/// Says once what all those wait for that wait.
pub fn waiting<'a>(context: &Context, all: impl Iterator<Item = (&'a String, Option<&'a Problem>)>) -> Result<(), Failure> {
    let mut told: Vec<&Problem> = Vec::new();
    for problem in all.filter(|(state, _)| *state == "waiting").filter_map(|(_, problem)| problem) {
        if !told.iter().any(|known| known.code == problem.code) {
            context.output.text(&format!("\nwaiting: {}\nhint: {}", problem.title, problem.hint))?;
            told.push(problem);
        }
    }
    Ok(())
}

async fn connect(context: &Context, wishes: ConnectMailbox) -> Result<(), Failure> {
    let answer = context.client.post::<ConnectLink>("/v1/mailboxes", &wishes).await?;
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    let whoever = match &wishes.address {
        Some(address) if wishes.shared => format!("somebody who may use {address} and signs in as themselves"),
        Some(address) => format!("whoever can sign in as {address}"),
        None => "whoever owns the mailbox".to_owned(),
    };
    link(context, &answer.value, &whoever)
}

/// Prints a link: alone on its line, so that a script may take the first.
pub fn link(context: &Context, link: &ConnectLink, whoever: &str) -> Result<(), Failure> {
    context.output.text(&link.connect_url)?;
    if context.output.is_terminal() {
        context.output.text(&format!("Send it to {whoever}. It ends {}, or when the sign-in has worked.", time(link.expires_at)))?;
    }
    Ok(())
}

/// What `mailbox token` needs of the answer.
#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_at: jiff::Timestamp,
}

async fn token(context: &Context, address: &str, purpose: &str) -> Result<(), Failure> {
    let path = format!("/v1/mailboxes/{}/token?for={purpose}", segment(address));
    let answer = context.client.get::<Token>(&path).await.map_err(|failure| match failure.code() {
        Some("needs_reauth" | "scope_missing") => failure.hint(link_hint(address)),
        _ => failure,
    })?;
    if context.output.is_terminal() {
        context.output.warn(&format!("whoever reads this token can use the mailbox until {}", time(answer.value.expires_at)));
    }
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    context.output.text(&answer.value.access_token)
}

async fn remove(context: &Context, address: &str) -> Result<(), Failure> {
    context.output.confirm(&format!("Remove {address} and erase its grant? To undo it, somebody must sign in again."))?;
    context.client.delete(&format!("/v1/mailboxes/{}", segment(address))).await?;
    if context.output.is_json() {
        return context.output.json(serde_json::json!({ "removed": address }).to_string().as_bytes());
    }
    context.output.text(&format!("{address} is removed."))
}

fn link_hint(address: &str) -> String {
    format!("make a new link and send it to whoever can sign in: onedeskctl mailbox connect {address}")
}
