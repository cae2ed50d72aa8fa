//! [`Browser`]: a cookie jar that walks through redirects and forms as browsers do, one step at a time.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use url::Url;

use super::http::{Request, Response};

/// One browser. Cookies belong to hosts, not to ports. Those that say `SameSite=Lax` or `Strict` are not sent across sites by POST; those
/// that say nothing are, as Firefox does and Chrome for two minutes.
#[derive(Debug, Clone, Default)]
pub struct Browser {
    cookies: BTreeMap<(String, String), Cookie>,
    /// Further headers of every request.
    pub headers: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
struct Cookie {
    value: String,
    crosses_sites: bool,
}

/// What a provider sends through the browser.
#[derive(Debug, Clone)]
pub struct Callback {
    /// Where to.
    pub url: Url,
    /// The fields of a form that is posted; nothing for a redirect.
    pub form: Option<Vec<(String, String)>>,
}

impl Callback {
    /// The parameter `name`.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let of_form = self.form.iter().flatten().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        of_form.or_else(|| parameter(&self.url, name))
    }

    /// The same with another value; nothing leaves it out.
    #[must_use]
    pub fn with(&self, name: &str, value: Option<&str>) -> Self {
        let mut changed = self.clone();
        let edit = |pairs: Vec<(String, String)>| {
            let mut pairs: Vec<_> = pairs.into_iter().filter(|(key, _)| key != name).collect();
            pairs.extend(value.map(|value| (name.to_owned(), value.to_owned())));
            pairs
        };
        match &mut changed.form {
            Some(form) => *form = edit(std::mem::take(form)),
            None => {
                let pairs = edit(self.url.query_pairs().into_owned().collect());
                changed.url.query_pairs_mut().clear().extend_pairs(pairs);
            }
        }
        changed
    }
}

/// The parameter `name` of a URL's query.
pub fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

impl Browser {
    pub fn new() -> Self {
        Self::default()
    }

    /// One that asks for JSON.
    pub fn script() -> Self {
        Self { headers: vec![("Accept".to_owned(), "application/json".to_owned())], ..Self::default() }
    }

    pub fn get(&mut self, url: &str) -> Response {
        self.send("GET", url, None, false)
    }

    /// Posts a form from a page of the same site.
    pub fn post(&mut self, url: &str, form: &[(&str, &str)]) -> Response {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.send("POST", url, Some(&body), false)
    }

    /// Follows redirects until there is none; the last answer and where it came from.
    pub fn follow(&mut self, url: &str) -> (Response, Url) {
        let mut at = Url::parse(url).unwrap();
        for _ in 0..20 {
            let response = self.get(at.as_str());
            match response.header("location").filter(|_| (300..400).contains(&response.status)) {
                Some(location) => at = at.join(location).unwrap(),
                None => return (response, at),
            }
        }
        panic!("a redirect loop at {at}");
    }

    /// The same through pages that do nothing but post a form by themselves.
    pub fn follow_forms(&mut self, url: &str) -> (Response, Url) {
        let (page, at) = self.follow(url);
        let text = page.text();
        if !text.contains(".submit()") || attributes(&text, "action").is_empty() {
            return (page, at);
        }
        let callback = posted(&text);
        let response = match &callback.form {
            Some(form) if callback.url.origin() == at.origin() => {
                let form: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                self.post(callback.url.as_str(), &form)
            }
            _ => self.call_back(&callback),
        };
        match response.header("location") {
            Some(location) => self.follow_forms(callback.url.join(location).unwrap().as_str()),
            None => (response, callback.url),
        }
    }

    /// Signs in at the provider as `person`, and brings back what it says.
    pub fn at_provider(&mut self, authorize: &str, person: &str) -> Callback {
        let mut url = Url::parse(authorize).unwrap_or_else(|_| panic!("no URL of a provider: {authorize}"));
        url.query_pairs_mut().append_pair("as", person);
        let response = self.get(url.as_str());
        if response.status != 200 {
            return Callback { url: Url::parse(response.location()).unwrap(), form: None };
        }
        posted(&response.text())
    }

    /// Brings an answer of the provider to us: the form comes from another site.
    pub fn call_back(&mut self, callback: &Callback) -> Response {
        match &callback.form {
            None => self.get(callback.url.as_str()),
            Some(form) => {
                let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
                self.send("POST", callback.url.as_str(), Some(&body), true)
            }
        }
    }

    /// The whole way: the generated URL, the provider, and back. What the callback answers.
    pub fn sign_in(&mut self, login: &str, person: &str) -> Response {
        let start = self.get(login);
        let callback = self.at_provider(start.location(), person);
        self.call_back(&callback)
    }

    /// The values of cookies whose name contains `part`.
    pub fn cookies(&self, part: &str) -> Vec<String> {
        self.cookies.iter().filter(|((_, name), _)| name.contains(part)).map(|(_, cookie)| cookie.value.clone()).collect()
    }

    /// Forgets the cookies whose name contains `part`.
    pub fn forget(&mut self, part: &str) {
        self.cookies.retain(|(_, name), _| !name.contains(part));
    }

    /// The `Cookie` header for a host.
    pub fn cookie_header(&self, host: &str) -> String {
        self.sent(host, false)
    }

    fn sent(&self, host: &str, across_sites: bool) -> String {
        let fitting = self.cookies.iter().filter(|((of, _), cookie)| of == host && (cookie.crosses_sites || !across_sites));
        fitting.map(|((_, name), cookie)| format!("{name}={}", cookie.value)).collect::<Vec<_>>().join("; ")
    }

    fn send(&mut self, method: &str, url: &str, body: Option<&str>, across_sites: bool) -> Response {
        let url = Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        let (host, port) = (url.host_str().unwrap().to_owned(), url.port_or_known_default().unwrap());
        let address: Ipv4Addr = host.parse().unwrap_or(Ipv4Addr::LOCALHOST);
        let cookies = self.sent(&host, across_sites);
        let mut headers: Vec<(&str, &str)> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if !cookies.is_empty() {
            headers.push(("Cookie", &cookies));
        }
        if !self.headers.iter().any(|(name, _)| name == "Accept") {
            headers.extend([("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"), ("Sec-Fetch-Mode", "navigate")]);
        }
        let origin = format!("{}://{host}:{port}", url.scheme());
        if body.is_some() {
            headers.push(("Content-Type", "application/x-www-form-urlencoded"));
            headers.push(if across_sites { ("Sec-Fetch-Site", "cross-site") } else { ("Sec-Fetch-Site", "same-origin") });
            headers.push(("Origin", if across_sites { "https://provider.example.test" } else { &origin }));
        }
        let target = url[url::Position::BeforePath..url::Position::AfterQuery].to_owned();
        let (body, authority) = (body.unwrap_or_default().as_bytes(), format!("{host}:{port}"));
        let response = Request { method, target: &target, host: &authority, headers: &headers, body }.over_tcp((address, port).into());
        for (_, value) in response.headers.iter().filter(|(name, _)| name == "set-cookie") {
            self.keep(&host, value);
        }
        response
    }

    fn keep(&mut self, host: &str, cookie: &str) {
        let mut parts = cookie.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let attributes: Vec<String> = parts.map(str::to_ascii_lowercase).collect();
        let key = (host.to_owned(), name.to_owned());
        if value.is_empty() || attributes.iter().any(|attribute| attribute == "max-age=0") {
            self.cookies.remove(&key);
        } else {
            let crosses_sites = !attributes.iter().any(|attribute| attribute == "samesite=lax" || attribute == "samesite=strict");
            self.cookies.insert(key, Cookie { value: value.to_owned(), crosses_sites });
        }
    }
}

/// The form that a page posts by itself.
fn posted(page: &str) -> Callback {
    let action = attributes(page, "action").pop().unwrap_or_default();
    let form = attributes(page, "name").into_iter().zip(attributes(page, "value")).collect();
    Callback { url: Url::parse(&action).unwrap_or_else(|error| panic!("{action}: {error}: {page}")), form: Some(form) }
}

/// The values of the attribute `name` in a page, unescaped.
pub fn attributes(page: &str, name: &str) -> Vec<String> {
    let opening = format!(" {name}=\"");
    let values = page.split(&opening).skip(1).filter_map(|rest| rest.split('"').next());
    values
        .map(|value| value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&#x2f;", "/").replace("&amp;", "&"))
        .collect()
}
