//! `op-sim`: the provider as a process. Prints its origin in one line when it is ready, then serves until it is told to stop.

use std::process::ExitCode;

use clap::Parser;
use op_sim::OpSim;

/// A scriptable OpenID provider on a loopback socket.
#[derive(Parser)]
struct Arguments {
    /// Where to listen; port 0 picks a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> std::io::Result<()> {
    let simulator = OpSim::try_start(&arguments.listen)?;
    announce(simulator.origin());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    })
}

#[expect(clippy::print_stdout, reason = "the ready line is this program's interface")]
fn announce(origin: &str) {
    println!("{origin}");
}

#[expect(clippy::print_stderr, reason = "a program says why it cannot start")]
fn report(error: &std::io::Error) {
    eprintln!("op-sim: {error}");
}
