//! `/etc/onedesk/onedeskd.toml`: the file's mirror is parsed, merged with the defaults, and validated into [`Settings`].

mod duration;
pub mod edit;
mod error;
mod file;
pub mod keys;
mod load;
mod validate;
mod values;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::model::hint::CREDENTIALS_FILE;
use crate::model::{Problem, Secret};

pub use error::Error;
pub use load::{Loaded, restart_needed};

/// Where the settings are unless somebody says otherwise.
pub const DEFAULT_FILE: &str = "/etc/onedesk/onedeskd.toml";

/// Settings that were checked as a whole: whoever holds them need not check again.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The origin under which people reach this host; without it the daemon is `unconfigured`.
    pub public_url: Option<PublicUrl>,
    /// `[listen]`.
    pub listen: Listen,
    /// `[credentials]`: the file to read in one-process mode; nothing = from `onedesk-credentials.service`.
    pub credentials_file: Option<PathBuf>,
    /// `[database]`.
    pub database: Database,
    /// `[microsoft]`.
    pub microsoft: Microsoft,
    /// `[mail]`.
    pub mail: Mail,
    /// `[directory] interval`.
    pub directory_interval: Duration,
    /// `[sso]`.
    pub sso: Sso,
    /// `[apps]`.
    pub apps: Apps,
    /// `[pages]`.
    pub pages: Pages,
    /// `[admin] networks`; empty = any.
    pub admin_networks: Vec<IpNet>,
    /// `[local_api]`.
    pub local_api: LocalApi,
    /// `[log] level`.
    pub log_level: log::LevelFilter,
}

impl Settings {
    /// The credentials file that counts: the one named in `[credentials]`, else the one that the root helper reads.
    pub fn credentials_path(&self) -> &Path {
        self.credentials_file.as_deref().unwrap_or(Path::new(CREDENTIALS_FILE))
    }
}

/// An origin: scheme, host and port, nothing else. Redirect URIs and links derive from it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(Url);

impl PublicUrl {
    /// Takes an origin that was validated.
    pub(in crate::settings) fn new(origin: Url) -> Self {
        Self(origin)
    }

    /// The absolute URL of `path` (which starts with `/`) on this origin.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.as_str())
    }

    /// The origin as text, without a slash at its end.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// Whether browsers reach it over TLS: cookies are `Secure` and carry the `__Host-` prefix then.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }
}

impl FromStr for PublicUrl {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        values::public_url(text).map_err(|bad| Problem::told("public_url", &[("what", &bad.what), ("hint", &bad.hint)]))
    }
}

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// `unix:/path`.
    Unix(PathBuf),
}

/// `[listen]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// The web door.
    pub http: Address,
    /// Group of a Unix socket in `http`.
    pub group: Option<String>,
    /// The metrics door; nothing = off.
    pub metrics: Option<Address>,
    /// Peers whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// Serve HTTPS ourselves.
    pub tls: Option<TlsFiles>,
}

impl Listen {
    /// Whether a forwarded header of this peer counts.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|net| net.contains(&peer))
    }
}

/// `tls_certificate` and `tls_key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM chain, leaf first.
    pub certificate: PathBuf,
    /// PEM private key.
    pub key: PathBuf,
}

/// `[database]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Database {
    /// `sqlite:///path`.
    pub url: Url,
    /// A file with the password that the URL leaves out.
    pub password_file: Option<PathBuf>,
    /// The master key.
    pub master_key_file: PathBuf,
}

/// A Microsoft cloud (Microsoft, "National clouds").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloud {
    /// The public cloud, GCC included.
    Global,
    /// US Government L4, GCC High.
    Usgov,
    /// US Government L5.
    Dod,
    /// China, operated by 21Vianet.
    China,
}

/// `[microsoft]`, with the cloud's defaults filled in. The URLs have no slash at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Microsoft {
    /// The cloud.
    pub cloud: Cloud,
    /// The login origin.
    pub authority: String,
    /// Microsoft Graph's origin.
    pub graph: String,
    /// The prefix of the Outlook scopes.
    pub outlook: String,
    /// The tenant segment for mailboxes and directory: `organizations`, `common`, `consumers`, a GUID or a domain.
    pub tenant: String,
    /// Trust anchors beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Outbound proxy; may hold a password, hence a secret.
    pub proxy: Option<Secret<String>>,
}

impl Microsoft {
    /// Whether `tenant` names one tenant (a GUID or a domain) instead of many.
    pub fn has_concrete_tenant(&self) -> bool {
        !["organizations", "common", "consumers"].contains(&self.tenant.as_str())
    }
}

/// `[mail]`: checked and kept; a version without the gateway says so when listeners are set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mail {
    /// IMAP listener.
    pub imap_listen: Option<Address>,
    /// SMTP submission listener.
    pub smtp_listen: Option<Address>,
    /// POP3 listener.
    pub pop3_listen: Option<Address>,
    /// `host:port` of the provider's IMAP.
    pub imap_upstream: String,
    /// `host:port` of the provider's submission.
    pub smtp_upstream: String,
    /// `host:port` of the provider's POP3.
    pub pop3_upstream: String,
}

/// `[sso]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sso {
    /// A session ends after this, however busy.
    pub session_lifetime: Duration,
    /// A session ends after this without a request.
    pub session_idle: Duration,
}

/// `[apps]`: where each app lives if it is not ours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Apps {
    /// Main App.
    pub main: Option<Url>,
    /// Widget.
    pub widget: Option<Url>,
    /// Knowledgebase.
    pub kb: Option<Url>,
    /// Portal.
    pub portal: Option<Url>,
    /// Sites that may embed the Widget, as browsers write origins.
    pub widget_origins: Vec<String>,
}

/// `[pages]`: the folders that pages come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pages {
    /// What the package `onedesk-webapps` brings.
    pub webapps: PathBuf,
    /// What the package `onedesk-customerapps` brings.
    pub customerapps: PathBuf,
    /// The customer's own.
    pub overrides: PathBuf,
}

/// `[local_api]`: users and `@groups` by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalApi {
    /// The socket.
    pub socket: PathBuf,
    /// Mail tokens and status.
    pub token_readers: Vec<String>,
    /// Graph tokens too.
    pub graph_readers: Vec<String>,
    /// Status and checks only.
    pub status_readers: Vec<String>,
}
