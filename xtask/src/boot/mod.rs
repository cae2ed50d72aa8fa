//! The packages in a booted system: a real systemd in a container, dnf, a signed repository, and the whole life of an
//! installation from the first command to the last. What happens inside is in `tests/e2e/boot/`.

mod container;
mod repositories;
mod tree;
mod virtual_machine;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::command::{command, quiet};
use crate::{lint, machine, programs, workspace};
use container::{Container, Ending};

/// What `cargo xtask boot` takes.
#[derive(Args)]
pub struct Options {
    /// The folder with onedeskd, onedeskctl and onedesk-credentials
    #[arg(value_name = "FOLDER")]
    binaries: PathBuf,
    /// In a virtual machine instead of a container
    #[arg(long)]
    vm: bool,
}

/// Runs this lane alone, for work on the packages.
pub fn run_alone(options: &Options) -> Result<()> {
    ensure!(machine::is_root(), "a system is booted by root only");
    machine::ensure(&[machine::PACKAGE, machine::BOOT])?;
    let (root, binaries) = (workspace()?, options.binaries.canonicalize()?);
    if options.vm {
        machine::ensure(&[machine::LINT, machine::VM])?;
        run_virtual(&root, &binaries)
    } else {
        run(&root, &binaries)
    }
}

/// How the guest goes down after each part.
const PARTS: [(&str, Ending); 2] = [("first-boot", Ending::Reboot), ("second-boot", Ending::PowerOff)];

/// Installs the packages made of `binaries` in a booted system and walks through its life.
pub fn run(root: &Path, binaries: &Path) -> Result<()> {
    let stage = Stage::set(root)?;
    let tree = tree::make(&stage.work)?;
    stage.lap("the guest's tree is made");
    repositories::make(root, &stage.work, &stage.served, &tree, binaries)?;
    stage.lap("packages built, signed, and indexed");

    let mut container = Container::over(&tree, &stage.work, &stage.served)?;
    let mut tally = Tally::default();
    for (part, ending) in PARTS {
        container.boot()?;
        stage.lap(&format!("{part}: systemd is up"));
        tally.add(part, &container.run(part)?)?;
        container.end(ending)?;
        stage.lap(&format!("{part}: down"));
    }
    drop(container);
    tally.finish("boot")
}

/// Installs the packages in a virtual machine, where the kernel enforces what a container does not: memory and task
/// limits, and SELinux.
pub fn run_virtual(root: &Path, binaries: &Path) -> Result<()> {
    let stage = Stage::set(root)?;
    let tree = tree::make_virtual(&stage.work)?;
    stage.lap("the guest's tree is made");
    repositories::make(root, &stage.work, &stage.served, &tree, binaries)?;
    let policy = lint::selinux(root)?;
    stage.lap("packages and policy built");
    let output = virtual_machine::run(&stage.work, &stage.served, &tree, &policy)?;
    stage.lap("the virtual machine is down");
    let mut tally = Tally::default();
    tally.add("virtual machine", &output)?;
    tally.finish("virtual")
}

/// Folders of a run, and its clock.
struct Stage {
    work: PathBuf,
    /// What the guest sees as `/srv/onedesk`.
    served: PathBuf,
    started: Instant,
}

impl Stage {
    /// Puts simulator and scripts in place.
    fn set(root: &Path) -> Result<Self> {
        let work = root.join("target/boot");
        let served = work.join("served");
        if served.exists() {
            fs::remove_dir_all(&served)?;
        }
        fs::create_dir_all(&served)?;
        let stage = Self { work, served, started: Instant::now() };
        fs::copy(programs::of_the_tests(root)?.join("entra-sim"), stage.served.join("entra-sim"))?;
        for file in fs::read_dir(root.join("tests/e2e/boot"))? {
            let file = file?.path();
            fs::copy(&file, stage.served.join(file.file_name().unwrap_or_default()))?;
        }
        let subject = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"];
        let mut openssl = command("openssl", subject);
        openssl.args(["-addext", "subjectAltName=DNS:localhost", "-keyout"]).arg(stage.served.join("tls.key"));
        quiet(openssl.arg("-out").arg(stage.served.join("tls.crt")))?;
        stage.lap("simulator, scripts and a certificate are in place");
        Ok(stage)
    }

    fn lap(&self, what: &str) {
        println!("{:>7} ms  {what}", self.started.elapsed().as_millis());
    }
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

    fn add(&mut self, part: &str, output: &str) -> Result<()> {
        let found = Self::read(output).with_context(|| format!("{part} ended without its closing line"))?;
        self.passed += found.passed;
        self.failed += found.failed;
        Ok(())
    }

    fn finish(self, name: &str) -> Result<()> {
        println!("{name}: {} passed, {} failed", self.passed, self.failed);
        ensure!(self.failed == 0 && self.passed > 0, "{} steps failed in the booted system", self.failed);
        Ok(())
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
