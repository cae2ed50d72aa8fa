//! `onedeskctl check` against a real Dovecot and a real Postfix: greetings, STARTTLS and XOAUTH2 as servers of the world speak them,
//! not as our own scripts do. Dovecot asks the provider's simulator what a token is worth, as such hosts do with RFC 7662.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use entra_sim::{AccessToken, CLIENT_ID, OUTLOOK, SECRET, Simulator};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, chown};
use serde_json::json;

use super::servers::{Authority, serve};
use super::{Found, UNITS, command, tool};
use crate::harness::{Daemon, SUPPORT, Site, Target, World, send, wait_until};

const CA: &str = "OneDesk test CA";

/// For Dovecot 2.3. Users and groups are those that the package made; Postfix asks at `auth`.
const DOVECOT: &str = "\
base_dir = FOLDER/run
state_dir = FOLDER/state
log_path = FOLDER/log
protocols = imap pop3
listen = ADDRESS
ssl = required
ssl_cert = <SITE/server.pem
ssl_key = <SITE/server.key
mail_location = maildir:FOLDER/mail/%u
auth_mechanisms = MECHANISM
auth_failure_delay = 0
passdb {
  driver = oauth2
  mechanisms = xoauth2
  args = FOLDER/oauth2.conf
}
passdb {
  driver = static
  mechanisms = plain
  args = password=unused
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=FOLDER/mail/%u
}
service auth {
  unix_listener FOLDER/auth {
    mode = 0666
  }
}
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = IMAPS
    ssl = yes
  }
}
service pop3-login {
  inet_listener pop3 {
    port = 0
  }
  inet_listener pop3s {
    port = POP3S
    ssl = yes
  }
}
";

const POSTFIX: &str = "\
compatibility_level = 2
queue_directory = FOLDER/queue
data_directory = FOLDER/data
maillog_file = FOLDER/log
maillog_file_prefixes = FOLDER
myhostname = mail.example.test
mydestination =
local_recipient_maps =
alias_maps =
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = SITE/server.pem
smtpd_tls_key_file = SITE/server.key
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = SITE/dovecot/auth
smtpd_relay_restrictions = permit_sasl_authenticated, reject
";

/// What one session without a mail needs; nothing in a chroot.
const SERVICES: &str = "\
ADDRESS inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
";

/// A real server in a process namespace of its own: with its first process the kernel ends all the others.
struct Server {
    child: Child,
    folder: PathBuf,
}

impl Server {
    /// Starts `program`, which has its files in `folder`, and waits until it takes connections at each of `addresses`.
    fn start(program: &str, arguments: &[&OsStr], folder: PathBuf, addresses: &[SocketAddr]) -> Self {
        let said = File::create(folder.join("said")).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child=KILL", program]).args(arguments).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
        let mut server = Self { child: command.spawn().unwrap(), folder };
        for address in addresses {
            wait_until(&format!("{program} listens on {address}"), || {
                assert_eq!(server.child.try_wait().unwrap(), None, "{program} ended");
                TcpStream::connect(address).is_ok()
            });
        }
        server
    }

    /// The first process of its namespace.
    fn first(&self) -> Option<Pid> {
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.child.id())).ok()?;
        children.split_whitespace().next()?.parse().ok().map(Pid::from_raw)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            // Postfix's master forgets whose end it should share, since it changes its user.
            let _ = match self.first() {
                Some(first) => kill(first, Signal::SIGKILL).map_err(io::Error::from),
                None => self.child.kill(),
            };
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            for name in ["said", "log"].map(|name| self.folder.join(name)) {
                println!("{}:\n{}", name.display(), fs::read_to_string(&name).unwrap_or_default());
            }
        }
    }
}

/// A mail host's addresses: no other site has these ports, no other process this address.
struct Host {
    imap: SocketAddr,
    pop: SocketAddr,
    smtp: SocketAddr,
}

impl Host {
    /// On the machine of `site`, which is told of them.
    fn of(site: &mut Site) -> Self {
        let at = |distance: u16| SocketAddr::new(site.http().ip(), site.http().port() + distance);
        let host = Self { imap: at(10_000), pop: at(10_001), smtp: at(20_000) };
        for (key, address) in [("imap", host.imap), ("pop3", host.pop), ("smtp", host.smtp)] {
            site.set(&format!("mail.{key}_upstream"), &format!("\"{address}\""));
        }
        host
    }

    /// IMAP and POP with TLS from the start; and who is asked at `auth` when somebody signs in to Postfix.
    fn dovecot(&self, site: &Site, mechanism: &str, introspection: &str) -> Server {
        let version = Command::new("/usr/sbin/dovecot").arg("--version").output().expect("dovecot is needed for this test").stdout;
        let version = String::from_utf8(version).unwrap();
        assert!(version.starts_with("2.3."), "these settings are Dovecot 2.3's, and here is {version}");
        let folder = site.path("dovecot");
        fs::create_dir(&folder).unwrap();
        let oauth2 = format!(
            "introspection_url = http://{introspection}/introspect\nintrospection_mode = post\n\
             username_attribute = email\nactive_attribute = active\nactive_value = true\n"
        );
        fs::write(folder.join("oauth2.conf"), oauth2).unwrap();
        let settings = DOVECOT
            .replace("FOLDER", folder.to_str().unwrap())
            .replace("SITE", site.folder().to_str().unwrap())
            .replace("MECHANISM", mechanism)
            .replace("ADDRESS", &self.imap.ip().to_string())
            .replace("IMAPS", &self.imap.port().to_string())
            .replace("POP3S", &self.pop.port().to_string());
        let file = folder.join("dovecot.conf");
        fs::write(&file, settings).unwrap();
        Server::start("dovecot", &["-F".as_ref(), "-c".as_ref(), file.as_ref()], folder, &[self.imap, self.pop])
    }

    /// Submission with STARTTLS, and AUTH only inside.
    fn postfix(&self, site: &Site) -> Server {
        let folder = site.path("postfix");
        for name in ["", "queue", "data"] {
            fs::create_dir(folder.join(name)).unwrap();
        }
        let owner = User::from_name("postfix").unwrap().expect("postfix is needed for this test");
        chown(&folder.join("data"), Some(owner.uid), None).unwrap();
        let settings = POSTFIX.replace("FOLDER", folder.to_str().unwrap()).replace("SITE", site.folder().to_str().unwrap());
        fs::write(folder.join("main.cf"), settings).unwrap();
        fs::write(folder.join("master.cf"), SERVICES.replace("ADDRESS", &self.smtp.to_string())).unwrap();
        let place = folder.clone();
        Server::start("postfix", &["-c".as_ref(), place.as_ref(), "start-fg".as_ref()], folder, &[self.smtp])
    }
}

/// What a mail host asks about a token: whether the provider gave it, for mail, with this permission, and to whom.
fn introspection(simulator: &Simulator, permission: &'static str) -> String {
    let provider: SocketAddr = simulator.address();
    serve(move |mut stream| {
        let mut request = BufReader::new(stream.try_clone()?);
        let (mut line, mut length) = (String::new(), 0);
        while request.read_line(&mut line)? > 2 {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut form = String::new();
        request.take(length).read_to_string(&mut form)?;
        let token = url::form_urlencoded::parse(form.as_bytes()).find(|(name, _)| name == "token").map(|(_, token)| token.into_owned());
        let question = json!({"token": token.unwrap_or_else(|| panic!("Dovecot asks about no token"))}).to_string();
        let known = send(&Target::Tcp(provider), "POST", "/_sim/introspect", &[], question.as_bytes())?.expect(200);
        let good = serde_json::from_str::<Option<AccessToken>>(&known.body)
            .unwrap()
            .filter(|token| token.resource == OUTLOOK && token.permissions.iter().any(|name| name == permission));
        let answer = json!({"active": good.is_some(), "email": good.and_then(|token| token.upn)}).to_string();
        let length = answer.len();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}")
    })
}

/// A connected mailbox, with a mail host that offers `mechanism` and wants `permission` in a token; and what is found there.
fn found(mechanism: &str, permission: &'static str) -> Found {
    let (simulator, mut site) = World::apart();
    site.write_pair(CLIENT_ID, SECRET);
    tool(&site, "systemctl", UNITS);
    let host = Host::of(&mut site);
    let authority = Authority::new(CA);
    authority.trusted_by(&mut site);
    let (certificate, key) = authority.pair(&host.imap.ip().to_string());
    fs::write(site.path("server.pem"), certificate.pem()).unwrap();
    fs::write(site.path("server.key"), key.serialize_pem()).unwrap();
    let world = World { daemon: Daemon::start(site), simulator };
    world.connect(SUPPORT);
    let site = &world.daemon.site;
    let servers = [host.dovecot(site, mechanism, &introspection(&world.simulator, permission)), host.postfix(site)];
    let found = Found::by(command(site, &[]));
    drop(servers);
    for (name, server) in [("imap_host", host.imap), ("pop_host", host.pop), ("smtp_host", host.smtp)] {
        let check = found.check(name);
        assert_eq!(check["outcome"], "ok", "{check}");
        let title = check["title"].as_str().unwrap();
        assert!(title.ends_with(&format!("at {server} answers, its certificate is by \"{CA}\"")), "{title}");
        assert!(TcpStream::connect(server).is_err(), "{server} was not stopped");
    }
    found
}

#[test]
fn a_real_dovecot_and_a_real_postfix_are_greeted_and_take_the_token() {
    let found = found("xoauth2", "SMTP.Send");
    assert_eq!(found.code, Some(0), "{}", found.report);
    let check = found.check("smtp_auth");
    assert_eq!(check["outcome"], "ok", "{check}");
    assert_eq!(check["title"], "support@example.test may send by SMTP with its token", "{check}");
}

#[test]
fn the_words_by_which_a_real_postfix_refuses_a_token_are_told() {
    let reply = refusal("xoauth2", "Not.Granted");
    assert!(!reply.contains("mechanism"), "the token was not looked at: {reply}");
}

#[test]
fn a_real_postfix_that_takes_passwords_only_is_told_as_such() {
    assert_eq!(refusal("plain", "SMTP.Send"), "535 5.7.8 Error: authentication failed: Invalid authentication mechanism");
}

/// The reply that is told, word by word, and how to look it up.
#[track_caller]
fn refusal(mechanism: &str, permission: &'static str) -> String {
    let found = found(mechanism, permission);
    assert_eq!(found.code, Some(1), "{}", found.report);
    let told = "support@example.test cannot send by SMTP: ";
    let reply = found.check("smtp_auth")["title"].as_str().unwrap().replacen(told, "", 1);
    assert!(reply.starts_with("535 5.7.8 Error: authentication failed"), "{reply}");
    found.says("smtp_auth", "failed", &format!("{told}{reply}"), &format!("onedeskctl explain '{reply}'"));
    reply
}
