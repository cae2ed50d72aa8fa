//! `onedeskctl setup` on an installed host: its own paths, a service manager, the root helper and the daemon as the user onedesk. In
//! namespaces of their own, since all of that has its fixed place.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use entra_sim::{CLIENT_ID, SECRET};

use super::screen::Screen;
use crate::harness::{Site, World};

/// The user onedesk of this host.
const ONEDESK: u32 = 65_533;

/// The host: `$0` is a folder with the programs, the settings and the secret; `$1` and `$2` are the answers.
const HOST: &str = r#"set -eu
cd "$0"
mkdir etc && cp -a /etc/passwd /etc/group /etc/nsswitch.conf /etc/hosts etc/ && mkdir etc/onedesk
echo 'onedesk:x:65533:65533::/:/bin/false' >> etc/passwd
echo 'onedesk:x:65533:' >> etc/group
install -m 0640 onedeskd.toml etc/onedesk/onedeskd.toml && chgrp 65533 etc/onedesk/onedeskd.toml
mount --bind etc /etc
mount -t tmpfs -o mode=755 none /run && mkdir -p /run/systemd/system
mount -t tmpfs -o mode=700 none /root
printf 'OTHER=kept\n' > /root/.OneDesk && chmod 0644 /root/.OneDesk
export PATH="$0:$PATH"
set +e
onedeskctl setup --non-interactive --public-url "$1" --client-id "$2" --client-secret-file - < secret
echo "ended with $?"
stat -c '%n %U %G %a' /root/.OneDesk /etc/onedesk/onedeskd.toml
onedeskctl setup --non-interactive
echo "ended with $?"
onedeskctl --config /etc/onedesk/onedeskd.toml status > /dev/null
echo "status $?"
cat asked
grep -c '^OTHER=kept$' /root/.OneDesk
"#;

/// Starts both services, as theirs units would.
const SYSTEMCTL: &str = r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "systemctl $*" >> asked
[ "$*" = 'enable --now onedeskd.service' ] || exit 1
[ ! -e started ] || exit 0
: > started
mkdir /run/onedesk-credentials
./onedesk-credentials --file /root/.OneDesk --user onedesk < /dev/null > helper.log 2>&1 &
setpriv --reuid 65533 --regid 65533 --clear-groups ./onedeskd < /dev/null > log 2>&1 &
"#;

fn install(site: &Site, program: &str) {
    fs::copy(program, site.path(Path::new(program).file_name().unwrap().to_str().unwrap())).unwrap();
}

#[test]
fn an_installed_host_is_set_up_and_started_by_one_command() {
    let (simulator, mut site) = World::apart();
    let origin = site.origin();
    site.unset("public_url");
    site.unset("credentials.file");
    for program in [env!("CARGO_BIN_EXE_onedeskctl"), env!("CARGO_BIN_EXE_onedeskd"), env!("CARGO_BIN_EXE_onedesk-credentials")] {
        install(&site, program);
    }
    fs::write(site.path("systemctl"), SYSTEMCTL).unwrap();
    fs::set_permissions(site.path("systemctl"), Permissions::from_mode(0o755)).unwrap();
    fs::write(site.path("secret"), SECRET).unwrap();
    chown(site.folder(), Some(ONEDESK), None).unwrap();
    // The end of the first process of the namespace is the end of all.
    let mut host = Command::new("/usr/bin/unshare");
    host.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "/bin/sh", "-c", HOST]);
    let output = host.arg(site.folder()).args([&origin, CLIENT_ID]).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let log = fs::read_to_string(site.path("log")).unwrap_or_default();
    let expected = format!(
        "changed: /root/.OneDesk, /etc/onedesk/onedeskd.toml\nOneDesk runs and is ready.\n{NEXT}ended with 0\n\
         /root/.OneDesk root root 600\n/etc/onedesk/onedeskd.toml root onedesk 640\n\
         unchanged: both files hold these answers already.\nOneDesk runs and is ready.\n{NEXT}ended with 0\nstatus 0\n\
         systemctl enable --now onedeskd.service\nsystemctl enable --now onedeskd.service\n1\n"
    );
    assert_eq!(out, expected, "{err}\n{log}");
    assert!(!err.contains(SECRET), "{err}");
    assert_eq!(simulator.violations(), []);
}

const NEXT: &str = "Next: onedeskctl check\nThen: onedeskctl mailbox connect ADDRESS, which prints a link for whoever can sign in as it.\n";

#[test]
fn ctrl_c_while_a_service_does_not_come_up_says_what_is_done_and_what_is_not() {
    let (_simulator, mut site) = World::apart();
    let origin = site.origin();
    site.unset("public_url");
    site.unset("credentials.file");
    install(&site, env!("CARGO_BIN_EXE_onedeskctl"));
    // It says that all is well, and starts nothing.
    fs::write(site.path("systemctl"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(site.path("systemctl"), Permissions::from_mode(0o755)).unwrap();
    fs::write(site.path("secret"), SECRET).unwrap();
    // The terminal's Ctrl-C is for onedeskctl alone, as it is where no script stands around it.
    let before = HOST.split("set +e").next().unwrap();
    let script = format!("{before} exec onedeskctl setup --public-url \"$1\" --client-id \"$2\" --client-secret-file secret");
    let mut host = Command::new("/usr/bin/unshare");
    host.args(["--mount", "/bin/sh", "-c", &script]).arg(site.folder()).args([&origin, CLIENT_ID]);
    let mut screen = Screen::running(host);
    screen.see("Write this? [Y/n] ").enter("y").see("Starting the service.").see("Waiting until the service has taken these answers.");
    let (code, shown) = screen.interrupt().end();
    assert_eq!(code, 1, "{shown}");
    assert!(screen.all.contains("changed: /root/.OneDesk, /etc/onedesk/onedeskd.toml"), "{shown}");
    assert!(screen.all.contains("interrupted: the files are written; the service does not answer yet"), "{shown}");
    assert!(screen.all.contains("systemctl enable --now onedeskd.service"), "{shown}");
}
