//! The figures of single sign-on: ours beside Apache's mod_auth_openidc and a bare hyper server, in turn, on one machine.
//!
//! The provider signs before it is asked, so that the relying party is what is measured; CPU time is the kernel's account of its
//! processes alone.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal: its output is its purpose")]

mod bare;
mod load;
mod party;
mod process;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand};
use op_sim::{Edit, Endpoint, OpSim};

use party::{PEOPLE, Party, check_requests, once, path_of};
use process::{free_port, start};

/// mod_auth_openidc's usual cache.
const ENTRIES: usize = 500;
/// Where our part of the table begins and ends in the file.
const HEADING: &str = "## Single sign-on";

#[derive(Parser)]
#[command(name = "sso-figures", about = "Measures the figures of single sign-on")]
struct Arguments {
    /// The folder of the programs
    #[arg(long, default_value = "target/release")]
    programs: PathBuf,
    /// Where the table goes
    #[arg(long, default_value = "benches/RESULTS.md")]
    results: PathBuf,
    /// Smaller counts, for trying; the table goes to the terminal only
    #[arg(long)]
    quick: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// Answers checks without checking: what hyper alone can do
    #[command(hide = true)]
    Bare { address: String },
}

/// How much of everything.
struct Scale {
    rounds: usize,
    sign_ins: usize,
    checks: usize,
    sessions: [usize; 3],
    unknown_keys: usize,
}

const FULL: Scale = Scale { rounds: 5, sign_ins: 2_000, checks: 200_000, sessions: [100, 10_000, 100_000], unknown_keys: 1_000 };
const QUICK: Scale = Scale { rounds: 1, sign_ins: 200, checks: 10_000, sessions: [100, 300, 1_000], unknown_keys: 50 };

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.part {
        Some(Part::Bare { address }) => bare::serve(address).map(|()| true),
        None => measure(&arguments),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("sso-figures: a bar was missed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("sso-figures: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A line of the table.
struct Figure {
    what: &'static str,
    bar: &'static str,
    value: String,
    is_met: bool,
}

fn measure(arguments: &Arguments) -> Result<bool> {
    let scale = if arguments.quick { QUICK } else { FULL };
    let op = OpSim::start();
    let ours = Party::ours(&arguments.programs, &op)?;
    let theirs = Party::apache(&op, ENTRIES)?;
    // People and caches are there before anything is measured.
    let (mut sessions, _) = ours.sign_in(&op, 0, PEOPLE)?;
    theirs.sign_in(&op, 0, 100).with_context(|| theirs.errors())?;
    let mut figures = vec![sign_ins(&scale, &op, &ours, &theirs, &mut sessions)?];
    figures.extend(checks(&scale, &op, &ours, &theirs, &mut sessions)?);
    figures.push(memory(&scale, &ours));
    figures.push(unknown_keys(&scale, &op, &ours)?);
    let table = table(&figures);
    println!("{table}");
    if !arguments.quick {
        write(&arguments.results, &table)?;
    }
    Ok(figures.iter().all(|figure| figure.is_met))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn sign_ins(scale: &Scale, op: &OpSim, ours: &Party, theirs: &Party, sessions: &mut Vec<String>) -> Result<Figure> {
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for round in 0..scale.rounds {
        eprintln!("sign-ins, round {} of {}", round + 1, scale.rounds);
        let (cookies, cpu) = ours.sign_in(op, 0, scale.sign_ins)?;
        sessions.extend(cookies);
        own.push(cpu / scale.sign_ins as f64);
        // Their cache holds 500 entries, states among them: no more are under way at once.
        let batch = ENTRIES / 5;
        let mut cpu = 0.0;
        for _ in 0..scale.sign_ins / batch {
            cpu += theirs.sign_in(op, 0, batch).with_context(|| theirs.errors())?.1;
        }
        other.push(cpu / (scale.sign_ins / batch * batch) as f64);
    }
    let (own, other) = (median(&mut own), median(&mut other));
    Ok(Figure {
        what: "whole sign-in, CPU",
        bar: "<= 0.6 of mod_auth_openidc",
        value: format!("{:.2} ms, {} {:.2} ms: {:.2}", own * 1e3, theirs.name, other * 1e3, own / other),
        is_met: own <= 0.6 * other,
    })
}

fn checks(scale: &Scale, op: &OpSim, ours: &Party, theirs: &Party, sessions: &mut Vec<String>) -> Result<Vec<Figure>> {
    let port = free_port()?;
    let bare_address = format!("127.0.0.1:{port}");
    let bare = start(Command::new(std::env::current_exe()?).arg("bare").arg(&bare_address), &bare_address)?;
    let mut by_size = Vec::new();
    let (mut rates, mut bare_rates, mut cpus, mut their_cpus) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // The sessions that all other figures made are there too, but the store of the smallest size is the one that is checked.
    for size in scale.sessions {
        while sessions.len() < size {
            let count = (size - sessions.len()).min(5_000);
            eprintln!("{} of {size} sessions", sessions.len());
            let (cookies, _) = ours.sign_in(op, sessions.len(), count)?;
            sessions.extend(cookies);
        }
        let mut of_size = Vec::new();
        for round in 0..scale.rounds {
            eprintln!("checks of {size} sessions, round {} of {}", round + 1, scale.rounds);
            let (rate, cpu) = ours.checks(&sessions[..size], scale.checks)?;
            of_size.push(cpu);
            if size == scale.sessions[2] {
                // Each takes several of its entries, and it forgets the oldest: these few are of now.
                let (their_sessions, _) = theirs.sign_in(op, 0, 100)?;
                let (_, their_cpu) = theirs.checks(&their_sessions, scale.checks / 4).with_context(|| theirs.errors())?;
                let bare_rate =
                    load::storm(&bare_address, &check_requests(&bare_address, &ours.check, &sessions[..100]), scale.checks, 200)?;
                rates.push(rate);
                cpus.push(cpu);
                their_cpus.push(their_cpu);
                bare_rates.push(bare_rate);
            }
        }
        by_size.push(median(&mut of_size));
    }
    drop(bare);
    let (rate, bare_rate, cpu, their_cpu) = (median(&mut rates), median(&mut bare_rates), median(&mut cpus), median(&mut their_cpus));
    let slowest = by_size.iter().copied().fold(0.0, f64::max);
    Ok(vec![
        Figure {
            what: "`/sso/check` over 100,000 sessions, requests/s",
            bar: ">= 0.5 of bare hyper",
            value: format!("{rate:.0}/s, hyper {bare_rate:.0}/s: {:.2}", rate / bare_rate),
            is_met: rate >= 0.5 * bare_rate,
        },
        Figure {
            what: "`/sso/check` over 100,000 sessions, CPU",
            bar: "<= 1/8 of mod_auth_openidc",
            value: format!("{:.1} us, {} {:.1} us: 1/{:.1}", cpu * 1e6, theirs.name, their_cpu * 1e6, their_cpu / cpu),
            is_met: cpu * 8.0 <= their_cpu,
        },
        Figure {
            what: "checks at 100, 10,000, 100,000 sessions, CPU",
            bar: "<= 1.2 x",
            value: format!("{:.1}, {:.1}, {:.1} us: {:.2} x", by_size[0] * 1e6, by_size[1] * 1e6, by_size[2] * 1e6, slowest / by_size[0]),
            is_met: slowest <= 1.2 * by_size[0],
        },
    ])
}

fn memory(scale: &Scale, ours: &Party) -> Figure {
    let memory = ours.server.memory();
    let what = if scale.sessions[2] == 100_000 { "memory with 100,000 sessions" } else { "memory with fewer sessions" };
    Figure { what, bar: "<= 60 MiB", value: format!("{memory:.0} MiB"), is_met: memory <= 60.0 }
}

/// Every callback brings a token under another unknown key id; good sign-ins come in between.
fn unknown_keys(scale: &Scale, op: &OpSim, ours: &Party) -> Result<Figure> {
    eprintln!("unknown key ids");
    let before = op.count("bench", Endpoint::Jwks);
    for number in 0..scale.unknown_keys {
        op.change("bench", |script| script.id_token.header = vec![Edit::set("kid", format!("unknown-{number}"))]);
        let start = once(&ours.address, &ours.login, "")?;
        let cookies = start.cookies().collect::<Vec<_>>().join("; ");
        let location = start.header("location").context("no redirect")?.to_owned();
        let answer = once(&op.address().to_string(), path_of(&location)?, "")?;
        let callback = once(&ours.address, path_of(answer.header("location").context("no redirect")?)?, &cookies)?;
        ensure!(callback.status >= 400, "signed in by an unknown key: {}", callback.head);
        if number % 100 == 0 {
            op.change("bench", |script| script.id_token.header.clear());
            ours.sign_in(op, number, 1).context("a good sign-in suffered")?;
        }
    }
    op.change("bench", |script| script.id_token.header.clear());
    let fetches = op.count("bench", Endpoint::Jwks) - before;
    Ok(Figure {
        what: "1,000 callbacks with unknown key ids",
        bar: "one JWKS fetch, good sign-ins unaffected",
        value: format!("{fetches} fetches in {} callbacks", scale.unknown_keys),
        is_met: fetches <= 1,
    })
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn table(figures: &[Figure]) -> String {
    let mut text =
        format!("{HEADING}\n\nOurs and Apache's in turn, medians of the rounds; CPU is the kernel's account of the processes.\n\n");
    text.push_str("| what | bar | measured | |\n| --- | --- | --- | --- |\n");
    for Figure { what, bar, value, is_met } in figures {
        let _ = writeln!(text, "| {what} | {bar} | {value} | {} |", if *is_met { "met" } else { "**missed**" });
    }
    text
}

/// Puts our section into the file, in place of the one that is there.
fn write(path: &Path, table: &str) -> Result<()> {
    let old = std::fs::read_to_string(path).unwrap_or_else(|_| "# Figures\n".to_owned());
    let (before, rest) = old.split_once(HEADING).unwrap_or((&old, ""));
    let after = rest.find("\n## ").map_or("", |at| &rest[at..]);
    std::fs::write(path, format!("{}\n\n{}{after}", before.trim_end(), table.trim_end().to_owned() + "\n"))?;
    Ok(())
}
