//! `onedeskctl`: asks the daemon over the local API and says what it hears, to people in words and to scripts in JSON.
//!
//! One file per command family; [`output`] is the only one that prints, [`client`] the only one that talks to the daemon.

mod admin_link;
mod app_registration;
mod args;
mod audit;
mod check;
mod client;
mod credentials;
mod db;
mod directory;
mod explain;
mod failure;
mod gate;
mod later;
mod mailbox;
mod offline;
mod output;
mod people;
mod setup;
mod sso;
mod status;
mod support_bundle;

use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory as _, Parser as _};

use args::{Cli, Command};
use client::Client;
use failure::Failure;
use output::Output;

/// What every command works with.
struct Context {
    client: Client,
    output: Output,
    /// The settings file, where one was named.
    config: Option<PathBuf>,
}

/// Runs `onedeskctl`: 0 done, 1 found problems or refused, 2 wrong usage, 69 daemon not reachable.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // What was not understood cannot say whether JSON is wanted: the word itself does.
        Err(usage) => return output::usage(&without_hidden(usage), std::env::args_os().any(|argument| argument == "--json")),
    };
    let output = Output::new(cli.global.json, cli.global.yes);
    match run(cli, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => output.failure(&failure),
    }
}

fn run(cli: Cli, output: Output) -> Result<(), Failure> {
    if let Some(refusal) = later::refusal(&cli.command) {
        return Err(refusal);
    }
    match cli.command {
        Command::Explain { what } => explain::run(what, cli.global.config.as_deref(), output),
        Command::Check { offline } => check::run(&cli.global, offline, output),
        Command::AppRegistration { format, public_url } => app_registration::run(cli.global.config, format, public_url.as_deref(), output),
        Command::Gate { door } => gate::run(&door, output),
        Command::Completions { shell } => output.raw(&completions(shell)),
        Command::Setup(wishes) => in_runtime(setup::run(wishes, cli.global.config, cli.global.socket, output)),
        command => {
            let context = Context { client: Client::new(cli.global.socket()?), output, config: cli.global.config.clone() };
            in_runtime(ask(&context, command))
        }
    }
}

/// Where a command is missing, clap lists those too that its help hides: they are for other programs.
fn without_hidden(mut usage: clap::Error) -> clap::Error {
    let root = Cli::command();
    let is_hidden = |name: &String| root.get_subcommands().any(|command| command.is_hide_set() && command.get_name() == name);
    if let Some(ContextValue::Strings(mut commands)) = usage.remove(ContextKind::ValidSubcommand) {
        commands.retain(|name| !is_hidden(name));
        usage.insert(ContextKind::ValidSubcommand, ContextValue::Strings(commands));
    }
    usage
}

fn in_runtime(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::found(format!("the machine gives no event loop: {error}")))?;
    let done = runtime.block_on(work);
    // A name resolution that takes its time must not hold the answer back.
    runtime.shutdown_background();
    done
}

async fn ask(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Status => status::run(context).await,
        Command::Audit { limit } => audit::run(context, limit).await,
        Command::Mailbox(command) => mailbox::run(context, command).await,
        Command::Directory(command) => directory::run(context, command).await,
        Command::Sso(command) => sso::run(context, command).await,
        Command::People(command) => people::run(context, command).await,
        Command::Credentials(command) => credentials::run(context, command).await,
        Command::AdminLink => admin_link::run(context).await,
        Command::SupportBundle { output, pseudonymize } => support_bundle::run(context, output, pseudonymize).await,
        Command::Db(command) => db::run(context, command).await,
        other => Err(later::refusal(&other).unwrap_or_else(Failure::said)),
    }
}

fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "onedeskctl", &mut script);
    script
}

#[cfg(test)]
mod man_pages;
