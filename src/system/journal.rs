//! Where log records go: the journal with fields, or lines on stderr. One pipeline: the libraries' `tracing` events come
//! through `log` too.
//!
//! Field names (interface, section 7): `ONEDESK_MAILBOX`, `ONEDESK_CONNECTION`, `ONEDESK_AADSTS`, `ONEDESK_REQUEST_ID`,
//! `ONEDESK_TASK`… given as key-values of the record.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::panic;

use log::kv::{self, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};
use nix::sys::stat::fstat;
use systemd_journal_logger::JournalLog;

use crate::model::Clock;

/// The fields of our own lines, by their names in the journal; onedeskd(8) lists those that begin with `ONEDESK_`.
const FIELDS: &[&str] = &[
    "CALL",
    "CAUSE",
    "CLIENT",
    "CODE",
    "COUNT",
    "ENABLED",
    "ERROR",
    "FROM",
    "HINT",
    "ISSUER",
    "KEYS",
    "KIND",
    "LINE",
    "METHOD",
    "ONEDESK_AADSTS",
    "ONEDESK_CAUSE",
    "ONEDESK_CLIENT_ID",
    "ONEDESK_CONNECTION",
    "ONEDESK_GRANT",
    "ONEDESK_LISTENER",
    "ONEDESK_MAILBOX",
    "ONEDESK_PANIC_AT",
    "ONEDESK_PATH",
    "ONEDESK_PROBLEM",
    "ONEDESK_REASON",
    "ONEDESK_REQUEST_ID",
    "ONEDESK_SOCKET",
    "ONEDESK_TASK",
    "ONEDESK_TENANT",
    "ONEDESK_TRACE",
    "ONEDESK_UID",
    "PAGE",
    "PATH",
    "REASON",
    "SLOT",
    "STATE",
    "STATUS",
    "TITLE",
    "TO",
    "VERIFIED",
    "VERSION",
];

/// Fields that the journal and the service manager add, as far as they tell of us and not of the host's business.
const ADDED: &[&str] = &[
    "__REALTIME_TIMESTAMP",
    "_PID",
    "_SYSTEMD_UNIT",
    "EXIT_CODE",
    "EXIT_STATUS",
    "JOB_RESULT",
    "JOB_TYPE",
    "MESSAGE",
    "N_RESTARTS",
    "PRIORITY",
    "SYSLOG_IDENTIFIER",
    "TARGET",
    "UNIT",
    "UNIT_RESULT",
];

/// Whether a field of a line may be shown to support: nobody can put a new one there by logging it.
pub fn is_listed(field: &str) -> bool {
    FIELDS.contains(&field) || ADDED.contains(&field)
}

/// Installs the process's logger: the journal if stderr is connected to it (`JOURNAL_STREAM`, systemd.exec(5)), else stderr.
/// Panics go the same way from now on.
///
/// # Errors
/// When a logger is installed already.
pub fn install(level: LevelFilter, clock: Clock) -> Result<(), log::SetLoggerError> {
    log::set_boxed_logger(Box::new(Logger { sink: Sink::open(clock) }))?;
    set_level(level);
    panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let words = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        log::error!(ONEDESK_PANIC_AT = at.as_str(); "panic: {}", words.unwrap_or("without words"));
    }));
    Ok(())
}

/// Tells why the process ends, after [`install`]. To the journal by way of standard error: a datagram is ascribed to a unit when the journal
/// gets round to reading it, and if its sender has ended by then it is nobody's, and `journalctl -u` and `systemctl status` say nothing.
pub fn last_words(message: &str, hint: &str) {
    if !stderr_is_the_journal(std::env::var("JOURNAL_STREAM").ok().as_deref()) {
        log::error!(hint = hint; "{message}");
        return;
    }
    // The level of an error, as sd-daemon(3) has it.
    let mut text = "<3>".to_owned();
    push_printable(&mut text, message);
    if !hint.is_empty() {
        text += "; ";
        push_printable(&mut text, hint);
    }
    text.push('\n');
    // Nowhere is left to tell of an error here.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Changes the level, at the start or by a reload.
pub fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}

struct Logger {
    sink: Sink,
}

enum Sink {
    Journal(JournalLog),
    Stderr(Clock),
}

impl Sink {
    fn open(clock: Clock) -> Self {
        let journal = stderr_is_the_journal(std::env::var("JOURNAL_STREAM").ok().as_deref()).then(JournalLog::new);
        match journal {
            Some(Ok(journal)) => Self::Journal(journal),
            Some(Err(_)) | None => Self::Stderr(clock),
        }
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata) -> bool {
        is_wanted(metadata.target(), metadata.level(), log::max_level())
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        match &self.sink {
            Sink::Journal(journal) => journal.log(record),
            Sink::Stderr(clock) => {
                let line = format!("{:.3} {}\n", clock.now(), line(record));
                // Nowhere is left to tell of an error here.
                let _ = io::stderr().lock().write_all(line.as_bytes());
            }
        }
    }

    fn flush(&self) {}
}

/// Libraries are heard from `warn` up, and from `info` up while we debug. Never below: their debug lines may hold headers
/// and bodies, hence secrets.
fn is_wanted(target: &str, level: Level, limit: LevelFilter) -> bool {
    let ours = target.split("::").next().is_some_and(|root| root.starts_with("onedesk"));
    let limit = match (ours, limit) {
        (true, limit) => limit,
        (false, LevelFilter::Debug | LevelFilter::Trace) => LevelFilter::Info,
        (false, limit) => limit.min(LevelFilter::Warn),
    };
    level <= limit
}

/// `JOURNAL_STREAM` is `device:inode` of the journal's socket; a redirected stderr is another file.
fn stderr_is_the_journal(stream: Option<&str>) -> bool {
    let Some((device, inode)) = stream.and_then(|stream| stream.split_once(':')) else { return false };
    let (Ok(device), Ok(inode)) = (device.parse::<u64>(), inode.parse::<u64>()) else { return false };
    fstat(io::stderr()).is_ok_and(|stat| stat.st_dev == device && stat.st_ino == inode)
}

/// `WARN  the text key=value`, on one line whatever the values hold.
fn line(record: &Record) -> String {
    let mut line = format!("{:5} ", record.level());
    push_printable(&mut line, &record.args().to_string());
    let mut fields = Fields(&mut line);
    // The visitor below never fails.
    let _ = record.key_values().visit(&mut fields);
    line
}

struct Fields<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        let value = value.to_string();
        let name = key.as_str().trim_start_matches("ONEDESK_").to_ascii_lowercase();
        let plain = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"');
        // Writing to a String cannot fail.
        let _ = if plain { write!(self.0, " {name}={value}") } else { write!(self.0, " {name}={value:?}") };
        Ok(())
    }
}

fn push_printable(line: &mut String, text: &str) {
    for c in text.chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_line_shows_text_and_fields_and_stays_one_line() {
        let fields = [("ONEDESK_MAILBOX", "help@contoso.com"), ("ONEDESK_REASON", "two\nlines")];
        let shown =
            line(&Record::builder().args(format_args!("grant refused\r\nERROR forged")).level(Level::Warn).key_values(&fields).build());
        assert_eq!(shown, r#"WARN  grant refused\r\nERROR forged mailbox=help@contoso.com reason="two\nlines""#);
    }

    #[test]
    fn libraries_are_heard_from_warn_up_and_never_at_debug() {
        for (target, level, limit, wanted) in [
            ("onedesk::mailboxes", Level::Info, LevelFilter::Info, true),
            ("onedesk::mailboxes", Level::Debug, LevelFilter::Info, false),
            ("onedesk::mailboxes", Level::Trace, LevelFilter::Trace, true),
            ("onedeskd", Level::Info, LevelFilter::Info, true),
            ("sqlx::query", Level::Warn, LevelFilter::Info, true),
            ("sqlx::query", Level::Info, LevelFilter::Info, false),
            ("hyper::proto", Level::Info, LevelFilter::Trace, true),
            ("hyper::proto", Level::Debug, LevelFilter::Trace, false),
            ("rustls", Level::Warn, LevelFilter::Error, false),
        ] {
            assert_eq!(is_wanted(target, level, limit), wanted, "{target} {level} {limit}");
        }
    }

    /// The keys of every `log::…!(key = value, …; "text")` in the sources, as the journal names them.
    fn logged() -> BTreeSet<String> {
        let mut folders = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        let mut found = BTreeSet::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else {
                    let text = std::fs::read_to_string(entry).unwrap();
                    let calls = ["error", "warn", "info", "debug", "trace"].map(|level| format!("log::{level}!("));
                    calls.iter().for_each(|call| text.split(call.as_str()).skip(1).for_each(|rest| found.extend(keys(rest))));
                }
            }
        }
        found
    }

    fn keys(call: &str) -> Vec<String> {
        let (mut depth, mut in_text, mut key, mut found) = (0_i32, false, Some(String::new()), Vec::new());
        for c in call.chars() {
            match c {
                '"' if depth == 0 && key.as_ref().is_some_and(|key| key.trim().is_empty()) => return found,
                '"' => in_text = !in_text,
                _ if in_text => {}
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                '=' | ':' if depth == 0 => found.extend(key.take().map(|key| key.trim().to_uppercase())),
                ';' if depth == 0 => {
                    found.extend(key.take().map(|key| key.trim().to_uppercase()));
                    return found;
                }
                ',' if depth == 0 => key = Some(String::new()),
                c => key.iter_mut().for_each(|key| key.push(c)),
            }
        }
        found
    }

    #[test]
    fn every_field_that_is_logged_is_listed_and_no_other() {
        let listed: BTreeSet<String> = FIELDS.iter().map(|&field| field.to_owned()).collect();
        assert_eq!(logged(), listed);
    }

    #[test]
    fn onedeskd_8_has_every_field_of_ours_and_no_other() {
        let manual = include_str!("../../packaging/man/onedeskd.8");
        let written: BTreeSet<&str> = manual.lines().filter_map(|line| line.strip_prefix(".It Dv ONEDESK_")).collect();
        let listed: BTreeSet<&str> = FIELDS.iter().filter_map(|field| field.strip_prefix("ONEDESK_")).collect();
        assert_eq!(written, listed);
    }

    #[test]
    fn a_stream_that_is_not_stderr_is_not_the_journal() {
        for stream in [None, Some(""), Some("8"), Some("8:x"), Some("0:0")] {
            assert!(!stderr_is_the_journal(stream), "{stream:?}");
        }
    }
}
