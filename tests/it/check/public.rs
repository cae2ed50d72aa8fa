//! The redirect URIs as the public URL makes them and as real web servers' headers make them.

use std::fs;

use entra_sim::{CLIENT_ID, SECRET};

use super::servers::Authority;
use super::{Found, UNITS, command, tool};
use crate::harness::World;
use crate::sso::host::free_port;
use crate::sso::servers::{Sample, Server};

/// A web server, what somebody changed in the packaged sample, and how that is told: outcome, title and hint.
struct Site {
    start: fn(&Sample<'_>) -> Server,
    changes: &'static [(&'static str, &'static str)],
    told: (&'static str, &'static str, &'static str),
}

const NGINX_HOST: &str = "proxy_set_header Host $host;";
/// The public URL of these tests has a port.
const WITH_PORT: (&str, &str) = (NGINX_HOST, "proxy_set_header Host $http_host;");
const WITHOUT_PROTO: (&str, &str) = ("proxy_set_header X-Forwarded-Proto $scheme;", "");
const HINT_HOST: &str = "proxy_set_header Host $http_host; (httpd: ProxyPreserveHost on)";
const HINT_PROTO: &str = "proxy_set_header X-Forwarded-Proto $scheme; (httpd: RequestHeader set X-Forwarded-Proto https)";
const SITES: [Site; 9] = [
    Site { start: Server::nginx_sample, changes: &[WITH_PORT], told: ("ok", "redirect URIs to register: PUBLIC/integrations/", "") },
    Site { start: Server::httpd_sample, changes: &[], told: ("ok", "redirect URIs to register: PUBLIC/integrations/", "") },
    Site {
        start: Server::nginx_sample,
        changes: &[],
        told: ("warning", "its headers make https://localhost/sso/openid, public_url makes PUBLIC/sso/openid", HINT_HOST),
    },
    Site {
        start: Server::nginx_sample,
        changes: &[(NGINX_HOST, "")],
        told: ("warning", "its headers make https://onedesk/sso/openid, public_url makes PUBLIC/sso/openid", HINT_HOST),
    },
    Site {
        start: Server::httpd_sample,
        changes: &[("ProxyPreserveHost on", "")],
        told: ("warning", "its headers make https://DOOR/sso/openid, public_url makes PUBLIC/sso/openid", HINT_HOST),
    },
    Site {
        start: Server::nginx_sample,
        changes: &[WITH_PORT, WITHOUT_PROTO],
        told: ("warning", "its headers make PLAIN/sso/openid, public_url makes PUBLIC/sso/openid", HINT_PROTO),
    },
    Site {
        start: Server::httpd_sample,
        changes: &[("RequestHeader set X-Forwarded-Proto https", "")],
        told: ("warning", "its headers make PLAIN/sso/openid, public_url makes PUBLIC/sso/openid", HINT_PROTO),
    },
    Site {
        start: Server::nginx_sample,
        changes: &[(NGINX_HOST, ""), WITHOUT_PROTO],
        told: ("warning", "its headers make http://onedesk/sso/openid", "ProxyPreserveHost on) and proxy_set_header X-Forwarded-Proto"),
    },
    Site {
        start: Server::nginx_sample,
        changes: &[WITH_PORT, ("proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;", "")],
        told: ("warning", "the web server does not say who asks", "X-Forwarded-For $proxy_add_x_forwarded_for"),
    },
];

#[test]
fn headers_that_a_real_web_server_hands_on_are_compared_with_the_public_url() {
    for Site { start, changes, told: (outcome, title, hint) } in SITES {
        let (http, https) = (free_port(), free_port());
        let public = format!("https://localhost:{https}");
        let authority = Authority::new("OneDesk test CA");
        let world = World::start_with(|site| {
            site.set("public_url", &format!("{public:?}"));
            authority.trusted_by(site);
            let (certificate, key) = authority.pair("localhost");
            fs::write(site.path("web.crt"), certificate.pem()).unwrap();
            fs::write(site.path("web.key"), key.serialize_pem()).unwrap();
            tool(site, "systemctl", UNITS);
            site.write_pair(CLIENT_ID, SECRET);
        });
        let site = &world.daemon.site;
        let door = site.http().to_string();
        let _server = start(&Sample { http, https, door: &door, certificate: &site.path("web.crt"), changes });
        let found = Found::by(command(site, &[]));
        assert_eq!(found.check("public_url_reachable")["outcome"], "ok", "{changes:?}: {}", found.check("public_url_reachable"));
        let plain = public.replacen("https", "http", 1);
        let title = title.replace("PUBLIC", &public).replace("PLAIN", &plain).replace("DOOR", &door);
        found.says("redirect_uris", outcome, &title, hint);
    }
}
