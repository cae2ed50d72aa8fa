//! [`Network`]: the way to Microsoft, to the mail servers and to the public URL, from where this process stands.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::verdict::{Trouble, Verdict, Who};
use super::{Look, mail, public};
use crate::health::status::{Check, Group};
use crate::model::{Clock, Hint as _, is_loopback};
use crate::oauth::discovery::{Document, Source};
use crate::oauth::endpoints::Endpoints;
use crate::oauth::jwks::KeySet;
use crate::settings::Settings;
use crate::system::dial::{self, Way};
use crate::system::http::{Answer, Error, Http, Outbound};

/// A whole check with something that does not answer should still end while somebody waits for it.
const DEADLINE: Duration = Duration::from_secs(6);
/// What ID tokens and proofs bear; beyond it Microsoft and we refuse each other.
const SKEW_ALLOWED: SignedDuration = SignedDuration::from_secs(120);
/// A machine that keeps time is within a second or two.
const SKEW_USUAL: SignedDuration = SignedDuration::from_secs(20);

/// The way out as the settings name it, for checks alone: what they ask is not kept as a failed exchange.
pub struct Network {
    pub(super) settings: Arc<Settings>,
    pub(super) http: Http,
    way: Way,
    pub(super) clock: Clock,
    proxy: Option<String>,
}

impl Network {
    /// The way out.
    ///
    /// # Errors
    /// What is wrong with the proxy or the trust anchors: nothing can be reached then.
    pub fn new(settings: Arc<Settings>, clock: Clock) -> Result<Self, Check> {
        let microsoft = &settings.microsoft;
        let outbound = Outbound::new(microsoft.ca_file.clone(), microsoft.proxy.clone(), |name| std::env::var(name).ok());
        let outbound = Outbound { deadline: DEADLINE, ..outbound };
        let proxy = outbound.proxy.as_ref().and_then(|address| server(address.expose()));
        let failed = |title: String, hint: Option<String>| {
            Verdict::Fail(Trouble::new(title, Who::Root, hint.unwrap_or_default())).on(Group::Network, "outbound")
        };
        let http = Http::new(&outbound).map_err(|error| failed(error.to_string(), error.hint()))?;
        let way = Way::new(outbound.ca_file.as_deref()).map_err(|error| failed(error, None))?;
        Ok(Self { settings, http, way, clock, proxy })
    }

    /// All looks.
    pub fn looks(&self) -> Vec<Look<'_>> {
        let mail = &self.settings.mail;
        vec![
            Look::new("names", self.names()),
            Look::new("outbound proxy", self.proxy()),
            Look::new("login", self.login()),
            Look::new("Graph", self.graph()),
            Look::new("IMAP", mail::greeting(&self.way, mail::Protocol::Imap, &mail.imap_upstream)),
            Look::new("POP", mail::greeting(&self.way, mail::Protocol::Pop, &mail.pop3_upstream)),
            Look::new("SMTP", mail::greeting(&self.way, mail::Protocol::Smtp, &mail.smtp_upstream)),
            Look::new("public URL", async { public::look(&self.http, &self.settings).await }),
        ]
    }

    /// For signing in at a mail server.
    pub const fn way(&self) -> &Way {
        &self.way
    }

    /// Every name that has to lead somewhere. Behind a proxy the proxy looks up Microsoft's.
    async fn names(&self) -> Vec<Check> {
        let settings = &self.settings;
        let mut servers: BTreeSet<String> =
            [&settings.mail.imap_upstream, &settings.mail.pop3_upstream, &settings.mail.smtp_upstream].into_iter().cloned().collect();
        match &self.proxy {
            Some(proxy) => servers.extend([proxy.clone()]),
            None => servers.extend([&settings.microsoft.authority, &settings.microsoft.graph].into_iter().filter_map(|url| server(url))),
        }
        servers.extend(settings.public_url.as_ref().and_then(|url| server(url.as_str())));
        let asked = futures_util::future::join_all(servers.iter().map(|server| dial::resolve(server))).await;
        let wrong: Vec<dial::Error> = asked.into_iter().filter_map(Result::err).collect();
        let verdict = match wrong.first() {
            None => Verdict::Fine(format!("the names of all {} servers resolve", servers.len())),
            Some(first) => {
                let others = if wrong.len() > 1 { format!(" ({} more like it)", wrong.len() - 1) } else { String::new() };
                Verdict::Fail(Trouble::new(format!("{first}{others}"), Who::Network, first.hint().unwrap_or_default()))
            }
        };
        vec![verdict.on(Group::Network, "dns")]
    }

    async fn proxy(&self) -> Vec<Check> {
        let verdict = match &self.proxy {
            None => Verdict::Skip("no outbound proxy is set".to_owned()),
            Some(proxy) => match self.way.connect(proxy).await {
                Ok(_) => Verdict::Fine(format!("the outbound proxy {proxy} takes connections")),
                Err(error) => Verdict::Fail(Trouble::new(
                    format!("the outbound proxy cannot be reached: {error}"),
                    Who::Network,
                    format!("check microsoft.proxy, or HTTPS_PROXY of the unit; {}", error.hint().unwrap_or_default()),
                )),
            },
        };
        vec![verdict.on(Group::Network, "proxy")]
    }

    /// The login host, by the metadata that every sign-in needs; its date tells how the clock is, its keys whether it can be believed.
    async fn login(&self) -> Vec<Check> {
        let microsoft = &self.settings.microsoft;
        let source = Endpoints::entra_v2(&microsoft.authority, &microsoft.tenant).ok().and_then(|endpoints| Source::of(&endpoints));
        let Some(source) = source else {
            let trouble = Trouble::new("microsoft.authority and microsoft.tenant make no URL", Who::Root, "check both in the settings");
            return vec![Verdict::Fail(trouble).on(Group::Network, "login_host")];
        };
        let answer = self.http.get(source.url.as_str(), None).await;
        let mut checks =
            vec![reached("Microsoft's login", &microsoft.authority, &answer, self.proxy.as_deref()).on(Group::Network, "login_host")];
        let Ok(answer) = answer else { return checks };
        checks.push(clock(answer.date, self.clock.now()).on(Group::Network, "clock"));
        let document = match metadata(&answer, &source, &microsoft.tenant) {
            Ok(document) => document,
            Err(verdict) => {
                checks.push(verdict.on(Group::Microsoft, "discovery"));
                return checks;
            }
        };
        checks.push(Verdict::Fine(format!("the metadata of {} is good", microsoft.tenant)).on(Group::Microsoft, "discovery"));
        checks.push(self.keys(&document).await.on(Group::Microsoft, "keys"));
        checks
    }

    async fn keys(&self, document: &Document) -> Verdict {
        let fail = |why: String| {
            let title = format!("Microsoft's signing keys cannot be used, so nobody can sign in: {why}");
            Verdict::Fail(Trouble::new(title, Who::Network, format!("see what answers there: curl -v {}", document.jwks_uri)))
        };
        match self.http.get(document.jwks_uri.as_str(), None).await {
            Err(error) => fail(error.to_string()),
            Ok(answer) if answer.status != 200 => fail(format!("the answer is {}", answer.status)),
            Ok(answer) => match KeySet::parse(&answer.body) {
                Ok(_) => Verdict::Fine("Microsoft's signing keys are good".to_owned()),
                Err(error) => fail(error.to_string()),
            },
        }
    }

    async fn graph(&self) -> Vec<Check> {
        let graph = &self.settings.microsoft.graph;
        // Without a token it refuses, and that is an answer.
        let answer = self.http.get(&format!("{graph}/v1.0/"), None).await;
        vec![reached("Microsoft Graph", graph, &answer, self.proxy.as_deref()).on(Group::Network, "graph_host")]
    }
}

/// `HOST:PORT` of a URL.
fn server(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?))
}

/// Whether a server of Microsoft's answers, whatever it says.
fn reached(what: &str, base: &str, answer: &Result<Answer, Error>, proxy: Option<&str>) -> Verdict {
    let url = Url::parse(base).ok();
    let shown = url.as_ref().and_then(Url::host_str).unwrap_or(base);
    let proxy = proxy.filter(|_| !url.as_ref().is_some_and(is_loopback));
    match answer {
        Ok(answer) => {
            let by = proxy.map(|proxy| format!(" by way of {proxy}")).unwrap_or_default();
            match answer.status {
                // What a proxy refuses in the name of the server, or a gateway that has lost it.
                status @ (407 | 502..=504) => {
                    let title = format!("{what} ({shown}) is not there: something on the way{by} answers {status}");
                    Verdict::Fail(Trouble::new(title, Who::Network, format!("let this machine reach https://{shown}")))
                }
                _ => Verdict::Fine(format!("{what} ({shown}) answers{by}")),
            }
        }
        Err(error @ Error::Untrusted { .. }) => {
            let title = format!("{what}: {error}; something on the way may inspect TLS");
            Verdict::Fail(Trouble::new(title, Who::Root, error.hint().unwrap_or_default()))
        }
        Err(error) => {
            let hint = match proxy {
                Some(proxy) => {
                    format!("let the proxy {proxy} pass CONNECT to {shown}:443, and check the user and password in microsoft.proxy")
                }
                None => format!("let this machine connect to {shown} (TCP 443), in the firewall between, or set microsoft.proxy"),
            };
            Verdict::Fail(Trouble::new(format!("{what}: {error}"), Who::Network, hint))
        }
    }
}

/// Our clock beside the provider's own time.
fn clock(theirs: Option<Timestamp>, ours: Timestamp) -> Verdict {
    let Some(theirs) = theirs else { return Verdict::Skip("the login host tells no time".to_owned()) };
    let skew = ours.duration_since(theirs);
    let way = if skew.is_positive() { "ahead" } else { "behind" };
    let seconds = skew.abs().as_secs();
    let hint = "run: timedatectl; systemctl enable --now chronyd";
    if skew.abs() > SKEW_ALLOWED {
        let title = format!("the clock of this machine is {seconds} s {way}: sign-ins are refused as too old or not yet valid");
        Verdict::Fail(Trouble::new(title, Who::Root, hint))
    } else if skew.abs() > SKEW_USUAL {
        let title = format!("the clock of this machine is {seconds} s {way}; from {} s on sign-ins fail", SKEW_ALLOWED.as_secs());
        Verdict::Warn(Trouble::new(title, Who::Root, hint))
    } else {
        Verdict::Fine("the clock of this machine is right".to_owned())
    }
}

fn metadata(answer: &Answer, source: &Source, tenant: &str) -> Result<Document, Verdict> {
    if answer.status == 400 || answer.status == 404 {
        let explanation = crate::oauth::aadsts::explain(&String::from_utf8_lossy(&answer.body));
        let title = format!("Microsoft does not know the tenant {tenant}: {} ({})", explanation.title, explanation.code);
        return Err(Verdict::Fail(Trouble::new(title, Who::Root, "check microsoft.tenant and microsoft.cloud in the settings")));
    }
    Document::parse(&answer.body, source).map_err(|error| {
        let title = format!("what answers for Microsoft's login sends no usable metadata ({}): {error}", answer.status);
        Verdict::Fail(Trouble::new(title, Who::Network, format!("see what answers there: curl -v {}", source.url)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_fails_before_sign_ins_do_not() {
        let now: Timestamp = "2026-11-27T01:00:00Z".parse().unwrap();
        let outcome = |seconds: i64| match clock(Some(now - SignedDuration::from_secs(seconds)), now) {
            Verdict::Fine(_) => "fine".to_owned(),
            verdict => verdict.on(Group::Network, "clock").title,
        };
        assert_eq!(outcome(3), "fine");
        assert!(outcome(61).contains("is 61 s ahead; from 120 s on"), "{}", outcome(61));
        assert!(outcome(-600).contains("is 600 s behind: sign-ins are refused"), "{}", outcome(-600));
        assert!(matches!(clock(None, now), Verdict::Skip(_)));
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        assert_eq!(server("https://login.microsoftonline.com").as_deref(), Some("login.microsoftonline.com:443"));
        assert_eq!(server("http://user:password@proxy.example.test:3128").as_deref(), Some("proxy.example.test:3128"));
        assert_eq!(server("https://[::1]:8443/").as_deref(), Some("[::1]:8443"));
    }
}
