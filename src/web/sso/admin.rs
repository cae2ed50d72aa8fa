//! The way into the administration: the one-time link, its session, and trying a client record.

use axum::body::to_bytes;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};

use super::super::Door;
use super::super::answer::see_other;
use super::super::front::Visitor;
use super::super::pages::Page;
use super::login::depart;
use super::notice::NoticePage;
use super::parameters::once;
use super::{cookies, refuse};
use crate::audit::Actor;
use crate::model::ConnectionId;
use crate::sso::{Beginning, Error, Purpose};

const LARGEST_FORM: usize = 4 * 1024;
const ENTER: &str = "/admin/enter";

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new().route(ENTER, get(look).post(enter)).route("/admin", get(home)).route("/sso/test/{connection}", get(test))
}

/// Opening the link shows a button: mail scanners and previews open links, but press nothing.
async fn look(State(door): State<Door>, Extension(visitor): Extension<Visitor>, RawQuery(query): RawQuery) -> Response {
    let looked = async {
        is_near(&door, &visitor)?;
        let [ticket] = once(query.as_deref().unwrap_or_default(), ["ticket"])?;
        let ticket = ticket.unwrap_or_default().into_owned();
        door.services.sso.admins().look(&ticket).await?;
        Ok(ticket)
    };
    match looked.await {
        Ok(ticket) => {
            let page = NoticePage::new("Administration", "This link opens the administration pages once, in this browser.");
            door.pages.render(&Page::Notice(page.form("Enter", ENTER, &[("ticket", &ticket)]))).into_response()
        }
        Err(error) => refuse(&door, &visitor, &error),
    }
}

async fn enter(State(door): State<Door>, Extension(visitor): Extension<Visitor>, request: Request) -> Response {
    let entered = async {
        is_near(&door, &visitor)?;
        let body = to_bytes(request.into_body(), LARGEST_FORM).await.unwrap_or_default();
        let body = String::from_utf8_lossy(&body);
        let [ticket] = once(&body, ["ticket"])?;
        door.services.sso.admins().enter(&ticket.unwrap_or_default(), &Actor::browser(visitor.origin())).await
    };
    match entered.await {
        Ok(pass) => {
            let mut response = see_other("/admin", None);
            cookies::set_admin(&mut response, &pass.value, visitor.secure);
            response
        }
        Err(error) => refuse(&door, &visitor, &error),
    }
}

async fn home(State(door): State<Door>, Extension(visitor): Extension<Visitor>, headers: HeaderMap) -> Response {
    if let Err(error) = is_admin(&door, &visitor, &headers).await {
        return refuse(&door, &visitor, &error);
    }
    let connections = door.services.sso.connections();
    let switches = connections.switches();
    let word = |on: bool| if on { "on" } else { "off" }.to_owned();
    let facts = vec![("For users".to_owned(), word(switches.users)), ("For customers".to_owned(), word(switches.customers))];
    let mut page =
        NoticePage::new("Administration", "Try a client record before people depend on it. Everything else: onedeskctl on this host.");
    for record in connections.list() {
        page = page.link(format!("Try {}", record.details.name), format!("/sso/test/{}", record.id()));
    }
    door.pages.render(&Page::Notice(page.section("Single sign-on", Vec::new(), facts))).into_response()
}

async fn test(
    State(door): State<Door>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    Path(connection): Path<String>,
) -> Response {
    let beginning = async {
        is_admin(&door, &visitor, &headers).await?;
        let unknown = || Error::not_found("client record", "see which there are: onedeskctl sso list");
        let connection: ConnectionId = connection.parse().map_err(|_| unknown())?;
        let record = door.services.sso.connections().get(connection)?;
        let app = record.apps().next().ok_or_else(unknown)?;
        Ok(Beginning { connection, app, return_to: None, login_hint: None, purpose: Purpose::Test, popup: false })
    };
    depart(&door, &visitor, beginning.await).await
}

/// Whoever sends this holds a session of the administration pages.
async fn is_admin(door: &Door, visitor: &Visitor, headers: &HeaderMap) -> Result<(), Error> {
    is_near(door, visitor)?;
    let session = match cookies::admin(headers, visitor.secure) {
        Some(value) => door.services.sso.admins().session(value).await?,
        None => None,
    };
    session.map(drop).ok_or_else(|| {
        Error::forbidden(
            "admin_only",
            "this page is for administrators of this OneDesk",
            "make a link on this host and open it: onedeskctl admin-link",
        )
    })
}

/// `[admin] networks`; an empty list means everywhere.
fn is_near(door: &Door, visitor: &Visitor) -> Result<(), Error> {
    let networks = &door.services.settings.borrow().admin_networks;
    let is_near = networks.is_empty() || visitor.address.is_some_and(|address| networks.iter().any(|net| net.contains(&address)));
    if is_near {
        return Ok(());
    }
    Err(Error::forbidden(
        "admin_networks",
        "the administration is not open to your network",
        "add it to networks under [admin] in /etc/onedesk/onedeskd.toml",
    ))
}
