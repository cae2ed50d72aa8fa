//! [`History`]: how the refreshes of one grant went during the last 24 hours, in 24 bytes. Pure.
//!
//! It is written with what a refresh writes anyhow, so it outlives a restart and costs no write of its own. Failures that leave the state
//! as it was write nothing: a restart in the middle of an outage forgets those since it began.

use jiff::Timestamp;

use crate::model::GrantState;

/// How a refresh went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// None ended, or nothing is known.
    Nothing,
    /// It worked.
    Worked,
    /// It has to wait; nobody need sign in.
    Waited,
    /// Somebody has to sign in again.
    Refused,
}

impl Mark {
    /// The mark of a refresh that led to `state`.
    pub const fn of(state: &GrantState) -> Self {
        match state {
            GrantState::Healthy => Self::Worked,
            GrantState::Waiting { .. } => Self::Waited,
            GrantState::NeedsReauth { .. } => Self::Refused,
        }
    }

    const fn bits(self) -> u128 {
        self as u128
    }

    const fn from_bits(bits: u128) -> Self {
        match bits & 3 {
            1 => Self::Worked,
            2 => Self::Waited,
            3 => Self::Refused,
            _ => Self::Nothing,
        }
    }
}

/// The half hours of a day, two bits each, the newest in the lowest bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct History {
    /// Number of the newest half hour, counted from 1970.
    newest: i64,
    marks: u128,
}

impl History {
    /// Half hours that are kept.
    pub const SLOTS: usize = 48;
    const SECONDS: i64 = 30 * 60;

    /// As it is stored: the number, then the marks, lowest byte first.
    pub fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.newest.to_le_bytes());
        bytes[8..].copy_from_slice(&self.marks.to_le_bytes());
        bytes
    }

    /// What [`History::to_bytes`] wrote; anything else is no history.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let parts = bytes.split_first_chunk::<8>().and_then(|(newest, marks)| Some((*newest, <[u8; 16]>::try_from(marks).ok()?)));
        parts.map_or_else(Self::default, |(newest, marks)| Self { newest: i64::from_le_bytes(newest), marks: u128::from_le_bytes(marks) })
    }

    /// Notes how a refresh went. Of several in one half hour the worst is kept.
    pub fn note(&mut self, mark: Mark, now: Timestamp) {
        *self = self.at(now);
        let worst = Mark::from_bits(self.marks).max(mark);
        self.marks = self.marks & !3 | worst.bits();
    }

    /// The same with one more mark; see [`History::note`].
    #[must_use]
    pub fn with(mut self, mark: Mark, now: Timestamp) -> Self {
        self.note(mark, now);
        self
    }

    /// The marks of the 48 half hours up to `now`, the oldest first.
    pub fn marks(&self, now: Timestamp) -> [Mark; Self::SLOTS] {
        let marks = self.at(now).marks;
        std::array::from_fn(|slot| Mark::from_bits(marks >> (2 * (Self::SLOTS - 1 - slot))))
    }

    /// The same history as it looks at `now`. A clock that was set back changes nothing.
    fn at(self, now: Timestamp) -> Self {
        let slot = now.as_second().div_euclid(Self::SECONDS);
        let passed = usize::try_from(slot.saturating_sub(self.newest)).unwrap_or(0);
        let marks = if passed >= Self::SLOTS { 0 } else { self.marks << (2 * passed) };
        Self { newest: slot.max(self.newest), marks }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(500_000) + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn marks_move_with_the_time_and_fall_off_after_a_day() {
        let mut history = History::default();
        history.note(Mark::Worked, at(0));
        history.note(Mark::Refused, at(31));
        assert_eq!(history.marks(at(31))[46..], [Mark::Worked, Mark::Refused]);
        assert_eq!(history.marks(at(61))[45..], [Mark::Worked, Mark::Refused, Mark::Nothing]);
        assert_eq!(history.marks(at(24 * 60 - 1))[0], Mark::Worked);
        assert_eq!(history.marks(at(24 * 60))[0], Mark::Refused);
        assert_eq!(history.marks(at(48 * 60)), [Mark::Nothing; History::SLOTS]);
    }

    #[test]
    fn what_was_written_is_read_and_anything_else_is_no_history() {
        let mut history = History::default();
        history.note(Mark::Worked, at(0));
        history.note(Mark::Waited, at(700));
        assert_eq!(History::from_bytes(&history.to_bytes()), history);
        for damaged in [&[][..], &[1; 23], &[1; 25]] {
            assert_eq!(History::from_bytes(damaged), History::default());
        }
        // Of a time that cannot be, such as a half hour beyond all clocks.
        assert_eq!(History::from_bytes(&[0xff; 24]).marks(at(0)), [Mark::Nothing; History::SLOTS]);
        let mut beyond = [0xff; 24];
        beyond[7] = 0x7f;
        History::from_bytes(&beyond).note(Mark::Worked, at(0));
    }

    #[test]
    fn the_worst_of_half_an_hour_is_kept() {
        let mut history = History::default();
        for mark in [Mark::Worked, Mark::Waited, Mark::Worked] {
            history.note(mark, at(5));
        }
        assert_eq!(history.marks(at(5))[47], Mark::Waited);
    }

    #[test]
    fn a_clock_that_is_set_back_loses_nothing() {
        let mut history = History::default();
        history.note(Mark::Worked, at(600));
        history.note(Mark::Waited, at(0));
        assert_eq!(history.marks(at(600))[47], Mark::Waited);
    }
}
