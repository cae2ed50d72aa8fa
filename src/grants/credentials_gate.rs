//! [`CredentialsGate`]: once the provider refuses our client, one grant in a while asks again, not ten thousand.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::policy::Aftermath;
use crate::model::Generation;

/// Closed for one generation of credentials and until a time. New credentials open it.
#[derive(Default)]
pub struct CredentialsGate(Mutex<Option<(Generation, Aftermath)>>);

impl CredentialsGate {
    /// What everybody gets who comes to a closed gate; nothing when it is open. Whoever comes after the time goes through,
    /// and the gate stays closed behind them until they come back with an answer.
    pub fn closed(&self, generation: Generation, now: Timestamp) -> Option<Aftermath> {
        let mut gate = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *gate {
            Some((closed_for, aftermath)) if *closed_for == generation => {
                if now < aftermath.next_try {
                    return Some(aftermath.clone());
                }
                // Longer than any request may take, so that a second scout goes only when the first got lost.
                aftermath.next_try = now.saturating_add(std::time::Duration::from_secs(60)).unwrap_or(now);
                None
            }
            _ => None,
        }
    }

    /// Closes it: `generation` was refused.
    pub fn close(&self, generation: Generation, aftermath: Aftermath) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((generation, aftermath));
    }

    /// Opens it; returns whether it was closed.
    pub fn open(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::policy;

    #[test]
    fn behind_a_closed_gate_one_scout_goes_at_a_time() {
        let gate = CredentialsGate::default();
        let start = Timestamp::UNIX_EPOCH;
        let generation = Generation::ZERO.next();
        let aftermath = policy::without_credentials(None, start);
        let later = aftermath.next_try;
        gate.close(generation, aftermath);

        assert!(gate.closed(generation, start).is_some());
        assert!(gate.closed(generation, later).is_none(), "the scout");
        assert!(gate.closed(generation, later).is_some(), "everybody behind it");
        assert!(gate.closed(generation.next(), start).is_none(), "new credentials");
        assert!(gate.open());
        assert!(gate.closed(generation, start).is_none());
    }
}
