//! What every page of the administration passes: the network, the session, and for every form its token and where it came from.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;

use super::entry::refuse_stranger;
use super::form::Form;
use crate::audit::Actor;
use crate::model::Problem;
use crate::sso::{AdminSession, Error};
use crate::web::Door;
use crate::web::front::Visitor;
use crate::web::origin::comes_from_us;
use crate::web::sso::{cookies, refuse};

/// More than the longest error text that somebody pastes, and than a record with a thousand group rules.
const LARGEST_FORM: usize = 512 * 1024;
/// Own style, own script, own pictures, and what the script asks of us for the live filter.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// Whoever administers.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Their session.
    pub session: AdminSession,
    /// Who that is for the audit log.
    pub actor: Actor,
}

/// The middleware.
pub async fn guard(State(door): State<Door>, request: Request, next: Next) -> Response {
    let Some(visitor) = request.extensions().get::<Visitor>().cloned() else {
        return axum::response::IntoResponse::into_response(axum::http::StatusCode::INTERNAL_SERVER_ERROR);
    };
    let admin = match admin(&door, &visitor, request.headers()).await {
        Ok(Some(admin)) => admin,
        Ok(None) => return refuse_stranger(&door, &visitor),
        Err(error) => return refuse(&door, &visitor, &error),
    };
    let mut request = match checked(&door, &admin, request).await {
        Ok(request) => request,
        Err(error) => return refuse(&door, &visitor, &error),
    };
    request.extensions_mut().insert(admin);
    let mut response = next.run(request).await;
    response.headers_mut().entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    // So that older browsers name the origin of a form; other sites learn nothing from it.
    response.headers_mut().entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    response
}

/// Whoever sends this, if they administer and come from an allowed network.
pub async fn admin(door: &Door, visitor: &Visitor, headers: &HeaderMap) -> Result<Option<Admin>, Error> {
    is_near(door, visitor)?;
    let (pass, session) = (cookies::admin(headers, visitor.secure), cookies::main_session(headers, visitor.secure));
    let session = door.services.sso.administrator(pass, session).await?;
    Ok(session.map(|session| Admin { actor: Actor::admin(&session.who, visitor.origin()), session }))
}

/// `[admin] networks`; an empty list means everywhere.
pub fn is_near(door: &Door, visitor: &Visitor) -> Result<(), Error> {
    let networks = &door.services.settings.borrow().admin_networks;
    let is_near = networks.is_empty() || visitor.address.is_some_and(|address| networks.iter().any(|net| net.contains(&address)));
    if is_near {
        return Ok(());
    }
    Err(Error::forbidden(Problem::told("admin_networks", &[])))
}

/// The request with its form read, if it may do what it wants to do.
async fn checked(door: &Door, admin: &Admin, request: Request) -> Result<Request, Error> {
    if [Method::GET, Method::HEAD].contains(request.method()) {
        return Ok(request);
    }
    let (mut parts, body) = request.into_parts();
    if !comes_from_us(door, &parts.headers) {
        return Err(foreign());
    }
    let body = to_bytes(body, LARGEST_FORM).await.map_err(|_| Error::bad_request(Problem::told("too_long.form", &[])))?;
    let form = Form::parse(&body)?;
    if !admin.session.made(form.get("token")) {
        return Err(Error::forbidden(Problem::told("form_token", &[])));
    }
    parts.extensions.insert(form);
    Ok(Request::from_parts(parts, Body::empty()))
}

/// What another site is told that sends a form here.
pub fn foreign() -> Error {
    Error::forbidden(Problem::told("foreign_form", &[]))
}
