//! HTTP/1.1 as bytes: one request on one connection, over TCP or a Unix socket, read to the end of the answer.

use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

/// Where a server listens.
#[derive(Clone, Debug)]
pub enum Target {
    /// Over the network.
    Tcp(SocketAddr),
    /// On this machine.
    Unix(PathBuf),
}

/// Both kinds of connection.
pub trait Stream: Read + io::Write + Send {}
impl<T: Read + io::Write + Send> Stream for T {}

impl Target {
    /// A new connection with deadlines, which are longer than any of the daemon's own.
    pub fn connect(&self) -> io::Result<Box<dyn Stream>> {
        const PATIENCE: Duration = Duration::from_secs(40);
        match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, PATIENCE)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Box::new(stream))
            }
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Box::new(stream))
            }
        }
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as text.
    pub body: String,
}

impl Answer {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}) but {}: {}", self.status, self.body))
    }

    /// The answer, if it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }

    /// The answer, if a reader of the body finds all of these in it.
    #[track_caller]
    pub fn says(&self, parts: &[&str]) -> &Self {
        let text = self.body.replace("&#x2f;", "/").replace("&#x27;", "'").replace("&quot;", "\"").replace("&amp;", "&");
        for part in parts {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
        self
    }
}

/// Sends a request of this method and target and reads the answer. `headers` are whole lines without their end.
pub fn send(target: &Target, method: &str, path: &str, headers: &[String], body: &[u8]) -> io::Result<Answer> {
    let mut stream = target.connect()?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
    if !headers.iter().any(|line| line.to_ascii_lowercase().starts_with("host:")) {
        head += "host: localhost\r\n";
    }
    if !body.is_empty() || method == "POST" {
        head += &format!("content-length: {}\r\n", body.len());
    }
    for line in headers {
        head += &format!("{line}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    // A server may refuse a large body and hang up before it has read all of it.
    let sent = stream.write_all(body).and_then(|()| stream.flush());
    read(&mut BufReader::new(stream), method == "HEAD").or_else(|error| sent.and(Err(error)))
}

/// A connection that is kept for one request after another.
pub struct Connection(BufReader<Box<dyn Stream>>);

impl Connection {
    /// Connects.
    pub fn open(target: &Target) -> Self {
        Self(BufReader::new(target.connect().unwrap()))
    }

    /// GET.
    pub fn get(&mut self, path: &str) -> Answer {
        self.0.get_mut().write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).unwrap();
        read(&mut self.0, false).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }
}

/// Reads one answer.
fn read(stream: &mut BufReader<impl Read>, without_body: bool) -> io::Result<Answer> {
    let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status =
        line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(|| broken(&format!("no status line: {line:?}")))?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut answer = Answer { status, headers, body: String::new() };
    if without_body || status == 204 || status == 304 {
        return Ok(answer);
    }
    let mut body = Vec::new();
    match answer.header("content-length").map(str::parse::<u64>) {
        Some(Ok(length)) => {
            stream.take(length).read_to_end(&mut body)?;
        }
        _ if answer.header("transfer-encoding") == Some("chunked") => loop {
            line.clear();
            stream.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim(), 16).map_err(|_| broken("no chunk size"))?;
            Read::take(&mut *stream, size).read_to_end(&mut body)?;
            stream.read_line(&mut line)?;
            if size == 0 {
                break;
            }
        },
        _ => {
            stream.read_to_end(&mut body)?;
        }
    }
    answer.body = String::from_utf8_lossy(&body).into_owned();
    Ok(answer)
}
