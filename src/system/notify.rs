//! [`Notifier`]: what we tell the service manager (sd_notify(3)), and the descriptors that it keeps for us over a restart.

use std::ffi::OsString;
use std::io::{self, IoSlice, Read as _};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};
use nix::time::{ClockId, clock_gettime};

/// A manager that takes longer is busy; what we told it is not lost.
const HEARD_IN: Duration = Duration::from_secs(2);

/// The way to the service manager. Without one (`NOTIFY_SOCKET` absent) every call does nothing. Cheap to clone.
///
/// A message that cannot be sent is logged and forgotten: the service goes on, and a watchdog that hears nothing acts.
#[derive(Clone, Default)]
pub struct Notifier(Option<Arc<Line>>);

struct Line {
    address: SocketAddr,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// The line that the environment names: `NOTIFY_SOCKET`, and `WATCHDOG_USEC` if it is for this process.
    ///
    /// # Errors
    /// When the address cannot be one of a socket.
    pub fn from_environment() -> io::Result<Self> {
        let Some(address) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(Self::default()) };
        let variable = |name| std::env::var(name).ok();
        let watchdog = watchdog_interval(variable("WATCHDOG_USEC").as_deref(), variable("WATCHDOG_PID").as_deref(), std::process::id());
        Self::to(address, watchdog)
    }

    /// A line to `address`: a path, or `@name` for an abstract one.
    pub(in crate::system) fn to(address: OsString, watchdog: Option<Duration>) -> io::Result<Self> {
        let address = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(OsString::from_vec(address.into_vec()))?,
        };
        Ok(Self(Some(Arc::new(Line { address, watchdog }))))
    }

    /// How often the watchdog wants to hear from us (`WATCHDOG_USEC`); nothing = it does not.
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.0.as_ref()?.watchdog
    }

    /// Listeners and store serve; also the end of a reload.
    pub fn ready(&self, words: &str) {
        self.send(&format!("READY=1\n{}", status_line(words)), &[]);
    }

    /// The state in words, for `systemctl status`.
    pub fn status(&self, words: &str) {
        self.send(&status_line(words), &[]);
    }

    /// A reload begins; it ends with [`Notifier::ready`].
    pub fn reloading(&self) {
        // systemd orders this against its own request by CLOCK_MONOTONIC (sd_notify(3), RELOADING=1).
        let Ok(now) = clock_gettime(ClockId::CLOCK_MONOTONIC) else { return };
        let microseconds = Duration::from(now).as_micros();
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}\n"), &[]);
    }

    /// The soft stop has begun.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=finishing requests in hand\n", &[]);
    }

    /// Starting (a long migration) or stopping takes up to `by` longer, from now.
    pub fn extend_timeout(&self, by: Duration) {
        self.send(&format!("EXTEND_TIMEOUT_USEC={}\n", by.as_micros()), &[]);
    }

    /// One sign of life; only [`super::watchdog`] gives it.
    pub(in crate::system) fn alive(&self) {
        self.send("WATCHDOG=1\n", &[]);
    }

    /// Gives the service manager a listener to keep over a restart; one that it has already is kept once.
    pub fn store(&self, name: &str, descriptor: &impl AsFd) {
        self.send(&format!("FDSTORE=1\nFDNAME={name}\n"), &[descriptor.as_fd()]);
    }

    /// Makes the service manager forget the listeners of that name.
    pub fn forget(&self, name: &str) {
        self.send(&format!("FDSTOREREMOVE=1\nFDNAME={name}\n"), &[]);
    }

    /// Waits until the service manager has heard everything so far (`BARRIER=1`, sd_notify(3)), at most [`HEARD_IN`].
    pub fn settle(&self) {
        if self.0.is_none() {
            return;
        }
        // The manager closes its end when it comes to this message; our end then reads the end of the stream.
        let Ok((mut ours, theirs)) = UnixStream::pair() else { return };
        self.send("BARRIER=1", &[theirs.as_fd()]);
        drop(theirs);
        let heard = ours.set_read_timeout(Some(HEARD_IN)).and_then(|()| ours.read(&mut [0]));
        if let Err(error) = heard {
            log::debug!(ONEDESK_CAUSE = error.to_string().as_str(); "the service manager did not confirm what it was told");
        }
    }

    fn send(&self, message: &str, descriptors: &[BorrowedFd<'_>]) {
        let Some(line) = &self.0 else { return };
        if let Err(error) = line.send(message, descriptors) {
            log::warn!(ONEDESK_CAUSE = error.to_string().as_str(); "the service manager cannot be told the state");
        }
    }
}

impl Line {
    /// Connects anew for each message, as sd_notify(3) does: a service manager that was replaced meanwhile still hears us.
    fn send(&self, message: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&self.address)?;
        let raw: Vec<_> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        let rights = [ControlMessage::ScmRights(&raw)];
        let control = if raw.is_empty() { &rights[..0] } else { &rights[..] };
        let text = [IoSlice::new(message.as_bytes())];
        sendmsg::<UnixAddr>(socket.as_raw_fd(), &text, control, MsgFlags::MSG_NOSIGNAL, None)?;
        Ok(())
    }
}

/// `STATUS=` takes one line.
fn status_line(words: &str) -> String {
    format!("STATUS={}\n", words.replace(char::is_control, " "))
}

/// Half the watchdog's patience, as sd_watchdog_enabled(3) advises; nothing if it watches another process.
fn watchdog_interval(microseconds: Option<&str>, for_pid: Option<&str>, pid: u32) -> Option<Duration> {
    if for_pid.is_some_and(|text| text.parse() != Ok(pid)) {
        return None;
    }
    let patience = Duration::from_micros(microseconds?.parse().ok()?);
    (!patience.is_zero()).then_some(patience / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{ControlMessageOwned, recvmsg};
    use std::io::IoSliceMut;
    use std::net::TcpListener;

    /// The service manager's end, and ours.
    fn line() -> (UnixDatagram, Notifier, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::to(path.into_os_string(), None).unwrap();
        (manager, notifier, folder)
    }

    fn heard(manager: &UnixDatagram) -> String {
        let mut buffer = [0; 512];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn each_step_of_life_is_told_in_the_words_of_sd_notify() {
        let (manager, notifier, _folder) = line();
        notifier.ready("2 mailboxes healthy");
        assert_eq!(heard(&manager), "READY=1\nSTATUS=2 mailboxes healthy\n");
        notifier.status("two\nlines");
        assert_eq!(heard(&manager), "STATUS=two lines\n");
        notifier.extend_timeout(Duration::from_secs(60));
        assert_eq!(heard(&manager), "EXTEND_TIMEOUT_USEC=60000000\n");
        notifier.alive();
        assert_eq!(heard(&manager), "WATCHDOG=1\n");
        notifier.stopping();
        assert!(heard(&manager).starts_with("STOPPING=1\n"));
        notifier.forget("http");
        assert_eq!(heard(&manager), "FDSTOREREMOVE=1\nFDNAME=http\n");
    }

    #[test]
    fn a_reload_carries_the_monotonic_time() {
        let (manager, notifier, _folder) = line();
        notifier.reloading();
        let message = heard(&manager);
        let time = message.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|rest| rest.trim_end().parse::<u64>().ok());
        assert!(time.is_some_and(|time| time > 0), "{message}");
    }

    /// The next message and the descriptors that came with it.
    fn received(manager: &UnixDatagram) -> (String, Vec<std::os::fd::RawFd>) {
        let mut text = [0; 512];
        let mut room = nix::cmsg_space!([std::os::fd::RawFd; 1]);
        let mut slices = [IoSliceMut::new(&mut text)];
        let message = recvmsg::<UnixAddr>(manager.as_raw_fd(), &mut slices, Some(&mut room), MsgFlags::empty()).unwrap();
        let rights = |control| if let ControlMessageOwned::ScmRights(descriptors) = control { descriptors } else { Vec::new() };
        let descriptors = message.cmsgs().unwrap().flat_map(rights).collect();
        let length = message.bytes;
        (String::from_utf8(text[..length].to_vec()).unwrap(), descriptors)
    }

    #[test]
    fn a_stored_listener_travels_with_its_name() {
        let (manager, notifier, _folder) = line();
        notifier.store("http", &TcpListener::bind("127.0.0.1:0").unwrap());
        let (message, descriptors) = received(&manager);
        assert_eq!((message.as_str(), descriptors.len()), ("FDSTORE=1\nFDNAME=http\n", 1));
    }

    #[test]
    fn settling_waits_until_the_manager_has_come_to_the_barrier() {
        let (manager, notifier, _folder) = line();
        let (settled, order) = std::sync::mpsc::channel();
        let waiting = std::thread::spawn({
            let settled = settled.clone();
            move || {
                notifier.settle();
                settled.send("settled").unwrap();
            }
        });
        let (message, descriptors) = received(&manager);
        assert_eq!((message.as_str(), descriptors.len()), ("BARRIER=1", 1));
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
    fn the_watchdog_is_fed_at_half_its_patience_and_only_by_the_process_it_watches() {
        for (microseconds, for_pid, interval) in [
            (Some("30000000"), None, Some(Duration::from_secs(15))),
            (Some("30000000"), Some("7"), Some(Duration::from_secs(15))),
            (Some("30000000"), Some("8"), None),
            (Some("0"), None, None),
            (Some("soon"), None, None),
            (None, Some("7"), None),
        ] {
            assert_eq!(watchdog_interval(microseconds, for_pid, 7), interval, "{microseconds:?} {for_pid:?}");
        }
    }
}
