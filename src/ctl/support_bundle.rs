//! `onedeskctl support-bundle`: the daemon's half, what only root sees, a list of it all, and one file.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};
use serde_json::{Value, json};

use super::failure::Failure;
use super::output::{Cell, Tone, in_json};
use super::{Context, check};
use crate::health::checks::Machine;
use crate::model::Clock;
use crate::settings::DEFAULT_FILE;
use crate::support::{Bundle, NAMES, Pseudonyms, folder, machine, settings_part};

/// Where a bundle goes if the current folder takes none.
const ELSEWHERE: &str = "/var/tmp";

/// Gathers, lists, asks, writes.
pub async fn run(context: &Context, output: Option<PathBuf>, pseudonymize: bool) -> Result<(), Failure> {
    // Looked at first: gathering takes seconds.
    if let Some(file) = output.as_deref().filter(|file| fs::symlink_metadata(file).is_ok()) {
        return Err(not_written(file, &io::ErrorKind::AlreadyExists.into()));
    }
    let host = machine::host();
    let mut bundle = gather(context).await;
    if pseudonymize {
        let short = host.as_deref().and_then(|host| host.split('.').next());
        let names: Vec<&str> = host.as_deref().into_iter().chain(short).collect();
        bundle.pseudonymized(&Pseudonyms::new(&names));
    }
    let now = Clock::system().now();
    let name = folder(host.as_deref().filter(|_| !pseudonymize), now);
    let file = output.unwrap_or_else(|| usual_place().join(format!("{name}.tar.gz")));
    if !context.output.is_json() {
        list(context, &bundle)?;
    }
    // A new file takes nothing from anybody: where nobody can be asked, the list has said what is in it.
    let question = format!("Write this to {}?", file.display());
    let agreed = if context.output.is_attended() { context.output.confirm(&question) } else { Ok(()) };
    let written = match agreed {
        Ok(()) => write(&bundle, &name, &file, now),
        Err(refusal) => Err(refusal),
    };
    written?;
    if context.output.is_json() {
        return in_json(&context.output, &listed(&bundle, &file, pseudonymize));
    }
    let people = if pseudonymize { "" } else { " It names people and hosts: --pseudonymize replaces them." };
    context.output.text(&format!("\nWritten to {}. It holds no secret.{people}", file.display()))
}

async fn gather(context: &Context) -> Bundle {
    let mut bundle = match context.client.get::<Bundle>("/v1/support-bundle").await {
        Ok(answer) => answer.value,
        Err(failure) => {
            let why = failure.message.unwrap_or_else(|| "the daemon did not answer".to_owned());
            let mut bundle = Bundle::default();
            for name in NAMES {
                bundle.add(name, "known to the running daemon alone", Err(why.clone()));
            }
            bundle
        }
    };
    let config = context.config.clone().unwrap_or_else(|| DEFAULT_FILE.into());
    let (checks, _) = check::look(&Machine::new(&config), &context.client, false, context.output).await;
    let checks = serde_json::to_value(checks).map_err(|error| error.to_string());
    bundle.add("checks", "what onedeskctl check found", checks);
    let settings = settings_part(&mut bundle, &config);
    if let Some(settings) = settings.filter(|_| !bundle.parts.iter().any(|part| part.name == "database-files")) {
        machine::files(&mut bundle, &settings);
    }
    machine::gather(&mut bundle).await;
    bundle
}

fn list(context: &Context, bundle: &Bundle) -> Result<(), Failure> {
    let files = bundle.files().into_iter().map(|(name, about, bytes)| {
        let size = Cell(Tone::Plain, format!("{:.1} KiB", kibibytes(bytes.len())));
        [name.into(), size, about.into()]
    });
    let missing = bundle.parts.iter().filter_map(|part| {
        let why = part.missing.as_ref()?;
        Some([part.name.clone().into(), Cell(Tone::Warning, "missing".to_owned()), why.clone().into()])
    });
    context.output.table(["FILE", "SIZE", "WHAT IT IS"], files.chain(missing).collect())
}

fn listed(bundle: &Bundle, file: &Path, pseudonymized: bool) -> Value {
    let files = bundle.files().into_iter().map(|(name, about, bytes)| json!({"name": name, "about": about, "bytes": bytes.len()}));
    let missing = bundle.parts.iter().filter_map(|part| Some(json!({"name": part.name, "why": part.missing.as_ref()?})));
    json!({
        "path": file, "pseudonymized": pseudonymized, "files": files.collect::<Vec<_>>(), "missing": missing.collect::<Vec<_>>(),
    })
}

/// Never over a file, and never through a link: the name must be free.
fn write(bundle: &Bundle, name: &str, file: &Path, now: jiff::Timestamp) -> Result<(), Failure> {
    let bytes = bundle.archive(name, now).map_err(|error| not_written(file, &error))?;
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(|error| not_written(file, &error))?;
    target.write_all(&bytes).and_then(|()| target.sync_all()).map_err(|error| {
        let _ = fs::remove_file(file);
        not_written(file, &error)
    })
}

fn usual_place() -> PathBuf {
    let here = Path::new(".");
    if access(here, AccessFlags::W_OK | AccessFlags::X_OK).is_ok() { PathBuf::new() } else { ELSEWHERE.into() }
}

fn not_written(file: &Path, error: &io::Error) -> Failure {
    let failure = Failure::found(format!("{} cannot be written: {error}", file.display()));
    match error.kind() {
        io::ErrorKind::AlreadyExists => failure.hint("choose a name that is not taken; nothing is written over"),
        _ => failure.hint("choose a folder that you can write to: --output FILE"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
fn kibibytes(bytes: usize) -> f64 {
    bytes as f64 / 1024.0
}
