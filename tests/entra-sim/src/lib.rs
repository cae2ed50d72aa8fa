//! A simulator of the Microsoft identity platform on a loopback socket, for tests, benches and the demo; never shipped.
//!
//! It behaves as Entra ID does, quirks included, asserts what it receives ([`Simulator::violations`]), and does what a
//! script tells it to do wrong ([`Simulator::fault`]). Whatever the Rust API can do, the JSON API below `/_sim` can too.
//!
//! ```text
//! server ── routes ─┬─ discovery, keys            documents
//!                   ├─ authorize ── page          who signs in
//!                   ├─ token ── client, claims    what they get
//!                   ├─ graph ── registrations     who they are, what is registered
//!                   └─ control ── script          what a test does
//! spoil, fault: what goes wrong · observe: what was seen · state, directory, config: what exists
//! ```

mod authorize;
mod claims;
mod client;
mod clock;
mod config;
mod control;
mod directory;
mod discovery;
mod exchange;
mod fault;
mod graph;
mod keys;
mod observe;
mod page;
mod problem;
mod registrations;
mod routes;
mod scope;
mod script;
mod server;
mod spoil;
mod state;
mod token;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::{io, thread};

use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use config::{
    App, AppSecret, Behaviour, CLIENT_ID, Config, EXPIRED_SECRET, Guest, PARTNER_TENANT, PERSONAL_TENANT, REDIRECT_PATHS, RefreshPolicy,
    SECOND_SECRET, SECRET, TENANT, Tenant, User,
};
pub use fault::{Endpoint, Fault, IdTokenFlaw, Problem};
pub use observe::{Counters, RequestRecord, Violation};
pub use scope::{GRAPH, OUTLOOK};
pub use state::AccessToken;

use state::Sim;

/// Times for a fault that lasts until [`Simulator::clear_faults`].
pub const ALWAYS: u32 = u32::MAX;

/// A running simulator. It has a thread and a runtime of its own, so it serves blocking and asynchronous tests alike,
/// whatever they do to their clocks. Dropping it closes all connections.
#[derive(Debug)]
pub struct Simulator {
    sim: Arc<Sim>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Starts and listens before it returns.
    ///
    /// # Panics
    /// If the address cannot be bound: a test cannot go on then.
    #[must_use]
    pub fn start(config: Config) -> Self {
        match Self::try_start(config) {
            Ok(simulator) => simulator,
            Err(error) => panic!("the simulator cannot start: {error}"),
        }
    }

    /// Starts and listens before it returns.
    ///
    /// # Errors
    /// The address cannot be bound, or no thread be started.
    pub fn try_start(config: Config) -> io::Result<Self> {
        let socket = std::net::TcpListener::bind(&config.listen)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let authority = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let sim = Arc::new(Sim::new(config, authority.trim_end_matches('/').to_owned()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = sim.clone();
        let serve = async move {
            match TcpListener::from_std(socket) {
                Ok(listener) => server::serve(listener, serving).await,
                Err(error) => Err(error),
            }
        };
        let thread = thread::Builder::new().name("entra-sim".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! { _ = serve => {}, _ = stopped => {} }
            });
            runtime.shutdown_background();
        })?;
        Ok(Self { sim, address, stop: Some(stop), thread: Some(thread) })
    }

    /// Origin of the login endpoints, without a slash at the end.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.sim.authority
    }

    /// Origin of Microsoft Graph (`{origin}/v1.0/me`); the same one.
    #[must_use]
    pub fn graph(&self) -> &str {
        &self.sim.authority
    }

    /// The listener's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes the next `times` token requests go wrong; [`ALWAYS`] until cleared. Faults strike in the order they were set.
    pub fn fault(&self, fault: Fault, times: u32) {
        self.fault_at(Endpoint::Token, fault, times);
    }

    /// The same for any endpoint.
    pub fn fault_at(&self, at: Endpoint, fault: Fault, times: u32) {
        self.sim.world().faults.add(at, fault, times);
    }

    /// Forgets all faults that have not struck yet, and lets go what [`Fault::Held`] holds.
    pub fn clear_faults(&self) {
        self.sim.world().faults.clear();
    }

    /// Changes lifetimes, latency, the refresh policy and the like.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.sim.world().behaviour);
    }

    /// From now on this user's browser session answers every authorize request; `None` brings the page back.
    pub fn sign_in(&self, upn: Option<&str>) {
        self.behave(|behaviour| behaviour.signed_in = upn.map(str::to_owned));
    }

    /// Adds a person, or replaces the one of that UPN.
    pub fn put_user(&self, user: User) {
        self.sim.world().directory.put_user(user);
    }

    /// Changes a person.
    pub fn change_user(&self, upn: &str, change: impl FnOnce(&mut User)) {
        let mut world = self.sim.world();
        if let Some(mut user) = world.directory.user(upn).cloned() {
            change(&mut user);
            world.directory.put_user(user);
        }
    }

    /// Adds an app registration.
    pub fn put_app(&self, app: App) {
        let mut world = self.sim.world();
        world.directory.apps.retain(|known| known.client_id != app.client_id);
        world.directory.apps.push(app);
    }

    /// Adds a secret to an app that expires at `expires_at` (seconds since the epoch). `false`: no such app.
    pub fn set_secret(&self, client_id: &str, value: &str, expires_at: i64) -> bool {
        script::set_secret(&self.sim, client_id, value, expires_at)
    }

    /// Deletes a secret of an app. `false`: no such app or secret.
    pub fn remove_secret(&self, client_id: &str, value: &str) -> bool {
        script::remove_secret(&self.sim, client_id, value)
    }

    /// Revokes all grants of a person (AADSTS50173 from then on); returns how many.
    pub fn revoke(&self, upn: &str) -> usize {
        self.sim.world().revoke(upn)
    }

    /// A refresh token as if `upn` had signed in to `client_id` and consented to `scope`.
    ///
    /// # Panics
    /// If there is no such person, app or resource.
    #[must_use]
    pub fn grant(&self, upn: &str, client_id: &str, scope: &str) -> String {
        match script::grant(&self.sim, upn, client_id, scope) {
            Ok(token) => token,
            Err(problem) => panic!("no grant: {problem}"),
        }
    }

    /// An access token for Graph as `upn` would have it from `client_id`, with these permissions.
    ///
    /// # Panics
    /// If there is no such person.
    #[must_use]
    pub fn graph_token(&self, upn: &str, client_id: &str, permissions: &[&str]) -> String {
        match script::graph_token(&self.sim, upn, client_id, permissions) {
            Ok(token) => token,
            Err(problem) => panic!("no token: {problem}"),
        }
    }

    /// What an access token says; `None` if this simulator did not issue it. Expiry is the caller's to check.
    #[must_use]
    pub fn introspect(&self, access_token: &str) -> Option<AccessToken> {
        self.sim.open_access(access_token)
    }

    /// Signs with a new key from now on; the old keys stay published.
    pub fn rotate_keys(&self) {
        self.sim.world().keys.rotate();
    }

    /// Publishes no key any more but the one that signs now.
    pub fn withdraw_old_keys(&self) {
        self.sim.world().keys.withdraw_old();
    }

    /// Moves the simulator's clock: codes, tokens and secrets age, `Date` follows.
    pub fn advance(&self, seconds: i64) {
        self.sim.clock.advance(seconds);
    }

    /// Seconds since the epoch by the simulator's clock.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.sim.clock.now()
    }

    /// What clients did wrong, the oldest first.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.sim.world().notebook.violations.clone()
    }

    /// The newest requests ([`Behaviour::log_limit`]), the oldest first, control requests left out.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.sim.world().notebook.requests.iter().cloned().collect()
    }

    /// Counters since the start or the last [`reset`](Self::reset).
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.sim.world().notebook.counters.clone()
    }

    /// Forgets faults, violations, requests and counters; accounts and grants stay.
    pub fn reset(&self) {
        let mut world = self.sim.world();
        world.faults.clear();
        world.notebook.clear();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
