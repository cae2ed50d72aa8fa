//! What this machine has and lacks: finds missing tools and installs them by the system's own package manager.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::command::{command, found, quiet, shown};

/// A tool, and the package that brings it. A `program` with a slash is a file that must be there, one that begins
/// with `python:` a module of python3; of several with `|` between them one is enough.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    program: &'static str,
    debian: &'static str,
    fedora: &'static str,
}

const fn tool(program: &'static str, debian: &'static str, fedora: &'static str) -> Tool {
    Tool { program, debian, fedora }
}

/// For any build: aws-lc and SQLite are C.
pub const BUILD: &[Tool] =
    &[tool("cc", "gcc", "gcc"), tool("c++", "g++", "gcc-c++"), tool("make", "make", "make"), tool("git", "git", "git")];

/// For the independent OpenID provider that the integration tests talk to.
pub const NODE: &[Tool] = &[tool("node", "nodejs", "nodejs"), tool("npm", "npm", "nodejs-npm")];

/// For the pages in real browsers, by https too, and the fonts that its pictures are written in.
pub const BROWSER: &[Tool] = &[
    tool("openssl", "openssl", "openssl"),
    tool("/usr/bin/chromium|/usr/bin/chromium-browser", "chromium", "chromium"),
    tool("/usr/bin/firefox-esr|/usr/bin/firefox", "firefox-esr", "firefox"),
    tool("/usr/share/fonts/truetype/dejavu|/usr/share/fonts/dejavu-sans-fonts", "fonts-dejavu-core", "dejavu-sans-fonts"),
];

/// For the web servers that ask `/sso/check`, the mail servers that `onedeskctl check` looks at, and for what the integration tests
/// run as somebody else.
pub const SERVERS: &[Tool] = &[
    tool("/usr/sbin/nginx", "nginx-light", "nginx"),
    tool("/usr/sbin/apache2|/usr/sbin/httpd", "apache2-bin", "httpd"),
    tool("/usr/sbin/dovecot", "dovecot-core", "dovecot"),
    tool("/usr/lib/dovecot/imap-login|/usr/libexec/dovecot/imap-login", "dovecot-imapd", "dovecot"),
    tool("/usr/lib/dovecot/pop3-login|/usr/libexec/dovecot/pop3-login", "dovecot-pop3d", "dovecot"),
    tool("/usr/sbin/postfix", "postfix", "postfix"),
    tool("setpriv", "util-linux", "util-linux"),
    tool("unshare", "util-linux", "util-linux"),
];

/// For the figures of single sign-on: the relying party that ours is measured beside.
pub const PEERS: &[Tool] = &[
    tool("/usr/sbin/apache2|/usr/sbin/httpd", "apache2-bin", "httpd"),
    tool(
        "/usr/lib/apache2/modules/mod_auth_openidc.so|/usr/lib64/httpd/modules/mod_auth_openidc.so",
        "libapache2-mod-auth-openidc",
        "mod_auth_openidc",
    ),
];

/// The shells whose completions are tried.
pub const SHELLS: &[Tool] = &[tool("bash", "bash", "bash"), tool("zsh", "zsh", "zsh"), tool("fish", "fish", "fish")];

/// For RPMs and the signed repository.
pub const PACKAGE: &[Tool] = &[
    tool("rpmbuild", "rpm", "rpm-build"),
    tool("rpmsign", "rpm", "rpm-sign"),
    tool("createrepo_c", "createrepo-c", "createrepo_c"),
    tool("gpg", "gnupg", "gnupg2"),
    tool("objdump", "binutils", "binutils"),
];

/// For building against the oldest promised glibc where the machine's own is newer.
pub const ZIG: &[Tool] = &[tool("python3", "python3", "python3"), tool("python:ensurepip", "python3-venv", "python3")];

/// For the checks of units, policy, pages of the manual and scripts.
pub const LINT: &[Tool] = &[
    tool("rpmlint", "rpmlint", "rpmlint"),
    tool("mandoc", "mandoc", "mandoc"),
    tool("shellcheck", "shellcheck", "ShellCheck"),
    tool("promtool", "prometheus", "golang-github-prometheus"),
    tool("systemd-analyze", "systemd", "systemd"),
    tool("firewall-offline-cmd", "firewalld", "firewalld"),
    tool("checkmodule", "checkpolicy", "checkpolicy"),
    tool("semodule_package", "semodule-utils", "policycoreutils"),
    tool("/usr/share/selinux/devel/Makefile", "selinux-policy-dev", "selinux-policy-devel"),
];

/// For a booted systemd in a container.
pub const BOOT: &[Tool] = &[
    tool("systemd-nspawn", "systemd-container", "systemd-container"),
    tool("mmdebstrap", "mmdebstrap", "mmdebstrap"),
    tool("nsenter", "util-linux", "util-linux"),
    tool("pgrep", "procps", "procps-ng"),
    tool("openssl", "openssl", "openssl"),
];

/// For a booted system with its own kernel.
pub const VM: &[Tool] = &[
    tool("qemu-system-x86_64", "qemu-system-x86", "qemu-system-x86-core"),
    tool("mke2fs", "e2fsprogs", "e2fsprogs"),
    tool("setfiles", "policycoreutils", "policycoreutils"),
];

/// The families whose package names are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Debian and what derives from it.
    Debian,
    /// Fedora, EL and what derives from them.
    Fedora,
}

/// The family of this machine, by os-release(5).
pub fn family() -> Option<Family> {
    family_of(&fs::read_to_string("/etc/os-release").unwrap_or_default())
}

fn family_of(os_release: &str) -> Option<Family> {
    let ids: Vec<&str> = os_release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or_else(|| line.strip_prefix("ID_LIKE=")))
        .flat_map(|value| value.trim_matches('"').split_whitespace())
        .collect();
    if ids.contains(&"debian") {
        Some(Family::Debian)
    } else if ids.contains(&"fedora") || ids.contains(&"rhel") {
        Some(Family::Fedora)
    } else {
        None
    }
}

/// Whether we are root.
pub fn is_root() -> bool {
    quiet(&mut command("id", ["-u"])).is_ok_and(|uid| uid.trim() == "0")
}

/// Installs what of `tools` is missing, and nothing else.
///
/// # Errors
/// Without root, with the command that root has to run.
pub fn ensure(tools: &[&[Tool]]) -> Result<()> {
    let missing: Vec<&Tool> = tools.iter().flat_map(|list| list.iter()).filter(|tool| !present(tool)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let Some(family) = family() else {
        let programs: Vec<&str> = missing.iter().map(|tool| tool.program).collect();
        bail!("this system's package names are not known: please install {}", programs.join(", "));
    };
    let mut packages: Vec<&str> = missing
        .iter()
        .map(|tool| match family {
            Family::Debian => tool.debian,
            Family::Fedora => tool.fedora,
        })
        .collect();
    packages.sort_unstable();
    packages.dedup();
    let list = packages.join(" ");
    match (family, is_root()) {
        (Family::Debian, false) => bail!("please run as root: apt-get update && apt-get install -y --no-install-recommends {list}"),
        (Family::Fedora, false) => bail!("please run as root: dnf install -y {list}"),
        (Family::Debian, true) => {
            println!("installing {list}");
            quiet(&mut command("apt-get", ["update", "-qq"]))?;
            let mut install = command("apt-get", ["install", "-qq", "-y", "--no-install-recommends"]);
            quiet(install.args(&packages).env("DEBIAN_FRONTEND", "noninteractive"))?;
        }
        (Family::Fedora, true) => {
            println!("installing {list}");
            shown(command("dnf", ["install", "-q", "-y"]).args(&packages))?;
        }
    }
    let still: Vec<&str> = missing.iter().filter(|tool| !present(tool)).map(|tool| tool.program).collect();
    if !still.is_empty() {
        bail!("{list} installed, but {} is still missing", still.join(", "));
    }
    Ok(())
}

fn present(tool: &Tool) -> bool {
    tool.program.split('|').any(|program| match program.strip_prefix("python:") {
        Some(module) => quiet(&mut command("python3", ["-c", &format!("import {module}")])).is_ok(),
        None if program.contains('/') => Path::new(program).exists(),
        None => found(program),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_recognised_by_its_own_name_or_by_what_it_is_like() {
        for (os_release, expected) in [
            ("ID=debian\n", Some(Family::Debian)),
            ("ID=ubuntu\nID_LIKE=debian\n", Some(Family::Debian)),
            ("ID=fedora\n", Some(Family::Fedora)),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", Some(Family::Fedora)),
            ("ID=alpine\n", None),
            ("", None),
        ] {
            assert_eq!(family_of(os_release), expected, "{os_release}");
        }
    }
}
