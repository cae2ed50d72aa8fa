//! The guest's file tree: Debian with systemd, rpm and dnf, arranged like EL where that matters. Kept between runs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::command::{command, quiet};

/// What the guest has beside the smallest Debian; python3 comes with dnf and runs the test's own clients, and firewalld finds the
/// protocols' numbers in netbase.
const BASE: &str = "systemd,systemd-sysv,libnss-systemd,dbus,dnf,rpm,passwd,procps,iproute2,ca-certificates,firewalld,netbase";

/// The arrangement's number: another one makes the tree anew.
const EDITION: u32 = 2;

/// What a virtual machine has beside that: a kernel, and SELinux with a policy.
const VIRTUAL: &str = "udev,initramfs-tools,linux-image-cloud-amd64,selinux-policy-default,policycoreutils,semodule-utils";

/// Gives the tree for a container, made if it is not there.
pub fn make(work: &Path) -> Result<PathBuf> {
    made(work, "tree", BASE)
}

/// Gives the tree for a virtual machine, made if it is not there.
pub fn make_virtual(work: &Path) -> Result<PathBuf> {
    made(work, "tree-virtual", &format!("{BASE},{VIRTUAL}"))
}

fn made(work: &Path, name: &str, packages: &str) -> Result<PathBuf> {
    let tree = work.join(name);
    let stamp = work.join(format!("{name}.made"));
    let wanted = format!("{EDITION} {packages}");
    if tree.is_dir() && fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(tree);
    }
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    println!("making the guest's tree (about half a minute)");
    let mut mmdebstrap = command("mmdebstrap", ["--quiet", "--variant=minbase", "--mode=root"]);
    mmdebstrap.args([
        "--aptopt=Acquire::Languages \"none\"",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
    ]);
    mmdebstrap.arg(format!("--include={packages}")).arg(codename()?).arg(&tree).arg(sources());
    quiet(&mut mmdebstrap)?;

    // Debian enables what it installs; the steps that want a firewall start it.
    quiet(command("systemctl", ["--quiet", "disable", "firewalld"]).arg(format!("--root={}", tree.display())))?;
    // EL's place of the rpm database, a release number for dnf, and its preset policy: nothing is enabled by itself.
    write(&tree, "etc/rpm/macros.guest", "%_dbpath /var/lib/rpm\n")?;
    write(&tree, "etc/dnf/vars/releasever", "9\n")?;
    write(&tree, "usr/lib/systemd/system-preset/99-default-disable.preset", "disable *\n")?;
    fs::create_dir_all(tree.join("etc/yum.repos.d"))?;
    write(&tree, "etc/machine-id", "")?;
    write(&tree, "etc/hostname", "onedesk-test\n")?;
    write(&tree, "etc/hosts", "127.0.0.1 localhost onedesk-test\n::1 localhost\n")?;
    fs::write(stamp, wanted)?;
    Ok(tree)
}

fn write(tree: &Path, path: &str, text: &str) -> Result<()> {
    let file = tree.join(path);
    fs::create_dir_all(file.parent().context("a file has a folder")?)?;
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// The release of this machine: the guest runs programs that were linked here.
fn codename() -> Result<String> {
    let os_release = fs::read_to_string("/etc/os-release")?;
    let name = os_release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).context("os-release has no VERSION_CODENAME")?;
    Ok(name.trim_matches('"').to_owned())
}

/// Where this machine gets its packages from.
fn sources() -> &'static str {
    let deb822 = "/etc/apt/sources.list.d/debian.sources";
    if Path::new(deb822).exists() { deb822 } else { "/etc/apt/sources.list" }
}
