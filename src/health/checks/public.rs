//! The public URL, as people's browsers reach it: its name and certificate, that this OneDesk answers there, and what the web
//! server before it hands on. `setup` asks the same before it writes anything.

use serde::Deserialize;

use super::verdict::{Trouble, Verdict, Who};
use crate::health::status::{Check, Group};
use crate::model::Hint as _;
use crate::settings::{PublicUrl, Settings};
use crate::system::http::{Error, Http};
use crate::{directory, mailboxes, sso};

/// What the daemon answers there; see `web::health`.
pub const ECHO: &str = "/healthz?echo";

/// The redirect URIs that an app registration needs.
pub const REDIRECT_PATHS: [&str; 3] = [mailboxes::CALLBACK_PATH, directory::CALLBACK_PATH, sso::CALLBACK_PATH];

/// What arrives at the daemon of a request to the public URL.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Seen {
    host: Option<String>,
    proto: Option<String>,
    forwarded_for: bool,
}

#[derive(Deserialize)]
struct Alive {
    status: String,
    echo: Option<Seen>,
}

/// Looks at the public URL of `settings`.
pub async fn look(http: &Http, settings: &Settings) -> Vec<Check> {
    let Some(origin) = &settings.public_url else {
        return vec![Verdict::Skip("public_url is not set".to_owned()).on(Group::Network, "public_url_reachable")];
    };
    let answer = http.get(&origin.join(ECHO), None).await;
    let seen = match answer {
        Err(error) => return vec![unreached(origin, &error).on(Group::Network, "public_url_reachable")],
        Ok(answer) => match serde_json::from_slice::<Alive>(&answer.body) {
            Ok(alive) if answer.status == 200 && alive.status == "alive" => alive.echo,
            _ => return vec![another(origin, answer.status).on(Group::Network, "public_url_reachable")],
        },
    };
    let mut checks = vec![Verdict::Fine(format!("OneDesk answers on {}", origin.as_str())).on(Group::Network, "public_url_reachable")];
    if let Some(seen) = seen {
        let is_proxied = origin.is_https() && settings.listen.tls.is_none();
        checks.push(handed_on(origin, &seen, is_proxied).on(Group::Network, "redirect_uris"));
    }
    checks
}

/// The first look of `setup`: whether a browser could reach `origin` and would believe its certificate. That nobody answers yet, or
/// something else does, is no fault before the daemon runs.
pub fn unreached(origin: &PublicUrl, error: &Error) -> Verdict {
    let shown = origin.as_str();
    match error {
        Error::Untrusted { cause, .. } => Verdict::Fail(Trouble::new(
            format!("browsers will refuse {shown}: {cause}"),
            Who::Root,
            "give the web server a certificate for this name with its whole chain (fullchain.pem); one of your own CA belongs into the trust \
             store of this machine too: update-ca-trust",
        )),
        _ => Verdict::Warn(Trouble::new(
            format!("{shown} cannot be reached from this machine ({error}); people who reach it all the same are not harmed"),
            Who::Network,
            format!("open it in a browser; if that fails too, check name, web server and firewall. {}", error.hint().unwrap_or_default())
                .trim_end()
                .to_owned(),
        )),
    }
}

fn another(origin: &PublicUrl, status: u16) -> Verdict {
    let shown = origin.as_str();
    let (title, who) = match status {
        502..=504 => (format!("the web server at {shown} does not reach the daemon (it answers {status})"), Who::Root),
        _ => (format!("something else than OneDesk answers on {shown} (status {status})"), Who::Root),
    };
    let hint = "let the web server pass this name to listen.http: /usr/share/onedesk/samples/ has a site for nginx and one for httpd; \
                under SELinux: setsebool -P httpd_can_network_connect on";
    Verdict::Fail(Trouble::new(title, who, hint))
}

/// Compares what browsers ask for with what arrives. OneDesk itself goes by `public_url`; the audit log, the limits by address and
/// the apps behind the same web server go by these headers.
fn handed_on(origin: &PublicUrl, seen: &Seen, is_proxied: bool) -> Verdict {
    let scheme = if origin.is_https() { "https" } else { "http" };
    let authority = origin.as_str().split_once("://").map_or("", |(_, authority)| authority);
    let host = seen.host.as_deref().unwrap_or_default();
    // A direct connection has no header that could say otherwise.
    let proto = seen.proto.as_deref().unwrap_or(if is_proxied { "http" } else { scheme });
    let mut missing = Vec::new();
    if !host.eq_ignore_ascii_case(authority) {
        // nginx leaves the port out of $host.
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.chars().all(|c| c.is_ascii_digit()));
        missing.push(if has_port {
            "proxy_set_header Host $http_host; (httpd: ProxyPreserveHost on)"
        } else {
            "proxy_set_header Host $host; (httpd: ProxyPreserveHost on)"
        });
    }
    if proto != scheme {
        missing.push("proxy_set_header X-Forwarded-Proto $scheme; (httpd: RequestHeader set X-Forwarded-Proto https)");
    }
    let uris = REDIRECT_PATHS.map(|path| origin.join(path)).join(" ");
    if !missing.is_empty() {
        let made = format!("{proto}://{host}{}", sso::CALLBACK_PATH);
        let title = format!(
            "the web server hands on another address than people type: its headers make {made}, public_url makes {}",
            origin.join(sso::CALLBACK_PATH)
        );
        let hint = format!("if public_url is right, add to the web server's site: {}", missing.join(" and "));
        return Verdict::Warn(Trouble::new(title, Who::Root, hint));
    }
    if is_proxied && !seen.forwarded_for {
        let title = "the web server does not say who asks: in the audit log, and for admin.networks, everybody comes from the web server";
        let hint = "add to the web server's site: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; (httpd's mod_proxy_http does so by itself)";
        return Verdict::Warn(Trouble::new(title, Who::Root, hint));
    }
    Verdict::Fine(format!("redirect URIs to register: {uris}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn origin(text: &str) -> PublicUrl {
        Settings::parse(&format!("public_url = \"{text}\""), Path::new("x")).unwrap().settings.public_url.unwrap()
    }

    #[test]
    fn the_line_that_the_web_server_lacks_is_named() {
        let desk = origin("https://desk.example.test");
        let seen = |host: &str, proto: Option<&str>, forwarded_for| Seen {
            host: Some(host.to_owned()),
            proto: proto.map(str::to_owned),
            forwarded_for,
        };
        let hint = |seen: &Seen| handed_on(&desk, seen, true).on(Group::Network, "x").hint;
        assert!(matches!(handed_on(&desk, &seen("desk.example.test", Some("https"), true), true), Verdict::Fine(_)));
        assert!(hint(&seen("127.0.0.1:8380", Some("https"), true)).contains("proxy_set_header Host $host;"));
        assert!(hint(&seen("desk.example.test", None, true)).contains("proxy_set_header X-Forwarded-Proto $scheme;"));
        assert!(hint(&seen("desk.example.test", Some("https"), false)).contains("X-Forwarded-For"));
        let both = handed_on(&desk, &seen("127.0.0.1:8380", None, true), true).on(Group::Network, "x");
        assert!(
            both.title.contains("its headers make http://127.0.0.1:8380/sso/openid, public_url makes https://desk.example.test/sso/openid"),
            "{both:?}"
        );
        let own = origin("http://127.0.0.1:8380");
        assert!(matches!(handed_on(&own, &seen("127.0.0.1:8380", None, false), false), Verdict::Fine(_)));
    }
}
