//! `cargo xtask bench`: the figures of the product, measured on this machine and written to `benches/RESULTS.md`.

use std::process::Command;

use anyhow::{Result, ensure};
use clap::Args;

use crate::command::{command, shown};
use crate::machine::{self, BUILD};
use crate::workspace;

/// What `cargo xtask bench` takes.
#[derive(Args)]
pub struct Options {
    /// Smaller counts, for trying; the table goes to the terminal only
    #[arg(long)]
    quick: bool,
    /// Only these figures, by number (1,4); the table goes to the terminal only
    #[arg(long)]
    only: Option<String>,
}

/// Builds the programs as they are released, and measures them.
pub fn run(options: &Options) -> Result<()> {
    machine::ensure(&[BUILD])?;
    let root = workspace()?;
    let mut build = command("cargo", ["build", "--release", "--bins"]);
    for package in ["onedesk", "entra-sim", "onedesk-figures"] {
        build.args(["--package", package]);
    }
    shown(build.current_dir(&root))?;
    let mut figures = Command::new(root.join("target/release/figures"));
    figures.current_dir(&root);
    if options.quick {
        figures.arg("--quick");
    }
    if let Some(only) = &options.only {
        figures.args(["--only", only]);
    }
    let status = figures.status()?;
    ensure!(status.success(), "a figure was not reached or not measured: see above");
    Ok(())
}
