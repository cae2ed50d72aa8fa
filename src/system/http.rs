//! The one outgoing HTTP client: proxy, trust anchors, deadlines, a bound on every body, no redirects, no cookies.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{NoProxy, Proxy, RequestBuilder};
use url::Url;
use zeroize::Zeroizing;

use super::trust::{self, Distrust};
use crate::model::{Hint, RequestId, Secret, is_loopback};

mod redact;
#[cfg(test)]
mod tests;
mod transcripts;

pub use transcripts::{Transcript, Transcripts};

use transcripts::Asked;

/// How long a connection may take, proxy and TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request may take until its answer is there whole, where the caller has no other wish.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// The largest body that is read.
pub const LARGEST_BODY: usize = 1024 * 1024;
/// No provider is believed that wants us away for longer.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// The wait for a `Retry-After` date in an answer that doesn't tell the provider's own time.
const RETRY_AFTER_UNDATED: Duration = Duration::from_secs(60);
/// Idle connections go before Microsoft's front ends drop them, so that a request seldom meets a dying one.
const IDLE: Duration = Duration::from_secs(15);

/// How requests leave this machine.
#[derive(Debug, Clone)]
pub struct Outbound {
    /// A PEM file with trust anchors beside the system's.
    pub ca_file: Option<PathBuf>,
    /// `http://[USER:PASSWORD@]HOST:PORT`.
    pub proxy: Option<Secret<String>>,
    /// Hosts that are reached without the proxy, in the form of `NO_PROXY`; loopback always is.
    pub no_proxy: String,
    /// The whole time for one request.
    pub deadline: Duration,
}

impl Outbound {
    /// The settings' way out; where they name no proxy, that of `HTTPS_PROXY`. `NO_PROXY` counts for both.
    pub fn new(ca_file: Option<PathBuf>, proxy: Option<Secret<String>>, environment: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| environment(name).or_else(|| environment(&name.to_lowercase())).filter(|value| !value.is_empty());
        let from_environment = || {
            let proxy = variable("HTTPS_PROXY")?;
            Some(Secret::new(if proxy.contains("://") { proxy } else { format!("http://{proxy}") }))
        };
        Self { ca_file, proxy: proxy.or_else(from_environment), no_proxy: variable("NO_PROXY").unwrap_or_default(), deadline: DEADLINE }
    }
}

/// Why there is no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// `microsoft.ca_file` gives no trust anchors.
    #[error("microsoft.ca_file cannot be used: {0}")]
    CaFile(String),
    /// The proxy's address is none. It is not repeated: it may hold a password.
    #[error("the outbound proxy's address is not a URL")]
    Proxy,
    /// The TLS library refused to start.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

impl Hint for BuildError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::CaFile(_) => "name a PEM file that the daemon's user can read, with at least one BEGIN CERTIFICATE".to_owned(),
            Self::Proxy => "write microsoft.proxy, or HTTPS_PROXY, as http://HOST:PORT".to_owned(),
            Self::Tls(_) => return None,
        })
    }
}

/// The client. Cheap to clone; clones share their connections.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
    deadline: Duration,
    proxy: Option<ProxyFacts>,
    transcripts: Option<Transcripts>,
}

/// What messages may say of the proxy, and what nothing may.
#[derive(Debug, Clone)]
struct ProxyFacts {
    host: String,
    password: Secret<String>,
}

impl Http {
    /// A client for `outbound`. Reads `ca_file`; the system's trust store is read at the first TLS connection.
    pub fn new(outbound: &Outbound) -> Result<Self, BuildError> {
        let anchors = outbound.ca_file.as_deref().map_or(Ok(Vec::new()), trust::read_ca_file).map_err(BuildError::CaFile)?;
        let tls = trust::client_config(anchors).map_err(|fault| BuildError::Tls(fault.to_string()))?;
        let proxy = outbound.proxy.as_ref().map(|address| Url::parse(address.expose()).map_err(|_| BuildError::Proxy)).transpose()?;
        let facts = proxy.as_ref().map(|url| ProxyFacts {
            host: host_of(url),
            password: Secret::new(
                percent_encoding::percent_decode_str(url.password().unwrap_or_default()).decode_utf8_lossy().into_owned(),
            ),
        });
        #[expect(clippy::disallowed_methods, reason = "the one place that builds HTTP clients")]
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("onedesk/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(outbound.deadline)
            .pool_idle_timeout(IDLE);
        if let Some(address) = proxy {
            let direct = format!("localhost,127.0.0.0/8,::1,{}", outbound.no_proxy);
            let proxy = Proxy::all(address).map_err(|_| BuildError::Proxy)?.no_proxy(NoProxy::from_string(&direct));
            builder = builder.proxy(proxy);
        }
        let client = builder.build().map_err(|fault| BuildError::Tls(deepest(&fault.without_url())))?;
        Ok(Self { client, deadline: outbound.deadline, proxy: facts, transcripts: None })
    }

    /// The same client, whose failed exchanges are recorded there.
    #[must_use]
    pub fn recorded_in(self, transcripts: &Transcripts) -> Self {
        Self { transcripts: Some(transcripts.clone()), ..self }
    }

    /// Fetches `url`, with `bearer` as RFC 6750 section 2.1 has it.
    pub async fn get(&self, url: &str, bearer: Option<&Secret<String>>) -> Result<Answer, Error> {
        let url = parsed(url)?;
        let mut request = self.client.get(url.clone());
        if let Some(token) = bearer {
            request = request.header(AUTHORIZATION, secret_header(&Zeroizing::new(format!("Bearer {}", token.expose())), &url)?);
        }
        let credential = bearer.map(|token| token.expose().as_str());
        self.send(request, &Asked { method: "GET", url: &url, fields: &[], credential }).await
    }

    /// Posts `fields` as a form. `basic` is user and password, already encoded as the caller's protocol asks (RFC 6749 section 2.3.1).
    pub async fn post_form(&self, url: &str, fields: &[(&str, &str)], basic: Option<(&str, &Secret<String>)>) -> Result<Answer, Error> {
        let url = parsed(url)?;
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        // The owner wipes the form, which may hold a secret, when the last part of it was sent.
        let body = Bytes::from_owner(Zeroizing::new(form.into_bytes()));
        let mut request = self.client.post(url.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        if let Some((user, password)) = basic {
            let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
            request = request.header(AUTHORIZATION, secret_header(&Zeroizing::new(format!("Basic {}", STANDARD.encode(&*pair))), &url)?);
        }
        let credential = basic.map(|(_, password)| password.expose().as_str());
        self.send(request, &Asked { method: "POST", url: &url, fields, credential }).await
    }

    async fn send(&self, request: RequestBuilder, asked: &Asked<'_>) -> Result<Answer, Error> {
        let request_id = RequestId::new();
        let begun = Instant::now();
        let outcome = self.exchange(request, asked.url, request_id).await;
        if let Some(transcripts) = &self.transcripts {
            let proxy_password = self.proxy.as_ref().map(|proxy| proxy.password.expose().as_str());
            transcripts.note(asked, request_id, begun.elapsed(), &outcome, proxy_password.as_slice());
        }
        outcome.map(|(answer, _)| answer)
    }

    async fn exchange(&self, request: RequestBuilder, url: &Url, request_id: RequestId) -> Result<(Answer, HeaderMap), Error> {
        let request = request.header(ACCEPT, "application/json").header("client-request-id", request_id.to_string());
        let mut response = request.send().await.map_err(|fault| self.explained(&fault, url))?;
        let too_large = || Error::TooLarge { host: host_of(url), limit: LARGEST_BODY };
        if response.content_length().is_some_and(|length| length > LARGEST_BODY as u64) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|fault| self.explained(&fault, url))? {
            if body.len() + chunk.len() > LARGEST_BODY {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        let headers = response.headers();
        let date = text(headers, DATE.as_str()).and_then(http_date);
        let answer = Answer {
            status: response.status().as_u16(),
            content_type: text(headers, CONTENT_TYPE.as_str())
                .and_then(|kind| kind.split(';').next())
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase(),
            retry_after: text(headers, RETRY_AFTER.as_str()).and_then(|value| retry_after(value, date)),
            date,
            body: body.freeze(),
            request_id,
        };
        Ok((answer, std::mem::take(response.headers_mut())))
    }

    fn explained(&self, fault: &reqwest::Error, url: &Url) -> Error {
        let host = host_of(url);
        if let Some(distrust) = chain(fault).find_map(distrust) {
            return Error::Untrusted { host, cause: distrust.to_string(), hint: distrust.hint() };
        }
        let by_way_of = |cause: String| match &self.proxy {
            Some(proxy) if !is_loopback(url) => format!("{cause} (outbound proxy: {})", proxy.host),
            _ => cause,
        };
        if fault.is_connect() && fault.is_timeout() {
            let cause = by_way_of(format!("none within {} s", CONNECT_TIMEOUT.as_secs()));
            return Error::Connect { host, cause };
        }
        if fault.is_timeout() {
            return Error::Timeout { host, seconds: self.deadline.as_secs() };
        }
        let cause = deepest(fault);
        if fault.is_connect() { Error::Connect { host, cause: by_way_of(cause) } } else { Error::Broken { host, cause } }
    }
}

/// An answer whose body arrived whole and within the bound.
#[derive(Clone)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// `Content-Type` without parameters, in lower case.
    pub content_type: String,
    /// `Retry-After`, as a wait from now (seconds or HTTP date), at most an hour.
    pub retry_after: Option<Duration>,
    /// `Date`.
    pub date: Option<Timestamp>,
    /// The body.
    pub body: Bytes,
    /// What we sent as `client-request-id`: Microsoft finds the request by it.
    pub request_id: RequestId,
}

impl fmt::Debug for Answer {
    /// Without the body: it may hold tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("content_type", &self.content_type)
            .field("bytes", &self.body.len())
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// Why there is no answer. Every one of them is worth another attempt later.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Name resolution, connection, proxy or TLS; the text names the host and the deepest cause.
    #[error("no connection to {host}: {cause}")]
    Connect {
        /// Host and port.
        host: String,
        /// The deepest cause.
        cause: String,
    },
    /// The server's certificate was refused; nothing was sent.
    #[error("no connection to {host}: {cause}")]
    Untrusted {
        /// Host and port.
        host: String,
        /// Which certificate is at fault, and why.
        cause: String,
        /// The next step.
        hint: Option<String>,
    },
    /// No whole answer in time.
    #[error("{host} did not answer within {seconds} s")]
    Timeout {
        /// Host and port.
        host: String,
        /// The deadline.
        seconds: u64,
    },
    /// The answer broke off.
    #[error("the answer of {host} broke off: {cause}")]
    Broken {
        /// Host and port.
        host: String,
        /// Why.
        cause: String,
    },
    /// More than the bound.
    #[error("the answer of {host} is larger than {limit} bytes")]
    TooLarge {
        /// Host and port.
        host: String,
        /// The bound.
        limit: usize,
    },
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Untrusted { hint, .. } => hint.clone(),
            Self::Connect { .. } => Some("check name resolution, firewall and microsoft.proxy of this host".to_owned()),
            Self::Timeout { .. } | Self::Broken { .. } | Self::TooLarge { .. } => None,
        }
    }
}

fn parsed(url: &str) -> Result<Url, Error> {
    Url::parse(url).map_err(|fault| Error::Connect { host: "an address that is not a URL".to_owned(), cause: fault.to_string() })
}

/// Host and port: never the path, the query or the password.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("no host");
    url.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn secret_header(text: &str, url: &Url) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text).map_err(|_| Error::Broken {
        host: host_of(url),
        cause: "the credential holds characters that a header cannot carry; nothing was sent".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// An HTTP date (RFC 9110 section 5.6.7), in the only form that is sent today.
fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()
}

/// RFC 9110 section 10.2.3. A date is measured by the provider's own clock, so that a wrong one here does no harm.
fn retry_after(text: &str, now: Option<Timestamp>) -> Option<Duration> {
    let text = text.trim();
    let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let until = http_date(text)?;
        now.map_or(RETRY_AFTER_UNDATED, |now| Duration::try_from(until.duration_since(now)).unwrap_or_default())
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// The error and what caused it. An [`io::Error`] hides its own content from `source`, so it is looked into.
fn chain<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner as &(dyn StdError + 'static)),
        None => error.source(),
    })
}

fn deepest(error: &(dyn StdError + 'static)) -> String {
    chain(error)
        .last()
        .filter(|last| !last.is::<reqwest::Error>())
        .map_or_else(|| "the request could not be made".to_owned(), ToString::to_string)
}

fn distrust<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Distrust> {
    match error.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) => other.0.downcast_ref(),
        _ => None,
    }
}
