//! Mailboxes and their tokens.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{StatusCode, Uri};

use crate::local_api::Services;
use crate::local_api::answers::{ConnectLink, ConnectMailbox, Mailbox, Token};
use crate::local_api::caller::Known;
use crate::local_api::policy::Need;
use crate::local_api::read::{JsonBody, Segment, bad_query, query};
use crate::local_api::refusal::Refusal;
use crate::mailboxes::MailboxToken;
use crate::model::{Audience, EmailAddress, Purpose, Secret};

/// All connected mailboxes, by address.
#[utoipa::path(get, path = "/v1/mailboxes", operation_id = "mailboxes", responses((status = 200, description = "The mailboxes.", body = Vec<Mailbox>)))]
pub async fn list(State(services): State<Services>) -> Json<Vec<Mailbox>> {
    Json(services.mailboxes.list().into_iter().map(Mailbox::from).collect())
}

/// Makes a link for whoever can sign in as the mailbox, or for it. It lasts an hour and is used up by success only.
#[utoipa::path(post, path = "/v1/mailboxes", operation_id = "connect_mailbox", request_body = ConnectMailbox,
    responses((status = 201, description = "The link.", body = ConnectLink)))]
pub async fn connect(
    State(services): State<Services>,
    Extension(known): Extension<Arc<Known>>,
    JsonBody(wishes): JsonBody<ConnectMailbox>,
) -> Result<(StatusCode, Json<ConnectLink>), Refusal> {
    let invitation = services.mailboxes.invite(&wishes.into(), &known.actor).await?;
    Ok((StatusCode::CREATED, Json(invitation.into())))
}

/// An access token with at least ten minutes left where the provider's lifetime allows.
///
/// 404 `mailbox_unknown`; 409 `needs_reauth` with the reason, or `scope_missing`; 503 `waiting` with `Retry-After`.
#[utoipa::path(get, path = "/v1/mailboxes/{address}/token", operation_id = "token",
    params(("address" = String, Path), ("for" = Purpose, Query, description = "What the token is to be used for.")),
    responses((status = 200, description = "The token.", body = Token)))]
pub async fn token(
    State(services): State<Services>,
    Extension(known): Extension<Arc<Known>>,
    uri: Uri,
    Segment(address): Segment<EmailAddress>,
) -> Result<Response, Refusal> {
    let purpose = purpose(uri.query())?;
    if purpose.audience() == Audience::Graph {
        known.caller.may(Need::GraphToken, &services.settings.borrow().local_api)?;
    }
    let token = services.mailboxes.token(&address, purpose, &known.actor).await?;
    Ok(answer(&token, purpose))
}

/// Removes a mailbox and erases its grant.
#[utoipa::path(delete, path = "/v1/mailboxes/{address}", operation_id = "remove_mailbox", params(("address" = String, Path)),
    responses((status = 204, description = "It is removed.")))]
pub async fn remove(
    State(services): State<Services>,
    Extension(known): Extension<Arc<Known>>,
    Segment(address): Segment<EmailAddress>,
) -> Result<StatusCode, Refusal> {
    services.mailboxes.remove(&address, &known.actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn purpose(text: Option<&str>) -> Result<Purpose, Refusal> {
    const CHOICES: &str = "for is one of imap, smtp, pop, graph";
    let [purpose] = query(text, ["for"])?;
    let purpose = purpose.ok_or_else(|| bad_query("the query does not say what the token is for").hint(CHOICES))?;
    purpose.parse().map_err(|()| bad_query("\"for\" in the query is none of its values").hint(CHOICES))
}

/// Built straight, since this is what other services ask for on every connection that they make.
fn answer(token: &MailboxToken, purpose: Purpose) -> Response {
    let access_token = token.access.value.expose();
    let xoauth2 = (purpose.audience() == Audience::Outlook).then(|| xoauth2(&token.user, access_token));
    let body = Token {
        access_token,
        token_type: "Bearer",
        expires_at: token.access.expires_at,
        user: &token.user,
        xoauth2: xoauth2.as_ref().map(|line| line.expose().as_str()),
    };
    let mut json = Vec::with_capacity(3 * access_token.len() + 512);
    match serde_json::to_writer(&mut json, &body) {
        Ok(()) => ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn xoauth2(user: &str, token: &str) -> Secret<String> {
    let message = Secret::new(format!("user={user}\u{1}auth=Bearer {token}\u{1}\u{1}"));
    Secret::new(STANDARD.encode(message.expose()))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::model::AccessToken;

    fn token() -> MailboxToken {
        let access = AccessToken {
            value: Secret::from("EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA"),
            obtained_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            expires_at: "2026-01-01T01:00:00Z".parse().unwrap(),
            scope: String::new(),
        };
        MailboxToken { access, user: "test@contoso.onmicrosoft.com".to_owned() }
    }

    async fn body(response: Response) -> serde_json::Value {
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    #[tokio::test]
    async fn a_mail_token_comes_with_the_line_that_a_mail_server_wants() {
        let json = body(answer(&token(), Purpose::Imap)).await;
        assert_eq!(
            json,
            serde_json::json!({
                "access_token": "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA",
                "token_type": "Bearer",
                "expires_at": "2026-01-01T01:00:00Z",
                "user": "test@contoso.onmicrosoft.com",
                "xoauth2": "dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ==",
            })
        );
    }

    #[tokio::test]
    async fn a_graph_token_has_no_sasl_line() {
        assert_eq!(body(answer(&token(), Purpose::Graph)).await["xoauth2"], serde_json::Value::Null);
    }

    #[test]
    fn a_token_is_for_something_that_exists() {
        assert_eq!(purpose(Some("for=smtp")).unwrap(), Purpose::Smtp);
        for text in [None, Some("for=IMAP"), Some("for="), Some("for=imap&x=1")] {
            assert!(purpose(text).is_err(), "{text:?}");
        }
    }
}
