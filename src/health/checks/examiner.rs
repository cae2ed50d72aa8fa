//! [`Examiner`]: the checks that the daemon makes, since only it sees what they are about.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Mutex, watch};

use super::{Checks, Look, Network, inside, side_by_side, space};
use crate::credentials::keeper::{Keeper, Probe};
use crate::health::expiry::Expiry;
use crate::health::reporter::Reporter;
use crate::model::Clock;
use crate::settings::Settings;
use crate::store::grants::Grants;
use crate::{mailboxes, sso};

/// What the examiner looks at.
pub struct Parts {
    /// The status.
    pub reporter: Arc<Reporter>,
    /// The settings in force.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// The credentials in force.
    pub keeper: Keeper,
    /// Asks Microsoft about them.
    pub probe: Arc<dyn Probe>,
    /// What was granted.
    pub grants: Arc<dyn Grants>,
    /// Mailboxes.
    pub mailboxes: Arc<mailboxes::Service>,
    /// Single sign-on.
    pub sso: Arc<sso::Service>,
    /// When secrets end.
    pub expiry: Arc<Expiry>,
    /// The time.
    pub clock: Clock,
}

/// Makes the daemon's checks.
pub struct Examiner {
    parts: Parts,
    /// One round at a time: whoever may read the status must not be able to multiply what goes out.
    round: Mutex<()>,
}

impl Examiner {
    /// An examiner of these parts.
    pub fn new(parts: Parts) -> Self {
        Self { parts, round: Mutex::default() }
    }

    /// Looks at everything; `offline` leaves out what needs the network.
    pub async fn examine(&self, offline: bool) -> Checks {
        let _round = self.round.lock().await;
        let began = Instant::now();
        let settings = self.parts.settings.borrow().clone();
        let network = if offline { None } else { Some(Network::new(Arc::clone(&settings), self.parts.clock.clone())) };
        let mut looks = vec![
            Look::new("status", async { self.parts.reporter.report().await.checks }),
            Look::new("disk", async { space::disk(Path::new(settings.database.url.path())) }),
        ];
        looks.push(Look::new("the secret's end", async { inside::expiry(&self.parts) }));
        looks.push(Look::new("consent", inside::consent(&self.parts)));
        looks.push(Look::new("client records", inside::records(&self.parts, offline)));
        match &network {
            None => {}
            Some(Ok(network)) => {
                looks.extend(network.looks());
                looks.push(Look::new("the app registration", inside::registration(&self.parts)));
                looks.push(Look::new("the secret", inside::secret(&self.parts)));
                looks.push(Look::new("sending", inside::sending(&self.parts, network.way())));
            }
            Some(Err(check)) => looks.push(Look::new("outbound", async { vec![check.clone()] })),
        }
        Checks::new(side_by_side(looks, |_, _, _| {}).await, began)
    }
}
