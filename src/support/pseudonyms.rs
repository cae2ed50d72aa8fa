//! [`Pseudonyms`]: e-mail addresses, host names, GUIDs and network addresses become names that mean nothing outside of one bundle.
//! The same input has the same name throughout, so that support can still follow who is who.

use std::net::IpAddr;

use serde_json::Value;

use crate::crypto::{random_token, sha256};
use crate::model::Secret;
use crate::model::ids::is_guid;

/// Strings under these keys stay if they are GUIDs: Microsoft finds its own log lines by them, and they name nobody.
const TRACES: [&str; 6] = ["trace_id", "correlation_id", "client_request_id", "request_id", "ONEDESK_TRACE", "ONEDESK_REQUEST_ID"];

/// The same inside of Microsoft's descriptions.
const LABELS: [&str; 2] = ["trace id: ", "correlation id: "];

/// Everybody's hosts.
const PUBLIC: [&str; 13] = [
    "microsoftonline.com",
    "microsoftonline.us",
    "microsoftonline.cn",
    "microsoft.com",
    "microsoft.us",
    "office365.com",
    "office365.us",
    "office.com",
    "windows.net",
    "outlook.cn",
    "chinacloudapi.cn",
    "invalid",
    "localhost",
];

/// What follows the last dot of a file's or package's name.
const FILES: [&str; 25] = [
    "service", "socket", "target", "slice", "toml", "db", "sock", "json", "log", "key", "pem", "crt", "html", "css", "js", "txt", "conf",
    "gz", "xml", "preset", "noarch", "timer", "path", "mount", "onedesk",
];
/// The same, where it could be a country too: only behind a slash.
const FILES_IN_FOLDERS: [&str; 3] = ["rs", "so", "md"];
/// The last word of a permission's name: `Mail.Send`.
const PERMISSIONS: [&str; 5] = ["All", "Read", "Send", "ReadWrite", "ReadBasic"];

/// The pseudonyms of one bundle.
pub struct Pseudonyms {
    key: Secret<String>,
    names: Vec<String>,
}

impl Pseudonyms {
    /// With a key that is forgotten with it. `names` are hosts that are known by a name without a dot.
    pub fn new(names: &[&str]) -> Self {
        let names = names.iter().filter(|name| name.len() > 2 && **name != "localhost").map(|name| name.to_lowercase());
        Self { key: random_token(32), names: names.collect() }
    }

    /// Replaces in every string; the keys of objects are ours.
    pub fn replace_in(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.replace(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.replace_in(item)),
            Value::Object(members) => {
                for (name, member) in members {
                    let is_trace = TRACES.contains(&name.as_str()) && member.as_str().is_some_and(is_guid);
                    if !is_trace {
                        self.replace_in(member);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Replaces in a text.
    pub fn replace(&self, text: &str) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let start = rest.find(belongs).unwrap_or(rest.len());
            replaced.push_str(&rest[..start]);
            rest = &rest[start..];
            let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
            let in_folder = replaced.ends_with('/') && !replaced.ends_with("//");
            let is_trace =
                is_guid(rest[..end].trim_end_matches('.')) && LABELS.iter().any(|label| replaced.to_lowercase().ends_with(label));
            let word = if is_trace { rest[..end].to_owned() } else { self.word(&rest[..end], in_folder) };
            replaced.push_str(&word);
            rest = &rest[end..];
        }
        replaced
    }

    /// A run of characters that addresses are made of.
    fn word(&self, word: &str, in_folder: bool) -> String {
        let lower = word.to_lowercase();
        if let Some((at, length)) = ["@", "%40"].iter().find_map(|mark| Some((lower.find(mark)?, mark.len()))) {
            return self.email(word, at, length);
        }
        let bare = word.trim_matches(|c| ".:'".contains(c));
        let (before, after) = word.split_once(bare).unwrap_or(("", ""));
        if let Ok(address) = bare.parse::<IpAddr>() {
            return format!("{before}{}{after}", self.address(address));
        }
        let pieces = word.split(':').map(|piece| self.piece(piece, in_folder));
        pieces.collect::<Vec<_>>().join(":")
    }

    /// `ann@contoso.com`, with what a sentence puts around it.
    fn email(&self, word: &str, at: usize, length: usize) -> String {
        let (Some(local), Some(domain)) = (word.get(..at), word.get(at + length..)) else { return "person".to_owned() };
        let local = local.trim_start_matches(['\'', '.', ':', '`']);
        let local = local.rsplit_once(':').map_or(local, |(_, local)| local);
        let end = domain.find(|c: char| !c.is_alphanumeric() && c != '.' && c != '-').unwrap_or(domain.len());
        let (domain, after) = domain.split_at(end);
        let dots = domain.len() - domain.trim_end_matches('.').len();
        let domain = domain.trim_end_matches('.');
        let person = self.name("person", &format!("{}@{}", local.to_lowercase(), domain.to_lowercase()));
        // What follows may hold another address, `a@b%40c`: it is looked at again, and it is shorter.
        format!("{person}@{}{}{}", self.host(domain), ".".repeat(dots), self.replace(after))
    }

    fn piece(&self, piece: &str, in_folder: bool) -> String {
        if let Some(start) = (0..piece.len()).find(|start| piece.get(*start..start + 36).is_some_and(is_guid)) {
            let id = self.name("id", &piece[start..start + 36].to_lowercase());
            return format!("{}{id}{}", &piece[..start], self.piece(&piece[start + 36..], in_folder));
        }
        let bare = piece.trim_matches(|c| ".-'_".contains(c));
        let replacement = match bare.parse::<IpAddr>() {
            Ok(address) => self.address(address),
            Err(_) if self.names.contains(&bare.to_lowercase()) || is_host(bare, in_folder) => self.host(bare),
            Err(_) => return piece.to_owned(),
        };
        piece.replacen(bare, &replacement, 1)
    }

    fn host(&self, name: &str) -> String {
        format!("{}.invalid", self.name("host", &name.to_lowercase()))
    }

    fn address(&self, address: IpAddr) -> String {
        if address.is_loopback() || address.is_unspecified() {
            address.to_string()
        } else {
            self.name("ip", &address.to_canonical().to_string())
        }
    }

    fn name(&self, kind: &str, value: &str) -> String {
        let hash = sha256(format!("{}\n{kind}\n{value}", self.key.expose()).as_bytes());
        let digits: String = hash.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
        format!("{kind}-{digits}")
    }
}

/// What addresses are made of, `%` for those in URLs.
fn belongs(c: char) -> bool {
    c.is_alphanumeric() || "._-@%+:'!#$*^`{|}~".contains(c)
}

/// A name with dots that is neither a version, a file, a permission nor everybody's.
fn is_host(name: &str, in_folder: bool) -> bool {
    let lower = name.to_lowercase();
    let labels: Vec<&str> = lower.split('.').collect();
    let is_label = |label: &&str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    let last = labels.last().copied().unwrap_or_default();
    let is_public = PUBLIC.iter().any(|public| lower == *public || lower.ends_with(&format!(".{public}")));
    let is_file = FILES.contains(&last) || in_folder && FILES_IN_FOLDERS.contains(&last);
    let is_permission = name.split('.').all(|label| label.starts_with(|c: char| c.is_ascii_uppercase()))
        && name.rsplit('.').next().is_some_and(|last| PERMISSIONS.contains(&last));
    labels.len() > 1
        && labels.iter().all(is_label)
        && (last.starts_with("xn--") || last.chars().count() > 1 && last.chars().all(char::is_alphabetic))
        && !is_public
        && !is_file
        && !is_permission
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_names_somebody_is_replaced_and_the_rest_stays() {
        let pseudonyms = Pseudonyms::new(&["desk01"]);
        for (text, gone, kept) in [
            ("the mailbox ann@contoso.com must be signed in", &["ann", "contoso"][..], &["the mailbox person-", " must be signed in"][..]),
            ("user 'o'brien@b\u{fc}cher.example.'", &["brien", "cher"], &["user ", ".'"]),
            ("user:password@proxy.example.com:3128", &["password", "proxy", "example.com"], &[":3128"]),
            (
                "https://helpdesk.example.com:8443/x?who=ann%40contoso.com&y",
                &["helpdesk", "ann", "contoso"],
                &["https://host-", ":8443/x?who=", "&y"],
            ),
            ("http://127.0.0.1:8380 and ::1", &[], &["http://127.0.0.1:8380 and ::1"]),
            ("no connection to 192.0.2.7:443, [2001:db8::7]:443", &["192.0.2.7", "2001:db8"], &[":443, [ip-", "]:443"]),
            ("tenant 5f1b2c3d-1111-2222-3333-444455556666.", &["5f1b2c3d"], &["tenant id-", "."]),
            (
                "AADSTS700016: 'aaaa2c3d-1111-2222-3333-444455556666' Trace ID: 5f1b2c3d-1111-2222-3333-444455556666 \
                 Correlation ID: 6f1b2c3d-1111-2222-3333-444455556666. Timestamp: 2026-11-27 10:00:00Z",
                &["aaaa2c3d"],
                &["'id-", "Trace ID: 5f1b2c3d-1111-2222-3333-444455556666 Correlation ID: 6f1b2c3d-1111-2222-3333-444455556666. Timestamp"],
            ),
            ("/contoso.onmicrosoft.com/oauth2/v2.0/token", &["contoso"], &["/oauth2/v2.0/token"]),
            ("desk01 kernel: DESK01.corp.example", &["esk01", "ESK01", "corp"], &[" kernel: "]),
            (
                "login.microsoftonline.com:443 Mail.Send IMAP.AccessAsUser.All",
                &[],
                &["login.microsoftonline.com:443 Mail.Send IMAP.AccessAsUser.All"],
            ),
            (
                "/etc/onedesk/onedeskd.toml onedeskd.service 1.0.0 5.14.0-427.el9.x86_64",
                &[],
                &["/etc/onedesk/onedeskd.toml onedeskd.service 1.0.0 5.14.0-427.el9.x86_64"],
            ),
            ("panic at src/daemon/jobs.rs:12 on desk.rs", &["desk.rs"], &["src/daemon/jobs.rs:12 on host-"]),
            ("\"><script>@evil.example a@b%40c.example", &["evil", "c.example"], &["person-"]),
        ] {
            let shown = pseudonyms.replace(text);
            assert!(gone.iter().all(|part| !shown.contains(part)), "{text}: {shown}");
            assert!(kept.iter().all(|part| shown.contains(part)), "{text}: {shown}");
        }
    }

    #[test]
    fn the_same_has_one_name_in_a_bundle_and_another_in_the_next() {
        let (first, second) = (Pseudonyms::new(&[]), Pseudonyms::new(&[]));
        assert_eq!(first.replace("Ann@Contoso.com"), first.replace("ann@contoso.com"));
        assert_ne!(first.replace("ann@contoso.com"), second.replace("ann@contoso.com"));
        let domain = |text: String| text.rsplit('@').next().map(str::to_owned);
        assert_eq!(domain(first.replace("ann@contoso.com")), domain(first.replace("contoso.com")));
    }

    #[test]
    fn what_microsoft_finds_its_log_by_stays() {
        let id = "5f1b2c3d-1111-2222-3333-444455556666";
        let mut value = json!({"trace_id": id, "tenant_id": id, "list": [{"correlation_id": id}], "request_id": "ann@contoso.com"});
        Pseudonyms::new(&[]).replace_in(&mut value);
        assert_eq!((value["trace_id"].as_str(), value["list"][0]["correlation_id"].as_str()), (Some(id), Some(id)));
        assert!(!value["tenant_id"].as_str().unwrap().contains("5f1b") && !value["request_id"].as_str().unwrap().contains("ann"));
    }
}
