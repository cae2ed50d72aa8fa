//! The programs as the tests have them, in `target/debug`.
//!
//! Cargo compiles a crate anew for every selection of packages that turns on other features of it: building the simulator
//! alone would compile sixty crates a second time, the C of the cryptography library among them. So whoever needs programs
//! beside the tests asks for the very selection of the tests, which costs nothing after them.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::command::{command, shown};

/// Builds what the tests run, if they have not built it already, and gives the folder of the programs.
///
/// # Errors
/// When something does not compile.
pub fn of_the_tests(root: &Path) -> Result<PathBuf> {
    shown(command("cargo", ["test", "--quiet", "--workspace", "--locked", "--no-run"]).current_dir(root))?;
    Ok(root.join("target/debug"))
}
