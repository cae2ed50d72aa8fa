//! `onedeskctl credentials`.

use jiff::Timestamp;

use super::Context;
use super::args::Credentials as Command;
use super::failure::Failure;
use crate::local_api::answers::SecretExpiry;

/// Runs one of them.
pub async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Expires { date } => expires(context, date).await,
    }
}

async fn expires(context: &Context, expires_at: Timestamp) -> Result<(), Failure> {
    let answer = context.client.put::<SecretExpiry>("/v1/credentials/expiry", &SecretExpiry { expires_at }).await?;
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    let day = answer.value.expires_at.strftime("%Y-%m-%d");
    context
        .output
        .text(&format!("Noted: the client secret in force ends {day}. You are told 60, 30, 14, 7 and 1 days before, and daily after."))
}

/// A day as the portal shows it, or a time.
pub fn day(text: &str) -> Result<Timestamp, String> {
    // The parser of dates takes the date of a time as well, and drops the rest.
    let date = Some(text).filter(|text| !text.contains(['T', 't', ' '])).and_then(|text| text.parse::<jiff::civil::Date>().ok());
    let start = date.and_then(|date| date.at(0, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).ok());
    match start {
        Some(start) => Ok(start.timestamp()),
        None => text.parse().map_err(|_| "write the day as 2027-01-31, or a time as 2027-01-31T12:00:00Z".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_or_a_time_is_taken_and_nothing_else() {
        let at = |text: &str| day(text).ok().map(|at| at.to_string());
        assert_eq!(at("2027-01-31").as_deref(), Some("2027-01-31T00:00:00Z"));
        assert_eq!(at("2027-01-31T12:30:00+01:00").as_deref(), Some("2027-01-31T11:30:00Z"));
        for text in ["31.01.2027", "soon", "2027-02-30", ""] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
