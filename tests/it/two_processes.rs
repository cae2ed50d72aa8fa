//! The root helper and the unprivileged daemon as two processes, as an installed host runs them. In a mount namespace of their own,
//! since the helper's socket has its fixed place below `/run`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use entra_sim::{CLIENT_ID, SECOND_SECRET, SECRET};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::{Daemon, SUPPORT, Site, World};

const NOBODY: u32 = 65_534;

/// Becomes the daemon, as nobody; the helper beside it runs as root.
const BOTH: &str = "mount -t tmpfs -o mode=755 none /run && mkdir /run/onedesk-credentials || exit 1
env -u NOTIFY_SOCKET \"$0/onedesk-credentials\" --file \"$0/root/.OneDesk\" --user nobody & echo $! > \"$0/helper.pid\"
exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$0/onedeskd\" --config \"$0/onedeskd.toml\"";

fn both(site: &Site) -> Command {
    let mut command = Command::new("/usr/bin/unshare");
    command.args(["--mount", "/bin/sh", "-c", BOTH]).arg(site.folder());
    command
}

/// Ends the helper with the test, however that ends.
struct Helper(Pid);

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGTERM);
    }
}

/// Puts a program where nobody may run it: the build folder may be closed to others.
fn install(site: &Site, program: &str) {
    let to = site.path(Path::new(program).file_name().unwrap().to_str().unwrap());
    if fs::hard_link(program, &to).is_err() {
        fs::copy(program, to).unwrap();
    }
}

fn write(file: &PathBuf, secret: &str) {
    fs::write(file, format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS={secret}\n")).unwrap();
    fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn the_helper_hands_over_a_file_that_the_daemon_could_not_read() {
    let (simulator, mut site) = World::apart();
    site.unset("credentials.file");
    install(&site, env!("CARGO_BIN_EXE_onedeskd"));
    install(&site, env!("CARGO_BIN_EXE_onedesk-credentials"));
    let file = site.path("root/.OneDesk");
    fs::create_dir(site.path("root")).unwrap();
    fs::set_permissions(site.path("root"), Permissions::from_mode(0o700)).unwrap();
    write(&file, SECRET);
    chown(site.folder(), Some(NOBODY), None).unwrap();

    let world = World { daemon: Daemon::start_by(site, both), simulator };
    let helper = fs::read_to_string(world.daemon.site.path("helper.pid")).unwrap();
    let _helper = Helper(Pid::from_raw(helper.trim().parse().unwrap()));
    let owner = fs::read_to_string(format!("/proc/{}/status", world.daemon.pid())).unwrap();
    assert!(owner.contains(&format!("Uid:\t{NOBODY}\t{NOBODY}\t{NOBODY}\t{NOBODY}")), "{owner}");
    let verified =
        |what: &str| world.daemon.wait_for_status(what, |status| status["state"] == "ready" && status["credentials"]["verified"] == "yes");
    let before = verified("handed over")["credentials"]["changed_at"].clone();
    world.connect(SUPPORT);

    write(&file, SECOND_SECRET);
    world.daemon.wait_for_status("the new secret", |status| status["credentials"]["changed_at"] != before);
    verified("the new secret is verified");
    fs::remove_file(&file).unwrap();
    world
        .daemon
        .wait_for_status("stale", |status| status["state"] == "stale" && status["credentials"]["problem"]["code"] == "file_missing");
    world.good_token(SUPPORT, "imap");
    write(&file, SECRET);
    verified("back");
}
