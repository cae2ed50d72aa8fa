//! Listeners: inherited from the service manager (socket activation, or kept over a restart), else bound by us and given to
//! it to keep.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::{Group, chown};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

use super::fd::Inherited;
use super::notify::Notifier;
use super::peer::{Peer, Process};
use crate::model::Hint;
use crate::settings::Address;

/// Connections that the kernel holds while we are busy, or while a restart is under way.
const BACKLOG: u32 = 1024;

/// Something to accept connections on.
#[derive(Debug)]
pub enum Listener {
    /// On a TCP address.
    Tcp(TcpListener),
    /// On a Unix socket.
    Unix(UnixListener),
}

/// A connection that came in.
#[derive(Debug)]
pub(in crate::system) enum Incoming {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Who may connect to a Unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access<'a> {
    /// Everybody (0666): each request is judged by its peer's credentials.
    Everybody,
    /// The owner and this group (0660); without one, our own group.
    Group(Option<&'a str>),
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else listens there.
    #[error("{} is in use by another process", show(.0))]
    InUse(Address),
    /// We may not.
    #[error("not permitted to listen on {}", show(.0))]
    Forbidden(Address),
    /// The address is not one of this host.
    #[error("{} is no address of this host", show(.0))]
    Foreign(Address),
    /// Something that is no socket has the name.
    #[error("{} is there already and is no socket", .0.display())]
    NotASocket(PathBuf),
    /// The settings name a group that is not there.
    #[error("there is no group \"{0}\"")]
    NoGroup(String),
    /// Anything else.
    #[error("cannot listen on {}", show(.0))]
    Other(Address, #[source] io::Error),
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::InUse(Address::Tcp(address)) => {
                format!("see who it is with: ss -ltnp 'sport = :{}'; stop it, or choose another address under [listen]", address.port())
            }
            Self::InUse(Address::Unix(path)) => {
                format!("another onedeskd runs; see which with: ss -lxp src '{}'", path.display())
            }
            Self::Forbidden(Address::Tcp(address)) if address.port() < 1024 => {
                "ports below 1024 need a socket unit: see \"Port 443\" in onedeskd(8) for the sample".to_owned()
            }
            Self::Forbidden(Address::Tcp(_)) => "see the unit's restrictions, and with SELinux: ausearch -m avc -c onedeskd".to_owned(),
            Self::Forbidden(Address::Unix(path)) => {
                format!("user onedesk must be able to write in {}", path.parent().unwrap_or(Path::new("/")).display())
            }
            Self::Foreign(_) => "see the addresses of this host with: ip address".to_owned(),
            Self::NotASocket(path) => format!("move {} away, or choose another name", path.display()),
            Self::NoGroup(_) => "correct listen.group in /etc/onedesk/onedeskd.toml".to_owned(),
            Self::Other(_, error) if error.kind() == io::ErrorKind::NotFound => "make its directory first".to_owned(),
            Self::Other(..) => return None,
        })
    }
}

/// Hands out listeners by name at the start.
pub struct Listeners<'a> {
    inherited: Vec<(String, OwnedFd)>,
    notifier: &'a Notifier,
}

impl<'a> Listeners<'a> {
    /// Keeps of what the service manager passed those that listen where the settings want a listener of that name. The others
    /// are closed and forgotten first, before anything binds: the settings stay true, and two addresses can be exchanged.
    pub fn new(inherited: Inherited, wanted: &[(&str, &Address)], notifier: &'a Notifier) -> Self {
        let (kept, strangers): (Vec<_>, Vec<_>) = inherited
            .0
            .into_iter()
            .partition(|(given, descriptor)| wanted.iter().any(|(name, address)| given == name && listens_at(descriptor, address)));
        for (name, _) in &strangers {
            log::info!(ONEDESK_LISTENER = name.as_str(); "closed an inherited listener that is not where the settings want one");
            notifier.forget(name);
        }
        if !strangers.is_empty() {
            drop(strangers);
            // The manager holds copies; until it lets go, their addresses are in use.
            notifier.settle();
        }
        Self { inherited: kept, notifier }
    }

    /// The listener `name` at `address`: the inherited one if it is there, else a new one. The service manager keeps it over
    /// a restart from now on.
    ///
    /// # Errors
    /// See [`Error`]; each has a hint.
    pub fn open(&mut self, name: &str, address: &Address, access: Access<'_>) -> Result<Listener, Error> {
        let inherited = self.inherited.iter().position(|(given, descriptor)| given == name && listens_at(descriptor, address));
        let listener = match inherited {
            Some(index) => {
                let (_, descriptor) = self.inherited.swap_remove(index);
                adopt(descriptor, address).map_err(|error| Error::Other(address.clone(), error))?
            }
            None => match address {
                Address::Tcp(tcp) => Listener::Tcp(bind_tcp(*tcp).map_err(|error| judged(error, address))?),
                Address::Unix(path) => Listener::Unix(bind_unix(path, access)?),
            },
        };
        // One that it has already is kept once.
        match &listener {
            Listener::Tcp(tcp) => self.notifier.store(name, tcp),
            Listener::Unix(unix) => self.notifier.store(name, unix),
        }
        Ok(listener)
    }
}

impl Listener {
    /// Waits for the next connection. Cancel safe.
    pub(in crate::system) async fn accept(&self) -> io::Result<(Incoming, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Small answers leave at once; an error here only costs time.
                let _ = stream.set_nodelay(true);
                Ok((Incoming::Tcp(stream), Peer::Network(address)))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let credentials = stream.peer_cred()?;
                let process = Process { pid: credentials.pid(), uid: credentials.uid(), gid: credentials.gid() };
                Ok((Incoming::Unix(stream), Peer::Local(process)))
            }
        }
    }
}

/// As the settings write it.
fn show(address: &Address) -> String {
    match address {
        Address::Tcp(address) => address.to_string(),
        Address::Unix(path) => format!("unix:{}", path.display()),
    }
}

fn judged(error: io::Error, address: &Address) -> Error {
    match error.kind() {
        io::ErrorKind::AddrInUse => Error::InUse(address.clone()),
        io::ErrorKind::PermissionDenied => Error::Forbidden(address.clone()),
        io::ErrorKind::AddrNotAvailable => Error::Foreign(address.clone()),
        _ => Error::Other(address.clone(), error),
    }
}

/// Whether `descriptor` is a listener at `address` that clients can still reach.
fn listens_at(descriptor: &OwnedFd, address: &Address) -> bool {
    if !getsockopt(descriptor, sockopt::AcceptConn).unwrap_or(false) {
        return false;
    }
    let Ok(copy) = descriptor.as_fd().try_clone_to_owned() else { return false };
    match address {
        Address::Tcp(wanted) => std::net::TcpListener::from(copy).local_addr().is_ok_and(|at| at == *wanted),
        Address::Unix(path) => {
            let at = std::os::unix::net::UnixListener::from(copy).local_addr();
            // A name that was deleted meanwhile leads nowhere, though the listener lives.
            at.is_ok_and(|at| at.as_pathname() == Some(path)) && path.symlink_metadata().is_ok_and(|file| file.file_type().is_socket())
        }
    }
}

fn adopt(descriptor: OwnedFd, address: &Address) -> io::Result<Listener> {
    match address {
        Address::Tcp(_) => {
            let listener = std::net::TcpListener::from(descriptor);
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener).map(Listener::Tcp)
        }
        Address::Unix(_) => {
            let listener = std::os::unix::net::UnixListener::from(descriptor);
            listener.set_nonblocking(true)?;
            UnixListener::from_std(listener).map(Listener::Unix)
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of the last run that linger in TIME_WAIT must not keep us from starting.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn bind_unix(path: &Path, access: Access<'_>) -> Result<UnixListener, Error> {
    let address = Address::Unix(path.to_owned());
    let group = match access {
        Access::Group(Some(name)) => {
            let found = Group::from_name(name).ok().flatten();
            Some(found.ok_or_else(|| Error::NoGroup(name.to_owned()))?.gid)
        }
        Access::Group(None) | Access::Everybody => None,
    };
    remove_stale(path)?;
    // The umask (0077) keeps everybody else out until the mode below says who may come in.
    let listener = UnixListener::bind(path).map_err(|error| judged(error, &address))?;
    let mode = if access == Access::Everybody { 0o666 } else { 0o660 };
    // Without a group there is nothing to change: the unit's sandbox forbids even an empty chown.
    let grouped = group.map_or(Ok(()), |group| chown(path, None, Some(group)));
    grouped
        .map_err(io::Error::from)
        .and_then(|()| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)))
        .map_err(|error| judged(error, &address))?;
    Ok(listener)
}

/// Removes what an earlier run left: a socket on which nobody answers, and nothing else.
fn remove_stale(path: &Path) -> Result<(), Error> {
    let address = || Address::Unix(path.to_owned());
    match path.symlink_metadata() {
        Ok(file) if !file.file_type().is_socket() => return Err(Error::NotASocket(path.to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(judged(error, &address())),
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(|error| judged(error, &address()))
        }
        // Whether somebody answers or we may not ask: it is not ours to remove.
        Ok(_) => Err(Error::InUse(address())),
        Err(error) => Err(judged(error, &address())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERYBODY: Access<'_> = Access::Everybody;

    fn open(given: Vec<(String, OwnedFd)>, address: &Address, access: Access<'_>) -> Result<Listener, Error> {
        Listeners::new(Inherited(given), &[("http", address)], &Notifier::default()).open("http", address, access)
    }

    fn any_port() -> Address {
        Address::Tcp("127.0.0.1:0".parse().unwrap())
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn an_inherited_listener_at_the_set_address_is_used() {
        let kept = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Tcp(kept.local_addr().unwrap());
        // While `kept` lives nobody else could bind there: success means that the very same socket is used.
        assert!(open(vec![("http".to_owned(), kept.into())], &address, EVERYBODY).is_ok());
    }

    #[tokio::test]
    async fn an_inherited_listener_at_another_address_is_closed() {
        let kept = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let old = kept.local_addr().unwrap();
        let _listener = open(vec![("http".to_owned(), kept.into())], &any_port(), EVERYBODY).unwrap();
        assert_eq!(std::net::TcpStream::connect(old).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn an_inherited_descriptor_of_another_name_or_kind_is_not_used() {
        let kept = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Tcp(kept.local_addr().unwrap());
        let notifier = Notifier::default();
        let given = vec![("metrics".to_owned(), kept.into())];
        let mut listeners = Listeners::new(Inherited(given), &[("http", &any_port()), ("metrics", &address)], &notifier);
        assert!(matches!(listeners.open("http", &address, EVERYBODY), Err(Error::InUse(_))));
        assert!(listeners.open("metrics", &address, EVERYBODY).is_ok());
        let datagram = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(open(vec![("http".to_owned(), datagram.into())], &any_port(), EVERYBODY).is_ok());
    }

    #[tokio::test]
    async fn two_listeners_can_exchange_their_addresses() {
        let kept = ["http", "metrics"].map(|name| (name, std::net::TcpListener::bind("127.0.0.1:0").unwrap()));
        let [http, metrics] = [&kept[1].1, &kept[0].1].map(|listener| Address::Tcp(listener.local_addr().unwrap()));
        let given = kept.into_iter().map(|(name, listener)| (name.to_owned(), listener.into())).collect();
        let notifier = Notifier::default();
        let mut listeners = Listeners::new(Inherited(given), &[("http", &http), ("metrics", &metrics)], &notifier);
        assert!(listeners.open("http", &http, EVERYBODY).is_ok() && listeners.open("metrics", &metrics, EVERYBODY).is_ok());
    }

    #[tokio::test]
    async fn an_address_in_use_says_how_to_find_who_uses_it() {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = other.local_addr().unwrap();
        let error = open(Vec::new(), &Address::Tcp(address), EVERYBODY).unwrap_err();
        assert_eq!(error.to_string(), format!("{address} is in use by another process"));
        assert!(error.hint().unwrap().contains(&format!("ss -ltnp 'sport = :{}'", address.port())));
    }

    #[tokio::test]
    async fn a_socket_that_nobody_answers_on_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        let address = Address::Unix(path.clone());
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let listener = open(Vec::new(), &address, EVERYBODY).unwrap();
        assert_eq!(mode(&path), 0o666);
        assert!(matches!(open(Vec::new(), &address, EVERYBODY), Err(Error::InUse(_))));
        drop(listener);
        let _listener = open(Vec::new(), &address, Access::Group(Some("root"))).unwrap();
        assert_eq!(mode(&path), 0o660);
    }

    #[tokio::test]
    async fn a_file_in_the_sockets_place_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("precious");
        std::fs::write(&path, "content").unwrap();
        let error = open(Vec::new(), &Address::Unix(path.clone()), EVERYBODY).unwrap_err();
        assert!(matches!(error, Error::NotASocket(_)) && error.hint().is_some());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "content");
    }

    #[tokio::test]
    async fn a_kept_unix_listener_whose_name_was_deleted_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        let kept = std::os::unix::net::UnixListener::bind(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let _listener = open(vec![("http".to_owned(), kept.into())], &Address::Unix(path.clone()), EVERYBODY).unwrap();
        assert!(StdUnixStream::connect(&path).is_ok());
    }

    #[tokio::test]
    async fn an_unknown_group_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Unix(folder.path().join("http.sock"));
        let error = open(Vec::new(), &address, Access::Group(Some("no-such-group"))).unwrap_err();
        assert_eq!(error.to_string(), "there is no group \"no-such-group\"");
    }
}
