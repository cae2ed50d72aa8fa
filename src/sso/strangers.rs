//! [`Strangers`]: answers that belong to no sign-in under way. Somebody may be trying something, so they get a line in the audit log; and
//! anybody may send them, so only so many a minute do. The journal has them all.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// Lines a minute: plenty for people, and a drop in the log for a flood.
const A_MINUTE: u32 = 60;

/// How many were noted this minute.
#[derive(Default)]
pub struct Strangers(Mutex<(i64, u32)>);

impl Strangers {
    /// Whether one more may be noted now.
    pub fn may_be_noted(&self, now: Timestamp) -> bool {
        let minute = now.as_second().div_euclid(60);
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.0 != minute {
            *noted = (minute, 0);
        }
        noted.1 = noted.1.saturating_add(1);
        noted.1 <= A_MINUTE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_noted_up_to_a_bound_each_minute() {
        let strangers = Strangers::default();
        let noted = |second| (0..1000).filter(|_| strangers.may_be_noted(Timestamp::from_second(second).unwrap())).count();
        assert_eq!([noted(0), noted(59), noted(60)], [60, 0, 60]);
    }
}
