//! When to warn of a secret's end, and in which words. Pure.

use jiff::{SignedDuration, Timestamp};

use crate::model::Problem;

/// Days before the end at which somebody is told.
const STEPS: [i64; 5] = [1, 7, 14, 30, 60];
const DAY: i64 = 24 * 3600;

/// The step that has been reached: 60, 30, 14, 7, 1, then 0 on the day after the end, -1 on the next, and so on. Nothing before the
/// first. Each is told once, so a secret that has ended is told of daily.
pub fn step(ends: Timestamp, now: Timestamp) -> Option<i64> {
    let left = ends.duration_since(now).as_secs();
    if left <= 0 {
        return Some(left / DAY);
    }
    STEPS.into_iter().find(|days| left <= days * DAY)
}

/// A secret that ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Whose it is: "AZUREAD_CIS", "the client secret of the SSO record X".
    pub what: String,
    /// The problem's code before the end, and after it.
    pub codes: [&'static str; 2],
    /// What to do about it.
    pub renew: String,
    /// When.
    pub at: Timestamp,
}

impl End {
    /// What an admin should know now; nothing while it is early.
    pub fn warning(&self, now: Timestamp) -> Option<Problem> {
        let (what, [before, after]) = (&self.what, self.codes);
        let is_over = step(self.at, now)? <= 0;
        let day = self.at.strftime("%Y-%m-%d");
        if is_over {
            return Some(Problem::told("secret_expired", &[("what", what), ("day", &day), ("renew", &self.renew)]).under(after));
        }
        let problem = match (self.at.duration_since(now) + SignedDuration::from_secs(DAY - 1)).as_secs() / DAY {
            1 => Problem::told("secret_expires.soon", &[("what", what), ("day", &day), ("renew", &self.renew)]),
            days => Problem::told("secret_expires", &[("what", what), ("day", &day), ("days", &days), ("renew", &self.renew)]),
        };
        Some(problem.under(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_begins_on_its_day_and_the_end_is_told_daily() {
        let ends: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let at = |days: i64| step(ends, ends - SignedDuration::from_hours(24 * days));
        let expected = [
            (61, None),
            (60, Some(60)),
            (31, Some(60)),
            (30, Some(30)),
            (15, Some(30)),
            (14, Some(14)),
            (8, Some(14)),
            (7, Some(7)),
            (2, Some(7)),
            (1, Some(1)),
            (0, Some(0)),
            (-1, Some(-1)),
            (-2, Some(-2)),
        ];
        for (days, step) in expected {
            assert_eq!(at(days), step, "{days} days before");
        }
    }

    #[test]
    fn the_words_say_how_long_is_left() {
        let now: Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
        let words = |at: &str| {
            let (what, renew) = ("AZUREAD_CIS".to_owned(), "make another".to_owned());
            let end = End { what, codes: ["secret_expires", "secret_expired"], renew, at: at.parse().unwrap() };
            end.warning(now).map(|problem| (problem.code, problem.title))
        };
        assert_eq!(words("2027-11-27T12:00:00Z"), None);
        assert_eq!(words("2026-12-09T11:00:00Z"), Some(("secret_expires".into(), "AZUREAD_CIS ends 2026-12-09, in 12 days".into())));
        assert_eq!(words("2026-11-28T11:00:00Z"), Some(("secret_expires".into(), "AZUREAD_CIS ends 2026-11-28, within a day".into())));
        assert_eq!(words("2026-11-20T12:00:00Z"), Some(("secret_expired".into(), "AZUREAD_CIS ended 2026-11-20".into())));
    }
}
