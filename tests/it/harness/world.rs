//! [`World`]: the simulator and a daemon that is registered there, with the journeys that most tests begin with.

use entra_sim::{CLIENT_ID, Config, REDIRECT_PATHS, SECRET, Simulator};
use serde_json::{Value, json};

use super::{Answer, Browser, Daemon, Site};

/// A person with a mailbox.
pub const SUPPORT: &str = "support@example.test";
/// Another one.
pub const ANN: &str = "ann@example.test";

/// A provider and a daemon. When it ends well, the daemon must have done nothing that the provider forbids.
pub struct World {
    /// The daemon.
    pub daemon: Daemon,
    /// The provider.
    pub simulator: Simulator,
}

impl World {
    /// Good credentials, nothing connected yet.
    pub fn start() -> Self {
        Self::start_with(|site| site.write_pair(CLIENT_ID, SECRET))
    }

    /// With files as `prepare` leaves them.
    pub fn start_with(prepare: impl FnOnce(&mut Site)) -> Self {
        let (simulator, mut site) = Self::apart();
        prepare(&mut site);
        Self { daemon: Daemon::start(site), simulator }
    }

    /// A provider, and the site of a daemon that is registered there and not yet started.
    pub fn apart() -> (Simulator, Site) {
        let simulator = Simulator::start(Config::default());
        let site = Site::new(simulator.authority());
        let mut app = Config::default().apps.remove(0);
        app.redirect_uris = REDIRECT_PATHS.iter().map(|path| format!("{}{path}", site.origin())).collect();
        simulator.put_app(app);
        (simulator, site)
    }

    /// A world in which `SUPPORT` is connected.
    pub fn connected() -> Self {
        let world = Self::start();
        world.connect(SUPPORT);
        world
    }

    /// Connects a person's own mailbox.
    pub fn connect(&self, user: &str) {
        self.journey(&json!({"address": user}), user).expect(200).says(&["connected"]);
    }

    /// Connects a mailbox whose tokens live that many seconds, then lets the provider be as before.
    pub fn connect_for(&self, user: &str, lifetime: i64) {
        let mut before = 0;
        self.simulator.behave(|behaviour| before = std::mem::replace(&mut behaviour.access_token_lifetime, lifetime));
        self.connect(user);
        self.simulator.behave(|behaviour| behaviour.access_token_lifetime = before);
    }

    /// Makes a link, opens it, signs in as `user`, and returns what the browser shows at the end.
    pub fn journey(&self, wishes: &Value, user: &str) -> Answer {
        let mut browser = Browser::new();
        let authorization = browser.begin(&self.daemon.mailbox_link(wishes));
        let callback = browser.sign_in(&authorization, user);
        browser.open(&callback)
    }

    /// The same for the directory.
    pub fn directory_journey(&self, user: &str) -> Answer {
        let mut browser = Browser::new();
        let authorization = browser.begin(&self.daemon.directory_link());
        let callback = browser.sign_in(&authorization, user);
        browser.open(&callback)
    }

    /// The access token of a mailbox, which must be good at the provider.
    #[track_caller]
    pub fn good_token(&self, address: &str, purpose: &str) -> String {
        let token = self.daemon.token(address, purpose).expect(200).json()["access_token"].as_str().unwrap().to_owned();
        let access = self.simulator.introspect(&token).unwrap_or_else(|| panic!("the provider never gave this token for {address}"));
        assert!(access.expires_at > self.simulator.now(), "an expired token for {address}");
        token
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.simulator.violations(), []);
        }
    }
}
