//! The firewall: whether people reach the port that this machine listens on. firewalld is asked over D-Bus, since its own tool
//! takes half a second to start.

use std::collections::HashSet;

use serde::Deserialize;
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

/// What firewalld lets in by its default zone.
#[derive(Debug, Default)]
pub struct Open {
    /// The zone accepts whatever it has no rule about.
    everything: bool,
    /// `("8000-9000", "tcp")`.
    ports: Vec<(String, String)>,
}

/// Settings of a zone or of a service, as `busctl --json=short` shows them; what is empty is left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Rules {
    target: Variant<String>,
    services: Variant<Vec<String>>,
    includes: Variant<Vec<String>>,
    ports: Variant<Vec<(String, String)>>,
    rules_str: Variant<Vec<String>>,
}

/// `{"type":"as","data":["ssh"]}`.
#[derive(Debug, Default, Deserialize)]
struct Variant<T> {
    data: T,
}

impl Rules {
    fn read(answer: &str) -> Result<Self, String> {
        serde_json::from_str::<Variant<(Self,)>>(answer)
            .map(|answer| answer.data.0)
            .map_err(|error| format!("its answer is not understood: {error}"))
    }

    /// Services and ports, those of rich rules too: whom these let in is more than is looked at here, but it is not nobody.
    fn lets_in(mut self) -> (Vec<String>, Vec<(String, String)>) {
        let mut services = self.services.data;
        services.append(&mut self.includes.data);
        for rule in self.rules_str.data.iter().filter(|rule| rule.split(' ').any(|word| word == "accept")) {
            let value = |name: &str| rule.split_once(name)?.1.split('"').next().map(str::to_owned);
            services.extend(value(" service name=\""));
            self.ports.data.extend(value(" port port=\"").zip(value(" protocol=\"")));
        }
        (services, self.ports.data)
    }
}

/// Asks firewalld; says why where it cannot be asked, which mostly means that it is not there.
pub async fn ask() -> Result<Open, String> {
    let zone = question("org.fedoraproject.FirewallD1.zone", "getZoneSettings2", DEFAULT_ZONE).await?;
    let everything = zone.target.data == "ACCEPT";
    let (mut ahead, mut ports) = zone.lets_in();
    let mut seen = HashSet::new();
    while let Some(service) = ahead.pop() {
        // A service without its file lets nobody in.
        if seen.insert(service.clone())
            && let Ok(rules) = question("org.fedoraproject.FirewallD1", "getServiceSettings2", &service).await
        {
            let (included, mut more) = rules.lets_in();
            ahead.extend(included);
            ports.append(&mut more);
        }
    }
    Ok(Open { everything, ports })
}

/// A look starts no firewall, and asks nobody for a password.
async fn question(interface: &str, method: &str, name: &str) -> Result<Rules, String> {
    let manners = ["--json=short", "--auto-start=no", "--allow-interactive-authorization=no"];
    let call = ["call", "org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1", interface, method, "s", name];
    let said = commands::ask("busctl", &[&manners[..], &call[..]].concat()).await?;
    Rules::read(&said.out)
}

/// Whether `port` is let in.
pub fn judge(port: u16, open: Result<Open, String>) -> Verdict {
    let open = match open {
        Err(why) => return Verdict::Skip(unasked(&why)),
        Ok(open) => open,
    };
    if open.everything || open.ports.iter().any(|(range, protocol)| protocol == "tcp" && holds(range, port)) {
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

/// Why there is no answer, by what the bus says: dbus-daemon's words, dbus-broker's, and those of firewalld without polkit's leave.
fn unasked(why: &str) -> String {
    if why.contains("does not exist") || why.contains("does not have an owner") {
        "firewalld does not run".to_owned()
    } else if why.contains("Not Authorized") {
        "firewalld tells only root what it lets in: run this as root".to_owned()
    } else {
        format!("firewalld cannot be asked, so it is probably not in use: {why}")
    }
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

    /// What firewalld 1.3 answers for a fresh zone, with more written in by firewall-cmd.
    const ZONE: &str = r#"{"type":"a{sv}","data":[{"short":{"type":"s","data":"Public"},"target":{"type":"s","data":"default"},
        "services":{"type":"as","data":["ssh","dhcpv6-client"]},"ports":{"type":"a(ss)","data":[["53","udp"],["8000-9000","tcp"]]},
        "masquerade":{"type":"b","data":false},"rules_str":{"type":"as","data":[
        "rule family=\"ipv4\" source address=\"192.0.2.0/24\" service name=\"https\" accept",
        "rule family=\"ipv4\" source address=\"192.0.2.0/24\" port port=\"8444\" protocol=\"tcp\" accept",
        "rule service name=\"imaps\" reject"]},"forward":{"type":"b","data":true}}]}"#;

    #[test]
    fn a_zones_services_ports_and_rich_rules_are_read() {
        let (services, ports) = Rules::read(ZONE).unwrap().lets_in();
        assert_eq!(services, ["ssh", "dhcpv6-client", "https"]);
        let ports: Vec<String> = ports.into_iter().map(|(range, protocol)| format!("{range}/{protocol}")).collect();
        assert_eq!(ports, ["53/udp", "8000-9000/tcp", "8444/tcp"]);
        assert!(Rules::read("{}").unwrap_err().contains("not understood"));
    }

    #[test]
    fn a_closed_port_comes_with_the_command_that_opens_it() {
        let open = |range: &str, protocol: &str| Ok(Open { everything: false, ports: vec![(range.to_owned(), protocol.to_owned())] });
        let fine = |port, open| matches!(judge(port, open), Verdict::Fine(_));
        assert!(fine(443, open("443", "tcp")));
        assert!(fine(8443, open("8000-9000", "tcp")));
        assert!(fine(443, Ok(Open { everything: true, ports: Vec::new() })));
        assert!(!fine(8443, open("8443", "udp")));
        let hint = "run: firewall-cmd --permanent --add-service=https && firewall-cmd --reload";
        let closed = Trouble::new("the firewall's default zone lets nobody in on port 443", Who::Root, hint);
        assert_eq!(judge(443, open("22", "tcp")), Verdict::Warn(closed));
    }

    #[test]
    fn who_cannot_be_asked_is_told_apart() {
        let skipped = |why: &str| match judge(443, Err(format!("busctl gives no answer: Call failed: {why}"))) {
            Verdict::Skip(words) => words,
            other => panic!("{other:?}"),
        };
        assert_eq!(skipped("Name \"org.fedoraproject.FirewallD1\" does not exist"), "firewalld does not run");
        assert!(skipped("Not Authorized(polkit): org.fedoraproject.FirewallD1.config.info").ends_with("run this as root"));
        assert!(skipped("Connection refused").ends_with("Connection refused"));
    }
}
