//! `onedeskctl gate`: what httpd's `RewriteMap prg:` asks about each request, for it has no module that asks a service.
//!
//! One line in, `APP COOKIES`; one line out: `200`, id, e-mail, name, kind and groups, separated by tabs; or `off`, `401`, `403`,
//! or `503` when the daemon gives no answer. The daemon decides; nothing is remembered here.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::failure::Failure;
use super::output::Output;

/// httpd asks one question at a time: a daemon that hangs must not stop the web server for long.
const PATIENCE: Duration = Duration::from_secs(2);
/// The headers of an answer, with groups (2 KiB) and room.
const LONGEST_HEAD: u64 = 16 * 1024;
const LONGEST_BODY: u64 = 64 * 1024;
/// What an app is told, in the order of the answer.
const IDENTITY: [&str; 5] = ["user", "email", "name", "kind", "groups"];

/// Answers until httpd closes standard input.
pub fn run(door: &str, output: Output) -> Result<(), Failure> {
    let mut gate = Gate { door, connection: None };
    let mut question = Vec::new();
    let mut input = io::stdin().lock();
    loop {
        question.clear();
        let failed = |error: io::Error| Failure::found(format!("standard input: {error}"));
        if input.read_until(b'\n', &mut question).map_err(failed)? == 0 {
            return Ok(());
        }
        let answer = gate.ask(question.trim_ascii_end());
        output.raw(format!("{answer}\n").as_bytes())?;
    }
}

struct Gate<'a> {
    door: &'a str,
    connection: Option<BufReader<Box<dyn Connection>>>,
}

trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

impl Gate<'_> {
    /// A connection that was kept may be closed by now, so a failure is tried once more with a new one.
    fn ask(&mut self, question: &[u8]) -> String {
        let Some((app, cookies)) = parse(question) else { return "401".to_owned() };
        let was_kept = self.connection.is_some();
        let first = self.exchange(app, cookies);
        let answered = if first.is_err() && was_kept { self.exchange(app, cookies) } else { first };
        answered.unwrap_or_else(|_| "503".to_owned())
    }

    fn exchange(&mut self, app: &str, cookies: &str) -> io::Result<String> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => BufReader::new(connect(self.door)?),
        };
        let request = format!("GET /sso/check?app={app} HTTP/1.1\r\nHost: onedesk\r\nCookie: {cookies}\r\n\r\n");
        connection.get_mut().write_all(request.as_bytes())?;
        let mut head = String::new();
        let mut limited = connection.by_ref().take(LONGEST_HEAD);
        while !head.ends_with("\r\n\r\n") {
            if limited.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        // Only an answer that was read to its end leaves the connection usable.
        if let Some(length) = header(&head, "content-length").and_then(|text| text.parse().ok()).filter(|length| *length <= LONGEST_BODY) {
            io::copy(&mut connection.by_ref().take(length), &mut io::sink())?;
            self.connection = Some(connection);
        }
        Ok(answer(&head))
    }
}

/// The app and the cookies of a question. Control characters would be lines of a request of their own.
fn parse(question: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(question).ok()?;
    let (app, cookies) = text.split_once(' ').unwrap_or((text, ""));
    let sound = !app.is_empty() && app.bytes().all(|octet| octet.is_ascii_lowercase()) && !cookies.chars().any(char::is_control);
    sound.then_some((app, cookies))
}

fn connect(door: &str) -> io::Result<Box<dyn Connection>> {
    if let Some(path) = door.strip_prefix("unix:") {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        return Ok(Box::new(stream));
    }
    let stream = TcpStream::connect(door.trim_start_matches("http://").trim_end_matches('/'))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

/// The line for httpd.
fn answer(head: &str) -> String {
    match head.split(' ').nth(1) {
        Some("200") => match header(head, "x-onedesk-user").filter(|user| !user.is_empty()) {
            Some(_) => {
                let said = IDENTITY.map(|name| header(head, &format!("x-onedesk-{name}")).unwrap_or_default().replace('\t', " "));
                format!("200\t{}", said.join("\t"))
            }
            None => "503".to_owned(),
        },
        Some("401") if header(head, "x-onedesk-sso") == Some("off") => "off".to_owned(),
        Some(refusal @ ("401" | "403")) => refusal.to_owned(),
        _ => "503".to_owned(),
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_the_daemon_is_one_line_for_httpd() {
        let head = |status: &str, headers: &str| format!("HTTP/1.1 {status} X\r\n{headers}\r\n\r\n");
        for (given, expected) in [
            (head("200", "X-OneDesk-User: 7\r\nx-onedesk-email: a@b.test\r\nX-OneDesk-Kind: user"), "200\t7\ta@b.test\t\tuser\t"),
            (head("200", "X-OneDesk-User: 7\r\nX-OneDesk-Groups: a\tb"), "200\t7\t\t\t\ta b"),
            (head("200", "X-OneDesk-Email: a@b.test"), "503"),
            (head("401", ""), "401"),
            (head("401", "x-onedesk-sso: off"), "off"),
            (head("403", "x-onedesk-sso: off"), "403"),
            (head("500", ""), "503"),
            ("nonsense".to_owned(), "503"),
        ] {
            assert_eq!(answer(&given), expected, "{given:?}");
        }
    }

    #[test]
    fn a_question_is_an_app_and_cookies_and_never_a_second_line() {
        for (question, expected) in [
            ("main a=b; c=d", Some(("main", "a=b; c=d"))),
            ("kb ", Some(("kb", ""))),
            ("kb", Some(("kb", ""))),
            ("", None),
            (" a=b", None),
            ("main&redirect=1 a=b", None),
            ("main a=b\r", None),
            ("main a=b\rX-Evil: 1", None),
        ] {
            assert_eq!(parse(question.as_bytes()), expected, "{question:?}");
        }
    }
}
