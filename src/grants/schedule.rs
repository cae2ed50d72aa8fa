//! Who is refreshed when, without being asked: one ordered list, one task, a bound on how many at once.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::cell::Cell;
use super::{Boarding, Grants};
use crate::model::{GrantId, GrantState, WaitReason};

/// The grants in the order in which they are due.
#[derive(Default)]
pub struct Schedule {
    due: Mutex<BTreeSet<(Timestamp, GrantId)>>,
    earlier: Notify,
}

impl Schedule {
    /// Puts a grant in its place, or moves it there.
    pub fn put(&self, cell: &Cell) {
        let at = cell.due(jitter(cell.id));
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = cell.reschedule(Some(at)) {
            due.remove(&(before, cell.id));
        }
        due.insert((at, cell.id));
        let is_first = due.first().is_some_and(|first| first.1 == cell.id);
        drop(due);
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// Takes a grant out.
    pub fn remove(&self, cell: &Cell) {
        if let Some(before) = cell.reschedule(None) {
            self.due.lock().unwrap_or_else(PoisonError::into_inner).remove(&(before, cell.id));
        }
    }

    fn first(&self) -> Option<(Timestamp, GrantId)> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner).first().copied()
    }

    fn pop(&self, entry: &(Timestamp, GrantId)) -> bool {
        self.due.lock().unwrap_or_else(PoisonError::into_inner).remove(entry)
    }
}

impl Grants {
    /// Refreshes what is due, until the tasks are stopped. After a suspend everything may be due at once: never more than a
    /// set number is under way then, the one whose token ended first goes first.
    pub async fn keep_fresh(self: Arc<Self>) {
        let stop = self.parts.tasks.token();
        let mut credentials = self.parts.keeper.subscribe();
        let mut fence = self.parts.fence.clone();
        loop {
            let next = self.schedule.first();
            let now = self.parts.clock.now();
            let ready = next.filter(|(at, _)| *at <= now && fence.borrow().is_some());
            if let Some(entry) = ready {
                let permit = tokio::select! {
                    () = stop.cancelled() => return,
                    permit = Arc::clone(&self.scheduled_permits).acquire_owned() => permit,
                };
                if self.schedule.pop(&entry)
                    && let (Ok(permit), Some(cell)) = (permit, self.cell(entry.1))
                {
                    cell.reschedule(None);
                    self.refresh_when_due(&cell, permit);
                }
                continue;
            }
            // Without the lease there is nothing to do but to wait for it. Also a far deadline is only slept for in naps, so
            // nothing is missed over a suspend (see model::clock).
            let far = now + SignedDuration::from_hours(1);
            let deadline = if fence.borrow().is_none() { far } else { next.map_or(far, |(at, _)| at) };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.schedule.earlier.notified() => {}
                changed = fence.changed() => if changed.is_err() { return },
                changed = credentials.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.credentials_changed().await;
                }
                () = self.parts.clock.wait_until(deadline) => {}
            }
        }
    }

    fn refresh_when_due(self: &Arc<Self>, cell: &Arc<Cell>, permit: tokio::sync::OwnedSemaphorePermit) {
        if self.client_changed(cell).is_some() {
            // It cannot be refreshed; new credentials put it back on the schedule.
            return;
        }
        match cell.board(cell.primary, self.parts.clock.now()) {
            Boarding::Begun(sender, _) => self.fly(Arc::clone(cell), cell.primary, sender, Some(permit)),
            // Whoever is at it puts the grant back on the schedule.
            Boarding::Joined(_) | Boarding::Queued(_) => {}
            Boarding::Refused(_) => self.schedule.put(cell),
        }
    }

    /// New credentials: whoever waits for them is due now, and so is everybody whose client id is the configured one again.
    async fn credentials_changed(&self) {
        self.gate.open();
        let now = self.parts.clock.now();
        if let Some(in_force) = self.parts.keeper.in_force()
            && let Err(error) = self.parts.store.mark_client(in_force.client_id, now).await
        {
            log::warn!(error:% = error; "cannot note which grants belong to another client id");
        }
        for cell in self.cells() {
            cell.stop_waiting(now, |state| matches!(state, GrantState::Waiting { reason: WaitReason::CredentialsRejected, .. }));
            self.schedule.put(&cell);
        }
    }

    /// The provider answered somebody: whoever waits for it is due now.
    pub(super) fn provider_is_back(&self) {
        let now = self.parts.clock.now();
        for cell in self.cells() {
            if cell.stop_waiting(now, |state| matches!(state, GrantState::Waiting { reason: WaitReason::ProviderUnavailable, .. })) {
                self.schedule.put(&cell);
            }
        }
    }
}

/// A grant's own place between 0 and 1: spread evenly over grants, the same at every start.
pub(super) fn jitter(id: GrantId) -> f64 {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(id);
    f64::from(u32::try_from(hash >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_grants_have_places_all_over_the_window() {
        let mut tenths = [0_u32; 10];
        for _ in 0..10_000 {
            let place = jitter(GrantId::new());
            assert!((0.0..=1.0).contains(&place));
            tenths[((place * 10.0) as usize).min(9)] += 1;
        }
        assert!(tenths.iter().all(|count| (800..1200).contains(count)), "{tenths:?}");
    }
}
