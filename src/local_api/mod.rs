//! The local API: HTTP/1.1 and JSON on `/run/onedesk/api.sock` for admins and for the other OneDesk services of this host.
//!
//! A request passes the front (who calls, may they), becomes one typed call on a service, and is answered from what that
//! returns. Whatever is refused becomes a problem document (RFC 9457) in one place, the front.

pub mod answers;
mod calls;
mod front;
mod later;
mod openapi;
pub mod policy;
mod read;
mod refusal;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tokio::sync::watch;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::model::Clock;
use crate::settings::Settings;
use crate::store::care::Care;
use crate::support::Knowledge;
use crate::{audit, directory, health, mailboxes, sso};

/// What the calls are made on.
pub struct Services {
    /// Mailboxes and their tokens.
    pub mailboxes: Arc<mailboxes::Service>,
    /// The connected directories.
    pub directory: Arc<directory::Service>,
    /// Single sign-on.
    pub sso: Arc<sso::Service>,
    /// Who did what.
    pub audit: Arc<audit::Service>,
    /// The database.
    pub database: Arc<dyn Care>,
    /// The status.
    pub health: Arc<health::reporter::Reporter>,
    /// When secrets end.
    pub expiry: Arc<health::expiry::Expiry>,
    /// The checks.
    pub examiner: Arc<health::checks::Examiner>,
    /// What support asks for.
    pub support: Arc<Knowledge>,
    /// Who may call what.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// The time.
    pub clock: Clock,
}

/// The services as every request gets them: one count goes up and down for it, not one for each service, for which the threads
/// that serve would have to wait for each other.
pub type Shared = Arc<Services>;

/// The API, to be served on connections that carry the peer as a request extension; a request without one is refused.
pub fn router(services: Services) -> Router {
    let settings = services.settings.clone();
    let (calls, document) = calls().split_for_parts();
    assemble(calls.with_state(Arc::new(services)), document, settings)
}

fn assemble(calls: Router, document: OpenApi, settings: watch::Receiver<Arc<Settings>>) -> Router {
    let document = openapi::finish(document);
    let gate = Arc::new(front::Gate::new(settings));
    calls
        .merge(later::router())
        .route("/v1/openapi.json", get(move || openapi::answer(document.clone())))
        .fallback(front::unknown_path)
        .method_not_allowed_fallback(front::wrong_method)
        .layer(from_fn_with_state(gate, front::pass))
}

/// Every call but the document's own: a call cannot be added without being described.
fn calls() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(openapi::heading())
        .routes(routes!(calls::status::read))
        .routes(routes!(calls::status::checks))
        .routes(routes!(calls::credentials::expiry))
        .routes(routes!(calls::mailboxes::list, calls::mailboxes::connect))
        .routes(routes!(calls::mailboxes::remove))
        .routes(routes!(calls::mailboxes::token))
        .routes(routes!(calls::directory::list, calls::directory::connect))
        .routes(routes!(calls::directory::disconnect))
        .routes(routes!(calls::sso::switches, calls::sso::switch))
        .routes(routes!(calls::sso::list, calls::sso::add))
        .routes(routes!(calls::sso::show, calls::sso::change, calls::sso::remove))
        .routes(routes!(calls::sso::upgrade))
        .routes(routes!(calls::people::list, calls::people::add))
        .routes(routes!(calls::people::conflicts))
        .routes(routes!(calls::people::resolve))
        .routes(routes!(calls::people::remove))
        .routes(routes!(calls::admin_links::make))
        .routes(routes!(calls::audit::page))
        .routes(routes!(calls::database::condition))
        .routes(routes!(calls::database::back_up))
        .routes(routes!(calls::support::transcripts))
        .routes(routes!(calls::support::bundle))
}

#[cfg(test)]
mod tests;
