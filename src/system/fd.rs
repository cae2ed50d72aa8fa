//! Descriptors that the service manager hands over at the start (sd_listen_fds(3)). The one module with `unsafe`: a
//! descriptor known by its number has no owner until somebody vouches for it.

#![expect(unsafe_code, reason = "adopting descriptors by number, and a prctl that nix lacks")]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc;

/// What the service manager passed: descriptors with their names (`FDNAMES`), each closed when it is dropped.
#[derive(Debug, Default)]
pub struct Inherited(pub(in crate::system) Vec<(String, OwnedFd)>);

impl Inherited {
    /// Adopts what the service manager passed to this process; a second call gets nothing. Variables that are for another
    /// process, or contradict themselves or the open descriptors, pass nothing.
    ///
    /// Call it before anything else opens a descriptor. The variables may stay in the environment: `LISTEN_PID` names this
    /// process alone, and the descriptors are closed on exec, so no child can mistake them for its own.
    pub fn adopt() -> Self {
        /// Soundness, not state: a number may get one owner only.
        static ADOPTED: AtomicBool = AtomicBool::new(false);
        if ADOPTED.swap(true, Ordering::SeqCst) {
            return Self::default();
        }
        let passed = sd_notify::listen_fds_with_names().into_iter().flatten();
        // SAFETY: each number is of an open descriptor: `listen_fds_with_names` has set each to be closed on exec, or failed.
        // The service manager opened it for this process (LISTEN_PID) before it began, and the swap above gives each number
        // away once, so nobody else owns it.
        Self(passed.map(|(number, name)| (name, unsafe { OwnedFd::from_raw_fd(number) })).collect())
    }
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
    use crate::system::child::passed;
    use std::net::TcpListener;
    use std::process::{Command, Stdio};

    /// The other half of the tests below, which start this binary anew with a listener as descriptor 3.
    #[test]
    fn adopted_in_a_child() {
        let Ok(expected) = std::env::var("EXPECTED") else { return };
        let inherited = Inherited::adopt().0.into_iter();
        let found: Vec<_> =
            inherited.map(|(name, listener)| format!("{name} {}", TcpListener::from(listener).local_addr().unwrap())).collect();
        assert_eq!(found.join(","), expected);
        assert!(Inherited::adopt().0.is_empty());
    }

    /// Passes `listener` to a child, with `LISTEN_PID` as `pid` (words of a shell), and expects it to adopt `expected`.
    fn pass(listener: TcpListener, pid: &str, names: &str, expected: &str) {
        let script = format!(r#"export LISTEN_PID={pid}; exec "$0" "$@" 3<&0"#);
        passed(
            Command::new("sh")
                .args(["-c", &script])
                .arg(std::env::current_exe().unwrap())
                .args(["--exact", "system::fd::tests::adopted_in_a_child"])
                .envs([("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", names), ("EXPECTED", expected)])
                .stdin(Stdio::from(OwnedFd::from(listener))),
        );
    }

    #[test]
    fn a_listener_passed_by_the_service_manager_is_adopted_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let expected = format!("http {}", listener.local_addr().unwrap());
        pass(listener, "$$", "http", &expected);
    }

    #[test]
    fn variables_of_another_process_or_of_nonsense_pass_nothing() {
        for (pid, names) in [("1", "http"), ("nonsense", "http"), ("$$", "http:metrics")] {
            pass(TcpListener::bind("127.0.0.1:0").unwrap(), pid, names, "");
        }
    }
}
