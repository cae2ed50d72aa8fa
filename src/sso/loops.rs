//! [`Loops`]: breaks a redirect loop. An app that sends a signed-in browser straight back to sign in would do so for ever, since
//! the provider signs in without asking. In memory only: a loop does not outlive a restart by much.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// A browser that comes back this soon after it was signed in did not see a page in between.
const SOON: SignedDuration = SignedDuration::from_secs(10);
/// So many rounds are run before the loop is broken.
const ROUNDS: u8 = 3;
/// Browsers remembered at once; the list begins anew when it is full.
const MOST: usize = 10_000;

/// Browsers that were signed in just now, by the hash of their cookie.
#[derive(Default)]
pub struct Loops(Mutex<HashMap<[u8; 32], Round>>);

struct Round {
    rounds: u8,
    /// Set by a sign-in that ended, cleared by one that begins.
    signed_in_at: Option<Timestamp>,
    /// Where it was going.
    target: String,
}

impl Loops {
    /// A browser begins to sign in to `target`. Returns whether it runs in a circle; the count begins anew then.
    pub fn begins(&self, browser: [u8; 32], target: &str, now: Timestamp) -> bool {
        let mut known = self.lock();
        let Some(round) = known.get_mut(&browser) else { return false };
        let Some(signed_in_at) = round.signed_in_at.take() else { return false };
        if round.target != target || now.duration_since(signed_in_at).abs() > SOON {
            known.remove(&browser);
            return false;
        }
        round.rounds += 1;
        let circles = round.rounds >= ROUNDS;
        if circles {
            known.remove(&browser);
        }
        circles
    }

    /// A browser was signed in to `target`.
    pub fn signed_in(&self, browser: [u8; 32], target: &str, now: Timestamp) {
        let mut known = self.lock();
        if known.len() >= MOST && !known.contains_key(&browser) {
            known.clear();
        }
        let round = known.entry(browser).or_insert_with(|| Round { rounds: 0, signed_in_at: None, target: target.to_owned() });
        if round.target != target {
            *round = Round { rounds: 0, signed_in_at: None, target: target.to_owned() };
        }
        round.signed_in_at = Some(now);
    }

    /// Somebody acted: signed out, or saw one of our pages.
    pub fn acted(&self, browser: [u8; 32]) {
        self.lock().remove(&browser);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Round>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn the_fourth_round_does_not_begin() {
        let loops = Loops::default();
        for round in 0..3 {
            assert!(!loops.begins([1; 32], "main /x", at(round)), "{round}");
            loops.signed_in([1; 32], "main /x", at(round));
        }
        assert!(loops.begins([1; 32], "main /x", at(3)));
        assert!(!loops.begins([1; 32], "main /x", at(3)), "the person may try again");
    }

    #[test]
    fn fifty_tabs_and_people_who_take_their_time_are_no_loop() {
        let loops = Loops::default();
        for _ in 0..50 {
            loops.signed_in([1; 32], "main /", at(0));
        }
        assert!(!loops.begins([1; 32], "main /", at(1)));
        for minute in 1..9 {
            assert!(!loops.begins([2; 32], "main /", at(60 * minute)));
            loops.signed_in([2; 32], "main /", at(60 * minute));
        }
    }

    #[test]
    fn another_target_or_an_act_begins_the_count_anew() {
        let loops = Loops::default();
        for round in 0..8 {
            let target = if round % 2 == 0 { "main /" } else { "kb /" };
            assert!(!loops.begins([1; 32], target, at(round)));
            loops.signed_in([1; 32], target, at(round));
        }
        for round in 0..8 {
            assert!(!loops.begins([2; 32], "kb /", at(round)));
            loops.signed_in([2; 32], "kb /", at(round));
            loops.acted([2; 32]);
        }
    }
}
