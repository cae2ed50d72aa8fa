//! Signing out, and the two notices by which providers tell of it.

use axum::body::to_bytes;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};

use super::super::Door;
use super::super::answer::see_other;
use super::super::front::{Framable, Visitor};
use super::super::origin::comes_from_us;
use super::super::pages::Page;
use super::notice::NoticePage;
use super::parameters::once;
use super::{cookies, refuse};
use crate::audit::Actor;
use crate::model::Problem;
use crate::oauth::registration::FRONT_CHANNEL_LOGOUT;
use crate::sso::{Error, ErrorKind, SIGNED_OUT_PATH};
use crate::texts::text;

/// A logout token with room to spare.
const LARGEST_FORM: usize = 128 * 1024;

/// The routes of this file.
pub fn routes() -> Router<Door> {
    Router::new()
        .route("/sso/logout", post(sign_out))
        .route(SIGNED_OUT_PATH, get(signed_out))
        .route(FRONT_CHANNEL_LOGOUT, get(front_channel))
        .route("/sso/backchannel-logout", post(back_channel))
}

async fn sign_out(State(door): State<Door>, Extension(visitor): Extension<Visitor>, headers: HeaderMap) -> Response {
    if !comes_from_us(&door, &headers) {
        let error = Error::forbidden(Problem::told("foreign_origin", &[]));
        return refuse(&door, &visitor, &error);
    }
    if let Some(browser) = &visitor.browser {
        door.services.sso.acted(browser);
    }
    let sso = &door.services.sso;
    let current = match cookies::session(&headers, visitor.secure) {
        Some(session) => sso.current(session).await,
        None => Ok(None),
    };
    let next = match current {
        Ok(Some(current)) => sso.sign_out(&current, &Actor::browser(visitor.origin())).await,
        Ok(None) => Ok(SIGNED_OUT_PATH.to_owned()),
        Err(error) => Err(error),
    };
    match next {
        Ok(next) => {
            let mut response = see_other(&next, None);
            cookies::clear_session(&mut response, visitor.secure);
            response
        }
        Err(error) => refuse(&door, &visitor, &error),
    }
}

/// Visiting this page proves nothing and changes nothing.
async fn signed_out(State(door): State<Door>, Extension(visitor): Extension<Visitor>) -> Response {
    if let Some(browser) = &visitor.browser {
        door.services.sso.acted(browser);
    }
    let page = NoticePage::new(text("signed_out.title"), text("signed_out.sentence"));
    door.pages.render(&Page::Notice(page.link(text("signed_out.again"), "/"))).into_response()
}

async fn front_channel(State(door): State<Door>, Extension(visitor): Extension<Visitor>, RawQuery(query): RawQuery) -> Response {
    let actor = Actor::browser(visitor.origin());
    let ended = match once(query.as_deref().unwrap_or_default(), ["sid", "iss"]) {
        Ok([sid, iss]) => door.services.sso.front_channel(sid.as_deref().unwrap_or_default(), iss.as_deref(), &actor).await,
        Err(error) => Err(error),
    };
    let mut response = match ended {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => refuse(&door, &visitor, &error),
    };
    // The provider's sign-out page loads this address in a frame: the only one of ours that may be framed, and there is nothing on it.
    response.extensions_mut().insert(Framable);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors *"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn back_channel(State(door): State<Door>, Extension(visitor): Extension<Visitor>, request: Request) -> Response {
    let actor = Actor { who: "provider".to_owned(), ..Actor::browser(visitor.origin()) };
    let body = to_bytes(request.into_body(), LARGEST_FORM).await.unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    let ended = match once(&body, ["logout_token"]) {
        Ok([token]) => door.services.sso.back_channel(token.as_deref().unwrap_or_default(), &actor).await,
        Err(error) => Err(error),
    };
    match ended {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => {
            log::warn!(
                ONEDESK_REQUEST_ID:% = visitor.request_id, code = error.problem.code.as_str(), title = error.problem.title.as_str();
                "a logout notice was refused"
            );
            // Section 2.8: 400 for whatever is wrong with the token; what is wrong with us is 503, so that it comes again.
            let status = if error.kind == ErrorKind::Unavailable { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_REQUEST };
            let body = serde_json::json!({ "error": "invalid_request", "error_description": error.problem.title });
            (status, Json(body)).into_response()
        }
    }
}
