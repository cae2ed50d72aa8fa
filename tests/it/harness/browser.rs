//! [`Browser`]: keeps cookies, goes where it is sent, and shows every step.

use std::collections::BTreeMap;
use std::net::ToSocketAddrs as _;

use url::Url;

use super::{Answer, Target, send};

/// A person's browser. Cookies are kept by origin, as their path is `/` and none is for a domain.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    cookies: BTreeMap<String, BTreeMap<String, String>>,
    /// The `Accept` header.
    pub accept: Option<String>,
}

impl Browser {
    /// One that never was here.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that wants JSON.
    pub fn of_a_program() -> Self {
        Self { accept: Some("application/json".into()), ..Self::default() }
    }

    /// Opens an address and returns what comes, also if that is a redirect.
    pub fn get(&mut self, url: &str) -> Answer {
        self.request("GET", url, &[], "")
    }

    /// Posts a form.
    pub fn post(&mut self, url: &str, form: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.request("POST", url, &["content-type: application/x-www-form-urlencoded".to_owned()], &body)
    }

    /// A request with further header lines.
    pub fn request(&mut self, method: &str, url: &str, headers: &[String], body: &str) -> Answer {
        let parsed = Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        let origin = parsed.origin().ascii_serialization();
        let mut lines = headers.to_vec();
        lines.push(format!("host: {}", parsed.authority()));
        lines.push(format!("accept: {}", self.accept.as_deref().unwrap_or("text/html,application/xhtml+xml,*/*;q=0.8")));
        if let Some(cookies) = self.cookies.get(&origin).filter(|cookies| !cookies.is_empty()) {
            let pairs: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            lines.push(format!("cookie: {}", pairs.join("; ")));
        }
        let address = (parsed.host_str().unwrap(), parsed.port_or_known_default().unwrap()).to_socket_addrs().unwrap().next().unwrap();
        let path = parsed.query().map_or_else(|| parsed.path().to_owned(), |query| format!("{}?{query}", parsed.path()));
        let answer =
            send(&Target::Tcp(address), method, &path, &lines, body.as_bytes()).unwrap_or_else(|error| panic!("{method} {url}: {error}"));
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            let kept = self.cookies.entry(origin.clone()).or_default();
            if value.is_empty() {
                kept.remove(name.trim())
            } else {
                kept.insert(name.trim().to_owned(), value.to_owned())
            };
        }
        answer
    }

    /// Opens an address and follows redirects to the end.
    pub fn open(&mut self, url: &str) -> Answer {
        let mut url = url.to_owned();
        for _ in 0..10 {
            let answer = self.get(&url);
            match location(&url, &answer) {
                Some(next) => url = next,
                None => return answer,
            }
        }
        panic!("more than ten redirects, the last one to {url}");
    }

    /// Opens a connect link and returns the authorization request that it leads to.
    pub fn begin(&mut self, link: &str) -> String {
        let answer = self.get(link).expect(303);
        location(link, &answer).unwrap()
    }

    /// Signs in at the simulator as `user` and returns the callback that the provider sends the browser to, not yet opened.
    pub fn sign_in(&mut self, authorization: &str, user: &str) -> String {
        self.answer(authorization, ("sim_user", user))
    }

    /// Turns back at the simulator's page; returns the callback, not yet opened.
    pub fn decline(&mut self, authorization: &str) -> String {
        self.answer(authorization, ("sim_decline", "1"))
    }

    fn answer(&mut self, authorization: &str, button: (&str, &str)) -> String {
        let mut url = Url::parse(authorization).unwrap();
        url.query_pairs_mut().append_pair(button.0, button.1);
        let answer = self.get(url.as_str()).expect(302);
        location(url.as_str(), &answer).unwrap()
    }

    /// The cookies for an origin.
    pub fn cookies(&self, origin: &str) -> Vec<(String, String)> {
        self.cookies.get(origin).into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// Where an answer sends the browser, without the empty fragment that Entra appends.
fn location(from: &str, answer: &Answer) -> Option<String> {
    let target = answer.header("location").filter(|_| (300..400).contains(&answer.status))?;
    let mut url = Url::parse(from).unwrap().join(target).unwrap();
    url.set_fragment(None);
    Some(url.into())
}
