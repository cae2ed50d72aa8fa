//! rpmbuild, called so that the same source gives the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::command::{command, quiet, shown};
use crate::machine::{Family, family};

/// The four packages.
pub const PACKAGES: [&str; 4] = ["onedesk-db-utils", "onedesk-microservices", "onedesk-webapps", "onedesk-customerapps"];

/// Whether `%check` runs the unit tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checks {
    /// It does.
    Run,
    /// It does not: they ran before.
    LeftOut,
}

/// Builds the four RPMs from the work tree and from `binaries`; gives their paths.
///
/// # Errors
/// When rpmbuild fails, or did not make the four.
pub fn build(root: &Path, folder: &Path, binaries: &Path, release: u32, checks: Checks) -> Result<Vec<PathBuf>> {
    let out = folder.join(format!("RPMS-{release}"));
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    source(root, folder)?;
    let mut rpmbuild = rpmbuild(root, folder, release);
    rpmbuild
        .arg("-bb")
        .args(define("_rpmdir", out.display()))
        .args(define("_rpmfilename", "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm"))
        .args(define("onedesk_binaries", binaries.display()))
        .arg(root.join("rpm/onedesk.spec"))
        .env("CARGO_TARGET_DIR", root.join("target"));
    match checks {
        Checks::Run => shown(&mut rpmbuild)?,
        Checks::LeftOut => drop(quiet(rpmbuild.args(["--quiet", "--nocheck"]))?),
    }
    let mut built: Vec<PathBuf> = fs::read_dir(&out)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    built.sort();
    for package in PACKAGES {
        let count = built.iter().filter(|rpm| file_name(rpm).starts_with(&format!("{package}-"))).count();
        ensure!(count == 1, "rpmbuild made {count} RPMs of {package}");
    }
    Ok(built)
}

/// Builds the source RPM, with the vendored crates that a build without a network needs, and gives its path.
///
/// # Errors
/// When crates cannot be fetched, or rpmbuild fails.
pub fn build_source(root: &Path, folder: &Path, out: &Path, release: u32) -> Result<PathBuf> {
    source(root, folder)?;
    shown(command("bash", [root.join("rpm/vendor.sh")]).arg(folder.join("SOURCES")).current_dir(root))?;
    let mut rpmbuild = rpmbuild(root, folder, release);
    rpmbuild.args(["-bs", "--quiet"]).args(define("_srcrpmdir", out.display())).arg(root.join("rpm/onedesk.spec"));
    quiet(&mut rpmbuild)?;
    let mut made = fs::read_dir(out)?.filter_map(|entry| Some(entry.ok()?.path()));
    made.find(|path| file_name(path).ends_with(".src.rpm")).context("rpmbuild made no source RPM")
}

/// Builds the packages from a source RPM as a build host does it: from the vendored crates, with %check, without a network
/// and without anything that cargo has on this machine; gives their paths.
///
/// What is tried is the recipe, so the compiler is told not to optimise: that takes a third of the time.
///
/// # Errors
/// When rpmbuild fails: a crate that was not vendored, a unit test, a file that no package has.
pub fn rebuild(root: &Path, folder: &Path, source: &Path) -> Result<Vec<PathBuf>> {
    for made_before in ["RPMS", "BUILD", "SOURCES", "cargo"] {
        let _ = fs::remove_dir_all(folder.join(made_before));
    }
    fs::create_dir_all(folder.join("cargo"))?;
    let mut rpmbuild = rpmbuild(root, folder, 1);
    rpmbuild.arg("--rebuild").args(define("_rpmdir", folder.join("RPMS").display())).arg(source);
    let alone = "ip link set lo up && exec \"$@\"";
    let mut unshare = command("unshare", ["--net", "sh", "-ec", alone, "sh"]);
    unshare.arg(rpmbuild.get_program()).args(rpmbuild.get_args()).env("LC_ALL", "C").env("CARGO_HOME", folder.join("cargo"));
    for (key, value) in [("OPT_LEVEL", "0"), ("LTO", "off"), ("CODEGEN_UNITS", "16")] {
        unshare.env(format!("CARGO_PROFILE_RELEASE_{key}"), value);
    }
    shown(&mut unshare)?;
    let found = quiet(command("find", [folder.join("RPMS")]).args(["-name", "*.rpm"]))?;
    Ok(found.lines().map(PathBuf::from).collect())
}

/// The tarball of what git knows or would take in: the same bytes for the same files.
fn source(root: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder.join("SOURCES"))?;
    quiet(command("bash", [root.join("rpm/source.sh")]).arg(folder.join("SOURCES")).current_dir(root)).context("cannot pack the source")?;
    Ok(())
}

fn rpmbuild(root: &Path, folder: &Path, release: u32) -> std::process::Command {
    let mut rpmbuild = command("rpmbuild", [""; 0]);
    if family() == Some(Family::Debian) {
        // Its rpm knows neither Fedora's folders nor what dpkg installed.
        rpmbuild.arg(format!("--load={}", root.join("rpm/macros.debian").display())).arg("--nodeps");
    }
    rpmbuild.args(define("_topdir", folder.display())).args(define("onedesk_release", release)).env("LC_ALL", "C");
    rpmbuild
}

fn define(name: &str, value: impl std::fmt::Display) -> [String; 2] {
    ["--define".to_owned(), format!("{name} {value}")]
}

/// The last part of a path, as text.
pub fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
