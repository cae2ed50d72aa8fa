//! Who may call what: the peer's credentials against `[local_api]` of the settings.

use http::Method;

use crate::settings::{LocalApi, Settings};
use crate::system::peer::Account;

/// What a call needs its caller to be allowed. Each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Status and checks: `status_readers`.
    Status,
    /// IMAP, SMTP and POP tokens: `token_readers`.
    MailToken,
    /// Graph tokens: `graph_readers`.
    GraphToken,
    /// Everything else, and every change: root.
    Everything,
}

/// The caller is not allowed what the call needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("user {} (uid {uid}) may not {}", .user.as_deref().unwrap_or("without a name"), .need.deed())]
pub struct Denied {
    user: Option<String>,
    uid: u32,
    need: Need,
}

impl Need {
    /// What this call needs before anything else of it is looked at. Whoever adds a call and forgets this list has made a call for root.
    pub fn of(method: &Method, path: &str) -> Self {
        if method != Method::GET && method != Method::HEAD {
            return Self::Everything;
        }
        match path {
            "/v1/status" | "/v1/checks" | "/v1/openapi.json" => Self::Status,
            path if path.starts_with("/v1/mailboxes/") && path.ends_with("/token") => Self::MailToken,
            _ => Self::Everything,
        }
    }

    const fn deed(self) -> &'static str {
        match self {
            Self::Status => "read the status",
            Self::MailToken => "read mail tokens",
            Self::GraphToken => "read Graph tokens",
            Self::Everything => "do this: it is for root",
        }
    }
}

/// Whether `settings` allow `caller` what a call needs.
///
/// # Errors
/// [`Denied`], which names the setting to change.
pub fn permit(caller: &Account, need: Need, settings: &Settings) -> Result<(), Denied> {
    // One process for everything means a developer's or a test's own daemon: its user could read all its files anyway.
    let is_own = settings.credentials_file.is_some() && caller.uid == nix::unistd::geteuid().as_raw();
    if is_own { Ok(()) } else { permit_listed(caller, need, &settings.local_api) }
}

fn permit_listed(caller: &Account, need: Need, settings: &LocalApi) -> Result<(), Denied> {
    let is_in = |readers: &[String]| readers.iter().any(|entry| caller.is_meant_by(entry));
    let allowed = caller.uid == 0
        || need <= Need::GraphToken && is_in(&settings.graph_readers)
        || need <= Need::MailToken && is_in(&settings.token_readers)
        || need <= Need::Status && is_in(&settings.status_readers);
    if allowed { Ok(()) } else { Err(Denied { user: caller.name.clone(), uid: caller.uid, need }) }
}

impl crate::model::Hint for Denied {
    fn hint(&self) -> Option<String> {
        let setting = match self.need {
            Need::Status => "status_readers",
            Need::MailToken => "token_readers",
            Need::GraphToken => "graph_readers",
            Need::Everything => {
                return Some(
                    "call it as root; local_api.token_readers, graph_readers and status_readers open tokens and status, nothing else"
                        .to_owned(),
                );
            }
        };
        Some(format!(
            "add \"{}\" (or a group as \"@name\") to {setting} in [local_api] of /etc/onedesk/onedeskd.toml, then: systemctl reload onedeskd",
            self.user.as_deref().unwrap_or("USER")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Hint as _;

    fn settings() -> LocalApi {
        let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
        LocalApi {
            socket: "/run/onedesk/api.sock".into(),
            token_readers: names(&["onedesk", "@mail"]),
            graph_readers: names(&["grace"]),
            status_readers: names(&["@monitoring"]),
        }
    }

    fn caller(uid: u32, user: &str, groups: &[&str]) -> Account {
        Account { uid, name: Some(user.to_owned()), groups: groups.iter().map(|&name| name.to_owned()).collect() }
    }

    #[test]
    fn each_list_opens_what_it_says_and_no_more() {
        let needs = [Need::Status, Need::MailToken, Need::GraphToken, Need::Everything];
        for (who, allowed) in [
            (caller(0, "root", &[]), 4),
            (caller(1, "grace", &["grace"]), 3),
            (caller(2, "onedesk", &[]), 2),
            (caller(3, "mallory", &["users", "mail"]), 2),
            (caller(4, "nagios", &["nagios", "monitoring"]), 1),
            (caller(5, "stranger", &["onedesk", "grace"]), 0),
            (caller(6, "@mail", &[]), 0),
        ] {
            let answers: Vec<bool> = needs.iter().map(|need| permit_listed(&who, *need, &settings()).is_ok()).collect();
            let expected: Vec<bool> = (0..4).map(|rank| rank < allowed).collect();
            assert_eq!(answers, expected, "{who:?}");
        }
    }

    #[test]
    fn a_denial_names_the_caller_and_the_setting() {
        let denied = permit_listed(&caller(1000, "alice", &[]), Need::MailToken, &settings()).unwrap_err();
        assert_eq!(denied.to_string(), "user alice (uid 1000) may not read mail tokens");
        assert!(denied.hint().unwrap().contains("add \"alice\" (or a group as \"@name\") to token_readers"));
    }

    #[test]
    fn a_call_that_nobody_listed_is_for_root() {
        for (method, path, need) in [
            (Method::GET, "/v1/status", Need::Status),
            (Method::HEAD, "/v1/status", Need::Status),
            (Method::GET, "/v1/checks", Need::Status),
            (Method::GET, "/v1/mailboxes/a@b.test/token", Need::MailToken),
            (Method::GET, "/v1/mailboxes", Need::Everything),
            (Method::POST, "/v1/status", Need::Everything),
            (Method::DELETE, "/v1/mailboxes/a@b.test/token", Need::Everything),
            (Method::GET, "/v1/audit", Need::Everything),
            (Method::GET, "/", Need::Everything),
        ] {
            assert_eq!(Need::of(&method, path), need, "{method} {path}");
        }
    }
}
