//! Small pictures as the numbers of an inline SVG: the template draws them, and the words beside them say the same.

use jiff::Timestamp;
use serde::Serialize;

use super::shell::When;
use crate::mailboxes::{History, Mark};
use crate::texts::{fill, filled, text};

/// Width of half an hour in the picture of a day.
const STEP: usize = 3;
/// Days that the timeline of secrets shows.
const DAYS: i64 = 365;
const DAY: i64 = 86_400;

/// How the refreshes of 24 hours went: a line for what state the grant was in, and a tick for every half hour with a refresh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    spans: Vec<Span>,
    ticks: String,
    words: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Span {
    kind: &'static str,
    x: usize,
    width: usize,
}

/// The picture of a history.
pub fn day(history: &History, now: Timestamp) -> Day {
    let marks = history.marks(now);
    let mut spans: Vec<Span> = Vec::new();
    let mut standing = Mark::Nothing;
    let mut ticks = String::new();
    for (slot, mark) in marks.into_iter().enumerate() {
        if mark == Mark::Worked {
            ticks += &format!("M{} 3v10", slot * STEP + 1);
        }
        // Between two refreshes a grant is as the one before left it.
        standing = if mark == Mark::Nothing { standing } else { mark };
        let kind = match standing {
            Mark::Nothing => continue,
            Mark::Worked => "worked",
            Mark::Waited => "waited",
            Mark::Refused => "refused",
        };
        match spans.last_mut().filter(|span| span.kind == kind && span.x + span.width == slot * STEP) {
            Some(span) => span.width += STEP,
            None => spans.push(Span { kind, x: slot * STEP, width: STEP }),
        }
    }
    Day { spans, ticks, words: words(&marks) }
}

fn words(marks: &[Mark]) -> String {
    let count = |wanted: Mark| marks.iter().filter(|mark| **mark == wanted).count();
    let (worked, waited, refused) = (count(Mark::Worked), count(Mark::Waited), count(Mark::Refused));
    if worked + waited + refused == 0 {
        return text("admin.day.nothing").to_owned();
    }
    let part = |count: usize, once: &'static str, often: &'static str| match count {
        0 => None,
        1 => Some(once.to_owned()),
        count => Some(fill(often, &[("count", count.to_string())])),
    };
    let parts = [
        part(worked, text("admin.day.worked_once"), text("admin.day.worked")),
        part(waited, text("admin.day.waited_once"), text("admin.day.waited")),
        part(refused, text("admin.day.refused_once"), text("admin.day.refused")),
    ];
    filled("admin.day.some", &[("parts", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))])
}

/// When secrets end, on a line of a year.
#[derive(Debug, Clone, Serialize)]
pub struct Timeline {
    points: Vec<Point>,
    months: Vec<Month>,
    words: String,
}

#[derive(Debug, Clone, Serialize)]
struct Point {
    x: i64,
    kind: &'static str,
}

#[derive(Debug, Clone, Serialize)]
struct Month {
    x: i64,
    name: String,
}

/// The timeline of these ends; nothing where none is known. A thousand units wide.
pub fn timeline(ends: &[Timestamp], now: Timestamp) -> Option<Timeline> {
    let first = ends.iter().min()?;
    let place = |at: Timestamp| ((at.as_second() - now.as_second()) * 1000 / (DAYS * DAY)).clamp(0, 1000);
    let points = ends.iter().map(|at| Point {
        x: place(*at),
        kind: match at.as_second() - now.as_second() {
            ..=0 => "bad",
            left if left < 30 * DAY => "warn",
            _ => "good",
        },
    });
    let months = (1..=12).filter_map(|ahead| {
        let first = first_of_month(now, ahead)?;
        Some(Month { x: place(first), name: first.strftime("%b").to_string() }).filter(|month| (40..980).contains(&month.x))
    });
    let words = filled("admin.timeline.words", &[("first", When::new(*first, now).words())]);
    Some(Timeline { points: points.collect(), months: months.collect(), words })
}

/// How many sign-ins end in a week, as a bar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Week {
    name: String,
    count: usize,
    x: usize,
    /// Of a hundred.
    height: usize,
}

/// The bars of the next 13 weeks, the last of which holds the day on which a sign-in of today ends. What ends later is in the last one.
pub fn weeks(ends: impl Iterator<Item = Timestamp>, now: Timestamp) -> Vec<Week> {
    const WEEKS: usize = 13;
    let mut counts = [0_usize; WEEKS];
    for end in ends {
        let week = usize::try_from((end.as_second() - now.as_second()) / (7 * DAY)).unwrap_or(0);
        counts[week.min(WEEKS - 1)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    let week = |(index, count): (usize, usize)| {
        let begin = now.checked_add(jiff::SignedDuration::from_hours(24 * 7 * i64::try_from(index).unwrap_or(0))).unwrap_or(now);
        Week { name: begin.strftime("%-d %b").to_string(), count, x: index * 72, height: (count * 100).div_ceil(most) }
    };
    counts.into_iter().enumerate().map(week).collect()
}

/// The first day of the month that is so many ahead.
fn first_of_month(now: Timestamp, ahead: u32) -> Option<Timestamp> {
    let text = now.strftime("%Y-%m").to_string();
    let (year, month) = text.split_once('-')?;
    let months = year.parse::<u32>().ok()? * 12 + month.parse::<u32>().ok()? - 1 + ahead;
    format!("{:04}-{:02}-01T00:00:00Z", months / 12, months % 12 + 1).parse().ok()
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn hours(count: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(500_000 + count)
    }

    #[test]
    fn a_grant_stays_as_the_last_refresh_left_it() {
        let mut history = History::default();
        for (hour, mark) in [(0, Mark::Worked), (10, Mark::Waited), (12, Mark::Worked)] {
            history.note(mark, hours(hour));
        }
        let picture = day(&history, hours(23));
        let spans: Vec<_> = picture.spans.iter().map(|span| (span.kind, span.width / STEP)).collect();
        assert_eq!(spans, [("worked", 20), ("waited", 4), ("worked", 23)]);
        assert_eq!(picture.ticks.matches('M').count(), 2);
        assert_eq!(picture.words, "Last 24 hours: refreshed in 2 half hours, waited in 1 half hour");
    }

    #[test]
    fn what_nobody_saw_is_not_drawn() {
        let picture = day(&History::default(), hours(0));
        assert!(picture.spans.is_empty() && picture.words.contains("no refresh"));
    }

    #[test]
    fn sign_ins_end_in_their_week() {
        let weeks = weeks([hours(1), hours(2), hours(24 * 8), hours(24 * 400)].into_iter(), hours(0));
        let counts: Vec<_> = weeks.iter().map(|week| (week.count, week.height)).collect();
        assert_eq!((counts[0], counts[1], counts[12], counts.len()), ((2, 100), (1, 50), (1, 50), 13));
        assert_eq!(counts[2], (0, 0));
    }

    #[test]
    fn a_timeline_has_every_end_in_its_place() {
        assert!(timeline(&[], hours(0)).is_none());
        let line = timeline(&[hours(-5), hours(24 * 10), hours(24 * 400)], hours(0)).unwrap();
        let points: Vec<_> = line.points.iter().map(|point| (point.x, point.kind)).collect();
        assert_eq!(points, [(0, "bad"), (27, "warn"), (1000, "good")]);
        assert_eq!(first_of_month("2026-11-27T00:00:00Z".parse().unwrap(), 2), "2027-01-01T00:00:00Z".parse().ok());
        assert!(line.words.ends_with("the first ends 5 hours ago"), "{}", line.words);
    }
}
