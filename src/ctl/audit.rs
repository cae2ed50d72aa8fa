//! `onedeskctl audit`.

use super::Context;
use super::failure::Failure;
use super::output::{Cell, Tone};
use super::status::time;
use crate::local_api::answers::{AuditLine, AuditPage};

/// Shows the newest `limit` lines.
pub async fn run(context: &Context, limit: u32) -> Result<(), Failure> {
    let answer = context.client.get::<AuditPage>(&format!("/v1/audit?limit={limit}")).await?;
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    if answer.value.items.is_empty() {
        return context.output.text("The audit log is empty.");
    }
    let row = |line: &AuditLine| -> [Cell; 7] {
        [
            time(line.at).into(),
            line.actor.clone().into(),
            line.origin.clone().into(),
            line.action.clone().into(),
            line.subject.clone().into(),
            Cell(if line.outcome == "ok" { Tone::Good } else { Tone::Warning }, line.outcome.clone()),
            line.detail.clone().into(),
        ]
    };
    context.output.table(["WHEN", "WHO", "FROM", "WHAT", "TO WHAT", "OUTCOME", "DETAIL"], answer.value.items.iter().map(row).collect())
}
