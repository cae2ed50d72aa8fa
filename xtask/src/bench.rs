//! `cargo xtask bench`: the figures of the product, measured on this machine.

use anyhow::{Result, bail};
use clap::Args;

/// What `cargo xtask bench` takes.
#[derive(Args)]
pub struct Options {}

/// Measures.
pub fn run(_options: &Options) -> Result<()> {
    bail!("the benchmarks are not part of this version")
}
