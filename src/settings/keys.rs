//! Every key of the file, once: its name, its default, and when a change of it applies. The sample file and the man page
//! are compared with this table by a test.

use super::Cloud;

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Section and key, as `listen.http`.
    pub name: &'static str,
    /// What counts where the file is silent.
    pub preset: Preset,
    /// When a change applies.
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests hold restart_needed and onedeskd.toml(5) to it"))]
    pub applies: Applies,
}

/// A default, written as in the file, so that defaults pass the same checks as what people write.
#[derive(Debug, Clone, Copy)]
pub enum Preset {
    /// A string.
    Text(&'static str),
    /// A list of strings.
    List(&'static [&'static str]),
    /// A string that `microsoft.cloud` decides.
    OfCloud(fn(&CloudHosts) -> &'static str),
}

/// When a changed key applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applies {
    /// At a reload or as soon as the file changes.
    AtReload,
    /// At the next start.
    AtRestart,
}

/// What differs between the clouds (Microsoft, "National clouds" and "Microsoft 365 U.S. Government endpoints").
#[derive(Debug)]
pub struct CloudHosts {
    authority: &'static str,
    graph: &'static str,
    outlook: &'static str,
    imap: &'static str,
    smtp: &'static str,
    pop3: &'static str,
}

impl CloudHosts {
    /// The hosts of `cloud`.
    pub const fn of(cloud: Cloud) -> &'static Self {
        match cloud {
            Cloud::Global => &Self {
                authority: "https://login.microsoftonline.com",
                graph: "https://graph.microsoft.com",
                outlook: "https://outlook.office.com",
                imap: "outlook.office365.com:993",
                smtp: "smtp.office365.com:587",
                pop3: "outlook.office365.com:995",
            },
            Cloud::Usgov => &Self {
                authority: "https://login.microsoftonline.us",
                graph: "https://graph.microsoft.us",
                outlook: "https://outlook.office365.us",
                imap: "outlook.office365.us:993",
                smtp: "smtp.office365.us:587",
                pop3: "outlook.office365.us:995",
            },
            Cloud::Dod => &Self {
                authority: "https://login.microsoftonline.us",
                graph: "https://dod-graph.microsoft.us",
                outlook: "https://outlook-dod.office365.us",
                imap: "outlook-dod.office365.us:993",
                smtp: "outlook-dod.office365.us:587",
                pop3: "outlook-dod.office365.us:995",
            },
            Cloud::China => &Self {
                authority: "https://login.partner.microsoftonline.cn",
                graph: "https://microsoftgraph.chinacloudapi.cn",
                outlook: "https://partner.outlook.cn",
                imap: "partner.outlook.cn:993",
                smtp: "smtp.partner.outlook.cn:587",
                pop3: "partner.outlook.cn:995",
            },
        }
    }
}

const fn text(name: &'static str, default: &'static str) -> Key {
    Key { name, preset: Preset::Text(default), applies: Applies::AtReload }
}

const fn list(name: &'static str, default: &'static [&'static str]) -> Key {
    Key { name, preset: Preset::List(default), applies: Applies::AtReload }
}

const fn of_cloud(name: &'static str, default: fn(&CloudHosts) -> &'static str) -> Key {
    Key { name, preset: Preset::OfCloud(default), applies: Applies::AtReload }
}

const fn at_restart(key: Key) -> Key {
    Key { applies: Applies::AtRestart, ..key }
}

/// All keys, in the order of the documentation.
pub const KEYS: &[Key] = &[
    text("public_url", ""),
    at_restart(text("listen.http", "127.0.0.1:8380")),
    at_restart(text("listen.group", "")),
    at_restart(text("listen.metrics", "127.0.0.1:9380")),
    list("listen.trusted_proxies", &["127.0.0.0/8", "::1/128"]),
    text("listen.tls_certificate", ""),
    text("listen.tls_key", ""),
    text("credentials.file", ""),
    at_restart(text("database.url", "sqlite:///var/lib/onedesk/onedesk.db")),
    at_restart(text("database.password_file", "")),
    at_restart(text("database.master_key_file", "/var/lib/onedesk/master.key")),
    text("microsoft.cloud", "global"),
    of_cloud("microsoft.authority", |hosts| hosts.authority),
    of_cloud("microsoft.graph", |hosts| hosts.graph),
    of_cloud("microsoft.outlook", |hosts| hosts.outlook),
    text("microsoft.tenant", "organizations"),
    text("microsoft.ca_file", ""),
    text("microsoft.proxy", ""),
    at_restart(text("mail.imap_listen", "")),
    at_restart(text("mail.smtp_listen", "")),
    at_restart(text("mail.pop3_listen", "")),
    of_cloud("mail.imap_upstream", |hosts| hosts.imap),
    of_cloud("mail.smtp_upstream", |hosts| hosts.smtp),
    of_cloud("mail.pop3_upstream", |hosts| hosts.pop3),
    text("directory.interval", "15m"),
    text("sso.session_lifetime", "12h"),
    text("sso.session_idle", "1h"),
    text("apps.main", ""),
    text("apps.widget", ""),
    text("apps.kb", ""),
    text("apps.portal", ""),
    list("apps.widget_origins", &[]),
    at_restart(text("pages.webapps", "/usr/share/onedesk/webapps")),
    at_restart(text("pages.customerapps", "/usr/share/onedesk/customerapps")),
    at_restart(text("pages.overrides", "/etc/onedesk/templates")),
    list("admin.networks", &[]),
    at_restart(text("local_api.socket", "/run/onedesk/api.sock")),
    list("local_api.token_readers", &["onedesk"]),
    list("local_api.graph_readers", &[]),
    list("local_api.status_readers", &[]),
    text("log.level", "info"),
];

/// The key with that full name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The names of the sections, without repetition.
pub fn sections() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    KEYS.iter().filter_map(move |key| {
        let (section, _) = key.name.split_once('.')?;
        (std::mem::replace(&mut last, section) != section).then_some(section)
    })
}

/// The names that may stand in `section`; for the top level (`""`) keys and sections.
pub fn names_in(section: &str) -> Vec<&'static str> {
    if section.is_empty() {
        return KEYS.iter().map(|key| key.name).filter(|name| !name.contains('.')).chain(sections()).collect();
    }
    KEYS.iter().filter_map(|key| key.name.strip_prefix(section)?.strip_prefix('.')).collect()
}
