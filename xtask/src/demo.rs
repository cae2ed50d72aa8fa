//! `cargo xtask demo`: the product with the Entra simulator in a scratch directory.

use anyhow::{Result, bail};
use clap::Args;

/// What `cargo xtask demo` takes.
#[derive(Args)]
pub struct Options {
    /// Walk the whole journey without a person, a line for each step
    #[arg(long)]
    pub check: bool,
}

/// Runs the demo.
pub fn run(_options: &Options) -> Result<()> {
    bail!("the demo is not part of this version")
}
