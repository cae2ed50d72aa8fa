//! The firewall: whether people reach the port that this machine listens on. firewalld is asked over D-Bus, since its own tool
//! takes half a second to start.

use url::Url;

use super::commands;
use super::verdict::{Trouble, Verdict, Who};
use crate::settings::{Address, Settings};

/// The firewall's zone in which new connections arrive unless somebody sorted them.
const DEFAULT_ZONE: &str = "";

/// Ports on which this machine listens for others than itself: from `/proc/net/tcp` and `tcp6`.
pub fn listeners(tables: &str) -> Vec<u16> {
    let mut ports: Vec<u16> = tables.lines().filter_map(listener).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// `  0: 0100007F:1F90 00000000:0000 0A …`: the local address in the machine's byte order, the port, and the state (0A: listening).
fn listener(line: &str) -> Option<u16> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (address, port) = fields.next()?.split_once(':')?;
    let state = fields.nth(1)?;
    let is_loopback = match address.len() {
        8 => address.ends_with("7F"),
        _ => address == "00000000000000000000000001000000" || address.starts_with("0000000000000000FFFF0000") && address.ends_with("7F"),
    };
    (state == "0A" && !is_loopback).then(|| u16::from_str_radix(port, 16).ok()).flatten()
}

/// The port that people have to reach here; says why there is none.
pub fn wanted(settings: &Settings, listens: &[u16]) -> Result<u16, String> {
    let public = settings.public_url.as_ref().and_then(|origin| Url::parse(origin.as_str()).ok());
    if let Some(url) = public.as_ref().filter(|url| !crate::model::is_loopback(url))
        && let Some(port) = url.port_or_known_default()
        && listens.contains(&port)
    {
        return Ok(port);
    }
    if public.as_ref().is_some_and(crate::model::is_loopback) {
        return Err("the public URL is one of this machine alone: the firewall need let nobody in".to_owned());
    }
    match settings.listen.http {
        Address::Tcp(address) if !address.ip().is_loopback() && listens.contains(&address.port()) => Ok(address.port()),
        _ => Err("nothing on this machine listens for the public URL: a web server elsewhere stands before it".to_owned()),
    }
}

/// What firewalld lets in.
#[derive(Debug, Default)]
pub struct Open {
    services: String,
    ports: String,
}

/// Asks firewalld; says why where it cannot be asked, which mostly means that it is not there.
pub async fn ask() -> Result<Open, String> {
    const ZONE: [&str; 4] = ["call", "org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1", "org.fedoraproject.FirewallD1.zone"];
    let question = |method: &'static str| async move {
        let arguments: Vec<&str> = ZONE.into_iter().chain([method, "s", DEFAULT_ZONE]).collect();
        commands::ask("busctl", &arguments).await
    };
    let (services, ports) = tokio::join!(question("getServices"), question("getPorts"));
    Ok(Open { services: services?.out, ports: ports?.out })
}

/// Whether `port` is let in.
pub fn judge(port: u16, open: Result<Open, String>) -> Verdict {
    let open = match open {
        Err(why) => return Verdict::Skip(format!("firewalld cannot be asked, so it is probably not in use: {why}")),
        Ok(open) => open,
    };
    // `as 3 "ssh" "https" "cockpit"`, and `aas 1 2 "8443" "tcp"`.
    let words = |text: &str| text.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let services = words(&open.services);
    let by_service = |name: &str| services.iter().any(|service| service == name);
    let known = match port {
        443 => by_service("https") || by_service("onedesk"),
        80 => by_service("http"),
        _ => false,
    };
    let ports = words(&open.ports);
    let by_port = ports.chunks(2).any(|pair| matches!(pair, [range, protocol] if protocol == "tcp" && holds(range, port)));
    if known || by_port {
        return Verdict::Fine(format!("the firewall lets people in on port {port}"));
    }
    let add = match port {
        443 => "--add-service=https".to_owned(),
        80 => "--add-service=http".to_owned(),
        port => format!("--add-port={port}/tcp"),
    };
    let title = format!("the firewall's default zone lets nobody in on port {port}");
    Verdict::Warn(Trouble::new(title, Who::Root, format!("run: firewall-cmd --permanent {add} && firewall-cmd --reload")))
}

/// `8443` or `8000-9000`.
fn holds(range: &str, port: u16) -> bool {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    matches!((first.parse::<u16>(), last.parse::<u16>()), (Ok(first), Ok(last)) if (first..=last).contains(&port))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TABLES: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n\
        \u{20}  0: 0100007F:20BC 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1\n\
        \u{20}  1: 00000000:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2\n\
        \u{20}  2: 0200000A:01BB 0300000A:8C20 01 00000000:00000000 00:00000000 00000000     0        0 3\n\
        \u{20}  3: 00000000000000000000000000000000:20FB 00000000000000000000000000000000:0000 0A 0 0 0 0 0 4\n\
        \u{20}  4: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A 0 0 0 0 0 5\n";

    #[test]
    fn only_what_listens_for_others_counts() {
        assert_eq!(listeners(TABLES), [443, 8443]);
    }

    #[test]
    fn the_port_is_that_of_the_public_url_if_this_machine_serves_it() {
        let settings = |text: &str| Settings::parse(text, Path::new("x")).unwrap().settings;
        let public = settings("public_url = \"https://desk.example.test\"");
        assert_eq!(wanted(&public, &[443]), Ok(443));
        assert!(wanted(&public, &[80]).is_err());
        let own = settings("public_url = \"https://desk.example.test\"\n[listen]\nhttp = \"0.0.0.0:8443\"");
        assert_eq!(wanted(&own, &[8443]), Ok(8443));
    }

    #[test]
    fn a_closed_port_comes_with_the_command_that_opens_it() {
        let open = |services: &str, ports: &str| Ok(Open { services: services.to_owned(), ports: ports.to_owned() });
        let fine = |port, open| matches!(judge(port, open), Verdict::Fine(_));
        assert!(fine(443, open("as 2 \"ssh\" \"https\"\n", "aas 0\n")));
        assert!(fine(443, open("as 1 \"onedesk\"\n", "aas 0\n")));
        assert!(fine(8443, open("as 0\n", "aas 2 2 \"53\" \"udp\" 2 \"8000-9000\" \"tcp\"\n")));
        assert!(!fine(8443, open("as 0\n", "aas 1 2 \"8443\" \"udp\"\n")));
        let hint = "run: firewall-cmd --permanent --add-service=https && firewall-cmd --reload";
        let closed = Trouble::new("the firewall's default zone lets nobody in on port 443", Who::Root, hint);
        assert_eq!(judge(443, open("as 1 \"ssh\"\n", "aas 0\n")), Verdict::Warn(closed));
        assert!(matches!(judge(443, Err("no bus".to_owned())), Verdict::Skip(_)));
    }
}
