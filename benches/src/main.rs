//! The figures of the service, measured on its programs as they are installed, and the file that they are written to.
//!
//! `cargo xtask bench` builds the programs and runs this. Every figure starts them as processes, talks to them as their
//! users do, and looks at them from outside; Microsoft is played by entra-sim.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal: its output is its purpose")]

mod bare;
mod client;
mod figures;
mod machine;
mod mail;
mod programs;
mod report;
mod scale;
mod sign_in;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

use figures::{checks, kills, memory, pages, start, suspend, swaps, token_reads};
use programs::Scene;
use report::Figure;
use scale::Scale;

#[derive(Parser)]
#[command(name = "figures", about = "Measures the service's figures")]
struct Arguments {
    /// The folder of the programs
    #[arg(long, default_value = "target/release")]
    programs: PathBuf,
    /// Where databases and sockets of the runs go
    #[arg(long, default_value = "target/bench")]
    scratch: PathBuf,
    /// Where the table goes
    #[arg(long, default_value = "benches/RESULTS.md")]
    results: PathBuf,
    /// Smaller counts, for trying; the table goes to the terminal only
    #[arg(long)]
    quick: bool,
    /// Only these figures, by number; the table goes to the terminal only
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u8).range(1..=8))]
    only: Vec<u8>,
    /// The daemon reads the credentials file itself, as it does without root
    #[arg(long)]
    one_process: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// Answers every request on a Unix socket with the content of a file: what hyper alone can do
    #[command(hide = true)]
    Bare { socket: PathBuf, answer: PathBuf },
}

impl Arguments {
    fn two_processes(&self) -> bool {
        machine::is_root() && !self.one_process
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Before the runtime begins: its threads inherit the mounts of this one.
    let prepared = if arguments.part.is_none() && arguments.two_processes() { machine::stand_apart() } else { Ok(()) };
    let runtime = tokio::runtime::Runtime::new().context("no runtime");
    match prepared.and(runtime).and_then(|runtime| runtime.block_on(run(&arguments))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("figures: a bar was missed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("figures: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every bar was met.
async fn run(arguments: &Arguments) -> Result<bool> {
    if let Some(Part::Bare { socket, answer }) = &arguments.part {
        bare::serve(socket, answer).await?;
        return Ok(true);
    }
    let scene = Scene::new(&arguments.programs, &arguments.scratch, arguments.two_processes())?;
    let scale = if arguments.quick { Scale::quick() } else { Scale::full() };
    let wanted = |number: u8| arguments.only.is_empty() || arguments.only.contains(&number);
    let began = std::time::Instant::now();
    let mut measured: Vec<(u8, Figure)> = Vec::new();
    let mut note = |number: u8, figure: Figure| {
        println!("{:4.0} s  {}: {} ({})", began.elapsed().as_secs_f64(), figure.what, figure.measured, figure.verdict());
        measured.push((number, figure));
    };

    // The suspend sleeps while others are measured: the stopped daemon takes no time of the machine.
    let asleep = if wanted(5) { Some(suspend::fall_asleep(&scene, &scale).await?) } else { None };
    if [2, 3, 4, 8].into_iter().any(wanted) {
        let thousand = figures::connected(&scene, "thousand", scale.mailboxes).await?;
        if wanted(2) {
            note(2, start::measure(&thousand, &scale).await?);
        }
        if wanted(3) {
            note(3, memory::measure(&thousand, &scale).await?);
        }
        if wanted(4) {
            note(4, token_reads::measure(&thousand, &scale).await?);
        }
        if wanted(8) {
            note(8, checks::measure(&thousand).await?);
        }
    }
    if let Some(asleep) = asleep {
        note(5, asleep.wake_up().await?);
    }
    if wanted(1) {
        note(1, swaps::measure(&scene, &scale).await?);
    }
    if wanted(6) {
        note(6, kills::measure(&scene, &scale).await?);
    }
    if wanted(7) {
        let many = figures::connected(&scene, "pages", scale.many).await?;
        note(7, pages::measure(&many, &scale).await?);
    }
    ensure!(!measured.is_empty(), "nothing was measured");
    measured.sort_by_key(|(number, _)| *number);
    let figures: Vec<Figure> = measured.into_iter().map(|(_, figure)| figure).collect();
    let table = report::page(&figures, &machine::describe(arguments.two_processes())?, began.elapsed());
    if arguments.quick || !arguments.only.is_empty() {
        println!("\n{table}");
    } else {
        std::fs::write(&arguments.results, table).with_context(|| format!("cannot write {}", arguments.results.display()))?;
        println!("written to {}", arguments.results.display());
    }
    Ok(figures.iter().all(|figure| figure.met))
}
