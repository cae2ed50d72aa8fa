//! Microsoft's own troubles: they pass, and every grant is kept.

use super::Retry::{BackOff, No};
use super::Who::{Developer, Microsoft};
use super::{Row, row};

const WAIT: &[&str] = &[
    "Nothing: a refresh is tried again by itself. During a sign-in, try again in a few minutes.",
    "If it lasts, look at Microsoft's service health page, and open a ticket with the trace id.",
];

pub(super) const ROWS: &[Row] = &[
    row(
        &[50_196],
        Developer,
        BackOff,
        "Microsoft stopped a loop of equal requests.",
        "The same request came too often within five minutes; we pause for at least as long.",
        &["Wait five minutes; report it if it comes again."],
    ),
    row(
        &[90_055],
        Microsoft,
        BackOff,
        "Microsoft throttles the tenant.",
        "Too many requests of the whole organization at once.",
        &["Nothing: it is tried again when Microsoft allows it."],
    ),
    row(
        &[90_033],
        Microsoft,
        BackOff,
        "Microsoft's directory service is not available.",
        "An outage on Microsoft's side, not a matter of too many requests.",
        WAIT,
    ),
    row(
        &[40_010, 50_033, 50_087, 70_012, 90_006, 90_012, 90_024, 90_090],
        Microsoft,
        BackOff,
        "Microsoft has a fault that passes.",
        "The sign-in service reports an error of its own.",
        WAIT,
    ),
    row(
        &[50_000, 90_036],
        Microsoft,
        No,
        "Microsoft could not issue the token.",
        "An error on Microsoft's side that repeating alone rarely mends.",
        &["Open a ticket with Microsoft, with the trace id, the correlation id and the time."],
    ),
];
