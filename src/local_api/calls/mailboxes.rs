//! Mailboxes and their tokens.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{StatusCode, Uri};

use super::actor;
use crate::local_api::Shared;
use crate::local_api::answers::{ConnectLink, ConnectMailbox, Mailbox, Token};
use crate::local_api::policy::{Need, permit};
use crate::local_api::read::{JsonBody, Segment, bad_query, query};
use crate::local_api::refusal::Refusal;
use crate::mailboxes::MailboxToken;
use crate::model::{Audience, EmailAddress, Purpose};
use crate::oauth::xoauth2::InitialResponse;
use crate::system::peer::Account;

/// All connected mailboxes, by address.
#[utoipa::path(get, path = "/v1/mailboxes", operation_id = "mailboxes", responses((status = 200, description = "The mailboxes.", body = Vec<Mailbox>)))]
pub async fn list(State(services): State<Shared>) -> Json<Vec<Mailbox>> {
    Json(services.mailboxes.list().into_iter().map(Mailbox::from).collect())
}

/// Makes a link for whoever can sign in as the mailbox, or for it. It lasts an hour and is used up by success only.
#[utoipa::path(post, path = "/v1/mailboxes", operation_id = "connect_mailbox", request_body = ConnectMailbox,
    responses((status = 201, description = "The link.", body = ConnectLink)))]
pub async fn connect(
    State(services): State<Shared>,
    Extension(caller): Extension<Arc<Account>>,
    JsonBody(wishes): JsonBody<ConnectMailbox>,
) -> Result<(StatusCode, Json<ConnectLink>), Refusal> {
    let invitation = services.mailboxes.invite(&wishes.into(), &actor(&caller)).await?;
    Ok((StatusCode::CREATED, Json(invitation.into())))
}

/// An access token with at least ten minutes left where the provider's lifetime allows.
///
/// 404 `mailbox_unknown`; 409 `needs_reauth` with the reason, or `scope_missing`; 503 `waiting` with `Retry-After`.
#[utoipa::path(get, path = "/v1/mailboxes/{address}/token", operation_id = "token",
    params(("address" = String, Path), ("for" = inline(Purpose), Query, description = "What the token is to be used for.")),
    responses((status = 200, description = "The token.", body = Token)))]
pub async fn token(
    State(services): State<Shared>,
    Extension(caller): Extension<Arc<Account>>,
    uri: Uri,
    Segment(address): Segment<EmailAddress>,
) -> Result<Response, Refusal> {
    let purpose = purpose(uri.query())?;
    if purpose.audience() == Audience::Graph {
        permit(&caller, Need::GraphToken, &services.settings.borrow())?;
    }
    let token = services.mailboxes.token(&address, purpose, &actor(&caller)).await?;
    answer(&token, purpose)
}

/// Removes a mailbox and erases its grant.
#[utoipa::path(delete, path = "/v1/mailboxes/{address}", operation_id = "remove_mailbox", params(("address" = String, Path)),
    responses((status = 204, description = "It is removed.")))]
pub async fn remove(
    State(services): State<Shared>,
    Extension(caller): Extension<Arc<Account>>,
    Segment(address): Segment<EmailAddress>,
) -> Result<StatusCode, Refusal> {
    services.mailboxes.remove(&address, &actor(&caller)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn purpose(text: Option<&str>) -> Result<Purpose, Refusal> {
    const CHOICES: &str = "for is one of imap, smtp, pop, graph";
    let [purpose] = query(text, ["for"])?;
    let purpose = purpose.ok_or_else(|| bad_query("the query does not say what the token is for").hint(CHOICES))?;
    purpose.parse().map_err(|()| bad_query("\"for\" in the query is none of its values").hint(CHOICES))
}

/// Built straight, since this is what other services ask for on every connection that they make.
fn answer(token: &MailboxToken, purpose: Purpose) -> Result<Response, Refusal> {
    let sasl = (purpose.audience() == Audience::Outlook).then(|| InitialResponse::new(&token.user, &token.access.value)).transpose();
    let xoauth2 = sasl.map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "bad_token", error.to_string()))?;
    let body = Token {
        access_token: token.access.value.expose(),
        token_type: "Bearer",
        expires_at: token.access.expires_at,
        user: &token.user,
        xoauth2,
    };
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body.json()).into_response())
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::model::{AccessToken, Secret};

    fn token() -> MailboxToken {
        let access = AccessToken {
            value: Secret::from("EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA"),
            obtained_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            expires_at: "2026-01-01T01:00:00Z".parse().unwrap(),
            scope: String::new(),
        };
        MailboxToken { access: Arc::new(access), user: "test@contoso.onmicrosoft.com".to_owned() }
    }

    async fn body(response: Response) -> serde_json::Value {
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    #[tokio::test]
    async fn a_mail_token_comes_with_the_line_that_a_mail_server_wants() {
        let json = body(answer(&token(), Purpose::Imap).unwrap()).await;
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
        assert_eq!(body(answer(&token(), Purpose::Graph).unwrap()).await["xoauth2"], serde_json::Value::Null);
    }

    #[test]
    fn a_token_is_for_something_that_exists() {
        assert_eq!(purpose(Some("for=smtp")).unwrap(), Purpose::Smtp);
        for text in [None, Some("for=IMAP"), Some("for="), Some("for=imap&x=1")] {
            assert!(purpose(text).is_err(), "{text:?}");
        }
    }
}
