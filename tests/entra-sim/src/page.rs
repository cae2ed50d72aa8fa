//! The pages that a browser sees: choosing an account, Microsoft's own errors, the self-posting form, signed out.

use uuid::Uuid;

use crate::config::{App, User};
use crate::exchange::{Exchange, Reply, escape};
use crate::problem::Failure;

/// One button per person and one to decline; the request travels along in hidden fields.
pub(crate) fn choose_user(app: &App, exchange: &Exchange, mut users: Vec<&User>) -> Reply {
    let hint = exchange.param("login_hint").unwrap_or_default().to_lowercase();
    users.sort_by_key(|user| user.upn.to_lowercase() != hint);
    let hidden = exchange
        .query
        .iter()
        .chain(&exchange.form)
        .map(|(name, value)| format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", escape(name), escape(value)));
    let buttons = users.iter().map(|user| {
        let (upn, name) = (escape(&user.upn), escape(&user.name));
        format!("<button name=\"sim_user\" value=\"{upn}\"><b>{name}</b><br>{upn}</button>\n")
    });
    let body = format!(
        "<p><b>{}</b> would like to sign you in.</p>\n<form method=\"get\" action=\"{}\">\n{}{}<button name=\"sim_decline\" value=\"1\" class=\"quiet\">Decline</button>\n</form>",
        escape(&app.name),
        escape(&exchange.path),
        hidden.collect::<String>(),
        buttons.collect::<String>(),
    );
    Reply::html(200, &frame("Pick an account", &body))
}

/// An error that Microsoft shows itself: it never comes back to the client.
pub(crate) fn failure(failure: &Failure, now: i64) -> Reply {
    let description = failure.description(now, Uuid::new_v4(), &Uuid::new_v4().to_string());
    let body = format!("<p>Sorry, but we are having trouble signing you in.</p>\n<pre id=\"error\">{}</pre>", escape(&description));
    Reply::html(400, &frame("Sign in to your account", &body)).coded(failure.code)
}

/// `response_mode=form_post`.
pub(crate) fn form_post(action: &str, fields: &[(&str, String)]) -> Reply {
    let inputs = fields.iter().map(|(name, value)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n", escape(value)));
    let body = format!(
        "<form method=\"post\" action=\"{}\">\n{}<noscript><button>Continue</button></noscript>\n</form>\n<script>document.forms[0].submit()</script>",
        escape(action),
        inputs.collect::<String>(),
    );
    Reply::html(200, &frame("Working…", &body))
}

/// Where a sign-out without a registered way back ends.
pub(crate) fn signed_out() -> Reply {
    Reply::html(200, &frame("You signed out of your account", "<p>It is a good idea to close all browser windows.</p>"))
}

fn frame(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\"><style>\n\
         body {{ font: 16px/1.4 system-ui, sans-serif; max-width: 26rem; margin: 3rem auto; padding: 0 1rem }}\n\
         button {{ display: block; width: 100%; margin: .4rem 0; padding: .6rem 1rem; font: inherit; text-align: left }}\n\
         .quiet {{ color: #555 }} pre {{ white-space: pre-wrap }}\n\
         </style></head><body>\n<small>Entra simulator</small>\n<h1>{title}</h1>\n{body}\n</body></html>\n"
    )
}
