//! A scriptable OpenID provider on a loopback socket, for tests and benches of a relying party; never shipped.
//!
//! One process plays many issuers, `{origin}/{alias}`, each by a [`Script`]: good by default, and bad in exactly the way
//! that a test asks for. It signs in at once whoever the browser names in the parameter `as` of its authorize request,
//! and notes whatever a client must never do ([`OpSim::violations`]). The same is there as JSON below `/_op`.

mod control;
mod exchange;
mod keys;
mod provider;
mod script;
mod server;
mod signin;
mod signout;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::{io, thread};

use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use provider::{Notice, Seen};
pub use script::{Algorithm, Authentication, Client, Edit, Endpoint, Entra, Fault, Keys, Script, Signature, Token, UserInfo};

use provider::Provider;
use server::{World, locked};

/// A running provider. It has a runtime of its own, so it serves blocking and asynchronous tests alike. Dropping it closes all
/// connections.
#[derive(Debug)]
pub struct OpSim {
    world: Arc<World>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// One issuer as its client has to configure it.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// `iss`.
    pub issuer: String,
    /// Authorization endpoint.
    pub authorization_uri: String,
    /// Token endpoint.
    pub token_url: String,
}

impl OpSim {
    /// Listens on a free loopback port.
    ///
    /// # Panics
    /// If it cannot: a test cannot go on then.
    #[must_use]
    pub fn start() -> Self {
        match Self::try_start("127.0.0.1:0") {
            Ok(simulator) => simulator,
            Err(error) => panic!("the provider cannot start: {error}"),
        }
    }

    /// Listens on `address` before it returns.
    ///
    /// # Errors
    /// The address cannot be bound, or no thread be started.
    pub fn try_start(address: &str) -> io::Result<Self> {
        let socket = std::net::TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let world = Arc::new(World::new(format!("http://{address}")));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = Arc::clone(&world);
        let thread = thread::Builder::new().name("op-sim".into()).spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = TcpListener::from_std(socket) else { return };
                tokio::select! { _ = server::serve(listener, serving) => {}, _ = stopped => {} }
            });
            runtime.shutdown_background();
        })?;
        Ok(Self { world, address, stop: Some(stop), thread: Some(thread) })
    }

    /// Scheme, host and port; also what `microsoft.authority` has to be for issuers in Entra's shape.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.world.origin
    }

    /// The listener's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes the issuer `alias`, or gives it another script; what it has seen and signed stays.
    pub fn issuer(&self, alias: &str, script: Script) -> Issuer {
        let entra = script.entra.is_some();
        self.world.put(alias, script);
        let base = format!("{}/{alias}", self.world.origin);
        let path = if entra { "/oauth2/v2.0" } else { "" };
        let issuer = if entra { format!("{base}/v2.0") } else { base.clone() };
        Issuer { issuer, authorization_uri: format!("{base}{path}/authorize"), token_url: format!("{base}{path}/token") }
    }

    /// Changes the script of an issuer.
    pub fn change(&self, alias: &str, change: impl FnOnce(&mut Script)) {
        change(&mut locked(&self.provider(alias)).script);
    }

    /// Other keys under other ids from now on; the old ones are published no more.
    pub fn rotate_keys(&self, alias: &str) {
        locked(&self.provider(alias)).ring.rotate();
    }

    /// A logout token by the script, about a person, a session, or both; `edits` come after the script's.
    #[must_use]
    pub fn logout_token(&self, alias: &str, sub: Option<&str>, sid: Option<&str>, edits: &[Edit]) -> String {
        locked(&self.provider(alias)).logout_token(sub, sid, edits)
    }

    /// What a frame would load to tell the client that the session `sid` ended; nothing without a front channel.
    #[must_use]
    pub fn frontchannel_url(&self, alias: &str, sid: &str) -> Option<String> {
        locked(&self.provider(alias)).frontchannel_url(sid)
    }

    /// The session that began last.
    #[must_use]
    pub fn last_sid(&self, alias: &str) -> String {
        locked(&self.provider(alias)).last_sid.clone()
    }

    /// What the client did wrong, the oldest first.
    #[must_use]
    pub fn violations(&self, alias: &str) -> Vec<String> {
        locked(&self.provider(alias)).violations.clone()
    }

    /// The requests, the oldest first.
    #[must_use]
    pub fn requests(&self, alias: &str) -> Vec<Seen> {
        locked(&self.provider(alias)).log.clone()
    }

    /// How often an endpoint was asked.
    #[must_use]
    pub fn count(&self, alias: &str, endpoint: Endpoint) -> u64 {
        locked(&self.provider(alias)).counters.get(&endpoint).copied().unwrap_or_default()
    }

    /// How the client took the back-channel notices.
    #[must_use]
    pub fn notices(&self, alias: &str) -> Vec<Notice> {
        locked(&self.provider(alias)).notices.clone()
    }

    fn provider(&self, alias: &str) -> Arc<Mutex<Provider>> {
        match self.world.provider(alias) {
            Some(provider) => provider,
            None => panic!("there is no issuer {alias}"),
        }
    }
}

impl Drop for OpSim {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
