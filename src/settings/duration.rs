//! Durations as people write them: `30s`, `15m`, `12h`, `90d`.

use std::time::Duration;

use super::values::Bad;

/// Ten years: longer than anything that is timed here, and far from overflow.
const LONGEST_SECONDS: u64 = 3650 * 86_400;

/// Reads a whole number and one unit; zero and more than ten years are refused.
pub(super) fn parse(text: &str) -> Result<Duration, Bad> {
    let bad = || Bad::new("is not a duration", "write a whole number and a unit, as 30s, 15m, 12h or 90d");
    let unit = text.chars().last().ok_or_else(bad)?;
    let seconds_each = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(bad()),
    };
    let digits = &text[..text.len() - unit.len_utf8()];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds_each)).unwrap_or(u64::MAX);
    match seconds {
        0 => Err(Bad::new("must be longer than nothing", "write at least 1s")),
        1..=LONGEST_SECONDS => Ok(Duration::from_secs(seconds)),
        _ => Err(Bad::new("is longer than ten years", "write at most 3650d")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_make_a_duration() {
        for (text, seconds) in [("30s", 30), ("15m", 900), ("12h", 43_200), ("90d", 7_776_000), ("007s", 7), ("3650d", LONGEST_SECONDS)] {
            assert_eq!(parse(text).ok(), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["", "s", "15", "15 m", " 15m", "15M", "1.5h", "-1s", "+1s", "1h30m", "0s", "3651d", "99999999999999999999d", "1ä", "１s"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
