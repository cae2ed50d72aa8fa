//! Descriptors that the service manager hands over at the start (sd_listen_fds(3)). The one module with `unsafe`: a
//! descriptor known by its number has no owner until somebody vouches for it.

#![expect(unsafe_code, reason = "adopting descriptors by number, and a prctl that nix lacks")]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc;

/// The first descriptor that the service manager passes (`SD_LISTEN_FDS_START`).
const FIRST: RawFd = 3;
/// More than any unit of ours passes: a forged variable costs a bounded loop.
const MOST: RawFd = 64;

/// What the service manager passed: descriptors with their names (`FDNAMES`), each closed when it is dropped.
#[derive(Debug, Default)]
pub struct Inherited(pub(in crate::system) Vec<(String, OwnedFd)>);

impl Inherited {
    /// Adopts what the service manager passed to this process; a second call gets nothing.
    ///
    /// Call it before anything else opens a descriptor. The variables may stay in the environment: `LISTEN_PID` names this
    /// process alone, and the descriptors are closed on exec, so no child can mistake them for its own.
    pub fn adopt() -> Self {
        let variable = |name| std::env::var(name).ok();
        let passed = announced(
            variable("LISTEN_PID").as_deref(),
            variable("LISTEN_FDS").as_deref(),
            variable("LISTEN_FDNAMES").as_deref(),
            std::process::id(),
        );
        /// Soundness, not state: a number may get one owner only.
        static ADOPTED: AtomicBool = AtomicBool::new(false);
        if ADOPTED.swap(true, Ordering::SeqCst) {
            return Self::default();
        }
        Self(passed.into_iter().filter_map(|(name, number)| Some((name, own(number)?))).collect())
    }
}

/// Names and numbers that the variables announce to process `pid`.
fn announced(listen_pid: Option<&str>, listen_fds: Option<&str>, names: Option<&str>, pid: u32) -> Vec<(String, RawFd)> {
    if listen_pid.and_then(|text| text.parse().ok()) != Some(pid) {
        return Vec::new();
    }
    let count = listen_fds.and_then(|text| text.parse::<RawFd>().ok()).unwrap_or(0).clamp(0, MOST);
    let mut names = names.unwrap_or_default().split(':');
    (FIRST..FIRST + count).map(|number| (names.next().unwrap_or_default().to_owned(), number)).collect()
}

/// Takes `number` over if it is open, and closes it on exec from now on.
fn own(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: F_SETFD touches no memory; on a number that is not open it fails with EBADF.
    let set = unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    if set == -1 {
        return None;
    }
    // SAFETY: the call above shows that the descriptor is open. The service manager opened it for this process (LISTEN_PID)
    // before it began, and `adopt` gives each number away once, so nobody else owns it.
    Some(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Keeps this process's memory out of core dumps and from other processes of the same user (`PR_SET_DUMPABLE`, prctl(2)).
///
/// # Errors
/// None that is known; whatever the kernel says.
pub fn forbid_dumps() -> io::Result<()> {
    // SAFETY: PR_SET_DUMPABLE takes plain numbers and touches no memory of ours.
    match unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::process::{Command, Stdio};

    #[test]
    fn variables_of_another_process_or_of_nonsense_announce_nothing() {
        for (pid, count) in [(None, Some("1")), (Some("8"), Some("1")), (Some("7"), None), (Some("7"), Some("x")), (Some("7"), Some("-1"))]
        {
            assert!(announced(pid, count, Some("http"), 7).is_empty(), "{pid:?} {count:?}");
        }
        assert_eq!(announced(Some("7"), Some("99999999"), None, 7).len(), 64);
        assert_eq!(announced(Some("7"), Some("2"), Some("http"), 7), [("http".to_owned(), 3), (String::new(), 4)]);
    }

    /// The other half of the test below, which starts this binary anew with a listener as descriptor 3.
    #[test]
    fn adopted_in_a_child() {
        let Ok(expected) = std::env::var("EXPECTED_ADDRESS") else { return };
        let inherited = Inherited::adopt();
        let [(name, descriptor)] = <[_; 1]>::try_from(inherited.0).unwrap();
        assert_eq!(name, "http");
        let listener = TcpListener::from(descriptor);
        assert_eq!(listener.local_addr().unwrap().to_string(), expected);
        assert!(Inherited::adopt().0.is_empty());
    }

    #[test]
    fn a_listener_passed_by_the_service_manager_is_adopted_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let answer = Command::new("sh")
            .args(["-c", r#"export LISTEN_PID=$$; exec "$0" "$@" 3<&0"#])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "system::fd::tests::adopted_in_a_child"])
            .env("LISTEN_FDS", "1")
            .env("LISTEN_FDNAMES", "http")
            .env("EXPECTED_ADDRESS", address)
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&answer.stdout);
        assert!(answer.status.success() && said.contains("1 passed"), "{said}");
    }
}
