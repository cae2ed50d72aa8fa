//! The three programs, built so that the oldest promised glibc can load them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::command::{command, quiet, shown};
use crate::machine;

/// What is installed.
pub const PROGRAMS: [&str; 3] = ["onedeskd", "onedeskctl", "onedesk-credentials"];

/// The glibc of EL 9.
const OLDEST_GLIBC: Version = Version(2, 34);

/// The linker that knows the symbols of older glibcs, by what it was tried with.
const ZIG_PACKAGES: [&str; 2] = ["ziglang==0.17.1", "cargo-zigbuild==0.24.0"];

/// Builds the programs and gives the folder that holds them.
///
/// # Errors
/// When a build fails, or a program needs a newer glibc than promised.
pub fn build(root: &Path) -> Result<PathBuf> {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let target = root.join("target/release-for-packages");
    let machine = machine_glibc()?;
    // Paths of this machine must not end up in the programs: they would tell where, and differ from build to build.
    let registry = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{}/.cargo", std::env::var("HOME").unwrap_or_default()));
    let rust_flags = format!("--remap-path-prefix={}=/onedesk --remap-path-prefix={registry}=/cargo", root.display());
    let c_flags = format!("-ffile-prefix-map={}=/onedesk -ffile-prefix-map={registry}=/cargo", root.display());

    let mut cargo = if machine > OLDEST_GLIBC {
        println!("building for glibc {OLDEST_GLIBC} (this machine has {machine}) with cargo-zigbuild");
        let tools = zig(root)?;
        let path = format!("{}:{}", tools.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        let mut cargo = command("cargo", ["zigbuild", "--target", &format!("{triple}.{OLDEST_GLIBC}")]);
        cargo.env("PATH", path);
        cargo
    } else {
        println!("building for this machine's glibc {machine}");
        command("cargo", ["build", "--target", &triple])
    };
    cargo.args(["--release", "--locked", "--bins", "--package", "onedesk", "--target-dir"]).arg(&target);
    shown(cargo.current_dir(root).env("RUSTFLAGS", rust_flags).env("CFLAGS", c_flags))?;

    let folder = target.join(triple).join("release");
    for program in PROGRAMS {
        let needs = newest_symbol(&folder.join(program))?;
        ensure!(needs <= OLDEST_GLIBC, "{program} needs glibc {needs}, but {OLDEST_GLIBC} is promised");
        println!("{program}: {} KiB, needs glibc {needs}", fs::metadata(folder.join(program))?.len() / 1024);
    }
    Ok(folder)
}

/// The folder of a Python environment with cargo-zigbuild in it.
fn zig(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/zigbuild");
    let stamp = folder.join("installed");
    let wanted = ZIG_PACKAGES.join(" ");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    machine::ensure(&[machine::ZIG])?;
    println!("installing {wanted} into {}", folder.display());
    quiet(command("python3", ["-m", "venv", "--clear"]).arg(&folder))?;
    quiet(command(&folder.join("bin/pip").to_string_lossy(), ["install", "--quiet", "--disable-pip-version-check"]).args(ZIG_PACKAGES))?;
    fs::write(stamp, wanted)?;
    Ok(folder)
}

fn machine_glibc() -> Result<Version> {
    let said = quiet(&mut command("getconf", ["GNU_LIBC_VERSION"]))?;
    said.trim().strip_prefix("glibc ").and_then(Version::parse).with_context(|| format!("{said:?} is not a version of glibc"))
}

/// The newest glibc symbol that a program needs.
fn newest_symbol(program: &Path) -> Result<Version> {
    let table = quiet(command("objdump", ["-T"]).arg(program))?;
    newest(&table).with_context(|| format!("{} names no version of glibc", program.display()))
}

fn newest(table: &str) -> Option<Version> {
    table.split("GLIBC_").skip(1).filter_map(|rest| Version::parse(rest.split(')').next()?)).max()
}

/// Major and minor; a third number (2.2.5) says nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(str::parse);
        Some(Self(numbers.next()?.ok()?, numbers.next()?.ok()?))
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_symbol_is_found_by_number_and_not_by_spelling() {
        let table = "0 DF *UND* 0 (GLIBC_2.2.5) write\n0 DF *UND* 0 (GLIBC_2.34) fork\n0 DF *UND* 0 (GLIBC_2.9) x\n";
        assert_eq!(newest(table), Some(Version(2, 34)));
        assert_eq!(newest("0 DF *UND* 0 write\n"), None);
    }
}
