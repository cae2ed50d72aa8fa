//! [`Cell`]: one grant in memory. Short locks, no I/O; what matters is on disk before it is here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::policy::{self, Aftermath};
use super::{Failure, History, Mark, View};
use crate::model::{AccessToken, Audience, ClientId, GrantId, GrantState, Problem, WaitReason};
use crate::oauth::scopes;
use crate::store::grants::GrantRow;

/// When a reader who did not wait for the end of a refresh may ask again: it goes on meanwhile.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// How a refresh ended, for everybody who waits for it; nothing until then.
pub type Landing = watch::Receiver<Option<Result<(), Failure>>>;

/// Tells how a refresh ended.
pub type Sender = watch::Sender<Option<Result<(), Failure>>>;

/// One grant in memory.
pub struct Cell {
    /// The grant.
    pub id: GrantId,
    /// The client that it was given to.
    pub client_id: ClientId,
    /// The resource whose token is kept fresh without being asked for.
    pub primary: Audience,
    connected_at: Timestamp,
    inner: Mutex<Inner>,
}

struct Inner {
    state: GrantState,
    last_refresh_at: Option<Timestamp>,
    history: History,
    failures: u32,
    next_try: Option<Timestamp>,
    outlook: Held,
    graph: Held,
    /// Why there is no token for the resource that the grant is not mainly for, and until when nobody asks again.
    denied: Option<(Problem, Timestamp)>,
    flight: Option<(Audience, Landing)>,
    /// Why the token that the refresh under way brought is not on disk yet.
    unwritten: Option<String>,
    /// Where it stands in the schedule, so that it can be taken out again.
    scheduled: Option<Timestamp>,
}

/// What is known of the token for one resource.
#[derive(Default)]
struct Held {
    /// When the newest one ends; known from the start, also while it is still sealed on disk.
    expires_at: Option<Timestamp>,
    token: Option<Arc<AccessToken>>,
}

impl Cell {
    /// The grant of `row`, with nothing in memory but its history and when its tokens end.
    pub fn new(row: &GrantRow, expiries: impl IntoIterator<Item = (Audience, Timestamp)>) -> Self {
        let mut inner = Inner {
            state: row.state.clone(),
            last_refresh_at: row.last_refresh_at,
            history: History::from_bytes(&row.history),
            failures: 0,
            next_try: None,
            outlook: Held::default(),
            graph: Held::default(),
            denied: None,
            flight: None,
            unwritten: None,
            scheduled: None,
        };
        for (audience, expires_at) in expiries {
            inner.held(audience).expires_at = Some(expires_at);
        }
        let primary = scopes::primary(&row.scope);
        Self { id: row.id, client_id: row.client_id, primary, connected_at: row.connected_at, inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every critical section leaves the values whole, so a panic elsewhere does not spoil them.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token that may be handed out at `now`: enough life left and nobody asked to sign in.
    pub fn fresh(&self, audience: Audience, now: Timestamp) -> Option<Arc<AccessToken>> {
        let mut inner = self.lock();
        if matches!(inner.state, GrantState::NeedsReauth { .. }) {
            return None;
        }
        inner.held(audience).token.as_ref().filter(|token| token.lasts(now, policy::slack(token.lifetime()))).cloned()
    }

    /// The token while it is valid at all: better than nothing for a grant that waits.
    pub fn remaining(&self, audience: Audience, now: Timestamp) -> Option<Arc<AccessToken>> {
        self.lock().held(audience).token.as_ref().filter(|token| token.expires_at > now).cloned()
    }

    /// Whether there is a token on disk that may still be valid and was not opened yet.
    pub fn is_unopened(&self, audience: Audience, now: Timestamp) -> bool {
        let mut inner = self.lock();
        let held = inner.held(audience);
        held.token.is_none() && held.expires_at.is_some_and(|end| end > now)
    }

    /// Keeps a token that was opened or came with a sign-in. An older one never replaces a newer.
    pub fn keep(&self, audience: Audience, token: Arc<AccessToken>) {
        let mut inner = self.lock();
        let held = inner.held(audience);
        if held.token.as_ref().is_none_or(|known| known.obtained_at <= token.obtained_at) {
            held.expires_at = Some(token.expires_at);
            held.token = Some(token);
        }
    }

    /// Forgets that there is a token on disk: it could not be opened.
    pub fn forget(&self, audience: Audience) {
        *self.lock().held(audience) = Held::default();
    }

    /// Why there is no token for the resource beside the main one, while it is too early to ask again.
    pub fn denied(&self, audience: Audience, now: Timestamp) -> Option<Problem> {
        let inner = self.lock();
        inner.denied.as_ref().filter(|(_, until)| audience != self.primary && *until > now).map(|(problem, _)| problem.clone())
    }

    /// Notes that the person never consented to the resource beside the main one; nobody asks again before `until`.
    pub fn deny(&self, problem: Problem, until: Timestamp) {
        self.lock().denied = Some((problem, until));
    }

    /// Joins the refresh under way, or begins one: then the caller gets the sender and must fly it.
    pub fn board(&self, audience: Audience, now: Timestamp) -> Boarding {
        let mut inner = self.lock();
        if let Some((bound_for, landing)) = &inner.flight {
            return if *bound_for == audience { Boarding::Joined(landing.clone()) } else { Boarding::Queued(landing.clone()) };
        }
        if let (Some(failure), Some(next_try)) = (Failure::of(&inner.state, inner.next_try, now), inner.next_try)
            && next_try > now
        {
            return Boarding::Refused(failure);
        }
        let (sender, landing) = watch::channel(None);
        inner.flight = Some((audience, landing.clone()));
        Boarding::Begun(sender, landing)
    }

    /// Ends the refresh under way.
    pub fn land(&self) {
        let mut inner = self.lock();
        inner.flight = None;
        inner.unwritten = None;
    }

    /// Notes why the refresh under way cannot write down what it brought.
    pub fn cannot_write(&self, cause: String) {
        self.lock().unwritten = Some(cause);
    }

    /// What a reader is told who has waited long enough for the refresh under way.
    pub fn overdue(&self) -> Failure {
        match self.lock().unwritten.clone() {
            Some(cause) => Failure::Store(cause),
            None => Failure::Waiting {
                reason: WaitReason::ProviderUnavailable,
                problem: Problem::told("provider_slow", &[]),
                retry_in: ASK_AGAIN,
            },
        }
    }

    /// Notes a refresh that worked; returns whether the grant was waiting for the provider.
    pub fn succeeded(&self, audience: Audience, token: Arc<AccessToken>, now: Timestamp) -> bool {
        let was_waiting = {
            let mut inner = self.lock();
            let was_waiting = matches!(inner.state, GrantState::Waiting { .. });
            inner.state = GrantState::Healthy;
            inner.failures = 0;
            inner.next_try = None;
            inner.last_refresh_at = Some(now);
            inner.history.note(Mark::Worked, now);
            was_waiting
        };
        self.keep(audience, token);
        was_waiting
    }

    /// Counts one more failure.
    pub fn failed_once_more(&self) -> u32 {
        let mut inner = self.lock();
        inner.failures = inner.failures.saturating_add(1);
        inner.failures
    }

    /// Notes what a failure led to; returns whether state or reason are new (and so worth the disk and a line in the journal).
    pub fn failed(&self, aftermath: &Aftermath, now: Timestamp) -> bool {
        let mut inner = self.lock();
        inner.history.note(Mark::of(&aftermath.state), now);
        let is_news = (inner.state.as_str(), inner.state.reason()) != (aftermath.state.as_str(), aftermath.state.reason());
        inner.state = aftermath.state.clone();
        inner.next_try = Some(aftermath.next_try);
        is_news
    }

    /// How its refreshes went.
    pub fn history(&self) -> History {
        self.lock().history
    }

    /// The same with one that is to be written down before it is noted.
    pub fn history_with(&self, mark: Mark, now: Timestamp) -> History {
        self.history().with(mark, now)
    }

    /// Ends a wait, if it waits: what was waited for is back.
    pub fn stop_waiting(&self, now: Timestamp, applies: impl FnOnce(&GrantState) -> bool) -> bool {
        let mut inner = self.lock();
        let applies = applies(&inner.state) && inner.next_try.is_none_or(|next_try| next_try > now);
        if applies {
            inner.failures = 0;
            inner.next_try = Some(now);
        }
        applies
    }

    /// Leaves the state as it is and tries again at `at`.
    pub fn postpone(&self, at: Timestamp) {
        self.lock().next_try = Some(at);
    }

    /// When it is to be refreshed without being asked for.
    pub fn due(&self, jitter: f64) -> Timestamp {
        let mut inner = self.lock();
        if let Some(next_try) = inner.next_try {
            return next_try;
        }
        let primary = inner.held(self.primary);
        match (&primary.token, primary.expires_at) {
            (Some(token), _) => policy::due(token, jitter),
            // Still sealed: its age is not known, so allow for a short life and spread over ten minutes before the promise breaks.
            (None, Some(end)) => end.checked_sub(Duration::from_secs_f64(900.0 + 600.0 * jitter)).unwrap_or(end),
            (None, None) => Timestamp::UNIX_EPOCH,
        }
    }

    /// Notes its new place in the schedule and returns the old one.
    pub fn reschedule(&self, at: Option<Timestamp>) -> Option<Timestamp> {
        std::mem::replace(&mut self.lock().scheduled, at)
    }

    /// When its refresh token was last used, or given.
    pub fn last_use(&self) -> Timestamp {
        self.lock().last_refresh_at.map_or(self.connected_at, |at| at.max(self.connected_at))
    }

    /// How it stands.
    pub fn mark(&self) -> Mark {
        Mark::of(&self.lock().state)
    }

    /// How it is doing; when the grant ends is for the engine to say.
    pub fn view(&self) -> View {
        let mut inner = self.lock();
        View {
            state: inner.state.clone(),
            refreshing: inner.flight.is_some(),
            access_expires_at: inner.held(self.primary).expires_at,
            last_refresh_at: inner.last_refresh_at,
            grant_expires_at: None,
            history: inner.history,
        }
    }
}

impl Inner {
    fn held(&mut self, audience: Audience) -> &mut Held {
        match audience {
            Audience::Outlook => &mut self.outlook,
            Audience::Graph => &mut self.graph,
        }
    }
}

/// What came of wanting to refresh.
pub enum Boarding {
    /// Nobody else is at it: the caller flies, and tells by the sender.
    Begun(Sender, Landing),
    /// Somebody is at it for the same resource.
    Joined(Landing),
    /// Somebody is at it for the other resource: wait for that, then board again (one refresh of a grant at a time).
    Queued(Landing),
    /// Too early after a failure.
    Refused(Failure),
}
