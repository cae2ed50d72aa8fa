//! The ways in and out: the one-time link, what a stranger is told, and signing out.

use axum::body::to_bytes;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use super::HOME;
use super::guard::{admin, foreign, is_near};
use super::shell::Visit;
use crate::audit::Actor;
use crate::model::person::App;
use crate::model::{ConnectionId, Problem, ProblemDocument};
use crate::sso::{Beginning, Error, Purpose};
use crate::texts::{filled, text};
use crate::web::Door;
use crate::web::answer::{problem_answer, see_other};
use crate::web::front::Visitor;
use crate::web::origin::comes_from_us;
use crate::web::pages::Page;
use crate::web::sso::{NoticePage, cookies, depart, once, refuse};

const LARGEST_FORM: usize = 4 * 1024;
const ENTER: &str = "/admin/enter";
const LEFT: &str = "/admin/left";

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new().route(ENTER, get(look).post(enter)).route(LEFT, get(left)).route("/sso/test/{connection}", get(test))
}

/// The one behind the guard.
pub fn leaving() -> Router<Door> {
    Router::new().route("/admin/leave", post(leave))
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
            let page = NoticePage::new(text("admin.entrance.title"), text("admin.entrance.opens"));
            door.pages.render(&Page::Notice(page.form(text("admin.entrance.enter"), ENTER, &[("ticket", &ticket)]))).into_response()
        }
        Err(error) => refuse(&door, &visitor, &error),
    }
}

async fn enter(State(door): State<Door>, Extension(visitor): Extension<Visitor>, request: Request) -> Response {
    let entered = async {
        is_near(&door, &visitor)?;
        if !comes_from_us(&door, request.headers()) {
            return Err(foreign());
        }
        let body = to_bytes(request.into_body(), LARGEST_FORM).await.unwrap_or_default();
        let body = String::from_utf8_lossy(&body);
        let [ticket] = once(&body, ["ticket"])?;
        door.services.sso.admins().enter(&ticket.unwrap_or_default(), &Actor::browser(visitor.origin())).await
    };
    match entered.await {
        Ok(pass) => {
            let mut response = see_other(HOME, None);
            cookies::set_admin(&mut response, &pass.value, visitor.secure);
            response
        }
        Err(error) => refuse(&door, &visitor, &error),
    }
}

async fn test(
    State(door): State<Door>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    Path(connection): Path<String>,
) -> Response {
    match admin(&door, &visitor, &headers).await {
        Ok(Some(_)) => {}
        Ok(None) => return refuse_stranger(&door, &visitor),
        Err(error) => return refuse(&door, &visitor, &error),
    }
    let beginning = || {
        let unknown = || Error::not_found(Problem::told("client_record_unknown", &[]));
        let connection: ConnectionId = connection.parse().map_err(|_| unknown())?;
        let record = door.services.sso.connections().get(connection)?;
        let app = record.apps().next().ok_or_else(unknown)?;
        Ok(Beginning { connection, app, return_to: None, login_hint: None, purpose: Purpose::Test, popup: false })
    };
    depart(&door, &visitor, beginning()).await
}

async fn leave(visit: Visit, headers: HeaderMap) -> Response {
    let secure = visit.visitor.secure;
    let Some(value) = cookies::admin(&headers, secure) else { return see_other(LEFT, None) };
    let ended = visit.door.services.sso.admins().leave(value, &visit.admin.actor).await;
    let mut response = match ended {
        Ok(()) => see_other(LEFT, None),
        Err(error) => visit.problem(StatusCode::SERVICE_UNAVAILABLE, &error.problem),
    };
    cookies::clear_admin(&mut response, secure);
    response
}

async fn left(State(door): State<Door>) -> Response {
    let page = NoticePage::new(text("admin.entrance.signed_out"), text("admin.entrance.left"));
    door.pages.render(&Page::Notice(page)).into_response()
}

/// Tells somebody without a session how to get one. The page is compiled in: it works without the package of the pages.
pub fn refuse_stranger(door: &Door, visitor: &Visitor) -> Response {
    let problem = Problem::told("admin_only", &[]);
    if visitor.wants_json {
        let document = ProblemDocument::from_problem(403, "not allowed", &problem).request(visitor.request_id);
        return (StatusCode::FORBIDDEN, [(CONTENT_TYPE, ProblemDocument::MEDIA_TYPE)], document.to_json()).into_response();
    }
    let records = door.services.sso.connections().for_app(App::Main);
    let leads_here = |record: &&std::sync::Arc<crate::sso::Record>| record.gives_admin();
    let records: Vec<_> = records.iter().filter(leads_here).collect();
    if records.is_empty() {
        return problem_answer(door, visitor, StatusCode::FORBIDDEN, &problem, None);
    }
    let page = NoticePage::new(text("admin.entrance.title"), text("admin.entrance.stranger"));
    let page = records.iter().fold(page, |page, record| {
        let label = filled("entry.sign_in", &[("name", &record.details.name)]);
        page.link(label, format!("{}?return_to=%2Fadmin", record.login_path(App::Main)))
    });
    (StatusCode::FORBIDDEN, door.pages.render(&Page::Notice(page))).into_response()
}
