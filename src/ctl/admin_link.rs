//! `onedeskctl admin-link`.

use super::Context;
use super::failure::Failure;
use super::status::time;
use crate::local_api::answers::sso::AdminLink;

/// Makes a link and prints it alone on its line.
pub async fn run(context: &Context) -> Result<(), Failure> {
    let answer = context.client.post::<AdminLink>("/v1/admin-links", &serde_json::json!({})).await?;
    if context.output.is_json() {
        return context.output.json(&answer.json);
    }
    context.output.text(&answer.value.url)?;
    if context.output.is_terminal() {
        context.output.text(&format!("Open it in your browser before {}. It works once.", time(answer.value.expires_at)))?;
    }
    Ok(())
}
