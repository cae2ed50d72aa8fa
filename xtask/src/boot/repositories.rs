//! The repositories that the guest is served: two releases, and four that must be refused.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::{command, filter, quiet};
use crate::package::repository::{self, Origin, rpms_in};
use crate::package::rpms::{self, Checks, file_name};
use crate::package::signing::Key;

/// Where the guest serves them to itself.
const URL: &str = "http://127.0.0.1:8642";

/// The glibc that the guest's stub of a base offers: a program that needs a newer one cannot be installed.
const GLIBC: (u32, u32) = (2, 34);

/// Fills `served` with repositories, keys and the stub of a base system.
pub fn make(root: &Path, work: &Path, served: &Path, tree: &Path, binaries: &Path) -> Result<()> {
    let key = Key::throwaway("OneDesk test key")?;
    let foreign = Key::throwaway("A key of somebody else")?;

    for release in [1, 2] {
        let folder = fill(root, work, served, binaries, release, &format!("release-{release}"))?;
        repository::make(&folder, &key, &origin(&folder))?;
    }
    let unsigned = fill(root, work, served, binaries, 1, "unsigned")?;
    repository::index(&unsigned, &key)?;

    let altered = copy(served, "altered-package")?;
    spoil(&altered)?;
    // The index fits the altered package, so that nothing but the package's own signature can find it out.
    fs::remove_dir_all(altered.join("repodata"))?;
    repository::index(&altered, &key)?;

    let metadata = copy(served, "altered-metadata")?;
    let index = metadata.join("repodata/repomd.xml");
    let text = fs::read_to_string(&index)?;
    fs::write(&index, text.replacen("<revision>", "<revision>1", 1))?;

    let wrong = copy(served, "wrong-key")?;
    foreign.export(&wrong.join("RPM-GPG-KEY-onedesk"))?;

    // What has no .repo file of its own gets one here; each must look genuine but for its one fault.
    for folder in [&unsigned, &altered, &metadata, &wrong] {
        let genuine = fs::read_to_string(served.join("release-1/onedesk.repo"))?;
        fs::write(folder.join("onedesk.repo"), genuine.replace("/release-1", &format!("/{}", file_name(folder))))?;
        if !folder.join("RPM-GPG-KEY-onedesk").exists() {
            key.export(&folder.join("RPM-GPG-KEY-onedesk"))?;
        }
    }
    base(work, served, tree)
}

fn fill(root: &Path, work: &Path, served: &Path, binaries: &Path, release: u32, name: &str) -> Result<PathBuf> {
    let folder = served.join(name);
    fs::create_dir_all(&folder)?;
    for rpm in rpms::build(root, &work.join("rpmbuild"), binaries, release, Checks::LeftOut)? {
        fs::copy(&rpm, folder.join(file_name(&rpm)))?;
    }
    Ok(folder)
}

fn origin(folder: &Path) -> Origin {
    Origin::Served(format!("{URL}/{}", file_name(folder)))
}

fn copy(served: &Path, name: &str) -> Result<PathBuf> {
    let to = served.join(name);
    quiet(command("cp", ["-a"]).arg(served.join("release-1")).arg(&to))?;
    Ok(to)
}

/// Turns one byte of each package's payload.
fn spoil(folder: &Path) -> Result<()> {
    for rpm in rpms_in(folder)? {
        let mut bytes = fs::read(&rpm)?;
        let last = bytes.len().checked_sub(100).context("an RPM is longer than this")?;
        bytes[last] ^= 0xff;
        fs::write(&rpm, bytes)?;
    }
    Ok(())
}

/// A package without files that says what the tree truly has, read off its libraries, with glibc capped: dnf then
/// refuses what EL 9 would refuse.
fn base(work: &Path, served: &Path, tree: &Path) -> Result<()> {
    let libraries = tree.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH));
    let paths: Vec<String> = fs::read_dir(&libraries)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file() && !path.is_symlink() && file_name(path).contains(".so"))
        .map(|path| path.display().to_string())
        .collect();
    let provided = filter(&mut command("/usr/lib/rpm/rpmdeps", ["--provides"]), &(paths.join("\n") + "\n"))?;
    let libraries: BTreeSet<&str> = provided.lines().filter(|line| line.contains("(64bit)") && promised(line)).collect();

    let mut spec = String::from("Name: guest-base\nVersion: 1\nRelease: 1\nSummary: What the guest already has\nLicense: MIT\n");
    for what in ["/bin/sh", "rtld(GNU_HASH)", "systemd = 252", "shadow-utils", "coreutils", "grep", "ca-certificates"] {
        spec.push_str(&format!("Provides: {what}\n"));
    }
    for library in libraries {
        spec.push_str(&format!("Provides: {library}\n"));
    }
    spec.push_str("%description\nStub.\n%files\n");
    let file = work.join("guest-base.spec");
    fs::write(&file, spec)?;
    let mut rpmbuild = command("rpmbuild", ["-bb", "--quiet"]);
    rpmbuild.args(["--define", &format!("_topdir {}", work.join("rpmbuild-base").display())]);
    rpmbuild.args(["--define", &format!("_rpmdir {}", served.display()), "--define", "_rpmfilename guest-base.rpm"]);
    quiet(rpmbuild.arg(file))?;
    Ok(())
}

/// Whether a provided symbol version is one that the oldest promised glibc has.
fn promised(provide: &str) -> bool {
    let Some((_, rest)) = provide.split_once("(GLIBC_") else { return true };
    let mut numbers = rest.split([')', '.']).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) <= GLIBC,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stub_offers_no_symbol_newer_than_promised() {
        assert!(promised("libc.so.6(GLIBC_2.34)(64bit)"));
        assert!(promised("libc.so.6(GLIBC_2.2.5)(64bit)"));
        assert!(promised("libz.so.1()(64bit)"));
        assert!(!promised("libc.so.6(GLIBC_2.35)(64bit)"));
        assert!(!promised("libc.so.6(GLIBC_PRIVATE)(64bit)"));
    }
}
