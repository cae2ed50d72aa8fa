//! Who is at the other end of the socket: user id to names, remembered for some seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::audit::Actor;

use super::policy::Caller;

/// How long names are remembered: a name service behind a network is asked seldom, and a changed group membership counts soon.
const REMEMBERED: Duration = Duration::from_secs(10);

/// More users than that do not call one host; the memory is emptied then.
const MOST_USERS: usize = 1024;

/// The peer's credentials, as the kernel gave them when it connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnixPeer {
    /// Process.
    pub pid: i32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// A caller by name, and as the audit log names it. Shared by all requests of a user.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// For the policy.
    pub caller: Caller,
    /// For the audit log.
    pub actor: Actor,
}

/// The callers of the last seconds.
#[derive(Default)]
pub struct Callers {
    seen: Mutex<HashMap<(u32, u32), (Instant, Arc<Known>)>>,
}

impl Callers {
    /// The names of `peer`.
    pub async fn identify(&self, peer: UnixPeer) -> Arc<Known> {
        if let Some(known) = self.remembered(peer) {
            return known;
        }
        // A name service may be slow or hang: it gets a thread of its own, and without an answer a caller has no names.
        let names = tokio::task::spawn_blocking(move || look_up(peer)).await.ok();
        let known = Arc::new(names.unwrap_or_else(|| known(peer, None, Vec::new())));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST_USERS {
            seen.clear();
        }
        seen.insert((peer.uid, peer.gid), (Instant::now(), Arc::clone(&known)));
        known
    }

    fn remembered(&self, peer: UnixPeer) -> Option<Arc<Known>> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, known) = seen.get(&(peer.uid, peer.gid))?;
        (at.elapsed() < REMEMBERED).then(|| Arc::clone(known))
    }
}

fn look_up(peer: UnixPeer) -> Known {
    use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

    let user = User::from_uid(Uid::from_raw(peer.uid)).ok().flatten();
    let mut ids = vec![Gid::from_raw(peer.gid)];
    if let Some(user) = &user
        && let Ok(name) = std::ffi::CString::new(user.name.as_str())
    {
        ids.extend(getgrouplist(&name, user.gid).unwrap_or_default());
    }
    ids.sort_unstable_by_key(|id| id.as_raw());
    ids.dedup();
    let groups = ids.into_iter().filter_map(|id| Group::from_gid(id).ok().flatten()).map(|group| group.name).collect();
    known(peer, user.map(|user| user.name), groups)
}

fn known(peer: UnixPeer, name: Option<String>, groups: Vec<String>) -> Known {
    let actor = Actor::local(peer.uid, name.as_deref());
    let user = name.unwrap_or_else(|| peer.uid.to_string());
    Known { caller: Caller { uid: peer.uid, user, groups }, actor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn root_has_a_name_a_group_and_is_looked_up_once() {
        let callers = Callers::default();
        let peer = UnixPeer { pid: 1, uid: 0, gid: 0 };
        let known = callers.identify(peer).await;
        assert_eq!((known.caller.user.as_str(), known.actor.who.as_str()), ("root", "uid:0 (root)"));
        assert!(known.caller.groups.contains(&"root".to_owned()));
        assert!(Arc::ptr_eq(&known, &callers.identify(peer).await));
    }

    #[tokio::test]
    async fn a_user_without_a_name_goes_by_its_number() {
        let known = Callers::default().identify(UnixPeer { pid: 1, uid: 3_999_999_999, gid: 3_999_999_999 }).await;
        assert_eq!((known.caller.user.as_str(), known.caller.groups.len()), ("3999999999", 0));
    }
}
