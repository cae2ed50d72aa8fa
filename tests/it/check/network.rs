//! What is looked at over the network, from the daemon's own place: hosts, certificates, clock, secret, consent, sending.
use entra_sim::{ALWAYS, CLIENT_ID, Endpoint, Fault, SECOND_SECRET, SECRET};

use super::servers::{Authority, greeting, refusing_proxy, submission};
use super::{Found, UNITS, command, tool};
use crate::harness::{SUPPORT, Site, World};

const SENT: &str = "235 2.7.0 Authentication successful";

/// Whole checks against a site.
fn whole(site: &Site) -> Found {
    Found::by(command(site, &[]))
}

/// A site whose mail servers greet as they should and answer a token with `verdict`.
fn equipped(site: &mut Site, verdict: &'static str) {
    let authority = Authority::new("OneDesk test CA");
    authority.trusted_by(site);
    let upstream = |site: &mut Site, key: &str, server: String| site.set(key, &format!("\"{server}\""));
    upstream(site, "mail.imap_upstream", greeting(authority.server(), "* OK The Microsoft Exchange IMAP4 service is ready.\r\n"));
    upstream(site, "mail.pop3_upstream", greeting(authority.server(), "+OK The Microsoft Exchange POP3 service is ready.\r\n"));
    upstream(site, "mail.smtp_upstream", submission(authority.server(), true, verdict));
    tool(site, "systemctl", UNITS);
}

/// A host where all is well, with a connected mailbox.
fn well(verdict: &'static str) -> World {
    but(verdict, |_| {})
}

/// The same but for what `change` does to its settings.
fn but(verdict: &'static str, change: impl FnOnce(&mut Site)) -> World {
    let world = World::start_with(|site| {
        site.write_pair(CLIENT_ID, SECRET);
        equipped(site, verdict);
        change(site);
    });
    world.connect(SUPPORT);
    world
}

#[test]
fn a_host_that_reaches_everything_has_nothing_to_mend() {
    let world = well(SENT);
    let found = whole(&world.daemon.site);
    assert_eq!(found.code, Some(0), "{}", found.report);
    let fine = [
        "dns",
        "login_host",
        "clock",
        "discovery",
        "keys",
        "graph_host",
        "imap_host",
        "pop_host",
        "smtp_host",
        "public_url_reachable",
        "redirect_uris",
        "secret",
        "consent",
        "smtp_auth",
    ];
    for name in fine {
        assert_eq!(found.check(name)["outcome"], "ok", "{}", found.check(name));
    }
    let title = |name: &str| found.check(name)["title"].as_str().unwrap().to_owned();
    assert!(title("imap_host").ends_with("its certificate is by \"OneDesk test CA\""), "{}", title("imap_host"));
    assert!(title("redirect_uris").contains("/integrations/azuread/token"), "{}", title("redirect_uris"));
    assert_eq!(title("secret"), "Microsoft accepts AZUREAD_CIS");
}

#[test]
fn a_wrong_clock_is_measured_by_the_providers_date() {
    let world = well(SENT);
    world.simulator.fault_at(Endpoint::Discovery, Fault::DateSkew { seconds: 600 }, ALWAYS);
    whole(&world.daemon.site).says("clock", "failed", "s behind: sign-ins are refused as too old or not yet valid", "timedatectl");
    world.simulator.clear_faults();
    world.simulator.fault_at(Endpoint::Discovery, Fault::DateSkew { seconds: -60 }, ALWAYS);
    whole(&world.daemon.site).says("clock", "warning", "s ahead; from 120 s on sign-ins fail", "timedatectl");
    world.simulator.clear_faults();
}

#[test]
fn a_blocked_port_and_a_foreign_server_are_told_apart() {
    // A port that was free a moment ago.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let without_starttls = submission(Authority::new("x").server(), false, SENT);
    let world = but(SENT, |site| {
        site.set("mail.imap_upstream", &format!("\"localhost:{}\"", closed.port()));
        site.set("mail.pop3_upstream", "\"nowhere.invalid:995\"");
        site.set("mail.smtp_upstream", &format!("\"{without_starttls}\""));
    });
    let found = whole(&world.daemon.site);
    assert_eq!(found.code, Some(1));
    found.says("imap_host", "failed", "refuses connections", "in the firewall between");
    found.says("pop_host", "failed", "the name nowhere.invalid cannot be resolved", "/etc/resolv.conf");
    found.says("dns", "failed", "the name nowhere.invalid cannot be resolved", "getent hosts nowhere.invalid");
    found.says("smtp_host", "failed", "offers no STARTTLS: a firewall on the way takes it out", "no inspect esmtp");
    assert_eq!(found.check("smtp_auth")["outcome"], "skipped");
}

#[test]
fn an_intercepting_certificate_is_named_by_its_issuer() {
    let server = greeting(Authority::new("Corporate Inspection Root").server(), "* OK ready\r\n");
    let world = but(SENT, |site| site.set("mail.imap_upstream", &format!("\"{server}\"")));
    let found = whole(&world.daemon.site);
    let named = "its certificate was issued by \"Corporate Inspection Root\", which this machine does not trust";
    found.says("imap_host", "failed", named, "microsoft.ca_file");
    found.says("imap_host", "failed", "something on the way may inspect TLS", "microsoft.ca_file");
}

#[test]
fn smtp_auth_that_is_switched_off_is_told_with_the_command_for_the_administrator() {
    let off = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.";
    let world = well(off);
    let found = whole(&world.daemon.site);
    assert_eq!(found.code, Some(1));
    found.says(
        "smtp_auth",
        "failed",
        "Sending by SMTP is switched off for the whole tenant",
        "Set-CASMailbox -Identity support@example.test",
    );
    assert_eq!(found.check("smtp_auth")["who"], "an administrator of the Microsoft 365 tenant");
}

#[test]
fn a_proxy_that_refuses_is_told_apart_from_one_that_is_not_there() {
    // Microsoft's names are not loopback's: only then does a request go by the proxy.
    let site_with = |proxy: &str| {
        let mut site = Site::new("https://login.example.test");
        site.write_pair(CLIENT_ID, SECRET);
        equipped(&mut site, SENT);
        site.set("microsoft.proxy", &format!("\"http://{proxy}\""));
        site
    };
    // The daemon does not run here: the same looks are made from onedeskctl.
    let found = whole(&site_with(&refusing_proxy()));
    assert_eq!(found.code, Some(69));
    assert_eq!(found.check("proxy")["outcome"], "ok");
    found.says("login_host", "failed", "Microsoft's login", "let the proxy localhost");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let found = whole(&site_with(&format!("localhost:{}", closed.port())));
    found.says("proxy", "failed", "the outbound proxy cannot be reached", "microsoft.proxy");
}

#[test]
fn a_secret_that_has_expired_or_was_deleted_is_told_by_its_key() {
    let world = well(SENT);
    world.simulator.set_secret(CLIENT_ID, SECOND_SECRET, world.simulator.now() + 86_400 * 365);
    world.daemon.site.write_credentials(&format!("AZUREAD_CID={CLIENT_ID}\nAZUREAD_CIS={SECRET}\nAZUREAD_CIS_NEXT={SECOND_SECRET}\n"));
    world.daemon.wait_for_status("both secrets are accepted", |status| status["warnings"].to_string().contains("next_secret_accepted"));
    let found = whole(&world.daemon.site);
    found.says(
        "next_secret",
        "warning",
        "both AZUREAD_CIS and AZUREAD_CIS_NEXT are accepted",
        "make AZUREAD_CIS_NEXT the value of AZUREAD_CIS",
    );
    world.daemon.site.write_pair(CLIENT_ID, SECOND_SECRET);
    world.daemon.wait_for_status("the second alone", |status| !status["warnings"].to_string().contains("next_secret"));
    world.simulator.set_secret(CLIENT_ID, SECOND_SECRET, world.simulator.now() - 60);
    let found = whole(&world.daemon.site);
    found.says(
        "secret",
        "failed",
        "Microsoft refuses AZUREAD_CIS: The client secret has expired. (AADSTS7000222)",
        "Create a new client secret",
    );
}

#[test]
fn the_registration_is_compared_with_what_this_host_needs() {
    let world = well(SENT);
    let found = whole(&world.daemon.site);
    assert_eq!(found.check("registration")["outcome"], "skipped");
    found.says("secret_expiry", "warning", "nobody knows when the client secret ends", "onedeskctl credentials expires DATE");
    world.directory_journey("admin@example.test").expect(200);
    let found = whole(&world.daemon.site);
    assert_eq!(found.check("registration")["outcome"], "ok", "{}", found.check("registration"));
    assert_eq!(found.check("consent")["title"], "all eleven permissions are granted");
    let mut app = entra_sim::Config::default().apps.remove(0);
    app.redirect_uris = vec![format!("{}/integrations/azuread/token", world.daemon.site.origin())];
    world.simulator.put_app(app);
    whole(&world.daemon.site).says("registration", "failed", "lacks redirect URIs", "add them under Authentication, platform Web");
}

#[test]
fn a_permission_that_was_not_granted_is_named() {
    let world = World::start_with(|site| {
        site.write_pair(CLIENT_ID, SECRET);
        equipped(site, SENT);
    });
    world.simulator.fault_at(Endpoint::Code, Fault::ReducedScope, 1);
    world.connect(SUPPORT);
    let found = whole(&world.daemon.site);
    found.says("consent", "failed", "is missing", "let an administrator consent");
}

#[test]
fn a_public_url_where_somebody_else_answers_or_nobody_is_found() {
    let (simulator, mut site) = World::apart();
    site.write_pair(CLIENT_ID, SECRET);
    equipped(&mut site, SENT);
    // The daemon does not run: the same looks are made from onedeskctl.
    site.set("public_url", &format!("\"{}\"", simulator.authority()));
    whole(&site).says("public_url_reachable", "failed", "something else than OneDesk answers on", "/usr/share/onedesk/samples/");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    site.set("public_url", &format!("\"http://{closed}\""));
    whole(&site).says("public_url_reachable", "warning", "cannot be reached from this machine", "open it in a browser");
}
