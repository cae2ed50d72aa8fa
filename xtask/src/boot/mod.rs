//! The packages in a booted system: a real systemd in a container, dnf, a signed repository, and the whole life of an
//! installation from the first command to the last. What happens inside is in `tests/e2e/boot/`.

mod container;
mod repositories;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;

use crate::command::{command, shown};
use crate::{machine, workspace};
use container::{Container, Ending};

/// What `cargo xtask boot` takes.
#[derive(Args)]
pub struct Options {
    /// The folder with onedeskd, onedeskctl and onedesk-credentials
    #[arg(value_name = "FOLDER")]
    binaries: PathBuf,
}

/// Runs this lane alone, for work on the packages.
pub fn run_alone(options: &Options) -> Result<()> {
    ensure!(machine::is_root(), "a system is booted by root only");
    machine::ensure(&[machine::PACKAGE, machine::BOOT])?;
    run(&workspace()?, &options.binaries.canonicalize()?)
}

/// How the guest goes down after each part.
const PARTS: [(&str, Ending); 2] = [("first-boot", Ending::Reboot), ("second-boot", Ending::PowerOff)];

/// Installs the packages made of `binaries` in a booted system and walks through its life.
pub fn run(root: &Path, binaries: &Path) -> Result<()> {
    let work = root.join("target/boot");
    let served = work.join("served");
    if served.exists() {
        fs::remove_dir_all(&served)?;
    }
    fs::create_dir_all(&served)?;

    let started = Instant::now();
    let lap = |what: &str| println!("{:>7} ms  {what}", started.elapsed().as_millis());
    shown(command("cargo", ["build", "--quiet", "--locked", "--package", "entra-sim"]).current_dir(root))?;
    fs::copy(root.join("target/debug/entra-sim"), served.join("entra-sim"))?;
    for file in fs::read_dir(root.join("tests/e2e/boot"))? {
        let file = file?.path();
        fs::copy(&file, served.join(file.file_name().unwrap_or_default()))?;
    }
    lap("simulator and scripts are in place");
    let tree = tree::make(&work)?;
    lap("the guest's tree is made");
    repositories::make(root, &work, &served, &tree, binaries)?;
    lap("packages built, signed, and indexed");

    let mut container = Container::over(&tree, &work, &served)?;
    let mut tally = Tally::default();
    for (part, ending) in PARTS {
        container.boot()?;
        lap(&format!("{part}: systemd is up"));
        let output = container.run(part)?;
        let found = Tally::read(&output);
        ensure!(found.is_some(), "{part} ended without its closing line");
        tally.add(found.unwrap_or_default());
        container.end(ending)?;
        lap(&format!("{part}: down"));
    }
    drop(container);
    println!("boot: {} passed, {} failed", tally.passed, tally.failed);
    ensure!(tally.failed == 0 && tally.passed > 0, "{} steps failed in the booted system", tally.failed);
    Ok(())
}

/// Steps counted by a script in the guest.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    passed: u32,
    failed: u32,
}

impl Tally {
    /// Reads the closing line `N passed, N failed`.
    fn read(output: &str) -> Option<Self> {
        output.lines().rev().find_map(|line| {
            let (passed, failed) = line.trim().split_once(" passed, ")?;
            Some(Self { passed: passed.parse().ok()?, failed: failed.strip_suffix(" failed")?.parse().ok()? })
        })
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_is_read_and_its_absence_noticed() {
        assert_eq!(Tally::read("ok - a\n12 passed, 3 failed\nbye\n"), Some(Tally { passed: 12, failed: 3 }));
        assert_eq!(Tally::read("ok - a\n"), None);
    }
}
