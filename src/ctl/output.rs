//! The only printer: text for people (aligned, in colour on a terminal), JSON for scripts, errors in one layout.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use super::failure::Failure;
use crate::model::Secret;

/// How to print.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
    yes: bool,
    colour: bool,
}

/// What a word means, and so in which colour it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// No meaning of its own.
    Plain,
    /// A heading.
    Bold,
    /// As it should be.
    Good,
    /// Works, but should be looked at.
    Warning,
    /// Does not work.
    Bad,
}

/// A cell of a table.
#[derive(Debug, Clone)]
pub struct Cell(pub Tone, pub String);

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self(Tone::Plain, text)
    }
}

impl Output {
    /// Colours only on a terminal that wants them (<https://no-color.org>).
    pub fn new(json: bool, yes: bool) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { json, yes, colour: io::stdout().is_terminal() && !unwanted && !dumb }
    }

    /// Text without colours.
    #[cfg(test)]
    pub const fn plain() -> Self {
        Self { json: false, yes: false, colour: false }
    }

    /// Whether the reader is a script.
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// Whether the reader sits at a terminal.
    pub fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Prints lines of text, without control characters: part of it comes from elsewhere.
    pub fn text(&self, text: &str) -> Result<(), Failure> {
        self.raw(format!("{}\n", clean(text)).as_bytes())
    }

    /// Prints JSON as it came.
    pub fn json(&self, json: &[u8]) -> Result<(), Failure> {
        self.raw(&[json, b"\n"].concat())
    }

    /// Prints bytes.
    pub fn raw(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::unheard(),
            _ => Failure::found(format!("standard output: {error}")),
        })
    }

    /// `text` in the colour of its meaning.
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            _ if !self.colour => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Bold => "1",
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Prints rows under headings, each column as wide as its widest cell.
    pub fn table<const N: usize>(&self, headings: [&str; N], rows: Vec<[Cell; N]>) -> Result<(), Failure> {
        let headings = headings.map(|text| Cell(Tone::Bold, text.to_owned()));
        let rows: Vec<[Cell; N]> = std::iter::once(headings)
            .chain(rows)
            .map(|row| row.map(|Cell(tone, text)| Cell(tone, clean(&text).replace('\n', " "))))
            .collect();
        let mut widths = [0; N];
        for row in &rows {
            for (width, Cell(_, text)) in widths.iter_mut().zip(row) {
                *width = text.chars().count().max(*width);
            }
        }
        let mut out = String::new();
        for row in &rows {
            let mut line = String::new();
            for (Cell(tone, text), width) in row.iter().zip(widths) {
                line.push_str(&self.paint(*tone, text));
                line.push_str(&" ".repeat(width - text.chars().count() + 2));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        self.raw(out.as_bytes())
    }

    /// Says something beside the output.
    pub fn warn(&self, text: &str) {
        self.aside(&format!("warning: {}\n", clean(text)));
    }

    /// Says on a terminal how far something is; the next words take its place, and none of them remain.
    pub fn progress(&self, text: &str) {
        if !self.json && io::stderr().is_terminal() {
            self.aside(&format!("\r\u{1b}[K{}", clean(text)));
        }
    }

    /// Asks before something that cannot be undone.
    ///
    /// # Errors
    /// A refusal when the answer is not yes, or nobody is there to give one.
    pub fn confirm(&self, question: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(Failure::found(format!("nobody is there to answer: {}", clean(question))).hint("add --yes"));
        }
        self.aside(&format!("{} [y/N] ", clean(question)));
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        if read.is_ok() && ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
            return Ok(());
        }
        Err(Failure::found("nothing was changed"))
    }

    /// Whether somebody sits there who can answer.
    pub fn is_attended(&self) -> bool {
        io::stdin().is_terminal()
    }

    /// Asks for a secret at the terminal, without showing what is typed.
    ///
    /// # Errors
    /// When the terminal cannot be silenced or read.
    pub fn ask_hidden(&self, question: &str) -> Result<Secret<String>, Failure> {
        use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
        let failed = |error: &dyn std::fmt::Display| Failure::found(format!("the terminal cannot be used: {error}"));
        let stdin = io::stdin();
        let shown = tcgetattr(&stdin).map_err(|error| failed(&error))?;
        let mut hidden = shown.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(&stdin, SetArg::TCSAFLUSH, &hidden).map_err(|error| failed(&error))?;
        self.aside(&clean(question));
        let mut answer = String::new();
        let read = stdin.read_line(&mut answer);
        // Whatever came, the terminal shows what is typed from now on.
        let restored = tcsetattr(&stdin, SetArg::TCSAFLUSH, &shown);
        self.aside("\n");
        read.map_err(|error| failed(&error))?;
        restored.map_err(|error| failed(&error))?;
        Ok(Secret::new(answer.trim().to_owned()))
    }

    /// Says something to the person at the terminal, beside the output, as it stands: a prompt ends without a line break.
    pub fn say(&self, text: &str) {
        self.aside(&clean(text));
    }

    /// Whether yes was said beforehand.
    pub const fn is_agreed(&self) -> bool {
        self.yes
    }

    /// Says how it ended.
    pub fn failure(&self, failure: &Failure) -> ExitCode {
        if let Some(document) = failure.in_document().filter(|_| self.json) {
            let _ = self.json(&document.to_json());
        }
        let mut text = String::new();
        if let Some(message) = &failure.message {
            text = format!("onedeskctl: {}\n", clean(message));
        }
        if let Some(hint) = &failure.hint {
            text.push_str(&format!("hint: {}\n", clean(hint)));
        }
        self.aside(&text);
        ExitCode::from(failure.exit)
    }

    fn aside(&self, text: &str) {
        // Nowhere to say that standard error is closed.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// Prints what was put together here, where one answer of the daemon is not the whole of it.
///
/// # Errors
/// As [`Output::json`].
pub fn in_json(output: &Output, value: &impl serde::Serialize) -> Result<(), Failure> {
    let json = serde_json::to_vec(value).map_err(|error| Failure::found(format!("the answer cannot be written: {error}")))?;
    output.json(&json)
}

/// Prints what the command line's parser has to say: help and version (0) or wrong usage (2), which scripts get as a document too.
pub fn usage(message: &clap::Error, json: bool) -> ExitCode {
    if json && message.use_stderr() {
        let text = message.to_string();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let what = lines.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        if let Some(document) = Failure::usage(what).hint("see how it is called: onedeskctl --help, or onedeskctl(8)").in_document() {
            let _ = Output { json, yes: false, colour: false }.json(&document.to_json());
        }
    }
    let _ = message.print();
    ExitCode::from(u8::try_from(message.exit_code()).unwrap_or(2))
}

/// Line breaks and colours that we make stay; any other control character would let a server write on the terminal.
fn clean(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let colour = ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m"].into_iter().find(|code| rest.starts_with(code));
        match colour {
            Some(code) => kept.push_str(code),
            None if c.is_control() && c != '\n' => kept.push('\u{fffd}'),
            None => kept.push(c),
        }
        rest = &rest[colour.map_or(c.len_utf8(), str::len)..];
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_elsewhere_cannot_write_on_the_terminal() {
        assert_eq!(clean("a\u{1b}]0;title\u{7}b\nc\u{9b}2J"), "a\u{fffd}]0;title\u{fffd}b\nc\u{fffd}2J");
    }
}
