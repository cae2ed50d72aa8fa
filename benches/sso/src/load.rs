//! Load: blocking connections that are kept alive, cheap enough that the servers are what is measured.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// Connections at once, over all threads.
const CONNECTIONS: usize = 16;
const THREADS: usize = 2;

/// One connection that is kept alive, and made anew when the server closed it.
pub struct Line {
    address: String,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// What came back, without its body.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub head: String,
}

impl Answer {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// `name=value` of every cookie that it sets.
    pub fn cookies(&self) -> impl Iterator<Item = &str> {
        self.head.lines().filter_map(|line| {
            let (key, value) = line.split_once(':')?;
            let pair = value.trim().split(';').next()?;
            (key.eq_ignore_ascii_case("set-cookie") && !pair.ends_with('=')).then_some(pair)
        })
    }
}

impl Line {
    pub fn new(address: &str) -> Self {
        Self { address: address.to_owned(), stream: None, buffer: Vec::with_capacity(16 * 1024) }
    }

    /// GET `target` with `cookies`.
    pub fn get(&mut self, target: &str, cookies: &str) -> Result<Answer> {
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {}\r\nAccept: text/html\r\nSec-Fetch-Mode: navigate\r\nCookie: {cookies}\r\n\r\n",
            self.address
        );
        self.ask(request.as_bytes())
    }

    /// Sends a request as it is. A kept connection may be closed by now: then once more.
    pub fn ask(&mut self, request: &[u8]) -> Result<Answer> {
        let was_kept = self.stream.is_some();
        match self.send(request).and_then(|()| self.receive()) {
            Err(_) if was_kept => self.send(request).and_then(|()| self.receive()),
            result => result,
        }
    }

    fn send(&mut self, request: &[u8]) -> Result<()> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(&self.address).with_context(|| self.address.clone())?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_secs(30)))?;
                stream
            }
        };
        stream.write_all(request)?;
        self.stream = Some(stream);
        Ok(())
    }

    fn receive(&mut self) -> Result<Answer> {
        let mut stream = self.stream.take().context("nothing was asked")?;
        self.buffer.clear();
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            read_more(&mut stream, &mut self.buffer)?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
        let answer = Answer { status, head };
        let length = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
        match (length, answer.header("transfer-encoding")) {
            (Some(length), _) => {
                while self.buffer.len() < end + length {
                    read_more(&mut stream, &mut self.buffer)?;
                }
            }
            (None, Some(_)) => {
                while !self.buffer.ends_with(b"0\r\n\r\n") {
                    read_more(&mut stream, &mut self.buffer)?;
                }
            }
            (None, None) => {}
        }
        if !answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    let mut part = [0; 8192];
    match stream.read(&mut part)? {
        0 => bail!("the server closed the connection"),
        length => buffer.extend_from_slice(&part[..length]),
    }
    Ok(())
}

/// Does `work` for every number below `count`, over `threads` connections to `address`; the results in the order of the numbers.
pub fn each<T: Send>(address: &str, threads: usize, count: usize, work: impl Fn(&mut Line, usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let parts: Vec<Result<Vec<(usize, T)>>> = std::thread::scope(|scope| {
        let run = || {
            let (mut line, mut done) = (Line::new(address), Vec::new());
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok(done);
                }
                done.push((number, work(&mut line, number)?));
            }
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a client thread panicked"))).collect()
    });
    let mut all = Vec::with_capacity(count);
    for part in parts {
        all.extend(part?);
    }
    all.sort_unstable_by_key(|(number, _)| *number);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

/// Asks `count` times with the requests in turn, a few connections in lock step in each thread; the answers must be `status`.
/// Returns the requests in a second.
pub fn storm(address: &str, requests: &[Vec<u8>], count: usize, status: u16) -> Result<f64> {
    let began = Instant::now();
    let per_thread = count / THREADS;
    let results: Vec<Result<()>> = std::thread::scope(|scope| {
        let run = |thread: usize| {
            let mut lines: Vec<Line> = (0..CONNECTIONS / THREADS).map(|_| Line::new(address)).collect();
            // A step that has no divisor in common with the length visits all, far from each other.
            let mut place = thread * 7919;
            let mut left = per_thread;
            while left > 0 {
                for line in &mut lines {
                    place = (place + 7919) % requests.len();
                    line.send(&requests[place])?;
                }
                for line in &mut lines {
                    let answer = line.receive()?;
                    if answer.status != status {
                        bail!("answered {}", answer.head);
                    }
                }
                left = left.saturating_sub(lines.len());
            }
            Ok(())
        };
        let running: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || run(thread))).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a client thread panicked"))).collect()
    });
    results.into_iter().collect::<Result<()>>()?;
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    Ok((per_thread * THREADS) as f64 / began.elapsed().as_secs_f64())
}
