//! [`Machine`]: everything that is looked at without the network.

use std::path::{Path, PathBuf};

use super::{Look, commands, files, firewall, service, space};
use crate::health::status::{Check, Group};
use crate::settings::{Loaded, Settings};

use super::verdict::Verdict;

/// This machine, looked at from outside of the daemon's sandbox.
#[derive(Debug)]
pub struct Machine {
    /// `/`; tests bring their own `/proc` and `/sys`.
    root: PathBuf,
    config: PathBuf,
    loaded: Result<Loaded, Box<crate::settings::Error>>,
}

impl Machine {
    /// The machine with the settings in `config`.
    pub fn new(config: &Path) -> Self {
        Self::below(Path::new("/"), config)
    }

    /// The same with another `/`.
    pub(in crate::health::checks) fn below(root: &Path, config: &Path) -> Self {
        Self { root: root.to_owned(), config: config.to_owned(), loaded: Settings::load(config).map_err(Box::new) }
    }

    /// The settings, where they can be used.
    pub fn settings(&self) -> Option<&Settings> {
        self.loaded.as_ref().ok().map(|loaded| &loaded.settings)
    }

    /// All looks that need no network.
    pub fn looks(&self) -> Vec<Look<'_>> {
        let mut looks = vec![Look::new("settings", async { files::settings(&self.config, &self.loaded) })];
        looks.push(Look::new("SELinux labels", self.labels()));
        looks.push(Look::new("FIPS mode", async { vec![service::fips(&self.kernel("proc/sys/crypto/fips_enabled"))] }));
        let Some(settings) = self.settings() else { return looks };
        looks.insert(1, Look::new("credentials file", async { files::credentials(settings) }));
        looks.push(Look::new("units", self.units(settings)));
        looks.push(Look::new("sockets", service::sockets(settings)));
        looks.push(Look::new("firewall", self.firewall(settings)));
        looks.push(Look::new("disk", async { space::disk(Path::new(settings.database.url.path())) }));
        looks
    }

    async fn units(&self, settings: &Settings) -> Vec<Check> {
        let answer = service::ask_units().await;
        let enforces = self.kernel("sys/fs/selinux/enforce").as_deref() == Some("1");
        let connect = self.kernel("sys/fs/selinux/booleans/httpd_can_network_connect");
        let mut checks = service::units(answer.as_deref().map_err(String::as_str), settings.credentials_file.is_some());
        checks.push(service::web_server_may_connect(answer.as_deref().unwrap_or_default(), settings, enforces, connect.as_deref()));
        checks
    }

    async fn firewall(&self, settings: &Settings) -> Vec<Check> {
        let tables = ["proc/net/tcp", "proc/net/tcp6"].map(|path| self.kernel(path).unwrap_or_default());
        let listens = firewall::listeners(&tables.join("\n"));
        let wanted = firewall::wanted(settings, &listens);
        let verdict = match wanted {
            Err(why) => Verdict::Skip(why),
            Ok(port) => firewall::judge(port, firewall::ask().await),
        };
        vec![verdict.on(Group::Service, "firewall")]
    }

    async fn labels(&self) -> Vec<Check> {
        let verdict = match self.kernel("sys/fs/selinux/enforce").as_deref() {
            None => Verdict::Skip("SELinux is not on".to_owned()),
            Some(enforce) => {
                let paths = files::labelled(self.settings(), &self.config);
                let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
                let arguments: Vec<&str> = std::iter::once("-V").chain(shown.iter().map(String::as_str)).collect();
                files::labels(enforce == "1", commands::ask("matchpathcon", &arguments).await)
            }
        };
        vec![verdict.on(Group::Files, "selinux_labels")]
    }

    /// A file of the kernel's, without its last line break; nothing where this kernel has none.
    fn kernel(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.root.join(path)).ok().map(|text| text.trim_end().to_owned())
    }
}
