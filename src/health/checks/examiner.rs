//! [`Examiner`]: the checks that the daemon makes, since only it sees what they are about.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Mutex, watch};

use super::{Checks, Look, side_by_side, space};
use crate::health::reporter::Reporter;
use crate::settings::Settings;

/// What the examiner looks at.
pub struct Parts {
    /// The status.
    pub reporter: Arc<Reporter>,
    /// The settings in force.
    pub settings: watch::Receiver<Arc<Settings>>,
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
    pub async fn examine(&self, _offline: bool) -> Checks {
        let _round = self.round.lock().await;
        let began = Instant::now();
        let settings = self.parts.settings.borrow().clone();
        let looks = vec![
            Look::new("status", async { self.parts.reporter.report().await.checks }),
            Look::new("disk", async { space::disk(Path::new(settings.database.url.path())) }),
        ];
        Checks::new(side_by_side(looks, |_, _, _| {}).await, began)
    }
}
