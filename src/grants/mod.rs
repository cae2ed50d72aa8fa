//! The token engine: keeps grants fresh, hands out access tokens, and never loses a grant on doubt.
//!
//! A grant is what somebody gave by signing in. One grant is refreshed by one request at a time however many ask; what
//! came back is on disk before anybody gets it. Mailboxes and directories build on this room and know nothing of its inside.

mod cell;
mod credentials_gate;
mod history;
mod policy;
mod redeem;
mod refresh;
mod schedule;
mod vault;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::credentials::keeper::Keeper;
use crate::model::{AccessToken, Audience, Clock, GrantId, GrantState, Problem, ReauthReason, WaitReason};
use crate::oauth::microsoft::Microsoft;
use crate::store::grants::{GrantRow, Grants as GrantStore};
use crate::store::leases::Fence;
use crate::store::{self};
use crate::system::metrics::Metrics;
use crate::system::tasks::Tasks;

use cell::{Boarding, Cell, Sender};
use credentials_gate::CredentialsGate;
pub use history::{History, Mark};
pub use redeem::Redeemer;
use schedule::Schedule;
pub use vault::{Given, NewGrant, SealError, Vault};

/// Requests to the provider's token endpoint at once, over all grants.
pub const IN_FLIGHT: usize = 16;
const ALL_IN_FLIGHT: u32 = IN_FLIGHT as u32;
/// Of these, how many the schedule may take: the rest is for readers who wait.
const IN_FLIGHT_SCHEDULED: usize = 12;

/// How a grant is doing, from memory.
#[derive(Debug, Clone)]
pub struct View {
    /// Its state.
    pub state: GrantState,
    /// Whether a refresh is under way.
    pub refreshing: bool,
    /// When the newest token for its main resource ends.
    pub access_expires_at: Option<Timestamp>,
    /// When a refresh last worked.
    pub last_refresh_at: Option<Timestamp>,
    /// When the grant ends if it is not used again; nothing where it has ended.
    pub grant_expires_at: Option<Timestamp>,
    /// How its refreshes of the last 24 hours went, as far as this process saw them.
    pub history: History,
}

/// Why there is no token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// Somebody has to sign in again.
    #[error("{}", .problem.title)]
    NeedsReauth {
        /// Why.
        reason: ReauthReason,
        /// In words.
        problem: Problem,
    },
    /// Nobody need sign in, but nothing valid is left.
    #[error("{}", .problem.title)]
    Waiting {
        /// What is waited for.
        reason: WaitReason,
        /// In words.
        problem: Problem,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// The person did not consent to this resource; the grant itself is well.
    #[error("{}", .0.title)]
    ScopeMissing(Problem),
    /// No such grant (any more).
    #[error("no such grant")]
    Gone,
    /// The database could not take or give what was needed; no token is handed out that is not on disk.
    #[error("the database cannot be used: {0}")]
    Store(String),
}

impl Failure {
    /// The failure that a state stands for, where it stands for one.
    fn of(state: &GrantState, next_try: Option<Timestamp>, now: Timestamp) -> Option<Self> {
        match state {
            GrantState::Healthy => None,
            GrantState::Waiting { reason, problem } => {
                let retry_in = next_try.and_then(|at| Duration::try_from(at.duration_since(now)).ok()).unwrap_or_default();
                Some(Self::Waiting { reason: *reason, problem: problem.clone(), retry_in })
            }
            GrantState::NeedsReauth { reason, problem } => Some(Self::NeedsReauth { reason: *reason, problem: problem.clone() }),
        }
    }
}

/// How long a reader waits for a refresh. It goes on without the reader, who is told so and asks again.
const READERS_PATIENCE: Duration = Duration::from_secs(10);

/// When a reader may ask again while there is no master key: somebody has to bring it.
const KEY_NEEDS_SOMEBODY: Duration = Duration::from_mins(1);

/// What the engine works with.
pub struct Parts {
    /// Where grants are kept.
    pub store: Arc<dyn GrantStore>,
    /// Seals and opens tokens.
    pub vault: Vault,
    /// The credentials in force.
    pub keeper: Keeper,
    /// The identity platform.
    pub microsoft: Arc<Microsoft>,
    /// Asks its token endpoint.
    pub redeemer: Redeemer,
    /// The fence of this node's lease on refreshing; nothing while another node holds it.
    pub fence: watch::Receiver<Option<Fence>>,
    /// Where its tasks run.
    pub tasks: Tasks,
    /// The time.
    pub clock: Clock,
    /// The numbers.
    pub metrics: Metrics,
}

/// The token engine.
pub struct Grants {
    parts: Parts,
    cells: RwLock<HashMap<GrantId, Arc<Cell>>>,
    schedule: Schedule,
    permits: Arc<Semaphore>,
    scheduled_permits: Arc<Semaphore>,
    gate: CredentialsGate,
    /// Whether a refresh ended for want of the provider since the last one that worked.
    outage: AtomicBool,
}

impl Grants {
    /// An engine that knows all grants of the store. Opens nothing, asks nobody.
    ///
    /// # Errors
    /// What the store says.
    pub async fn load(parts: Parts) -> Result<Arc<Self>, store::Error> {
        let mut expiries: HashMap<GrantId, Vec<(Audience, Timestamp)>> = HashMap::new();
        for (id, audience, end) in parts.store.expiries().await? {
            expiries.entry(id).or_default().push((audience, end));
        }
        let engine = Self {
            cells: RwLock::default(),
            schedule: Schedule::default(),
            permits: Arc::new(Semaphore::new(IN_FLIGHT)),
            scheduled_permits: Arc::new(Semaphore::new(IN_FLIGHT_SCHEDULED)),
            gate: CredentialsGate::default(),
            outage: AtomicBool::new(false),
            parts,
        };
        for row in engine.parts.store.all().await? {
            let known = expiries.remove(&row.id).unwrap_or_default();
            engine.insert(Cell::new(&row, known));
        }
        Ok(Arc::new(engine))
    }

    /// Takes over a grant that was just stored.
    pub fn adopt(&self, new: &NewGrant) {
        let cell = Cell::new(&new.grant, []);
        cell.keep(new.access.audience, Arc::clone(&new.token));
        self.insert(cell);
    }

    /// The grant as it is stored.
    ///
    /// # Errors
    /// What the store says.
    pub async fn stored(&self, id: GrantId) -> Result<GrantRow, store::Error> {
        self.parts.store.get(id).await
    }

    /// Waits until no refresh is under way; none begins as long as what is returned is kept.
    pub async fn all_landed(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.permits).acquire_many_owned(ALL_IN_FLIGHT).await.ok()
    }

    /// Forgets a grant that was just erased.
    pub fn forget(&self, id: GrantId) {
        let cell = self.cells.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(cell) = cell {
            self.schedule.remove(&cell);
        }
    }

    /// How a grant is doing. What had a grant once and has none now was left behind for 30 days: see [`abandoned`].
    pub fn view(&self, id: Option<GrantId>) -> View {
        let Some(cell) = id.and_then(|id| self.cell(id)) else {
            return View {
                state: abandoned(),
                refreshing: false,
                access_expires_at: None,
                last_refresh_at: None,
                grant_expires_at: None,
                history: History::default(),
            };
        };
        let mut view = cell.view();
        if let Some(state) = self.overriding(&cell) {
            view.state = state;
        }
        view.grant_expires_at = policy::grant_end(&view.state, cell.last_use());
        view
    }

    /// How a grant stands, without the words: cheap enough to be asked about ten thousand of them for one page.
    pub fn mark(&self, id: Option<GrantId>) -> Mark {
        match id.and_then(|id| self.cell(id)) {
            None => Mark::Refused,
            Some(cell) => self.overriding(&cell).map_or_else(|| cell.mark(), |state| Mark::of(&state)),
        }
    }

    /// An access token for `audience` with the promised life left (see [`policy::slack`]), refreshed if need be. While a
    /// grant waits, what is left of the last token is better than nothing.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn access(self: &Arc<Self>, id: Option<GrantId>, audience: Audience) -> Result<Arc<AccessToken>, Failure> {
        let now = self.parts.clock.now();
        let cell = match id {
            Some(id) => self.cell(id).ok_or(Failure::Gone)?,
            None => return Err(Failure::of(&abandoned(), None, now).unwrap_or(Failure::Gone)),
        };
        if let Some(state) = self.overriding(&cell) {
            return Err(Failure::of(&state, Some(now + KEY_NEEDS_SOMEBODY), now).unwrap_or(Failure::Gone));
        }
        if let Some(token) = cell.fresh(audience, now) {
            return Ok(token);
        }
        if cell.is_unopened(audience, now) {
            self.open_stored(&cell, audience).await?;
            if let Some(token) = cell.fresh(audience, now) {
                return Ok(token);
            }
        }
        if let Some(problem) = cell.denied(audience, now) {
            return Err(Failure::ScopeMissing(problem));
        }
        match timeout(READERS_PATIENCE, self.renewed(&cell, audience)).await.unwrap_or_else(|_| Err(cell.overdue())) {
            Err(failure @ (Failure::Waiting { .. } | Failure::Store(_))) => cell.remaining(audience, self.parts.clock.now()).ok_or(failure),
            result => result,
        }
    }

    /// The token that a refresh brings. It may have ended before it could be handed out: the host slept, or the disk was slow.
    async fn renewed(self: &Arc<Self>, cell: &Arc<Cell>, audience: Audience) -> Result<Arc<AccessToken>, Failure> {
        for _ in 0..2 {
            self.refresh(cell, audience).await?;
            if let Some(token) = cell.remaining(audience, self.parts.clock.now()) {
                return Ok(token);
            }
        }
        Err(cell.overdue())
    }

    /// Refreshes once for everybody who asks meanwhile. The refresh goes on when the caller goes away: a rotated token must
    /// not be lost because somebody hung up.
    async fn refresh(self: &Arc<Self>, cell: &Arc<Cell>, audience: Audience) -> Result<(), Failure> {
        loop {
            let landing = match cell.board(audience, self.parts.clock.now()) {
                Boarding::Refused(failure) => return Err(failure),
                Boarding::Joined(landing) => landing,
                Boarding::Queued(mut other) => {
                    // However it ends, the other resource's turn is over then.
                    let _ = other.wait_for(Option::is_some).await;
                    continue;
                }
                Boarding::Begun(sender, landing) => {
                    self.fly(Arc::clone(cell), audience, sender, None);
                    landing
                }
            };
            return wait_for(landing).await;
        }
    }

    fn fly(self: &Arc<Self>, cell: Arc<Cell>, audience: Audience, sender: Sender, scheduled: Option<OwnedSemaphorePermit>) {
        let engine = Arc::clone(self);
        self.parts.tasks.spawn("refresh", async move {
            let _permit = scheduled;
            // Lands also when the flight panics: the dropped sender tells those who wait.
            let landing = Landed { engine: &engine, cell: &cell };
            let result = engine.attempt(&cell, audience).await;
            // Before anybody hears of it: who then wants the other resource finds no flight in the way.
            drop(landing);
            sender.send_replace(Some(result));
        });
    }

    async fn open_stored(&self, cell: &Cell, audience: Audience) -> Result<(), Failure> {
        let rows = self.parts.store.access(cell.id).await.map_err(|error| Failure::Store(error.to_string()))?;
        let opened = rows.iter().find(|row| row.audience == audience).and_then(|row| self.parts.vault.open_access(cell.id, row).ok());
        match opened {
            Some(token) => cell.keep(audience, Arc::new(token)),
            // Nothing is lost with an access token: a refresh makes another, or says what is wrong with the key.
            None => cell.forget(audience),
        }
        Ok(())
    }

    /// What a grant shows whatever its own state is.
    fn overriding(&self, cell: &Cell) -> Option<GrantState> {
        let keyless = self.parts.vault.problem().map(|why| policy::without_key(why.clone(), self.parts.clock.now()).state);
        keyless.or_else(|| self.client_changed(cell))
    }

    /// The state that a grant of another client id shows, whatever its own is. The grant stays as it is: putting the old id
    /// back heals it.
    fn client_changed(&self, cell: &Cell) -> Option<GrantState> {
        let in_force = self.parts.keeper.in_force()?;
        (in_force.client_id != cell.client_id).then(|| GrantState::NeedsReauth {
            reason: ReauthReason::ClientChanged,
            problem: Problem::told("client_changed", &[("client_id", &cell.client_id)]),
        })
    }

    fn cell(&self, id: GrantId) -> Option<Arc<Cell>> {
        self.cells.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn cells(&self) -> Vec<Arc<Cell>> {
        self.cells.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn insert(&self, cell: Cell) {
        let cell = Arc::new(cell);
        self.cells.write().unwrap_or_else(PoisonError::into_inner).insert(cell.id, Arc::clone(&cell));
        self.schedule.put(&cell);
    }
}

/// The state of what has no grant any more: it was erased 30 days after its client id was replaced.
fn abandoned() -> GrantState {
    GrantState::NeedsReauth { reason: ReauthReason::ClientChanged, problem: Problem::told("client_changed.long_ago", &[]) }
}

struct Landed<'a> {
    engine: &'a Grants,
    cell: &'a Arc<Cell>,
}

impl Drop for Landed<'_> {
    fn drop(&mut self) {
        self.cell.land();
        if self.engine.cell(self.cell.id).is_some() {
            self.engine.schedule.put(self.cell);
        }
    }
}

async fn wait_for(mut landing: cell::Landing) -> Result<(), Failure> {
    let result = landing.wait_for(Option::is_some).await.ok().and_then(|result| result.clone());
    result.unwrap_or_else(|| {
        let problem = Problem::told("interrupted", &[]);
        Err(Failure::Waiting { reason: WaitReason::ProviderUnavailable, problem, retry_in: Duration::from_secs(2) })
    })
}
