//! Real web servers on loopback, with our snippets in their settings; dropping one stops it.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// How a server is started: its port, the daemon's address, the app's.
pub type Start = fn(u16, &str, &str) -> Server;

/// Both servers.
pub const SERVERS: [(&str, Start); 2] = [("nginx", Server::nginx), ("httpd", Server::httpd)];

/// The packaged sample of a site in front of the daemon, with other ports, addresses and files in it.
pub struct Sample<'a> {
    /// The port for plain HTTP.
    pub http: u16,
    /// The port for HTTPS.
    pub https: u16,
    /// Where the daemon listens.
    pub door: &'a str,
    /// The certificate's file; the key is beside it, as `.key`.
    pub certificate: &'a Path,
    /// Lines that somebody changed in it.
    pub changes: &'a [(&'a str, &'a str)],
}

impl Sample<'_> {
    /// The sample's text, with `changes` on top.
    fn text(&self, file: &str, changes: &[(&str, String)]) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/samples").join(file);
        let mut text = fs::read_to_string(path).unwrap();
        let key = self.certificate.with_extension("key");
        let common = [
            ("127.0.0.1:8380", self.door.to_owned()),
            ("/etc/pki/tls/certs/helpdesk.example.com.crt", self.certificate.display().to_string()),
            ("/etc/pki/tls/private/helpdesk.example.com.key", key.display().to_string()),
        ];
        for (from, to) in common.iter().chain(changes) {
            assert!(text.contains(from), "{file} has no {from}");
            text = text.replace(from, to);
        }
        for (from, to) in self.changes {
            assert!(text.lines().any(|line| line.trim() == *from), "{file} has no line {from}");
            text = text.lines().map(|line| format!("{}\n", if line.trim() == *from { to } else { line })).collect();
        }
        text
    }
}

/// A running nginx or httpd.
pub struct Server {
    _folder: TempDir,
    port: u16,
    child: Child,
}

impl Server {
    /// nginx at `port` with our two files in front of `door` and `app` (addresses).
    pub fn nginx(port: u16, door: &str, app: &str) -> Self {
        let program = installed("nginx", &["/usr/sbin/nginx"]);
        let folder = tempfile::tempdir().unwrap();
        let (at, snippets) = (folder.path().display(), concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/nginx"));
        let temporary: String =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].iter().map(|kind| format!("{kind}_temp_path {at}/{kind};\n")).collect();
        let text = format!(
            "daemon off;\nmaster_process off;\nworker_processes 1;\npid {at}/pid;\nerror_log {at}/errors;\n\
             events {{}}\nhttp {{\naccess_log off;\n{temporary}\
             upstream onedesk {{ server {door}; keepalive 4; }}\n\
             server {{\nlisten 127.0.0.1:{port};\ninclude {snippets}/onedesk-sso.conf;\n\
             location /open/ {{ proxy_pass http://{app}; }}\n\
             location / {{\nset $onedesk_app main;\ninclude {snippets}/onedesk-protect.conf;\nproxy_pass http://{app};\n}}\n}}\n}}\n"
        );
        let settings = folder.path().join("nginx.conf");
        fs::write(&settings, text).unwrap();
        let mut command = Command::new(program);
        command.arg("-c").arg(&settings).arg("-e").arg(folder.path().join("errors"));
        Self::run(command, folder, port)
    }

    /// nginx with the sample site. The server's own check of it must be silent.
    pub fn nginx_sample(sample: &Sample<'_>) -> Self {
        let program = installed("nginx", &["/usr/sbin/nginx"]);
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let site = sample.text(
            "nginx-onedesk.conf",
            &[
                ("listen 80;", format!("listen 127.0.0.1:{};", sample.http)),
                ("listen [::]:80;", String::new()),
                ("listen 443 ssl;", format!("listen 127.0.0.1:{} ssl;", sample.https)),
                ("listen [::]:443 ssl;", String::new()),
            ],
        );
        fs::write(folder.path().join("site.conf"), site).unwrap();
        let temporary: String =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].iter().map(|kind| format!("{kind}_temp_path {at}/{kind};\n")).collect();
        let text = format!(
            "daemon off;\nmaster_process off;\nworker_processes 1;\npid {at}/pid;\nerror_log {at}/errors;\n\
             events {{}}\nhttp {{\naccess_log off;\n{temporary}include {at}/site.conf;\n}}\n"
        );
        let settings = folder.path().join("nginx.conf");
        fs::write(&settings, text).unwrap();
        let errors = folder.path().join("errors");
        is_content_with(Command::new(program).arg("-c").arg(&settings).arg("-e").arg(&errors).args(["-t", "-q"]), "");
        let mut command = Command::new(program);
        command.arg("-c").arg(&settings).arg("-e").arg(&errors);
        Self::run(command, folder, sample.https)
    }

    /// httpd likewise.
    pub fn httpd_sample(sample: &Sample<'_>) -> Self {
        let program = installed("Apache", &["/usr/sbin/httpd", "/usr/sbin/apache2"]);
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let (http, https) = (sample.http, sample.https);
        let hosts =
            [("<VirtualHost *:80>", format!("<VirtualHost *:{http}>")), ("<VirtualHost *:443>", format!("<VirtualHost *:{https}>"))];
        let site = sample.text("httpd-onedesk.conf", &hosts);
        let modules: String =
            ["mpm_event", "authz_core", "alias", "ssl", "socache_shmcb", "proxy", "proxy_http", "headers", "setenvif", "unixd"]
                .iter()
                .filter_map(|name| Some(format!("LoadModule {name}_module {}\n", module(name)?)))
                .collect();
        let text = format!(
            "ServerRoot {at}\nServerName localhost\nListen 127.0.0.1:{http}\nListen 127.0.0.1:{https}\nPidFile {at}/pid\n\
             ErrorLog {at}/errors\nDefaultRuntimeDir {at}\nMutex file:{at}\n{modules}User nobody\nGroup nogroup\n{site}"
        );
        let settings = folder.path().join("httpd.conf");
        fs::write(&settings, text).unwrap();
        let mut command = Command::new(program);
        command.args(["-DFOREGROUND", "-f"]).arg(&settings);
        is_content_with(Command::new(program).arg("-f").arg(&settings).arg("-t"), "Syntax OK\n");
        Self::run(command, folder, https)
    }

    /// httpd at `port`, with `onedeskctl gate` from this build.
    pub fn httpd(port: u16, door: &str, app: &str) -> Self {
        let program = installed("Apache", &["/usr/sbin/httpd", "/usr/sbin/apache2"]);
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().display();
        let modules: String = ["mpm_event", "authz_core", "rewrite", "proxy", "proxy_http", "headers", "setenvif", "unixd"]
            .iter()
            .filter_map(|name| Some(format!("LoadModule {name}_module {}\n", module(name)?)))
            .collect();
        let (gate, snippets) = (env!("CARGO_BIN_EXE_onedeskctl"), concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/httpd"));
        let text = format!(
            "ServerRoot {at}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {at}/pid\nErrorLog {at}/errors\n\
             DefaultRuntimeDir {at}\nMutex file:{at}\n{modules}User nobody\nGroup nogroup\n\
             Define ONEDESK_DOOR http://{door}\nDefine ONEDESK_GATE {gate}\n\
             <VirtualHost *:{port}>\nProxyPass /open/ http://{app}/open/\nRewriteEngine on\n\
             RewriteRule \"^/(?!open/)\" \"-\" [E=ONEDESK_APP:main]\n\
             Include {snippets}/onedesk-sso.conf\nProxyPass / http://{app}/\n</VirtualHost>\n"
        );
        let settings = folder.path().join("httpd.conf");
        fs::write(&settings, text).unwrap();
        let mut command = Command::new(program);
        command.args(["-DFOREGROUND", "-f"]).arg(&settings);
        Self::run(command, folder, port)
    }

    fn run(mut command: Command, folder: TempDir, port: u16) -> Self {
        let mut child = command.stdin(Stdio::null()).spawn().unwrap();
        // Neither server tells when it listens, so it is asked until it does or ends.
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Self { _folder: folder, port, child };
            }
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{command:?}: {status}: {}", fs::read_to_string(folder.path().join("errors")).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{command:?} does not listen");
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        let _ = nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

/// Runs a server's own check of its settings, which must say this and nothing else.
fn is_content_with(check: &mut Command, says: &str) {
    let said = check.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success() && text == says, "{check:?}: {text}");
}

fn installed(name: &str, paths: &[&'static str]) -> &'static str {
    let found = paths.iter().find(|path| Path::new(path).exists());
    found.unwrap_or_else(|| panic!("{name} is not installed; cargo xtask test installs it"))
}

/// Where the distribution keeps a module; nothing where it is built in.
fn module(name: &str) -> Option<String> {
    let folders = ["/usr/lib/apache2/modules", "/usr/lib64/httpd/modules"];
    folders.iter().map(|folder| format!("{folder}/mod_{name}.so")).find(|path| Path::new(path).exists())
}
