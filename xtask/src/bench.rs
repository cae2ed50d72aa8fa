//! `cargo xtask bench`: the figures of the product, measured on this machine and written to `benches/RESULTS.md`.

use std::process::Command;

use anyhow::{Result, ensure};
use clap::Args;

use crate::command::{command, shown};
use crate::machine::{self, BUILD, PEERS};
use crate::workspace;

/// Single sign-on in `--only`: measured by a program of its own, beside Apache's mod_auth_openidc.
const SSO: &str = "sso";

/// What `cargo xtask bench` takes.
#[derive(Args)]
pub struct Options {
    /// Smaller counts, for trying; the tables go to the terminal only
    #[arg(long)]
    quick: bool,
    /// Only these figures, by number (1,4), or sso; of the numbered ones the table goes to the terminal only
    #[arg(long)]
    only: Option<String>,
}

/// Builds the programs as they are released, and measures them.
pub fn run(options: &Options) -> Result<()> {
    let only = options.only.as_deref();
    machine::ensure(&[BUILD, if only.is_none_or(|only| only == SSO) { PEERS } else { &[] }])?;
    let root = workspace()?;
    let mut build = command("cargo", ["build", "--release", "--bins"]);
    for package in ["onedesk", "entra-sim", "onedesk-figures", "onedesk-sso-figures"] {
        build.args(["--package", package]);
    }
    shown(build.current_dir(&root))?;
    let measure = |program: &str, only: Option<&str>| -> Result<bool> {
        let mut figures = Command::new(root.join("target/release").join(program));
        figures.current_dir(&root);
        if options.quick {
            figures.arg("--quick");
        }
        if let Some(only) = only {
            figures.args(["--only", only]);
        }
        Ok(figures.status()?.success())
    };
    // The first writes the page anew, the second its own section into it; neither keeps the other from being measured.
    let numbered = only == Some(SSO) || measure("figures", only)?;
    let sso = only.is_some_and(|only| only != SSO) || measure("sso-figures", None)?;
    ensure!(numbered && sso, "a figure was not reached or not measured: see above");
    Ok(())
}
