//! Checks of what is packaged, without booting anything: units, policy, firewall, manual, scripts, RPMs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::command::{command, quiet, silent};
use crate::package::rpms::{self, Checks};

/// The units that run something, and the exposure that `systemd-analyze security` may find at most, in tenths.
const UNITS: [&str; 2] = ["onedeskd.service", "onedesk-credentials.service"];
const EXPOSURE: u32 = 15;

/// The four packages together, installed.
const INSTALLED_KIB: u64 = 30 * 1024;

/// Checks the sources of what is packaged.
pub fn run(root: &Path) -> Result<()> {
    scripts(root)?;
    units(root)?;
    manual(root)?;
    monitoring(root)?;
    firewall(root)?;
    selinux(root)?;
    Ok(())
}

/// Builds the RPMs twice and checks them.
pub fn packages(root: &Path, binaries: &Path) -> Result<()> {
    let first = rpms::build(root, &root.join("target/rpmbuild-a"), binaries, 1, Checks::LeftOut)?;
    let second = rpms::build(root, &root.join("target/rpmbuild-b"), binaries, 1, Checks::LeftOut)?;
    for (a, b) in first.iter().zip(&second) {
        ensure!(fs::read(a)? == fs::read(b)?, "{} is not the same when built twice", rpms::file_name(a));
    }
    println!("built twice, the same to the byte");
    quiet(command("rpmlint", ["--strict", "--config"]).arg(root.join("rpm/rpmlint.toml")).args(&first))?;
    println!("rpmlint finds nothing");

    let sizes = quiet(command("rpm", ["-qp", "--nosignature", "--qf", "%{NAME} %{SIZE}\n"]).args(&first))?;
    let total: u64 = sizes.lines().filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum();
    print!("{sizes}");
    println!("installed size of all four: {:.1} MiB", total as f64 / (1024.0 * 1024.0));
    ensure!(total / 1024 <= INSTALLED_KIB, "the four packages take more than {INSTALLED_KIB} KiB");
    Ok(())
}

/// Builds the source RPM, and from it the packages, with the unit tests in %check.
pub fn source_package(root: &Path) -> Result<()> {
    let folder = root.join("target/rpmbuild-source");
    let out = folder.join("SRPMS");
    let _ = fs::remove_dir_all(&out);
    let source = rpms::build_source(root, &folder, &out, 1)?;
    let built = rpms::rebuild(root, &root.join("target/rpmbuild-rebuild"), &source)?;
    ensure!(built.len() == rpms::PACKAGES.len(), "the source RPM gave {} packages", built.len());
    println!("{}: {} packages, unit tests passed, no network", rpms::file_name(&source), built.len());
    Ok(())
}

fn scripts(root: &Path) -> Result<()> {
    let mut found: Vec<PathBuf> = vec![root.join(".ci/run"), root.join("packaging/monitoring/check_onedesk")];
    for folder in ["rpm", "tests/e2e/boot"] {
        found.extend(files(&root.join(folder), "sh")?);
    }
    silent(command("shellcheck", ["--severity=warning", "--external-sources", "--source-path=SCRIPTDIR"]).args(&found))?;
    println!("shellcheck: {} scripts", found.len());
    Ok(())
}

/// Units are verified in a tree of their own, where the programs that they name exist.
fn units(root: &Path) -> Result<()> {
    let tree = scratch(root, "units")?;
    for (program, path) in [("onedeskd", "usr/sbin"), ("onedesk-credentials", "usr/libexec/onedesk"), ("kill", "bin")] {
        let folder = tree.join(path);
        fs::create_dir_all(&folder)?;
        quiet(command("install", ["-m", "0755", "/bin/true"]).arg(folder.join(program)))?;
    }
    let placed = tree.join("usr/lib/systemd/system");
    fs::create_dir_all(&placed)?;
    for unit in UNITS.iter().chain(&["onedeskd.socket"]) {
        fs::copy(root.join("systemd").join(unit), placed.join(unit))?;
    }
    for target in ["sysinit", "basic", "network", "multi-user", "shutdown", "sockets", "nss-user-lookup", "network-pre"] {
        fs::write(placed.join(format!("{target}.target")), format!("[Unit]\nDescription={target}\n"))?;
    }
    for slice in ["-.slice", "system.slice"] {
        fs::write(placed.join(slice), "[Unit]\nDescription=slice\n")?;
    }
    for unit in UNITS.iter().chain(&["onedeskd.socket"]) {
        silent(
            command("systemd-analyze", ["verify", "--man=no", "--recursive-errors=no"]).arg(format!("--root={}", tree.display())).arg(unit),
        )?;
    }
    for unit in UNITS {
        let threshold = format!("--threshold={EXPOSURE}");
        let said = quiet(
            command("systemd-analyze", ["security", "--offline=true", "--no-pager", &threshold]).arg(root.join("systemd").join(unit)),
        )?;
        println!(
            "{}",
            said.lines().rev().find(|line| line.contains("exposure")).context("no exposure was found")?.trim_start_matches('→').trim()
        );
    }
    Ok(())
}

fn manual(root: &Path) -> Result<()> {
    let mut pages: Vec<PathBuf> = fs::read_dir(root.join("packaging/man"))?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    pages.sort();
    // Style is for mandoc's own taste; a warning is a page that some reader shows wrongly.
    silent(command("mandoc", ["-T", "lint", "-W", "warning"]).args(&pages))?;
    println!("mandoc: {} pages", pages.len());
    Ok(())
}

/// Each alert fires for what it is for, and for nothing else.
fn monitoring(root: &Path) -> Result<()> {
    quiet(command("promtool", ["check", "rules"]).arg(root.join("packaging/monitoring/onedesk-alerts.yml")))?;
    quiet(command("promtool", ["test", "rules"]).arg(root.join("tests/e2e/monitoring/alerts.test.yml")))?;
    println!("promtool: the alerts fire as they should");
    Ok(())
}

fn firewall(root: &Path) -> Result<()> {
    let folder = scratch(root, "firewalld")?;
    fs::create_dir_all(folder.join("services"))?;
    fs::copy(root.join("packaging/firewalld/onedesk.xml"), folder.join("services/onedesk.xml"))?;
    quiet(command("firewall-offline-cmd", ["--check-config"]).arg(format!("--system-config={}", folder.display())))?;
    println!("firewalld takes the service");
    Ok(())
}

/// Compiles the policy against whatever policy this machine has: that finds mistakes, and the result fits a guest of
/// the same system; it is not what is shipped.
pub fn selinux(root: &Path) -> Result<PathBuf> {
    let folder = scratch(root, "selinux")?;
    for source in fs::read_dir(root.join("packaging/selinux"))? {
        let source = source?.path();
        fs::copy(&source, folder.join(rpms::file_name(&source)))?;
    }
    quiet(command("make", ["-f", "/usr/share/selinux/devel/Makefile", "onedesk.pp"]).current_dir(&folder))?;
    println!("the SELinux policy compiles");
    Ok(folder.join("onedesk.pp"))
}

fn scratch(root: &Path, name: &str) -> Result<PathBuf> {
    let folder = root.join("target/lint").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    found.sort();
    Ok(found)
}
