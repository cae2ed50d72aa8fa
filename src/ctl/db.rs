//! `onedeskctl db`. What the daemon can do while it runs, it is asked for; restoring and sealing anew need it stopped.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::args::Db;
use super::failure::Failure;
use super::output::Tone;
use super::{Context, offline};
use crate::local_api::answers::Backup;
use crate::store::care::Condition;

/// Runs one of the commands that ask the daemon.
pub async fn run(context: &Context, command: Db) -> Result<(), Failure> {
    match command {
        Db::Status => status(context).await,
        Db::Migrate => migrate(context).await,
        Db::Backup { file } => back_up(context, &file).await,
        Db::Restore { file } => offline::restore(context, &file).await,
        Db::Rekey => offline::rekey(context).await,
    }
}

async fn status(context: &Context) -> Result<(), Failure> {
    let answer = context.client.get::<Condition>("/v1/database").await?;
    let condition = answer.value;
    if context.output.is_json() {
        context.output.json(&answer.json)?;
    } else {
        let well = if condition.findings.is_empty() {
            context.output.paint(Tone::Good, "sound")
        } else {
            context.output.paint(Tone::Bad, "DAMAGED")
        };
        let mut text = format!(
            "The database is {well}.\n\nLocation     {}\nSchema       {}\nSize         {:.1} MiB\nMailboxes    {}\nDirectories  {}\nAudit lines  {}",
            condition.location,
            condition.schema,
            mebibytes(condition.size),
            condition.mailboxes,
            condition.directories,
            condition.audit
        );
        for finding in &condition.findings {
            text += &format!("\n- {finding}");
        }
        context.output.text(&text)?;
    }
    if condition.findings.is_empty() { Ok(()) } else { Err(Failure::said()) }
}

/// The daemon migrates at its start, after a backup; nobody else may, so this only tells.
async fn migrate(context: &Context) -> Result<(), Failure> {
    let answer = context.client.get::<Condition>("/v1/database").await?;
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    context.output.text(&format!(
        "Nothing to do: onedeskd brought the database to schema {} when it started, as it does after every update.",
        answer.value.schema
    ))
}

async fn back_up(context: &Context, file: &Path) -> Result<(), Failure> {
    // Made first: a name that is taken, or a folder that is not there, costs nothing then.
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(|error| not_written(file, &error))?;
    let answer = context.client.post::<Backup>("/v1/database/backups", &serde_json::json!({})).await.inspect_err(|_| {
        let _ = fs::remove_file(file);
    })?;
    let copied =
        fs::File::open(&answer.value.path).and_then(|mut source| io::copy(&mut source, &mut target)).and_then(|_| target.sync_all());
    // The daemon's copy was only on the way; its folder keeps those of migrations.
    let _ = fs::remove_file(&answer.value.path);
    copied.map_err(|error| {
        let _ = fs::remove_file(file);
        not_written(file, &error)
    })?;
    if context.output.is_json() {
        let json = serde_json::json!({ "path": file });
        return context.output.json(json.to_string().as_bytes());
    }
    context.output.text(&format!(
        "The database is in {}. The master key is not in it: keep /var/lib/onedesk/master.key somewhere else.",
        file.display()
    ))
}

fn not_written(file: &Path, error: &io::Error) -> Failure {
    let failure = Failure::found(format!("{} cannot be written: {error}", file.display()));
    match error.kind() {
        io::ErrorKind::AlreadyExists => failure.hint("choose a name that is not taken; nothing is written over"),
        _ => failure.hint("choose a folder that you can write to"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
