//! The two integration flows: a link starts one, the callback ends it, a result page says what is connected now.

use axum::body::to_bytes;
use axum::extract::{Path, Query, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Deserialize;
use tokio::sync::oneshot;

use super::Door;
use super::answer::{problem_answer, refuse, see_other};
use super::front::Visitor;
use super::pages::{ConnectedPage, Page};
use crate::audit::Actor;
use crate::flows::connect::{Departure, Error as ConnectError};
use crate::model::Problem;
use crate::oauth::callback::{Callback, CallbackError};
use crate::{directory, mailboxes};

/// A form post holds a code, a state and little else; the parser has the same bound.
const LARGEST_FORM: usize = 16 * 1024;
const MAILBOX_RESULT: &str = "/integrations/office365/connected";
const DIRECTORY_RESULT: &str = "/integrations/azuread/connected";

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new()
        .route(mailboxes::CONNECT_PATH, get(connect_mailbox))
        .route(mailboxes::CALLBACK_PATH, get(mailbox_by_query).post(mailbox_by_form))
        .route(&format!("{MAILBOX_RESULT}/{{id}}"), get(result))
        .route(directory::CONNECT_PATH, get(connect_directory))
        .route(directory::CALLBACK_PATH, get(directory_by_query).post(directory_by_form))
        .route(&format!("{DIRECTORY_RESULT}/{{id}}"), get(result))
}

#[derive(Debug, Deserialize)]
struct Link {
    #[serde(default)]
    ticket: String,
    /// `other`: let the person choose the account.
    #[serde(default)]
    account: String,
}

async fn connect_mailbox(State(door): State<Door>, Extension(visitor): Extension<Visitor>, Query(link): Query<Link>) -> Response {
    let departure = door.services.mailboxes.depart(&link.ticket, visitor.browser.clone(), link.account == "other").await;
    send_off(&door, &visitor, departure)
}

async fn connect_directory(State(door): State<Door>, Extension(visitor): Extension<Visitor>, Query(link): Query<Link>) -> Response {
    let departure = door.services.directory.depart(&link.ticket, visitor.browser.clone(), link.account == "other").await;
    send_off(&door, &visitor, departure)
}

fn send_off(door: &Door, visitor: &Visitor, departure: Result<Departure, ConnectError>) -> Response {
    match departure {
        Ok(departure) => see_other(&departure.url, Some((&departure.browser, visitor))),
        Err(error) => refuse(door, visitor, &error),
    }
}

async fn mailbox_by_query(State(door): State<Door>, Extension(visitor): Extension<Visitor>, RawQuery(query): RawQuery) -> Response {
    finish_mailbox(&door, &visitor, Callback::parse(query.as_deref().unwrap_or_default())).await
}

async fn mailbox_by_form(State(door): State<Door>, Extension(visitor): Extension<Visitor>, request: Request) -> Response {
    let callback = form(request).await;
    finish_mailbox(&door, &visitor, callback).await
}

async fn directory_by_query(State(door): State<Door>, Extension(visitor): Extension<Visitor>, RawQuery(query): RawQuery) -> Response {
    finish_directory(&door, &visitor, Callback::parse(query.as_deref().unwrap_or_default())).await
}

async fn directory_by_form(State(door): State<Door>, Extension(visitor): Extension<Visitor>, request: Request) -> Response {
    let callback = form(request).await;
    finish_directory(&door, &visitor, callback).await
}

async fn form(request: Request) -> Result<Callback, CallbackError> {
    let body = to_bytes(request.into_body(), LARGEST_FORM).await.map_err(|_| CallbackError::TooLong)?;
    Callback::parse(&String::from_utf8_lossy(&body))
}

async fn finish_mailbox(door: &Door, visitor: &Visitor, callback: Result<Callback, CallbackError>) -> Response {
    let (door_then, visitor_then) = (door.clone(), visitor.clone());
    finish(door, visitor, MAILBOX_RESULT, async move {
        let (mailboxes, browser) = (&door_then.services.mailboxes, visitor_then.browser.as_ref());
        let connected = mailboxes.arrive(callback?, browser, &Actor::browser(visitor_then.origin())).await?;
        Ok(ConnectedPage::mailbox(&connected))
    })
    .await
}

async fn finish_directory(door: &Door, visitor: &Visitor, callback: Result<Callback, CallbackError>) -> Response {
    let (door_then, visitor_then) = (door.clone(), visitor.clone());
    finish(door, visitor, DIRECTORY_RESULT, async move {
        let (directory, browser) = (&door_then.services.directory, visitor_then.browser.as_ref());
        let connected = directory.arrive(callback?, browser, &Actor::browser(visitor_then.origin())).await?;
        Ok(ConnectedPage::directory(&connected))
    })
    .await
}

/// Finishes a flow on a task of its own: a browser that leaves after the code was sent must not cost the grant.
async fn finish<F>(door: &Door, visitor: &Visitor, result_path: &str, arrival: F) -> Response
where
    F: Future<Output = Result<ConnectedPage, ConnectError>> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    door.services.tasks.spawn("callback", async move {
        // Nobody hears it when the browser left; what was given is stored all the same.
        let _ = sender.send(arrival.await);
    });
    match receiver.await {
        Ok(Ok(page)) => see_other(&format!("{result_path}/{}", door.results.keep(Page::Connected(page))), None),
        Ok(Err(error)) => refuse(door, visitor, &error),
        Err(_) => {
            let problem = Problem::told("interrupted.callback", &[]);
            problem_answer(door, visitor, StatusCode::SERVICE_UNAVAILABLE, &problem, None)
        }
    }
}

async fn result(State(door): State<Door>, Extension(visitor): Extension<Visitor>, Path(id): Path<String>) -> Response {
    match door.results.get(&id) {
        Some(page) => door.pages.render(&page).into_response(),
        None => {
            let problem = Problem::told("result_gone", &[]);
            problem_answer(&door, &visitor, StatusCode::NOT_FOUND, &problem, None)
        }
    }
}
