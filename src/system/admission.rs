//! Who may connect while others are connected: a bound for all, and one for each user of the local socket. Counted per
//! connection, never per request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::peer::Peer;

/// The bounds of one accept loop.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections at once.
    pub connections: usize,
    /// Of those, for each user of this host but root.
    pub per_user: usize,
    /// Of those, for root.
    pub root: usize,
}

/// Counts connections against [`Bounds`].
pub(in crate::system) struct Admission {
    bounds: Bounds,
    all: Arc<Semaphore>,
    users: Arc<Mutex<HashMap<u32, usize>>>,
}

/// The right to be connected, given back when it is dropped.
pub(in crate::system) struct Ticket {
    _one_of_all: OwnedSemaphorePermit,
    _one_of_user: Option<UserTicket>,
}

/// Why somebody is not let in now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::system) enum Refusal {
    /// The bound for all is reached.
    Full,
    /// This user's bound is reached.
    UserFull,
}

impl Refusal {
    /// The answer's status.
    pub(in crate::system) const fn status(self) -> StatusCode {
        match self {
            Self::Full => StatusCode::SERVICE_UNAVAILABLE,
            Self::UserFull => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// The answer's body (RFC 9457).
    pub(in crate::system) const fn problem(self) -> &'static str {
        match self {
            Self::Full => r#"{"title":"too many connections at once","status":503,"hint":"Try again in a second."}"#,
            Self::UserFull => {
                r#"{"title":"this user has too many connections at once","status":429,"hint":"Reuse connections, or close idle ones."}"#
            }
        }
    }
}

impl Admission {
    pub(in crate::system) fn new(bounds: Bounds) -> Self {
        Self { bounds, all: Arc::new(Semaphore::new(bounds.connections)), users: Arc::default() }
    }

    /// Lets `peer` in, or says why not.
    pub(in crate::system) fn admit(&self, peer: &Peer) -> Result<Ticket, Refusal> {
        let user = match peer {
            Peer::Network(_) => None,
            Peer::Local(process) => Some(self.admit_user(process.uid)?),
        };
        let one_of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Refusal::Full)?;
        Ok(Ticket { _one_of_all: one_of_all, _one_of_user: user })
    }

    fn admit_user(&self, uid: u32) -> Result<UserTicket, Refusal> {
        let bound = if uid == 0 { self.bounds.root } else { self.bounds.per_user };
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let count = users.get(&uid).copied().unwrap_or_default();
        if count >= bound {
            return Err(Refusal::UserFull);
        }
        users.insert(uid, count + 1);
        Ok(UserTicket { users: Arc::clone(&self.users), uid })
    }
}

struct UserTicket {
    users: Arc<Mutex<HashMap<u32, usize>>>,
    uid: u32,
}

impl Drop for UserTicket {
    fn drop(&mut self) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        match users.get_mut(&self.uid) {
            Some(count) if *count > 1 => *count -= 1,
            // Users who are gone leave no trace: the map is as large as the users connected now.
            _ => drop(users.remove(&self.uid)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::peer::Process;

    fn user(uid: u32) -> Peer {
        Peer::Local(Process { pid: None, uid, gid: uid })
    }

    #[test]
    fn each_user_has_a_bound_of_its_own_and_gets_its_place_back() {
        let admission = Admission::new(Bounds { connections: 100, per_user: 2, root: 3 });
        let held: Vec<_> = (0..2).map(|_| admission.admit(&user(1000)).unwrap_or_else(|_| panic!("a place"))).collect();
        assert_eq!(admission.admit(&user(1000)).err(), Some(Refusal::UserFull));
        assert!(admission.admit(&user(1001)).is_ok());
        drop(held);
        assert!(admission.admit(&user(1000)).is_ok());
        assert!(admission.users.lock().unwrap().is_empty());
    }

    #[test]
    fn root_may_hold_more() {
        let admission = Admission::new(Bounds { connections: 100, per_user: 2, root: 3 });
        let _held: Vec<_> = (0..3).map(|_| admission.admit(&user(0)).unwrap_or_else(|_| panic!("a place"))).collect();
        assert_eq!(admission.admit(&user(0)).err(), Some(Refusal::UserFull));
    }

    #[test]
    fn the_bound_for_all_counts_whoever_comes_and_a_refused_user_keeps_no_place() {
        let admission = Admission::new(Bounds { connections: 1, per_user: 2, root: 3 });
        let _held = admission.admit(&user(1000)).unwrap_or_else(|_| panic!("a place"));
        assert_eq!(admission.admit(&user(1001)).err(), Some(Refusal::Full));
        assert_eq!(admission.admit(&Peer::Network("192.0.2.1:1".parse().unwrap())).err(), Some(Refusal::Full));
        assert_eq!(admission.users.lock().unwrap().len(), 1);
    }

    #[test]
    fn refusals_are_json() {
        for refusal in [Refusal::Full, Refusal::UserFull] {
            let problem: serde_json::Value = serde_json::from_str(refusal.problem()).unwrap();
            assert_eq!(problem["status"], refusal.status().as_u16());
        }
    }
}
