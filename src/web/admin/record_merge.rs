//! [`MadeFrom`]: what a client record's form was made from, and [`merge`]: how the form meets what somebody else saved meanwhile. Pure.

use std::fmt;

use serde::Serialize;

use super::form::{Form, label};
use super::record_form::Values;
use crate::crypto::content_hash;
use crate::sso::Record;

/// The name of the hidden field that carries it.
pub const FIELD: &str = "made_from";
/// What stands for both client secrets, which no page shows.
const SECRET: &str = "client_secret";

/// The record's revision, and a mark of each field, by which is known what changed since. Nothing of it has to be trusted: whoever
/// makes one up gets their own form wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MadeFrom {
    revision: String,
    marks: Vec<String>,
}

impl MadeFrom {
    /// The record as it is now.
    pub fn record(record: &Record) -> Self {
        let next = record.row.secret_next.iter().map(|sealed| sealed.0.as_slice());
        let secrets = std::iter::once(record.row.secret.0.as_slice()).chain(next).collect::<Vec<_>>().concat();
        let marks = Values::of_record(record).fields().map(|(_, value)| mark(value.as_bytes()));
        Self { revision: record.revision(), marks: marks.into_iter().chain([mark(&secrets)]).collect() }
    }

    /// As a form brings it back; one that brings nothing was made from nothing.
    pub fn form(form: &Form) -> Self {
        let mut words = form.get(FIELD).split('.').map(str::to_owned);
        Self { revision: words.next().unwrap_or_default(), marks: words.collect() }
    }

    /// The revision.
    pub fn revision(&self) -> &str {
        &self.revision
    }
}

impl fmt::Display for MadeFrom {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.revision, self.marks.join("."))
    }
}

/// Three bytes are enough to tell two values of one field apart by accident's measure: nobody gains by making them equal.
fn mark(value: &[u8]) -> String {
    content_hash(value)[..6].to_owned()
}

/// A field that somebody else changed meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    field: &'static str,
    /// What the form calls it.
    label: String,
    /// What stands there now; nothing for a secret.
    now: Option<String>,
    /// What was typed here, where that is something else again.
    typed: Option<String>,
}

/// What the form goes on with, and what changed meanwhile: a field that nobody touched here takes what stands now, whatever was typed
/// here stays.
pub fn merge(before: &MadeFrom, record: &Record, typed: &Values) -> (Values, Vec<Change>) {
    let (now, mut values, mut changes) = (Values::of_record(record), typed.clone(), Vec::new());
    let marks = MadeFrom::record(record).marks;
    let is_as_before = |place: usize, mark: &String| before.marks.get(place) == Some(mark);
    for (place, ((field, now), (_, value))) in now.fields().into_iter().zip(values.fields_mut()).enumerate() {
        if is_as_before(place, &marks[place]) || now == value {
            continue;
        }
        let is_untouched = is_as_before(place, &mark(value.as_bytes()));
        changes.push(Change { field, label: label(field), now: Some(now.to_owned()), typed: (!is_untouched).then(|| value.clone()) });
        if is_untouched {
            now.clone_into(value);
        }
    }
    if marks.last().is_some_and(|mark| !is_as_before(marks.len() - 1, mark)) {
        changes.push(Change { field: SECRET, label: label(SECRET), now: None, typed: None });
    }
    (values, changes)
}
