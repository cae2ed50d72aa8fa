//! Single values: each function reads one text into the type that `Settings` holds, or says what to write instead.
//! No message repeats the text: it may hold a password, and the excerpt shows the line anyway.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use url::Url;

use super::{Address, Cloud, PublicUrl};
use crate::model::{Secret, ids::is_guid, is_loopback};

/// Why a text is no value of its key: a fragment that follows the key's name, and what to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bad {
    /// "is not an address".
    pub what: String,
    /// The next step.
    pub hint: String,
}

impl Bad {
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

/// Reads nothing as nothing, everything else with `parse`.
pub(super) fn optional<T>(parse: impl Fn(&str) -> Result<T, Bad>) -> impl Fn(&str) -> Result<Option<T>, Bad> {
    move |text| if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

/// `http` or `https` with a host, and nothing that does not belong into a base URL.
fn web_url(text: &str, example: &str) -> Result<Url, Bad> {
    let url = Url::parse(text).map_err(|fault| Bad::new(format!("is not a URL: {fault}"), format!("write it as {example}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(Bad::new("is not an http or https URL", format!("write it as {example}")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Bad::new("must not hold a user name or password", format!("write it as {example}")));
    }
    if url.fragment().is_some() {
        return Err(Bad::new("must not hold a fragment (#…)", format!("write it as {example}")));
    }
    Ok(url)
}

fn needs_tls(url: &Url) -> Result<(), Bad> {
    if url.scheme() == "https" || is_loopback(url) {
        return Ok(());
    }
    Err(Bad::new("is plain http", "write https://; plain http is for localhost, 127.0.0.0/8 and ::1 only"))
}

pub(super) fn public_url(text: &str) -> Result<PublicUrl, Bad> {
    let example = "https://helpdesk.example.com";
    let url = web_url(text, example)?;
    needs_tls(&url)?;
    if url.path() != "/" || url.query().is_some() {
        return Err(Bad::new("must be an origin, without a path", format!("write scheme, host and port only, as {example}")));
    }
    Ok(PublicUrl::new(url))
}

/// The base of a Microsoft service, as text without a slash at the end.
pub(super) fn service(text: &str) -> Result<String, Bad> {
    let url = web_url(text, "https://login.microsoftonline.com")?;
    needs_tls(&url)?;
    if url.query().is_some() {
        return Err(Bad::new("must not hold a query (?…)", "leave out the question mark and what follows"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

pub(super) fn app(text: &str) -> Result<Url, Bad> {
    web_url(text, "https://kb.example.com/")
}

/// An origin, as browsers write it.
pub(super) fn site(text: &str) -> Result<String, Bad> {
    let example = "https://www.example.com";
    let bad = || Bad::new("holds what is not an origin", format!("write scheme, host and port only, as {example}; each host by itself"));
    let url = web_url(text, example).map_err(|_| bad())?;
    if url.path() != "/" || url.query().is_some() || text.contains('*') {
        return Err(bad());
    }
    needs_tls(&url).map_err(|fault| Bad::new("holds an origin that is plain http", fault.hint))?;
    Ok(url.origin().ascii_serialization())
}

pub(super) fn proxy(text: &str) -> Result<Secret<String>, Bad> {
    let example = "http://proxy.example.com:3128";
    // The parser's own words are left out: with them a password could slip through.
    let bad = |what: &str| Bad::new(what, format!("write it as {example}, with USER:PASSWORD@ before the host if it asks for them"));
    let url = Url::parse(text).map_err(|_| bad("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(bad("is not the URL of an http or https proxy"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(bad("must name a host and a port only"));
    }
    Ok(Secret::new(text.to_owned()))
}

pub(super) fn database(text: &str) -> Result<Url, Bad> {
    let hint = "write it as sqlite:///var/lib/onedesk/onedesk.db, with three slashes";
    let url = Url::parse(text).map_err(|_| Bad::new("is not a database URL", hint))?;
    if matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(Bad::new("names PostgreSQL, which is not in this version", hint));
    }
    if url.scheme() != "sqlite" {
        return Err(Bad::new("names an unknown kind of database", hint));
    }
    if url.host().is_some() || !url.path().starts_with('/') || url.path().ends_with('/') || !text.starts_with("sqlite:///") {
        return Err(Bad::new("must name a file by its absolute path", hint));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Bad::new("must not hold options", "leave out ? or # and what follows"));
    }
    Ok(url)
}

pub(super) fn path(text: &str) -> Result<PathBuf, Bad> {
    if text.starts_with('/') && !text.contains('\0') {
        Ok(PathBuf::from(text))
    } else {
        Err(Bad::new("must be an absolute path", "begin it with a slash"))
    }
}

/// The longest path that fits `sockaddr_un` with its terminating zero (unix(7)).
const LONGEST_SOCKET_PATH: usize = 107;

pub(super) fn socket(text: &str) -> Result<PathBuf, Bad> {
    if text.len() > LONGEST_SOCKET_PATH {
        return Err(Bad::new("is too long for a socket", format!("choose a path of at most {LONGEST_SOCKET_PATH} bytes")));
    }
    path(text)
}

pub(super) fn address(text: &str) -> Result<Address, Bad> {
    if let Some(path) = text.strip_prefix("unix:") {
        return socket(path).map(Address::Unix);
    }
    text.parse::<SocketAddr>()
        .map(Address::Tcp)
        .map_err(|_| Bad::new("is not an address", "write IP:PORT, as 127.0.0.1:8380 or [::]:8380, or unix:/PATH"))
}

/// `HOST:PORT` of a server that we connect to.
pub(super) fn upstream(text: &str) -> Result<String, Bad> {
    let bad = || Bad::new("is not a server", "write HOST:PORT, as outlook.office365.com:993");
    let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
    let named = host.len() <= 253 && !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let literal = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok());
    let port_is_good = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0);
    if (named || literal) && port_is_good { Ok(text.to_owned()) } else { Err(bad()) }
}

/// A network, or one address alone.
pub(super) fn network(text: &str) -> Result<IpNet, Bad> {
    text.parse::<IpNet>()
        .map(|network| network.trunc())
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| Bad::new("holds what is not a network", "write ADDRESS or ADDRESS/BITS, as 10.0.0.0/8 or 2001:db8::1"))
}

/// A user, or a group with `@` before it (`DOMAIN\user` and `user@domain` of directory services too).
pub(super) fn reader(text: &str) -> Result<String, Bad> {
    let name = text.strip_prefix('@').unwrap_or(text);
    let good = !name.is_empty()
        && name.len() <= 256
        && !name.starts_with('@')
        && !name.contains(|c: char| c.is_whitespace() || c.is_control() || ":,/".contains(c));
    if good { Ok(text.to_owned()) } else { Err(Bad::new("holds what is not a user or group", "write USER or @GROUP")) }
}

pub(super) fn group(text: &str) -> Result<String, Bad> {
    match reader(text) {
        Ok(name) if !name.starts_with('@') => Ok(name),
        _ => Err(Bad::new("is not a group", "write the group's name alone, as nginx")),
    }
}

pub(super) fn cloud(text: &str) -> Result<Cloud, Bad> {
    match text {
        "global" => Ok(Cloud::Global),
        "usgov" => Ok(Cloud::Usgov),
        "dod" => Ok(Cloud::Dod),
        "china" => Ok(Cloud::China),
        _ => Err(Bad::new("is not a cloud", nearest(text, &["global", "usgov", "dod", "china"]))),
    }
}

pub(super) fn log_level(text: &str) -> Result<log::LevelFilter, Bad> {
    let levels = ["error", "warn", "info", "debug", "trace", "off"];
    match text.parse() {
        Ok(level) if levels.contains(&text) => Ok(level),
        _ => Err(Bad::new("is not a level", nearest(text, &levels))),
    }
}

fn nearest(text: &str, words: &[&str]) -> String {
    let text: String = text.chars().take(64).collect();
    let best = words.iter().map(|word| (strsim::damerau_levenshtein(&text.to_lowercase(), word), word)).min();
    match best {
        Some((distance, word)) if distance <= 2 => format!("did you mean \"{word}\"?"),
        _ => format!("write one of {}", words.join(", ")),
    }
}

/// `organizations`, `common`, `consumers`, a GUID or a domain; in lower case, as it stands in URLs.
pub(super) fn tenant(text: &str) -> Result<String, Bad> {
    let lower = text.to_ascii_lowercase();
    if ["organizations", "common", "consumers"].contains(&lower.as_str()) || is_guid(&lower) || is_domain(&lower) {
        return Ok(lower);
    }
    Err(Bad::new(
        "is not a tenant",
        "write organizations, common, consumers, the tenant's GUID or one of its domains, as contoso.onmicrosoft.com",
    ))
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label)
}
