//! Who is at the other end: a network address, or a process of this host with the user and groups that it runs as.

use std::collections::HashMap;
use std::ffi::CString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use http::HeaderMap;
use ipnet::IpNet;
use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

/// The other end of a connection, in each request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Over TCP.
    Network(SocketAddr),
    /// Over a Unix socket.
    Local(Process),
}

/// A process as the kernel names it when it connects (`SO_PEERCRED`, unix(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Process id, where the kernel tells; another one may have the number later.
    pub pid: Option<i32>,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
}

/// The browser's address: the right-most address of `X-Forwarded-For` that is not a trusted proxy's.
///
/// The header counts only if the peer itself is trusted; behind a Unix socket it always does, since its mode says who may
/// connect. A word that is no address ends the walk: what stands left of it could be anybody's invention.
pub fn client_address(peer: &Peer, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    let mut client = match peer {
        Peer::Network(address) => address.ip().to_canonical(),
        Peer::Local(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    if matches!(peer, Peer::Network(_)) && !is_trusted(client) {
        return client;
    }
    // A header that is given several times is one list (RFC 9110, section 5.3).
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    let words = lines.iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    for word in words {
        let Some(address) = std::str::from_utf8(word).ok().and_then(address) else { return client };
        client = address;
        if !is_trusted(client) {
            return client;
        }
    }
    client
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`, all of which proxies write.
fn address(word: &str) -> Option<IpAddr> {
    let word = word.trim();
    let bare = word.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(word);
    let address = bare.parse::<IpAddr>().ok().or_else(|| word.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

/// A user of this host by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// User id.
    pub uid: u32,
    /// Login name; nothing if the user database has none.
    pub name: Option<String>,
    /// Names of all its groups, the supplementary ones too.
    pub groups: Vec<String>,
}

impl Account {
    /// Whether `entry` of a list in the settings means this account: a user's name, or `@` and a group's.
    pub fn is_meant_by(&self, entry: &str) -> bool {
        match entry.strip_prefix('@') {
            Some(group) => self.groups.iter().any(|name| name == group),
            None => self.name.as_deref() == Some(entry),
        }
    }
}

/// An answer of the user database is used this long: short enough that a changed membership counts at once for people,
/// long enough that a busy reader costs one look-up, not thousands.
const FRESH: Duration = Duration::from_secs(5);
/// More processes' users than this at once are strangers; then the cache begins anew.
const MOST: usize = 1024;

/// The user database (NSS), with a short memory.
#[derive(Default)]
pub struct Accounts {
    known: RwLock<HashMap<(u32, u32), Known>>,
}

struct Known {
    since: Instant,
    account: Arc<Account>,
}

impl Accounts {
    /// The account that `process` runs as. The database may be on the network: it is asked on a thread for blocking work.
    pub async fn of(&self, process: Process) -> Arc<Account> {
        let key = (process.uid, process.gid);
        if let Some(account) = self.fresh(key) {
            return account;
        }
        let found = tokio::task::spawn_blocking(move || look_up(process.uid, process.gid)).await;
        // A look-up that was cut off leaves somebody without name and groups: nobody whom a list means.
        let account = Arc::new(found.unwrap_or(Account { uid: process.uid, name: None, groups: Vec::new() }));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, Known { since: Instant::now(), account: Arc::clone(&account) });
        account
    }

    fn fresh(&self, key: (u32, u32)) -> Option<Arc<Account>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&key).filter(|known| known.since.elapsed() < FRESH).map(|known| Arc::clone(&known.account))
    }
}

/// Asks the user database. The process's own group counts beside the database's: a service may run with another one.
fn look_up(uid: u32, gid: u32) -> Account {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    let own = Gid::from_raw(gid);
    let mut groups =
        user.as_ref().and_then(|user| getgrouplist(CString::new(user.name.as_str()).ok()?.as_c_str(), user.gid).ok()).unwrap_or_default();
    if !groups.contains(&own) {
        groups.push(own);
    }
    let groups = groups.into_iter().filter_map(|gid| Group::from_gid(gid).ok().flatten()).map(|group| group.name).collect();
    Account { uid, name: user.map(|user| user.name), groups }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> Peer {
        Peer::Network(SocketAddr::new(address.parse().unwrap(), 4711))
    }

    #[test]
    fn the_client_is_the_right_most_address_that_is_no_trusted_proxy() {
        let trusted: Vec<IpNet> = ["127.0.0.0/8", "10.0.0.0/8", "::1/128"].map(|net| net.parse().unwrap()).to_vec();
        let local = Peer::Local(Process { pid: Some(1), uid: 0, gid: 0 });
        for (peer, headers, client) in [
            (network("203.0.113.9"), &["192.0.2.1"][..], "203.0.113.9"),
            (network("127.0.0.1"), &[], "127.0.0.1"),
            (network("127.0.0.1"), &["192.0.2.1"], "192.0.2.1"),
            (network("::ffff:127.0.0.1"), &["192.0.2.1"], "192.0.2.1"),
            (network("127.0.0.1"), &["198.51.100.66, 192.0.2.1"], "192.0.2.1"),
            (network("127.0.0.1"), &["192.0.2.1, 10.0.0.7"], "192.0.2.1"),
            (network("127.0.0.1"), &["198.51.100.66", "192.0.2.1, 10.0.0.7"], "192.0.2.1"),
            (network("127.0.0.1"), &["10.0.0.8, 10.0.0.7"], "10.0.0.8"),
            (network("127.0.0.1"), &["192.0.2.1:4711"], "192.0.2.1"),
            (network("::1"), &["[2001:db8::1]:4711"], "2001:db8::1"),
            (network("::1"), &["[2001:db8::1]"], "2001:db8::1"),
            (network("::1"), &["2001:db8::1"], "2001:db8::1"),
            (network("127.0.0.1"), &["garbage"], "127.0.0.1"),
            (network("127.0.0.1"), &[""], "127.0.0.1"),
            (network("127.0.0.1"), &["192.0.2.1, garbage"], "127.0.0.1"),
            (network("127.0.0.1"), &["192.0.2.1, garbage, 10.0.0.7"], "10.0.0.7"),
            (network("127.0.0.1"), &["unknown, 192.0.2.1"], "192.0.2.1"),
            (local, &[], "127.0.0.1"),
            (local, &["192.0.2.1"], "192.0.2.1"),
        ] {
            let mut map = HeaderMap::new();
            for line in headers {
                map.append("x-forwarded-for", line.parse().unwrap());
            }
            assert_eq!(client_address(&peer, &map, &trusted), client.parse::<IpAddr>().unwrap(), "{peer:?} {headers:?}");
        }
    }

    #[tokio::test]
    async fn root_is_known_by_name_and_by_group() {
        let accounts = Accounts::default();
        let root = accounts.of(Process { pid: None, uid: 0, gid: 0 }).await;
        assert!(root.is_meant_by("root") && root.is_meant_by("@root"));
        assert!(!root.is_meant_by("@nobody-of-that-name") && !root.is_meant_by("@"));
        assert!(Arc::ptr_eq(&root, &accounts.of(Process { pid: Some(7), uid: 0, gid: 0 }).await), "remembered");
    }

    #[tokio::test]
    async fn a_user_without_an_entry_is_meant_by_no_list() {
        let nobody = Accounts::default().of(Process { pid: None, uid: 3_999_999_999, gid: 3_999_999_999 }).await;
        assert_eq!(*nobody, Account { uid: 3_999_999_999, name: None, groups: Vec::new() });
        assert!(!nobody.is_meant_by("") && !nobody.is_meant_by("@"));
    }
}
