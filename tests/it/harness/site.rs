//! [`Site`]: the files of one installation in a scratch folder, and addresses that no other test uses.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};

use sqlx::{Connection as _, Executor as _, SqliteConnection};
use tempfile::TempDir;

use super::Target;

/// Settings, credentials, database and sockets of one daemon.
pub struct Site {
    folder: TempDir,
    address: Ipv4Addr,
    port: u16,
    settings: BTreeMap<String, String>,
}

impl Site {
    /// A site whose provider is at `authority`; everything is written but the credentials.
    pub fn new(authority: &str) -> Self {
        static PORTS: AtomicU16 = AtomicU16::new(8000);
        // Every process has an address of 127.0.0.0/8 to itself, so ports cannot be taken by somebody else.
        let [_, high, middle, low] = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, 64 | (high & 63), middle, low);
        let port = PORTS.fetch_add(2, Ordering::Relaxed);
        let folder = tempfile::Builder::new().prefix("onedesk-it-").tempdir().unwrap();
        // Callers of the local API are other users too.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let mut site = Self { folder, address, port, settings: BTreeMap::new() };
        let text = |value: &str| format!("{value:?}");
        let file = |name: &str| format!("\"{}\"", site.path(name).display());
        let settings = [
            ("public_url", text(&site.origin())),
            ("listen.http", text(&site.http().to_string())),
            ("listen.metrics", text(&site.metrics().to_string())),
            ("credentials.file", file("OneDesk")),
            ("database.url", text(&format!("sqlite://{}", site.path("onedesk.db").display()))),
            ("database.master_key_file", file("master.key")),
            ("microsoft.authority", text(authority)),
            ("microsoft.graph", text(authority)),
            ("microsoft.tenant", text(entra_sim::TENANT)),
            ("local_api.socket", file("api.sock")),
            ("pages.webapps", text(concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/pages/webapps"))),
            ("pages.customerapps", text(concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/pages/customerapps"))),
            ("pages.overrides", file("templates")),
            ("log.level", text("debug")),
        ];
        site.settings = settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        site.write_settings();
        site
    }

    /// Sets one setting (`section.key`, a TOML value) and writes the file.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.insert(key.to_owned(), value.to_owned());
        self.write_settings();
    }

    /// Takes one setting out and writes the file.
    pub fn unset(&mut self, key: &str) {
        self.settings.remove(key);
        self.write_settings();
    }

    /// Writes the settings as they should be.
    pub fn write_settings(&self) {
        let mut text = String::new();
        for (key, value) in self.settings.iter().filter(|(key, _)| !key.contains('.')) {
            text += &format!("{key} = {value}\n");
        }
        for (key, value) in self.settings.iter().filter(|(key, _)| key.contains('.')) {
            text += &format!("{key} = {value}\n");
        }
        fs::write(self.config(), text).unwrap();
    }

    /// Writes the credentials file whole, with mode 0600.
    pub fn write_credentials(&self, text: &str) {
        fs::write(self.credentials(), text).unwrap();
        fs::set_permissions(self.credentials(), Permissions::from_mode(0o600)).unwrap();
    }

    /// Writes a pair into the credentials file.
    pub fn write_pair(&self, client_id: &str, secret: &str) {
        self.write_credentials(&format!("AZUREAD_CID={client_id}\nAZUREAD_CIS={secret}\n"));
    }

    /// Changes the database while the daemon is stopped.
    pub fn sql(&self, statement: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut database = SqliteConnection::connect(&format!("sqlite://{}", self.path("onedesk.db").display())).await.unwrap();
            database.execute(sqlx::AssertSqlSafe(statement.to_owned())).await.unwrap();
            database.close().await.unwrap();
        });
    }

    /// Holds the database's one right to write until it is dropped.
    pub fn lock_database(&self) -> impl Sized + use<> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let connection = runtime.block_on(async {
            let mut database = SqliteConnection::connect(&format!("sqlite://{}", self.path("onedesk.db").display())).await.unwrap();
            database.execute("BEGIN IMMEDIATE").await.unwrap();
            database
        });
        (connection, runtime)
    }

    /// The settings file.
    pub fn config(&self) -> PathBuf {
        self.path("onedeskd.toml")
    }

    /// The credentials file.
    pub fn credentials(&self) -> PathBuf {
        self.path("OneDesk")
    }

    /// The local API's socket.
    pub fn socket(&self) -> PathBuf {
        self.path("api.sock")
    }

    /// A file of this site.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What is registered as the origin of the redirect URIs.
    pub fn origin(&self) -> String {
        format!("http://{}", self.http())
    }

    /// Where the web door listens.
    pub fn http(&self) -> SocketAddr {
        (self.address, self.port).into()
    }

    /// Where the numbers are.
    pub fn metrics(&self) -> SocketAddr {
        (self.address, self.port + 1).into()
    }

    /// The web door, to send requests to.
    pub fn web(&self) -> Target {
        Target::Tcp(self.http())
    }
}
