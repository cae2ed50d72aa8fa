//! `onedeskctl directory`.

use super::Context;
use super::args::Directory as Command;
use super::client::segment;
use super::failure::Failure;
use super::output::Cell;
use super::status::{state_cell, time};
use crate::local_api::answers::{ConnectLink, Directories, Directory};

/// Runs one of them.
pub async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Connect => connect(context).await,
        Command::Status => status(context).await,
        Command::Disconnect { tenant } => disconnect(context, &tenant).await,
        Command::Sync | Command::Users { .. } | Command::Groups { .. } | Command::Approve | Command::Discard => {
            Err(Failure::later("not in this version of OneDesk"))
        }
    }
}

async fn connect(context: &Context) -> Result<(), Failure> {
    let answer = context.client.post::<ConnectLink>("/v1/directory", &serde_json::json!({})).await?;
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    super::mailbox::link(context, &answer.value, "an administrator of the directory")
}

async fn status(context: &Context) -> Result<(), Failure> {
    let answer = context.client.get::<Directories>("/v1/directory").await?;
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    if answer.value.tenants.is_empty() {
        return context.output.text("No directory is connected. Make a link for an administrator: onedeskctl directory connect");
    }
    let row = |directory: &Directory| -> [Cell; 5] {
        [
            directory.tenant_id.clone().into(),
            state_cell(&directory.state),
            directory.reason.clone().unwrap_or_default().into(),
            directory.connected_by.clone().into(),
            directory.last_refresh_at.map_or_else(|| "-".to_owned(), time).into(),
        ]
    };
    context.output.table(["TENANT", "STATE", "REASON", "CONNECTED BY", "LAST REFRESH"], answer.value.tenants.iter().map(row).collect())?;
    super::mailbox::waiting(context, answer.value.tenants.iter().map(|directory| (&directory.state, directory.problem.as_ref())))?;
    for directory in answer.value.tenants.iter().filter(|directory| directory.state == "needs_reauth") {
        let why = directory.problem.as_ref().map_or("somebody has to sign in again", |problem| problem.title.as_str());
        let hint = "make a new link and send it to an administrator: onedeskctl directory connect";
        context.output.text(&format!("\n{}: {why}\nhint: {hint}", directory.tenant_id))?;
    }
    Ok(())
}

async fn disconnect(context: &Context, tenant: &str) -> Result<(), Failure> {
    context.output.confirm(&format!("Disconnect the directory of tenant {tenant} and erase its grant?"))?;
    context.client.delete(&format!("/v1/directory/{}", segment(tenant))).await?;
    if context.output.is_json() {
        return context.output.json(serde_json::json!({ "removed": tenant }).to_string().as_bytes());
    }
    context.output.text(&format!("The directory of tenant {tenant} is disconnected."))
}
