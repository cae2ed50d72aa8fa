//! `cargo xtask test`: installs what the tests need and runs all of them, lane by lane.

use std::path::Path;

use anyhow::Result;
use clap::Args;

use crate::command::{command, quiet, shown};
use crate::lanes::Lanes;
use crate::package::binaries;
use crate::{boot, browser, demo, lint, machine, programs, workspace};

/// What `cargo xtask test` takes.
#[derive(Args)]
pub struct Options {
    /// Leave out the lane that boots a system and installs the packages there (it needs root)
    #[arg(long)]
    no_boot: bool,
    /// Also boot a virtual machine in software emulation: memory and task limits, SELinux (minutes)
    #[arg(long)]
    vm: bool,
    /// Also build the packages from the source RPM as a build host does: vendored crates, %check, no network (minutes)
    #[arg(long)]
    rebuild: bool,
    /// Run only the lanes whose name contains this
    #[arg(long, value_name = "PART")]
    only: Option<String>,
}

/// Lanes that are not run here, with the reason; they are named so that nobody takes them for passed.
const POSTPONED: [(&str, &str); 3] = [
    ("fuzz", "runs as long as it is let: cd tests/fuzz && cargo +nightly fuzz run TARGET; its corpus is replayed by the ordinary tests"),
    ("bench", "a measurement, not a verdict: cargo xtask bench"),
    ("real EL and Fedora hosts", "not to be had here: see README.md, \"Supported systems\""),
];

/// Runs the lanes.
pub fn run(options: &Options) -> Result<()> {
    let root = workspace()?;
    let mut lanes = Lanes::new(options.only.clone());

    lanes.run("tools", || {
        let mut tools =
            vec![machine::BUILD, machine::NODE, machine::BROWSER, machine::SERVERS, machine::SHELLS, machine::PACKAGE, machine::LINT];
        if !options.no_boot {
            tools.push(machine::BOOT);
        }
        if options.vm {
            tools.push(machine::VM);
        }
        machine::ensure(&tools)
    });
    lanes.run("format", || cargo(&root, &["fmt", "--all", "--check"]));
    lanes.run("clippy", || cargo(&root, &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]));
    lanes.run("the independent OpenID provider", || npm(&root.join("tests/oidc-provider")));
    lanes.run("unit and integration tests", || cargo(&root, &["test", "--workspace", "--locked"]));
    lanes.run("the demo walks by itself", || {
        programs::of_the_tests(&root)?;
        demo::run(&demo::Options { check: true, built: true })
    });
    lanes.run("a real browser", || {
        npm(&root.join(browser::FOLDER))?;
        browser::run(&root, &programs::of_the_tests(&root)?)
    });
    lanes.run("checks of what is packaged", || lint::run(&root));

    let mut built = None;
    lanes.run("programs for the packages", || {
        built = Some(binaries::build(&root)?);
        Ok(())
    });
    if let Some(binaries) = &built {
        lanes.run("packages", || lint::packages(&root, binaries));
        if !options.no_boot {
            boot_lane(&mut lanes, "a booted system", || boot::run(&root, binaries));
        }
        if options.vm {
            boot_lane(&mut lanes, "a virtual machine", || boot::run_virtual(&root, binaries));
        }
    }
    if options.rebuild {
        lanes.run("packages from the source RPM", || lint::source_package(&root));
    }
    for (lane, why) in POSTPONED {
        println!("not part of this run: {lane} ({why})");
    }
    lanes.finish()
}

fn boot_lane(lanes: &mut Lanes, name: &str, lane: impl FnOnce() -> Result<()>) {
    if !machine::is_root() {
        lanes.leave_out(name, "needs root");
    } else if machine::family() != Some(machine::Family::Debian) {
        lanes.leave_out(name, "makes its guest from Debian packages, which this system has not");
    } else {
        lanes.run(name, lane);
    }
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<()> {
    shown(command("cargo", arguments).current_dir(root))
}

/// Brings the packages of the independent provider, if they are not those of the lock file already.
fn npm(folder: &Path) -> Result<()> {
    quiet(command("npm", ["ci", "--no-audit", "--no-fund"]).current_dir(folder))?;
    Ok(())
}
