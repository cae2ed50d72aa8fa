//! [`Notifier`]: what we tell the service manager (sd_notify(3)), and the descriptors that it keeps for us over a restart.

use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use sd_notify::{NotifyState, notify, notify_with_fds};

/// A manager that takes longer is busy; what we told it is not lost.
const HEARD_IN: Duration = Duration::from_secs(2);

/// The way to the service manager. Without one (`NOTIFY_SOCKET` absent) every call does nothing; so does the default one.
///
/// A message that cannot be sent is logged and forgotten: the service goes on, and a watchdog that hears nothing acts.
#[derive(Debug, Clone, Default)]
pub struct Notifier {
    managed: bool,
}

impl Notifier {
    /// The way that the environment names; it must stay as it is, each message is sent to where it points then.
    ///
    /// # Errors
    /// When `NOTIFY_SOCKET` is no absolute path. systemd gives its services one; an abstract address would hear nothing.
    pub fn from_environment() -> io::Result<Self> {
        match std::env::var_os("NOTIFY_SOCKET") {
            None => Ok(Self::default()),
            Some(path) if Path::new(&path).is_absolute() => Ok(Self { managed: true }),
            Some(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, "NOTIFY_SOCKET is no absolute path")),
        }
    }

    /// How often the watchdog wants to hear from us: at half its patience (`WATCHDOG_USEC`), as sd_watchdog_enabled(3)
    /// advises. Nothing = there is none, or it watches another process.
    pub fn watchdog_interval(&self) -> Option<Duration> {
        let patience = sd_notify::watchdog_enabled().filter(|patience| self.managed && !patience.is_zero())?;
        Some(patience / 2)
    }

    /// Listeners and store serve; also the end of a reload.
    pub fn ready(&self, words: &str) {
        self.tell(|| notify(&[NotifyState::Ready, NotifyState::Status(&one_line(words))]));
    }

    /// The state in words, for `systemctl status`.
    pub fn status(&self, words: &str) {
        self.tell(|| notify(&[NotifyState::Status(&one_line(words))]));
    }

    /// A reload begins; it ends with [`Notifier::ready`].
    pub fn reloading(&self) {
        // systemd orders this against its own request by CLOCK_MONOTONIC (sd_notify(3), RELOADING=1).
        self.tell(|| notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?]));
    }

    /// The soft stop has begun.
    pub fn stopping(&self) {
        self.tell(|| notify(&[NotifyState::Stopping, NotifyState::Status("finishing requests in hand")]));
    }

    /// Starting (a long migration) or stopping takes up to `by` longer, from now; 71 minutes at most.
    pub fn extend_timeout(&self, by: Duration) {
        let microseconds = u32::try_from(by.as_micros()).unwrap_or(u32::MAX);
        self.tell(|| notify(&[NotifyState::ExtendTimeoutUsec(microseconds)]));
    }

    /// One sign of life; only [`super::watchdog`] gives it.
    pub(in crate::system) fn alive(&self) {
        self.tell(|| notify(&[NotifyState::Watchdog]));
    }

    /// Gives the service manager a listener to keep over a restart; one that it has already is kept once.
    pub fn store(&self, name: &str, descriptor: &impl AsFd) {
        self.tell(|| notify_with_fds(&[NotifyState::FdStore, NotifyState::FdName(name)], &[descriptor.as_fd()]));
    }

    /// Makes the service manager forget the listeners of that name.
    pub fn forget(&self, name: &str) {
        self.tell(|| notify(&[NotifyState::FdStoreRemove, NotifyState::FdName(name)]));
    }

    /// Waits until the service manager has heard everything so far (`BARRIER=1`, sd_notify(3)), at most [`HEARD_IN`].
    pub fn settle(&self) {
        self.tell(|| {
            // The manager closes its end when it comes to this message; our end then reads the end of the stream.
            let (mut ours, theirs) = UnixStream::pair()?;
            notify_with_fds(&[NotifyState::Custom("BARRIER=1")], &[theirs.as_fd()])?;
            drop(theirs);
            ours.set_read_timeout(Some(HEARD_IN))?;
            ours.read(&mut [0]).map(drop)
        });
    }

    fn tell(&self, message: impl FnOnce() -> io::Result<()>) {
        if !self.managed {
            return;
        }
        if let Err(error) = message() {
            log::warn!(ONEDESK_CAUSE = error.to_string().as_str(); "the service manager does not hear us");
        }
    }
}

/// `STATUS=` takes one line.
fn one_line(words: &str) -> String {
    words.replace(char::is_control, " ")
}

#[cfg(test)]
pub(in crate::system) mod tests {
    use super::*;
    use crate::system::child::in_a_child;
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixAddr, recvmsg};
    use std::io::IoSliceMut;
    use std::net::TcpListener;
    use std::os::fd::{AsRawFd, RawFd};
    use std::os::unix::net::UnixDatagram;

    /// In a child of its own, `test` gets the service manager's end and ours; elsewhere it is rerun in such a child.
    pub(in crate::system) fn line(test: &str) -> Option<(UnixDatagram, Notifier)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        if !in_a_child(test, &[("NOTIFY_SOCKET", path.as_os_str()), ("WATCHDOG_USEC", "30000000".as_ref())]) {
            return None;
        }
        let manager = UnixDatagram::bind(std::env::var_os("NOTIFY_SOCKET").unwrap()).unwrap();
        Some((manager, Notifier::from_environment().unwrap()))
    }

    fn heard(manager: &UnixDatagram) -> String {
        let mut buffer = [0; 512];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn each_step_of_life_is_told_in_the_words_of_sd_notify() {
        let Some((manager, notifier)) = line("system::notify::tests::each_step_of_life_is_told_in_the_words_of_sd_notify") else { return };
        notifier.ready("2 mailboxes healthy");
        assert_eq!(heard(&manager), "READY=1\nSTATUS=2 mailboxes healthy\n");
        notifier.status("two\nlines");
        assert_eq!(heard(&manager), "STATUS=two lines\n");
        notifier.extend_timeout(Duration::from_secs(60));
        assert_eq!(heard(&manager), "EXTEND_TIMEOUT_USEC=60000000\n");
        notifier.alive();
        assert_eq!(heard(&manager), "WATCHDOG=1\n");
        notifier.stopping();
        assert_eq!(heard(&manager), "STOPPING=1\nSTATUS=finishing requests in hand\n");
        notifier.forget("http");
        assert_eq!(heard(&manager), "FDSTOREREMOVE=1\nFDNAME=http\n");
    }

    #[test]
    fn a_reload_carries_the_monotonic_time() {
        let Some((manager, notifier)) = line("system::notify::tests::a_reload_carries_the_monotonic_time") else { return };
        notifier.reloading();
        let message = heard(&manager);
        let time = message.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|rest| rest.trim_end().parse::<u64>().ok());
        assert!(time.is_some_and(|time| time > 0), "{message}");
    }

    /// The next message and the descriptors that came with it.
    fn received(manager: &UnixDatagram) -> (String, Vec<RawFd>) {
        let mut text = [0; 512];
        let mut room = nix::cmsg_space!([RawFd; 1]);
        let mut slices = [IoSliceMut::new(&mut text)];
        let message = recvmsg::<UnixAddr>(manager.as_raw_fd(), &mut slices, Some(&mut room), MsgFlags::empty()).unwrap();
        let rights = |control| if let ControlMessageOwned::ScmRights(descriptors) = control { descriptors } else { Vec::new() };
        let descriptors = message.cmsgs().unwrap().flat_map(rights).collect();
        let length = message.bytes;
        (String::from_utf8(text[..length].to_vec()).unwrap(), descriptors)
    }

    #[test]
    fn a_stored_listener_travels_with_its_name() {
        let Some((manager, notifier)) = line("system::notify::tests::a_stored_listener_travels_with_its_name") else { return };
        notifier.store("http", &TcpListener::bind("127.0.0.1:0").unwrap());
        let (message, descriptors) = received(&manager);
        assert_eq!((message.as_str(), descriptors.len()), ("FDSTORE=1\nFDNAME=http\n", 1));
    }

    #[test]
    fn settling_waits_until_the_manager_has_come_to_the_barrier() {
        let Some((manager, notifier)) = line("system::notify::tests::settling_waits_until_the_manager_has_come_to_the_barrier") else {
            return;
        };
        let (settled, order) = std::sync::mpsc::channel();
        let waiting = std::thread::spawn({
            let settled = settled.clone();
            move || {
                notifier.settle();
                settled.send("settled").unwrap();
            }
        });
        let (message, descriptors) = received(&manager);
        assert_eq!((message.as_str(), descriptors.len()), ("BARRIER=1\n", 1));
        settled.send("heard").unwrap();
        nix::unistd::close(descriptors[0]).unwrap();
        waiting.join().unwrap();
        assert_eq!(order.try_iter().collect::<Vec<_>>(), ["heard", "settled"]);
    }

    #[test]
    fn without_a_service_manager_nothing_happens() {
        let notifier = Notifier::default();
        notifier.ready("serving");
        notifier.reloading();
        assert_eq!(notifier.watchdog_interval(), None);
    }

    #[test]
    fn a_watchdog_without_patience_is_none() {
        let variables = [("NOTIFY_SOCKET", "/run/notify".as_ref()), ("WATCHDOG_USEC", "0".as_ref())];
        if in_a_child("system::notify::tests::a_watchdog_without_patience_is_none", &variables) {
            assert_eq!(Notifier::from_environment().unwrap().watchdog_interval(), None);
        }
    }

    #[test]
    fn an_address_that_would_never_hear_us_is_refused() {
        if in_a_child("system::notify::tests::an_address_that_would_never_hear_us_is_refused", &[("NOTIFY_SOCKET", "@abstract".as_ref())]) {
            assert_eq!(Notifier::from_environment().unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }
}
