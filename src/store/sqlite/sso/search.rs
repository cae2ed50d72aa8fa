//! Finding people by a part of their address or name: see the migrations that make `people_search` and `people_parts`.

use sqlx::Row as _;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use crate::model::PersonId;
use crate::store::Error;

/// Three-letter parts that are asked for at once. More begin with common letters, which many people have: few rows are looked at then.
const MOST_PARTS: usize = 64;

/// At most `limit` people whose address or name holds `text` (in lower case), behind the person `after`, in the order in which they came.
pub(super) async fn rows(readers: &SqlitePool, text: &str, after: Option<PersonId>, limit: u32) -> Result<Vec<SqliteRow>, Error> {
    // Where a page ends is a person, who may have been removed meanwhile: then it goes on behind the one before them.
    const BEHIND: &str =
        "search.number > coalesce((SELECT number FROM people_search WHERE person_id <= ?1 ORDER BY person_id DESC LIMIT 1), 0)";
    let parts = match trigrams(text) {
        Some(all) => Some(all),
        None => match beginning_with(readers, text).await? {
            parts if parts.is_empty() => return Ok(Vec::new()),
            parts => (parts.len() <= MOST_PARTS).then(|| parts.iter().map(|part| quoted(part)).collect::<Vec<_>>().join(" OR ")),
        },
    };
    let after = after.map_or_else(String::new, |id| id.to_string());
    let found = match parts {
        Some(parts) => {
            let found = format!(
                "SELECT people.* FROM people_trigrams CROSS JOIN people_search AS search ON search.number = people_trigrams.rowid
                 JOIN people ON people.id = search.person_id
                 WHERE people_trigrams MATCH ?4 AND {BEHIND} AND instr(search.text, ?2) > 0 ORDER BY people_trigrams.rowid LIMIT ?3"
            );
            sqlx::query(sqlx::AssertSqlSafe(found)).bind(after).bind(text).bind(limit).bind(parts).fetch_all(readers).await
        }
        None => {
            let found = format!(
                "SELECT people.* FROM people_search AS search JOIN people ON people.id = search.person_id
                 WHERE {BEHIND} AND instr(search.text, ?2) > 0 ORDER BY search.number LIMIT ?3"
            );
            sqlx::query(sqlx::AssertSqlSafe(found)).bind(after).bind(text).bind(limit).fetch_all(readers).await
        }
    };
    Ok(found?)
}

/// The three-letter parts of all people that begin with `text`, one more than [`MOST_PARTS`] at most.
async fn beginning_with(readers: &SqlitePool, text: &str) -> Result<Vec<String>, Error> {
    let last = format!("{text}{}", char::MAX);
    let parts = sqlx::query_scalar("SELECT term FROM people_parts WHERE term >= ? AND term <= ? LIMIT ?");
    Ok(parts.bind(text).bind(last).bind(i64::try_from(MOST_PARTS + 1).unwrap_or(i64::MAX)).fetch_all(readers).await?)
}

/// The identities of these people, with whose they are.
pub(super) async fn identities(readers: &SqlitePool, people: &[PersonId]) -> Result<Vec<(String, String, String)>, Error> {
    let ids = serde_json::to_string(people).unwrap_or_default();
    let found = sqlx::query(
        "SELECT person_id, issuer, subject FROM json_each(?) CROSS JOIN identities ON person_id = json_each.value ORDER BY issuer, subject",
    );
    let rows = found.bind(ids).fetch_all(readers).await?;
    let identity = |row: &SqliteRow| Ok((row.try_get("person_id")?, row.try_get("issuer")?, row.try_get("subject")?));
    rows.iter().map(identity).collect()
}

/// The query for rows that hold all three-letter parts of `text`; nothing for a shorter one.
fn trigrams(text: &str) -> Option<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut parts: Vec<String> = letters.windows(3).map(|part| quoted(&part.iter().collect::<String>())).collect();
    parts.sort_unstable();
    parts.dedup();
    // The index reads its query as C does: it ends at a zero.
    Some(parts.join(" AND ")).filter(|query| !query.is_empty() && !query.contains('\0'))
}

/// As the index wants a text in its query.
fn quoted(part: &str) -> String {
    format!("\"{}\"", part.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_asked_for_by_its_three_letter_parts() {
        assert_eq!(trigrams("anna"), Some("\"ann\" AND \"nna\"".to_owned()));
        assert_eq!(trigrams("a\"b"), Some("\"a\"\"b\"".to_owned()));
        assert_eq!((trigrams("an"), trigrams(""), trigrams("a\0bc")), (None, None, None));
    }
}
