//! The simulator's memory: the directory, codes, grants and consents behind one lock, and the parts that need none.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Clock;
use crate::config::{Behaviour, Config};
use crate::directory::{Directory, Segment};
use crate::exchange::Version;
use crate::fault::Faults;
use crate::keys::{KeyRing, Sealer};
use crate::observe::Notebook;

const ACCESS_PREFIX: &str = "EwB";
const REFRESH_PREFIX: &str = "1.A";
/// About as long as real ones.
const REFRESH_SIZE: usize = 1100;

/// Shared by all requests.
#[derive(Debug)]
pub(crate) struct Sim {
    /// Origin that clients see: login and Graph alike.
    pub(crate) authority: String,
    pub(crate) clock: Clock,
    sealer: Sealer,
    world: Mutex<World>,
}

/// What requests change.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) directory: Directory,
    pub(crate) behaviour: Behaviour,
    pub(crate) keys: KeyRing,
    pub(crate) codes: HashMap<String, Code>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) consents: HashMap<(String, String), BTreeSet<String>>,
    pub(crate) faults: Faults,
    pub(crate) notebook: Notebook,
}

/// What an authorization code stands for.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) version: Version,
    pub(crate) segment: Segment,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<(String, String)>,
    pub(crate) nonce: Option<String>,
    pub(crate) scope: String,
    pub(crate) resource: Option<String>,
    pub(crate) upn: String,
    pub(crate) tenant: String,
    pub(crate) sid: Uuid,
    pub(crate) issued_at: i64,
    pub(crate) redeemed: bool,
}

/// A family of refresh tokens: all that descend from one sign-in.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) upn: String,
    pub(crate) tenant: String,
    pub(crate) client_id: String,
    pub(crate) nonce: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) sid: Uuid,
    /// Generation of the newest token.
    pub(crate) newest: u64,
    pub(crate) revoked: bool,
    pub(crate) last_used_at: i64,
}

/// What a refresh token says to the simulator.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct RefreshToken {
    pub(crate) grant: usize,
    pub(crate) generation: u64,
}

/// What an access token says to a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// Home UPN of the person; `None` for an app-only token.
    pub upn: Option<String>,
    /// Tenant it was issued in.
    pub tenant: String,
    /// The app it was issued to.
    pub client_id: String,
    /// Audience: [`crate::GRAPH`], [`crate::OUTLOOK`], or the retired Azure AD Graph's id.
    pub resource: String,
    /// Permissions by name, without the resource.
    pub permissions: Vec<String>,
    /// Seconds since the epoch.
    pub expires_at: i64,
}

impl Sim {
    pub(crate) fn new(config: Config, authority: String) -> Self {
        let world = World {
            directory: Directory::new(config.tenants, config.users, config.apps),
            behaviour: config.behaviour,
            keys: KeyRing::default(),
            codes: HashMap::new(),
            grants: Vec::new(),
            consents: HashMap::new(),
            faults: Faults::default(),
            notebook: Notebook::default(),
        };
        Self { authority, clock: Clock::default(), sealer: Sealer::new(), world: Mutex::new(world) }
    }

    /// A panic in one test's closure must not hide what the simulator saw.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn seal_access(&self, token: &AccessToken, size: usize) -> String {
        self.sealer.seal(ACCESS_PREFIX, token, size)
    }

    pub(crate) fn open_access(&self, token: &str) -> Option<AccessToken> {
        self.sealer.open(ACCESS_PREFIX, token)
    }

    pub(crate) fn seal_refresh(&self, token: RefreshToken) -> String {
        self.sealer.seal(REFRESH_PREFIX, &token, REFRESH_SIZE)
    }

    pub(crate) fn open_refresh(&self, token: &str) -> Option<RefreshToken> {
        self.sealer.open(REFRESH_PREFIX, token)
    }
}

impl World {
    /// Remembers that this person let this app have these permissions.
    pub(crate) fn consent(&mut self, upn: &str, client_id: &str, keys: impl Iterator<Item = String>) {
        self.consents.entry((upn.to_lowercase(), client_id.to_lowercase())).or_default().extend(keys);
    }

    /// Whether everything in `keys` was consented to; `.default` and `.default`-consent cover all of a resource.
    pub(crate) fn consented(&self, upn: &str, client_id: &str, mut keys: impl Iterator<Item = String>) -> bool {
        let Some(given) = self.consents.get(&(upn.to_lowercase(), client_id.to_lowercase())) else { return keys.next().is_none() };
        keys.all(|key| {
            let resource = key.rsplit_once('/').map_or("", |(resource, _)| resource);
            given.contains(&key) || key.ends_with("/.default") || given.contains(&format!("{resource}/.default"))
        })
    }

    /// Revokes all grants of a person: what "revoke sessions" does.
    pub(crate) fn revoke(&mut self, upn: &str) -> usize {
        let mine = self.grants.iter_mut().filter(|grant| grant.upn.eq_ignore_ascii_case(upn) && !grant.revoked);
        mine.map(|grant| grant.revoked = true).count()
    }
}
