//! The administration pages. Thin: a handler reads a form, makes one call on a service, and shows a page or sends the browser on.
//!
//! Every path but the way in passes [`guard`]: network, session, and for what changes something the form token. The pages are plain
//! HTML; a form that was refused comes back with what was typed and the reason beside the field.

mod audit;
mod conflicts;
mod credentials;
mod directory;
mod entry;
mod explain;
mod form;
mod guard;
mod home;
mod links;
mod mailboxes;
mod paging;
mod people;
mod picture;
mod record;
mod record_form;
mod record_merge;
mod shell;
mod sign_on;
mod support;

use axum::Router;
use axum::middleware;
use axum::routing::any;

use super::Door;

pub use links::Link;

/// Where the pages begin.
pub const HOME: &str = "/admin";

/// The routes of this room.
pub fn routes(door: &Door) -> Router<Door> {
    let inside = Router::new()
        .merge(entry::leaving())
        .merge(home::routes())
        .merge(credentials::routes())
        .merge(mailboxes::routes())
        .merge(directory::routes())
        .merge(sign_on::routes())
        .merge(record::routes())
        .merge(people::routes())
        .merge(conflicts::routes())
        .merge(audit::routes())
        .merge(explain::routes())
        .merge(support::routes())
        .route("/admin/{*rest}", any(shell::not_found))
        .route_layer(middleware::from_fn_with_state(door.clone(), guard::guard));
    entry::routes().merge(inside)
}
