//! A browser as small as the journey needs: HTTP/1.1 without keep-alive, one cookie jar, redirects, and the simulator's account page.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, bail, ensure};
use url::Url;

use super::stage::PATIENCE;

/// More redirects than any sign-in needs.
const MOST_REDIRECTS: usize = 10;

/// An answer, taken apart.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    fn of(text: &str) -> Result<Self> {
        let (head, body) = text.split_once("\r\n\r\n").context("the answer broke off")?;
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("the answer has no status")?.parse()?;
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        ensure!(
            !headers.iter().any(|(name, _)| name == "transfer-encoding"),
            "the answer comes in a coding that this browser does not know"
        );
        Ok(Self { status, headers, body: body.to_owned() })
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Sends one request and reads the whole answer.
pub fn send(method: &str, url: &Url, cookies: &str, body: &str) -> Result<Answer> {
    let host = url.host_str().context("an address without a host")?;
    let port = url.port_or_known_default().context("an address without a port")?;
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut stream = TcpStream::connect((host, port)).with_context(|| format!("nobody answers at {host}:{port}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let cookies = if cookies.is_empty() { String::new() } else { format!("Cookie: {cookies}\r\n") };
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/html\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n{cookies}\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).with_context(|| format!("{host}:{port} did not finish its answer"))?;
    Answer::of(&String::from_utf8(answer)?)
}

/// Somebody's browser.
#[derive(Debug, Default)]
pub struct Browser {
    /// By host: browsers tell no ports apart.
    cookies: BTreeMap<(String, String), String>,
}

impl Browser {
    /// Opens `link`, signs in as `person` where the simulator asks, and returns the page at the end.
    pub fn sign_in(&mut self, link: &str, person: &str) -> Result<Answer> {
        let mut url: Url = link.trim().parse().with_context(|| format!("\"{link}\" is no link"))?;
        for _ in 0..MOST_REDIRECTS {
            let answer = self.get(&url)?;
            let next = answer.all("location").next().filter(|_| (301..=308).contains(&answer.status)).map(str::to_owned);
            if let Some(next) = next {
                url = url.join(&next)?;
            } else if answer.body.contains("name=\"sim_user\"") {
                // Pressing a person's button sends the page's hidden fields, which are those of its address, and the name.
                url.query_pairs_mut().append_pair("sim_user", person);
            } else {
                return Ok(answer);
            }
        }
        bail!("the sign-in is sent round and round");
    }

    fn get(&mut self, url: &Url) -> Result<Answer> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let mine = self.cookies.iter().filter(|((of, _), _)| *of == host);
        let cookies = mine.map(|((_, name), value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let answer = send("GET", url, &cookies, "")?;
        for cookie in answer.all("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').with_context(|| format!("a cookie without a value: {pair}"))?;
            self.cookies.insert((host.clone(), name.trim().to_owned()), value.trim().to_owned());
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart_and_half_of_one_is_refused() {
        let answer = Answer::of("HTTP/1.1 303 See Other\r\nLocation: /next\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n\r\nbody").unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (303, "body"));
        assert_eq!(answer.all("set-cookie").collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert!(Answer::of("HTTP/1.1 200 OK\r\n").is_err());
    }
}
