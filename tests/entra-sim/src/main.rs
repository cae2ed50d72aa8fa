//! `entra-sim`: the simulator as a process. Prints one line of JSON when it is ready, then serves until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use entra_sim::{CLIENT_ID, Config, SECOND_SECRET, SECRET, Simulator, TENANT};

/// A simulator of the Microsoft identity platform on a loopback socket.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 picks a free one.
    #[arg(long)]
    listen: Option<String>,
    /// JSON file that replaces parts of the default accounts and behaviour.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Origin under which clients reach it, if it is not the listener.
    #[arg(long)]
    public_url: Option<String>,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            report(&problem);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), String> {
    let mut config = match &arguments.config {
        Some(path) => {
            let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?
        }
        None => Config::default(),
    };
    config.listen = arguments.listen.unwrap_or(config.listen);
    config.public_url = arguments.public_url.or(config.public_url);
    let simulator = Simulator::try_start(config).map_err(|error| error.to_string())?;
    announce(&simulator);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    runtime.block_on(told_to_stop()).map_err(|error| error.to_string())
}

/// SIGINT or SIGTERM.
async fn told_to_stop() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[expect(clippy::print_stdout, reason = "the ready line is this program's interface")]
fn announce(simulator: &Simulator) {
    let (address, authority, graph) = (simulator.address().to_string(), simulator.authority(), simulator.graph());
    println!(
        "{}",
        serde_json::json!({"address": address, "authority": authority, "graph": graph, "tenant": TENANT, "client_id": CLIENT_ID, "client_secret": SECRET, "second_secret": SECOND_SECRET})
    );
}

#[expect(clippy::print_stderr, reason = "a program says why it cannot start")]
fn report(problem: &str) {
    eprintln!("entra-sim: {problem}");
}
