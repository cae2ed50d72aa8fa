//! The file merged with the defaults and judged as a whole. Every key is judged, so that one run shows every mistake.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use super::error::Slip;
use super::file::{File, Value};
use super::keys::{self, CloudHosts, Preset};
use super::values::{self, Bad, optional};
use super::{Apps, Cloud, Database, Listen, LocalApi, Mail, Microsoft, Pages, Settings, Sso, TlsFiles, duration};

/// The settings that `file` and the defaults make, or every mistake in it.
pub(super) fn validate(file: &File) -> Result<Settings, Vec<Slip>> {
    let mut judge = Judge { file, cloud: Cloud::Global, slips: Vec::new() };
    match judge.settings() {
        Some(settings) if judge.slips.is_empty() => Ok(settings),
        _ => {
            judge.slips.sort_by_key(|slip| slip.span.start);
            Err(judge.slips)
        }
    }
}

struct Judge<'f> {
    file: &'f File,
    cloud: Cloud,
    slips: Vec<Slip>,
}

impl Judge<'_> {
    /// Nothing where something was wrong; then `slips` says what. All parts are judged before any is missed.
    fn settings(&mut self) -> Option<Settings> {
        let public_url = self.text("public_url", optional(values::public_url));
        let listen = self.listen();
        let credentials_file = self.text("credentials.file", optional(values::path));
        let database = self.database();
        let microsoft = self.microsoft();
        let mail = self.mail();
        let directory_interval = self.duration("directory.interval");
        let sso = (self.duration("sso.session_lifetime"), self.duration("sso.session_idle"));
        let apps = self.apps();
        let pages = self.pages();
        let admin_networks = self.list("admin.networks", values::network);
        let local_api = self.local_api();
        let log_level = self.text("log.level", values::log_level);
        Some(Settings {
            public_url: public_url?,
            listen: listen?,
            credentials_file: credentials_file?,
            database: database?,
            microsoft: microsoft?,
            mail: mail?,
            directory_interval: directory_interval?,
            sso: Sso { session_lifetime: sso.0?, session_idle: sso.1? },
            apps: apps?,
            pages: pages?,
            admin_networks: admin_networks?,
            local_api: local_api?,
            log_level: log_level?,
        })
    }

    fn listen(&mut self) -> Option<Listen> {
        let http = self.text("listen.http", values::address);
        let group = self.text("listen.group", optional(values::group));
        let metrics = self.text("listen.metrics", optional(values::address));
        let trusted_proxies = self.list("listen.trusted_proxies", values::network);
        let tls = self.tls();
        Some(Listen { http: http?, group: group?, metrics: metrics?, trusted_proxies: trusted_proxies?, tls: tls? })
    }

    fn tls(&mut self) -> Option<Option<TlsFiles>> {
        let certificate = self.text("listen.tls_certificate", optional(values::path))?;
        let key = self.text("listen.tls_key", optional(values::path))?;
        let (lonely, missing) = match (certificate, key) {
            (Some(certificate), Some(key)) => return Some(Some(TlsFiles { certificate, key })),
            (None, None) => return Some(None),
            (Some(_), None) => ("listen.tls_certificate", "tls_key"),
            (None, Some(_)) => ("listen.tls_key", "tls_certificate"),
        };
        self.slip(
            self.span(lonely),
            lonely,
            Bad::new(format!("is set, but {missing} is not"), format!("set {missing} beside it, or neither")),
        );
        None
    }

    fn database(&mut self) -> Option<Database> {
        let url = self.text("database.url", values::database);
        let password_file = self.text("database.password_file", optional(values::path));
        let master_key_file = self.text("database.master_key_file", values::path);
        Some(Database { url: url?, password_file: password_file?, master_key_file: master_key_file? })
    }

    fn microsoft(&mut self) -> Option<Microsoft> {
        let cloud = self.text("microsoft.cloud", values::cloud);
        self.cloud = cloud.unwrap_or(Cloud::Global);
        let authority = self.text("microsoft.authority", values::service);
        let graph = self.text("microsoft.graph", values::service);
        let outlook = self.text("microsoft.outlook", values::service);
        let tenant = self.text("microsoft.tenant", values::tenant);
        let ca_file = self.text("microsoft.ca_file", optional(values::path));
        let proxy = self.text("microsoft.proxy", optional(values::proxy));
        Some(Microsoft {
            cloud: cloud?,
            authority: authority?,
            graph: graph?,
            outlook: outlook?,
            tenant: tenant?,
            ca_file: ca_file?,
            proxy: proxy?,
        })
    }

    fn mail(&mut self) -> Option<Mail> {
        let imap_listen = self.text("mail.imap_listen", optional(values::address));
        let smtp_listen = self.text("mail.smtp_listen", optional(values::address));
        let pop3_listen = self.text("mail.pop3_listen", optional(values::address));
        let imap_upstream = self.text("mail.imap_upstream", values::upstream);
        let smtp_upstream = self.text("mail.smtp_upstream", values::upstream);
        let pop3_upstream = self.text("mail.pop3_upstream", values::upstream);
        Some(Mail {
            imap_listen: imap_listen?,
            smtp_listen: smtp_listen?,
            pop3_listen: pop3_listen?,
            imap_upstream: imap_upstream?,
            smtp_upstream: smtp_upstream?,
            pop3_upstream: pop3_upstream?,
        })
    }

    fn apps(&mut self) -> Option<Apps> {
        let main = self.text("apps.main", optional(values::app));
        let widget = self.text("apps.widget", optional(values::app));
        let kb = self.text("apps.kb", optional(values::app));
        let portal = self.text("apps.portal", optional(values::app));
        let widget_origins = self.list("apps.widget_origins", values::site);
        Some(Apps { main: main?, widget: widget?, kb: kb?, portal: portal?, widget_origins: widget_origins? })
    }

    fn pages(&mut self) -> Option<Pages> {
        let webapps = self.text("pages.webapps", values::path);
        let customerapps = self.text("pages.customerapps", values::path);
        let overrides = self.text("pages.overrides", values::path);
        Some(Pages { webapps: webapps?, customerapps: customerapps?, overrides: overrides? })
    }

    fn local_api(&mut self) -> Option<LocalApi> {
        let socket: Option<PathBuf> = self.text("local_api.socket", values::socket);
        let token_readers = self.list("local_api.token_readers", values::reader);
        let graph_readers = self.list("local_api.graph_readers", values::reader);
        let status_readers = self.list("local_api.status_readers", values::reader);
        Some(LocalApi { socket: socket?, token_readers: token_readers?, graph_readers: graph_readers?, status_readers: status_readers? })
    }

    fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.text(key, duration::parse)
    }

    /// The string of `key`, the file's or else the default, through `parse`.
    fn text<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, Bad>) -> Option<T> {
        let text = match self.file.get(key).map(|entry| &entry.value) {
            Some(Value::Text(text)) => text,
            _ => match keys::find(key)?.preset {
                Preset::Text(text) => text,
                Preset::OfCloud(choose) => choose(CloudHosts::of(self.cloud)),
                Preset::List(_) => "",
            },
        };
        parse(text).map_err(|bad| self.slip(self.span(key), key, bad)).ok()
    }

    /// The list of `key`, the file's or else the default, each item through `parse`.
    fn list<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Result<T, Bad>) -> Option<Vec<T>> {
        let file = self.file;
        let Some(Value::List(items)) = file.get(key).map(|entry| &entry.value) else {
            let Preset::List(items) = keys::find(key)?.preset else { return None };
            return items.iter().map(|item| parse(item).ok()).collect();
        };
        let mut values = Vec::with_capacity(items.len().min(64));
        for (item, span) in items {
            match parse(item) {
                Ok(value) => values.push(value),
                Err(bad) => self.slip(span.clone(), key, bad),
            }
        }
        (values.len() == items.len()).then_some(values)
    }

    fn span(&self, key: &str) -> Range<usize> {
        self.file.get(key).map_or(0..0, |entry| entry.span.clone())
    }

    fn slip(&mut self, span: Range<usize>, key: &str, bad: Bad) {
        self.slips.push(Slip { span, title: format!("{key} {}", bad.what), hint: bad.hint });
    }
}
