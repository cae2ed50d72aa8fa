//! Units, sockets, the web server's permission to connect, FIPS mode.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::commands;
use super::verdict::{Trouble, Verdict, Who};
use crate::health::status::{Check, Group};
use crate::settings::{Address, Settings};

const DAEMON: &str = "onedeskd.service";
const HELPER: &str = "onedesk-credentials.service";
/// The web servers that may stand before the daemon.
const WEB_SERVERS: [&str; 2] = ["nginx.service", "httpd.service"];
/// A listener of this machine answers in less than a millisecond.
const PATIENCE: Duration = Duration::from_millis(150);

/// A unit's properties.
pub type Unit = BTreeMap<String, String>;

/// Asks the service manager about all units of interest in one go.
pub async fn ask_units() -> Result<Vec<Unit>, String> {
    let properties = "--property=Id,LoadState,ActiveState,SubState,UnitFileState,Result,NRestarts,StatusText";
    let mut arguments = vec!["show", properties, DAEMON, HELPER];
    arguments.extend(WEB_SERVERS);
    Ok(parse(&commands::ask("systemctl", &arguments).await?.out))
}

/// `systemctl show`: `Key=value` lines, an empty line between units.
fn parse(out: &str) -> Vec<Unit> {
    let unit = |block: &str| {
        block.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    out.split("\n\n").map(unit).filter(|unit: &Unit| !unit.is_empty()).collect()
}

/// The daemon's unit and the helper's.
pub fn units(asked: Result<&[Unit], &str>, one_process: bool) -> Vec<Check> {
    let known = match asked {
        Err(why) => return vec![Verdict::Skip(format!("units cannot be looked at: {why}")).on(Group::Service, "units")],
        Ok(known) => known,
    };
    let unit = |id: &str| known.iter().find(|unit| unit.get("Id").is_some_and(|name| name == id));
    let mut checks = vec![judge(DAEMON, unit(DAEMON), one_process).on(Group::Service, "daemon_unit")];
    if !one_process {
        checks.push(judge(HELPER, unit(HELPER), false).on(Group::Service, "credentials_unit"));
    }
    checks
}

fn judge(id: &str, unit: Option<&Unit>, one_process: bool) -> Verdict {
    let property = |key: &str| unit.and_then(|unit| unit.get(key)).map(String::as_str).unwrap_or_default();
    let fail = |title: String, hint: String| Verdict::Fail(Trouble::new(title, Who::Root, hint));
    if property("LoadState") != "loaded" {
        if one_process {
            return Verdict::Skip(format!("there is no {id}: credentials.file is set, so the daemon is started by hand"));
        }
        return match property("LoadState") {
            "masked" => fail(format!("{id} is masked, so it cannot start"), format!("run: systemctl unmask {id}")),
            _ => fail(format!("{id} is not installed"), "run: dnf install onedesk-microservices".to_owned()),
        };
    }
    let journal = format!("see what it says: journalctl -u {id} -n 50");
    match (property("ActiveState"), property("SubState")) {
        ("active", _) => {}
        ("activating", "auto-restart") | ("failed", _) => {
            return fail(format!("{id} does not stay up ({})", property("Result")), journal);
        }
        ("activating", _) => {
            let title = format!("{id} is starting and not ready yet");
            return Verdict::Warn(Trouble::new(title, Who::Root, journal));
        }
        (state, _) => {
            // The helper lives as long as the daemon wants it.
            let hint = if id == HELPER { "run: systemctl restart onedeskd" } else { "run: systemctl start onedeskd" };
            return fail(format!("{id} does not run ({state})"), hint.to_owned());
        }
    }
    if id == DAEMON && ["disabled", "masked"].contains(&property("UnitFileState")) {
        let title = format!("{id} runs, but would not start at the next boot");
        return Verdict::Warn(Trouble::new(title, Who::Root, "run: systemctl enable onedeskd"));
    }
    match property("NRestarts").parse::<u32>() {
        Ok(count @ 1..) => {
            let title = format!("{id} runs, but had to be restarted {count} times since it was started");
            Verdict::Warn(Trouble::new(title, Who::Root, journal))
        }
        _ => Verdict::Fine(format!("{id} runs{}", if id == DAEMON { " and starts at boot" } else { "" })),
    }
}

/// Whether SELinux lets the web server of this machine connect to the daemon.
pub fn web_server_may_connect(units: &[Unit], settings: &Settings, enforces: bool, boolean: Option<&str>) -> Check {
    let runs = |unit: &&Unit| {
        let property = |key: &str| unit.get(key).map(String::as_str).unwrap_or_default();
        WEB_SERVERS.contains(&property("Id")) && property("ActiveState") == "active"
    };
    let server = units.iter().find(runs).and_then(|unit| unit.get("Id")).map(|id| id.trim_end_matches(".service"));
    let verdict = match (server, boolean) {
        _ if matches!(settings.listen.http, Address::Unix(_)) => {
            Verdict::Skip("the web server reaches the daemon by a Unix socket, not over the network".to_owned())
        }
        (_, None) => Verdict::Skip("SELinux is not on".to_owned()),
        // "current pending", each 0 or 1.
        (_, Some(value)) if value.starts_with('1') => Verdict::Fine("SELinux lets web servers connect to the daemon".to_owned()),
        (None, Some(_)) => Verdict::Skip("neither nginx nor httpd runs here".to_owned()),
        (Some(server), Some(_)) => {
            let title = format!("SELinux forbids {server} to connect to the daemon: people see a bad gateway");
            let trouble = Trouble::new(title, Who::Root, "run: setsebool -P httpd_can_network_connect on");
            if enforces { Verdict::Fail(trouble) } else { Verdict::Warn(trouble) }
        }
    };
    verdict.on(Group::Service, "httpd_can_network_connect")
}

/// Whether this machine wants only validated cryptography.
pub fn fips(enabled: &Option<String>) -> Check {
    let verdict = match enabled.as_deref() {
        Some("1") => Verdict::Warn(Trouble::new(
            "this machine is in FIPS mode; OneDesk works, but its cryptographic library (AWS-LC) is built without the validated module",
            Who::Root,
            "decide whether your rules allow that; fips-mode-setup --check shows the mode",
        )),
        _ => Verdict::Fine("this machine is not in FIPS mode".to_owned()),
    };
    verdict.on(Group::Service, "fips")
}

/// The daemon's listeners: somebody answers there, and it is us.
pub async fn sockets(settings: &Settings) -> Vec<Check> {
    let web = asked(&settings.listen.http, settings.listen.tls.is_some());
    let metrics = async {
        match &settings.listen.metrics {
            Some(address) => Some(asked(address, true).await),
            None => None,
        }
    };
    let (web, metrics) = tokio::join!(web, metrics);
    let mut checks = vec![heard("listen.http", &settings.listen.http, web).on(Group::Service, "http_listener")];
    if let (Some(address), Some(answer)) = (&settings.listen.metrics, metrics) {
        checks.push(heard("listen.metrics", address, answer).on(Group::Service, "metrics_listener"));
    }
    checks
}

/// What a listener of ours answered.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Heard {
    /// It is the daemon, or it may be (a listener that cannot be asked further).
    Us,
    /// Somebody else.
    Another,
    /// Nobody.
    Nobody(String),
}

/// Asks `/healthz`, unless `connect_only`: behind TLS, and at the metrics, that somebody listens has to do.
async fn asked(address: &Address, connect_only: bool) -> Heard {
    let answer = async {
        match address {
            Address::Tcp(address) => {
                let mut address = *address;
                if address.ip().is_unspecified() {
                    address.set_ip(if address.is_ipv4() {
                        std::net::Ipv4Addr::LOCALHOST.into()
                    } else {
                        std::net::Ipv6Addr::LOCALHOST.into()
                    });
                }
                talk(TcpStream::connect(address).await?, connect_only).await
            }
            Address::Unix(path) => talk(UnixStream::connect(path).await?, connect_only).await,
        }
    };
    match timeout(PATIENCE, answer).await {
        Ok(Ok(heard)) => heard,
        Ok(Err(error)) => Heard::Nobody(error.to_string()),
        Err(_) => Heard::Nobody(format!("no answer within {} ms", PATIENCE.as_millis())),
    }
}

async fn talk(mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin, connect_only: bool) -> std::io::Result<Heard> {
    if connect_only {
        return Ok(Heard::Us);
    }
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.take(16 * 1024).read_to_end(&mut answer).await?;
    let ours = String::from_utf8_lossy(&answer).contains(r#""status":"alive""#);
    Ok(if ours { Heard::Us } else { Heard::Another })
}

fn heard(key: &str, address: &Address, heard: Heard) -> Verdict {
    let shown = match address {
        Address::Tcp(address) => address.to_string(),
        Address::Unix(path) => format!("unix:{}", path.display()),
    };
    match heard {
        Heard::Us => Verdict::Fine(format!("the daemon listens on {shown} ({key})")),
        Heard::Another => Verdict::Fail(Trouble::new(
            format!("another program answers on {shown}, where {key} wants the daemon"),
            Who::Root,
            format!("see which it is ({}), and stop it or choose another address for {key}", who_listens(address)),
        )),
        Heard::Nobody(why) => Verdict::Fail(Trouble::new(
            format!("nobody answers on {shown} ({key}): {why}"),
            Who::Root,
            "start the daemon: systemctl start onedeskd; see what it says: systemctl status onedeskd",
        )),
    }
}

fn who_listens(address: &Address) -> String {
    match address {
        Address::Tcp(address) => format!("ss -ltnp 'sport = :{}'", address.port()),
        Address::Unix(path) => format!("ss -lxp src {}", super::shell(Path::new(path))),
    }
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
