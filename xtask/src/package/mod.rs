//! `cargo xtask package`: programs for the oldest promised glibc, RPMs, a signed repository, SBOM and checksums.

pub mod binaries;
pub mod repository;
pub mod rpms;
pub mod sbom;
pub mod signing;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;

use crate::command::{command, quiet};
use crate::{machine, workspace};
use repository::Origin;
use rpms::Checks;
use signing::Key;

/// What `cargo xtask package` takes.
#[derive(Args)]
pub struct Options {
    /// Fingerprint of the signing key in your GnuPG keyring; without it a throwaway key signs, for trying only
    #[arg(long, env = "ONEDESK_SIGNING_KEY")]
    key: Option<String>,
    /// Where the repository will be served, for the .repo file; without it the folder itself
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Number of the release, for another build of the same version
    #[arg(long, default_value_t = 1)]
    release: u32,
    /// Leave out the unit tests in %check: they ran before
    #[arg(long)]
    no_check: bool,
    /// Leave out the source RPM with its vendored crates
    #[arg(long)]
    no_source: bool,
}

/// Makes `target/packages`.
pub fn run(options: &Options) -> Result<()> {
    let root = workspace()?;
    machine::ensure(&[machine::BUILD, machine::PACKAGE])?;
    let binaries = binaries::build(&root)?;

    let out = root.join("target/packages");
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("cannot clear {}", out.display()))?;
    }
    fs::create_dir_all(&out)?;
    println!("building RPMs");
    let checks = if options.no_check { Checks::LeftOut } else { Checks::Run };
    let built = rpms::build(&root, &root.join("target/rpmbuild"), &binaries, options.release, checks)?;
    for rpm in &built {
        fs::copy(rpm, out.join(rpm.file_name().context("an RPM has a name")?))?;
    }
    let mut source = None;
    if !options.no_source {
        println!("building the source RPM with vendored crates");
        source = Some(rpms::build_source(&root, &root.join("target/rpmbuild"), &out.join("source"), options.release)?);
    }

    let key = match &options.key {
        Some(fingerprint) => Key::outside(fingerprint),
        None => {
            println!("no --key: a throwaway key signs; for trying only, and gone afterwards");
            Key::throwaway("OneDesk throwaway key, for trying only")?
        }
    };
    let origin = match &options.base_url {
        Some(url) => Origin::Served(url.trim_end_matches('/').to_owned()),
        None => Origin::Folder(out.clone()),
    };
    println!("signing, and making the repository");
    if let Some(source) = source {
        key.sign_rpms(&[source])?;
    }
    repository::make(&out, &key, &origin)?;
    fs::write(out.join("onedesk.cdx.json"), sbom::cyclonedx(&root)?)?;
    checksums(&out)?;
    println!("{} RPMs and their signed repository are in {}", built.len(), out.display());
    println!("to use it: cp {} /etc/yum.repos.d/", out.join("onedesk.repo").display());
    Ok(())
}

/// Writes `SHA256SUMS` over everything that is there.
fn checksums(folder: &Path) -> Result<()> {
    let list = "find . -type f ! -name SHA256SUMS -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum > SHA256SUMS";
    quiet(command("sh", ["-ec", list]).current_dir(folder))?;
    Ok(())
}
