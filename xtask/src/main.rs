//! What a developer types: `cargo xtask demo`, `test`, `package`, `bench`.
//!
//! Each command installs what it lacks, shows progress, and ends non-zero with a sentence when something is wrong.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal: its output is its purpose")]

mod bench;
mod boot;
mod browser;
mod command;
mod demo;
mod lanes;
mod lint;
mod machine;
mod package;
mod programs;
mod test;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Try, test, package and measure OneDesk on-premise identity")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Starts simulator and daemon in a scratch directory and says what to open and type next
    Demo(demo::Options),
    /// Installs what the tests need and runs them all
    Test(test::Options),
    /// Boots a system and installs packages of programs that are built already: one lane of the tests
    Boot(boot::Options),
    /// Builds RPMs, a signed repository, SBOM and checksums under target/packages
    Package(package::Options),
    /// Measures the figures and writes them to benches/RESULTS.md
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Demo(options) => demo::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Boot(options) => boot::run_alone(&options),
        Task::Package(options) => package::run(&options),
        Task::Bench(options) => bench::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace, wherever cargo was called.
fn workspace() -> Result<PathBuf> {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    Ok(xtask.parent().context("the xtask crate has no folder above it")?.to_path_buf())
}
