//! [`Party`]: a relying party under measurement, ours or Apache's, and the sign-ins that both are put through alike.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use op_sim::{Client, Edit, OpSim, Script};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::load::{self, Line};
use crate::process::{Server, free_port, start};

/// Browsers that sign in at once.
const BROWSERS: usize = 8;
/// People that sign in, over and over.
pub const PEOPLE: usize = 500;

/// A relying party.
pub struct Party {
    pub name: &'static str,
    pub server: Server,
    pub address: String,
    /// The path that begins a sign-in.
    pub login: String,
    /// The path that needs a session.
    pub check: String,
    folder: TempDir,
}

/// A script for benches: no log, and signatures are made before they are asked for.
fn script(redirect_uri: &str) -> Script {
    let client = Client { redirect_uri: Some(redirect_uri.to_owned()), secrets: vec!["bench-secret".to_owned()], ..Client::default() };
    // Without it neither side asks for more than the ID token says: the same work for both.
    let metadata = vec![Edit::remove("userinfo_endpoint")];
    Script { client, metadata, sign_early: true, keep_log: false, ..Script::default() }
}

impl Party {
    /// Our daemon, with a record of the provider's issuer `bench`.
    pub fn ours(programs: &Path, op: &OpSim) -> Result<Self> {
        let (folder, port) = (tempfile::tempdir()?, free_port()?);
        let (at, address) = (folder.path().display(), format!("127.0.0.1:{port}"));
        let settings = folder.path().join("onedeskd.toml");
        // As installed: the database is not in a folder that is watched for new settings or credentials.
        fs::create_dir(folder.path().join("lib"))?;
        fs::set_permissions(folder.path().join("lib"), fs::Permissions::from_mode(0o700))?;
        fs::write(
            &settings,
            format!(
                "public_url = \"http://{address}\"\n[listen]\nhttp = \"{address}\"\nmetrics = \"\"\n[credentials]\nfile = \"{at}/OneDesk\"\n\
                 [database]\nurl = \"sqlite://{at}/lib/onedesk.db\"\nmaster_key_file = \"{at}/lib/master.key\"\n\
                 [microsoft]\nauthority = \"{0}\"\ngraph = \"{0}\"\n[local_api]\nsocket = \"{at}/api.sock\"\n[log]\nlevel = \"warn\"\n",
                op.origin()
            ),
        )?;
        let credentials = folder.path().join("OneDesk");
        fs::write(&credentials, "AZUREAD_CID=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee\nAZUREAD_CIS=not~a~real.secret\n")?;
        fs::set_permissions(&credentials, fs::Permissions::from_mode(0o600))?;
        // What the unit sets in the environment: the daemon is measured as it is installed.
        let unit = include_str!("../../../systemd/onedeskd.service");
        let environment = unit.lines().filter_map(|line| line.strip_prefix("Environment=")?.split_once('='));
        let mut daemon = Command::new(programs.join("onedeskd"));
        let server = start(daemon.envs(environment).arg("--config").arg(&settings).stderr(Stdio::null()), &address)?;
        let socket = folder.path().join("api.sock");
        let issuer = op.issuer("bench", script(&format!("http://{address}/sso/openid")));
        call(&socket, "PATCH", "/v1/sso", &json!({"users_enabled": true}))?;
        let record = json!({"name": "bench", "audience": "users", "authorization_uri": issuer.authorization_uri,
            "token_url": issuer.token_url, "client_id": "onedesk", "client_secret": "bench-secret"});
        let record = call(&socket, "POST", "/v1/sso/connections", &record)?;
        let id = record["id"].as_str().context("no id")?;
        call(&socket, "PATCH", &format!("/v1/sso/connections/{id}"), &json!({"enabled": true, "confirm": true}))?;
        let (login, check) = (format!("/sso/login/{id}/main"), "/sso/check?app=main".to_owned());
        Ok(Self { name: "onedeskd", server, address, login, check, folder })
    }

    /// Apache with mod_auth_openidc from the distribution: sessions in shared memory, `entries` of them.
    pub fn apache(op: &OpSim, entries: usize) -> Result<Self> {
        let (folder, port) = (tempfile::tempdir()?, free_port()?);
        let (at, address) = (folder.path().display().to_string(), format!("127.0.0.1:{port}"));
        let program = existing(&["/usr/sbin/httpd", "/usr/sbin/apache2"])?;
        let modules = existing(&["/usr/lib64/httpd/modules", "/usr/lib/apache2/modules"])?;
        let mut text = String::new();
        for name in ["mpm_event", "authn_core", "authz_core", "authz_user", "dir", "mime", "auth_openidc", "unixd"] {
            let file = format!("{modules}/mod_{name}.so");
            if Path::new(&file).exists() {
                text += &format!("LoadModule {name}_module {file}\n");
            }
        }
        let issuer = op.issuer("apache", script(&format!("http://{address}/app/callback")));
        text += &format!(
            "ServerRoot {at}\nServerName localhost\nListen {address}\nPidFile {at}/pid\nErrorLog {at}/errors\nDefaultRuntimeDir {at}\n\
             Mutex sem\nUser nobody\nGroup nogroup\nDocumentRoot {at}/www\nTypesConfig /dev/null\n\
             KeepAlive On\nMaxKeepAliveRequests 0\nKeepAliveTimeout 60\n\
             OIDCProviderMetadataURL {}/.well-known/openid-configuration\n\
             OIDCClientID onedesk\nOIDCClientSecret bench-secret\nOIDCRedirectURI http://{address}/app/callback\n\
             OIDCCryptoPassphrase a-passphrase-for-the-bench\nOIDCScope \"openid profile email\"\nOIDCPKCEMethod S256\n\
             OIDCSessionType server-cache\nOIDCCacheType shm\nOIDCCacheShmMax {entries}\nOIDCCacheShmEntrySizeMax 66065\n\
             OIDCProviderTokenEndpointAuth client_secret_basic\n\
             <Directory {at}/www>\nRequire all granted\n</Directory>\n\
             <Location /app/>\nAuthType openid-connect\nRequire valid-user\n</Location>\n",
            issuer.issuer
        );
        fs::create_dir_all(folder.path().join("www/app"))?;
        fs::write(folder.path().join("www/app/index.txt"), "ok\n")?;
        // The workers run as another user.
        for path in [at.clone(), format!("{at}/www"), format!("{at}/www/app")] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        }
        let settings = folder.path().join("httpd.conf");
        fs::write(&settings, text)?;
        let server = start(Command::new(program).args(["-DFOREGROUND", "-f"]).arg(&settings), &address)?;
        let path = "/app/index.txt".to_owned();
        Ok(Self { name: "mod_auth_openidc", server, address, login: path.clone(), check: path, folder })
    }

    /// Signs `count` browsers in, and returns their cookies and the party's CPU seconds for it. The provider signs between the two
    /// halves, which are what is measured: all starts, then all callbacks.
    pub fn sign_in(&self, op: &OpSim, first: usize, count: usize) -> Result<(Vec<String>, f64)> {
        let before = self.server.cpu();
        let starts = load::each(&self.address, BROWSERS, count, |line, _| {
            let answer = line.get(&self.login, "")?;
            let location = answer.header("location").with_context(|| format!("no redirect: {}", answer.head))?.to_owned();
            Ok((location, answer.cookies().collect::<Vec<_>>().join("; ")))
        })?;
        let halfway = self.server.cpu();
        let provider = op.address().to_string();
        let answers = load::each(&provider, BROWSERS, count, |line, number| {
            let person = (first + number) % PEOPLE;
            let answer = line.get(&format!("{}&as=p{person}", path_of(&starts[number].0)?), "")?;
            Ok(answer.header("location").with_context(|| format!("no redirect: {}", answer.head))?.to_owned())
        })?;
        let between = self.server.cpu();
        let cookies = load::each(&self.address, BROWSERS, count, |line, number| {
            let answer = line.get(path_of(&answers[number])?, &starts[number].1)?;
            ensure!(matches!(answer.status, 302 | 303), "the callback answered {}", answer.head);
            answer
                .cookies()
                .find(|cookie| cookie.contains("session"))
                .map(str::to_owned)
                .with_context(|| format!("no session: {}", answer.head))
        })?;
        Ok((cookies, (halfway - before) + (self.server.cpu() - between)))
    }

    /// Checks of the sessions in `cookies`, in turn: requests a second, and CPU seconds of one.
    pub fn checks(&self, cookies: &[String], count: usize) -> Result<(f64, f64)> {
        let requests = check_requests(&self.address, &self.check, cookies);
        load::storm(&self.address, &requests, requests.len().min(count / 10), 200)?;
        let before = self.server.cpu();
        let rate = load::storm(&self.address, &requests, count, 200)?;
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        Ok((rate, (self.server.cpu() - before) / count as f64))
    }

    /// The newest lines of its error log, for when something fails.
    pub fn errors(&self) -> String {
        let log = fs::read_to_string(self.folder.path().join("errors")).unwrap_or_default();
        let newest: Vec<&str> = log.lines().rev().take(10).collect();
        newest.join("\n")
    }
}

/// The requests of a storm.
pub fn check_requests(address: &str, path: &str, cookies: &[String]) -> Vec<Vec<u8>> {
    cookies.iter().map(|cookie| format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\r\n").into_bytes()).collect()
}

fn existing(paths: &[&'static str]) -> Result<&'static str> {
    let found = paths.iter().find(|path| Path::new(path).exists());
    found.copied().with_context(|| format!("install Apache with mod_auth_openidc: none of {paths:?} is there"))
}

/// Path and query of a URL, which may be a path alone.
pub fn path_of(url: &str) -> Result<&str> {
    match url.strip_prefix("http://") {
        None => Ok(url),
        Some(rest) => rest.find('/').map(|at| &rest[at..]).with_context(|| format!("no path in {url}")),
    }
}

/// A call of the local API.
fn call(socket: &Path, method: &str, path: &str, body: &Value) -> Result<Value> {
    let mut stream = UnixStream::connect(socket)?;
    let body = body.to_string();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    if !head.starts_with("HTTP/1.1 2") {
        bail!("{method} {path}: {answer}");
    }
    Ok(serde_json::from_str(body).unwrap_or_default())
}

/// A line of its own for a single request.
pub fn once(address: &str, target: &str, cookies: &str) -> Result<load::Answer> {
    Line::new(address).get(target, cookies)
}
