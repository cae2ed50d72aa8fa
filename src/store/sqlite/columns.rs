//! Values as columns: times in milliseconds, identifiers and words as text, sealed values as they are.

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::model::{Audience, GrantState, Problem, ReauthReason, WaitReason};
use crate::store::flows::Kind;
use crate::store::{Error, Sealed};

/// What a row says in `column`, as text that parses.
pub(super) fn parsed<T: FromStr<Err: Display>>(row: &SqliteRow, column: &str) -> Result<T, Error> {
    row.try_get::<&str, _>(column)?.parse().map_err(|error| Error::Damaged(format!("{column}: {error}")))
}

/// The same where the row may say nothing.
pub(super) fn parsed_if_any<T: FromStr<Err: Display>>(row: &SqliteRow, column: &str) -> Result<Option<T>, Error> {
    if row.try_get::<Option<&str>, _>(column)?.is_some() { parsed(row, column).map(Some) } else { Ok(None) }
}

/// A time.
pub(super) fn time(row: &SqliteRow, column: &str) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(row.try_get(column)?).map_err(|error| Error::Damaged(format!("{column}: {error}")))
}

/// A time where the row may have none.
pub(super) fn time_if_any(row: &SqliteRow, column: &str) -> Result<Option<Timestamp>, Error> {
    if row.try_get::<Option<i64>, _>(column)?.is_some() { time(row, column).map(Some) } else { Ok(None) }
}

/// A sealed value.
pub(super) fn sealed(row: &SqliteRow, column: &str) -> Result<Sealed, Error> {
    Ok(Sealed(row.try_get(column)?))
}

/// SHA-256.
pub(super) fn hash(row: &SqliteRow, column: &str) -> Result<[u8; 32], Error> {
    row.try_get::<&[u8], _>(column)?.try_into().map_err(|_| Error::Damaged(format!("{column}: not 32 bytes")))
}

/// A count.
pub(super) fn count(row: &SqliteRow, column: &str) -> Result<u64, Error> {
    u64::try_from(row.try_get::<i64, _>(column)?).map_err(|_| Error::Damaged(format!("{column}: below zero")))
}

/// A count as SQLite's integer. None of ours reaches the end of that.
pub(super) fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What a ticket or a flow is for.
pub(super) fn kind(row: &SqliteRow) -> Result<Kind, Error> {
    let word: &str = row.try_get("kind")?;
    [Kind::Mailbox, Kind::Directory].into_iter().find(|kind| kind.as_str() == word).ok_or_else(|| Error::Damaged(format!("kind: {word}")))
}

/// The resource of an access token.
pub(super) fn audience(row: &SqliteRow) -> Result<Audience, Error> {
    let word: &str = row.try_get("audience")?;
    [Audience::Outlook, Audience::Graph]
        .into_iter()
        .find(|audience| audience.as_str() == word)
        .ok_or_else(|| Error::Damaged(format!("audience: {word}")))
}

/// The state of a grant: columns `state`, `reason` and `problem`.
pub(super) fn state(row: &SqliteRow) -> Result<GrantState, Error> {
    let word: &str = row.try_get("state")?;
    if word == GrantState::Healthy.as_str() {
        return Ok(GrantState::Healthy);
    }
    let reason = row.try_get::<Option<&str>, _>("reason")?.unwrap_or_default();
    let problem: Problem = serde_json::from_str(row.try_get::<Option<&str>, _>("problem")?.unwrap_or_default())
        .map_err(|error| Error::Damaged(format!("problem: {error}")))?;
    let waiting = || WaitReason::from_word(reason).map(|reason| GrantState::Waiting { reason, problem: problem.clone() });
    let reauth = || ReauthReason::from_word(reason).map(|reason| GrantState::NeedsReauth { reason, problem: problem.clone() });
    match word {
        "waiting" => waiting(),
        "needs_reauth" => reauth(),
        _ => None,
    }
    .ok_or_else(|| Error::Damaged(format!("state: {word} {reason}")))
}

/// The story of a state, as its column keeps it.
pub(super) fn problem(state: &GrantState) -> Result<Option<String>, Error> {
    state.problem().map(serde_json::to_string).transpose().map_err(|error| Error::Damaged(format!("problem: {error}")))
}

/// The same for rows that are read on the writer's own thread.
pub(super) mod direct {
    use std::fmt::Display;
    use std::str::FromStr;

    use jiff::Timestamp;
    use rusqlite::Row;

    use crate::store::Error;

    /// What a row says in `column`, as text that parses.
    pub fn parsed<T: FromStr<Err: Display>>(row: &Row<'_>, column: &str) -> Result<T, Error> {
        parsed_if_any(row, column)?.ok_or_else(|| Error::Damaged(format!("{column}: nothing")))
    }

    /// The same where the row may say nothing.
    pub fn parsed_if_any<T: FromStr<Err: Display>>(row: &Row<'_>, column: &str) -> Result<Option<T>, Error> {
        let text = row.get_ref(column)?.as_str_or_null().map_err(|error| Error::Damaged(format!("{column}: {error}")))?;
        text.map(str::parse).transpose().map_err(|error| Error::Damaged(format!("{column}: {error}")))
    }

    /// A word that `known` knows.
    pub fn word<T>(row: &Row<'_>, column: &str, known: impl FnOnce(&str) -> Option<T>) -> Result<T, Error> {
        let word = row.get_ref(column)?.as_str().map_err(|error| Error::Damaged(format!("{column}: {error}")))?;
        known(word).ok_or_else(|| Error::Damaged(format!("{column}: {word}")))
    }

    /// A time.
    pub fn time(row: &Row<'_>, column: &str) -> Result<Timestamp, Error> {
        Timestamp::from_millisecond(row.get(column)?).map_err(|error| Error::Damaged(format!("{column}: {error}")))
    }
}
