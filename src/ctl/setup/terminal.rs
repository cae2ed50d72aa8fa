//! The person at the terminal: prompts on standard error, answers from standard input, no echo for secrets, and an orderly end at
//! Ctrl-C wherever it comes.

use std::future::Future;
use std::io::{self, IsTerminal as _};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::answers::correction;
use crate::ctl::failure::Failure;
use crate::ctl::output::Output;
use crate::model::{Problem, Secret};

/// Somebody who may be there to answer.
pub struct Terminal {
    output: Output,
    is_there: bool,
    signals: [Signal; 3],
}

impl Terminal {
    /// Takes over the signals that end a program, so that nothing is left half done from now on.
    pub fn new(output: Output) -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::found(format!("signals cannot be received: {error}")));
        let signals = [listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?];
        Ok(Self { output, is_there: io::stdin().is_terminal(), signals })
    }

    /// Whether anybody can answer.
    pub const fn is_there(&self) -> bool {
        self.is_there
    }

    /// Says something beside the output.
    pub fn say(&self, text: &str) {
        self.output.say(&format!("{text}\n"));
    }

    /// Asks until the answer is good; an empty one keeps `current`.
    pub async fn answer<T: Clone>(
        &mut self,
        what: &str,
        current: Option<T>,
        show: impl Fn(&T) -> String,
        check: impl Fn(&str) -> Result<T, Problem>,
    ) -> Result<T, Failure> {
        let shown = current.as_ref().map(|value| format!(" [{}]", show(value))).unwrap_or_default();
        loop {
            self.output.say(&format!("{what}{shown}: "));
            let line = self.line().await?;
            if let Some(answer) = self.judged(&line, current.clone(), &check) {
                return Ok(answer);
            }
        }
    }

    /// The same without showing what is typed or what was there.
    pub async fn hidden_answer(
        &mut self,
        what: &str,
        current: Option<Secret<String>>,
        check: impl Fn(&str) -> Result<Secret<String>, Problem>,
    ) -> Result<Secret<String>, Failure> {
        let shown = if current.is_some() { " [keep the present one]" } else { "" };
        loop {
            let silence = Silence::begin()?;
            self.output.say(&format!("{what}{shown}: "));
            let line = self.line().await;
            drop(silence);
            self.output.say("\n");
            if let Some(answer) = self.judged(&line?, current.clone(), &check) {
                return Ok(answer);
            }
        }
    }

    /// Asks for consent; Enter is yes.
    pub async fn agree(&mut self, question: &str) -> Result<(), Failure> {
        if self.output.is_agreed() {
            return Ok(());
        }
        self.output.say(&format!("{question} [Y/n] "));
        let line = self.line().await?;
        match line.expose().trim().to_lowercase().as_str() {
            "" | "y" | "yes" => Ok(()),
            _ => Err(Failure::found("nothing was changed")),
        }
    }

    /// Does `work` unless it is interrupted; then it ends with `state` as the hint.
    pub async fn or_interrupted<T>(&mut self, work: impl Future<Output = T>, state: &str) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = interrupted(&mut self.signals) => Err(Failure::found("interrupted").hint(state)),
            done = work => Ok(done),
        }
    }

    fn judged<T>(&self, line: &Secret<String>, current: Option<T>, check: impl Fn(&str) -> Result<T, Problem>) -> Option<T> {
        match (line.expose().trim(), current) {
            ("", Some(current)) => Some(current),
            ("", None) => {
                self.say("  An answer is needed here.");
                None
            }
            (text, _) => check(text).map_err(|problem| self.say(&correction(&problem))).ok(),
        }
    }

    /// One line. The thread that waits for it is left behind when a signal comes first; it ends with the program.
    async fn line(&mut self) -> Result<Secret<String>, Failure> {
        let (send, receive) = oneshot::channel();
        let reader = std::thread::Builder::new().name("terminal".to_owned()).spawn(move || {
            let mut line = String::with_capacity(4096);
            let read = io::stdin().read_line(&mut line);
            let line = Secret::new(line);
            // Nobody waits any more after a signal.
            let _ = send.send(read.map(|length| (length > 0).then_some(line)));
        });
        reader.map_err(|error| Failure::found(format!("the terminal cannot be read: {error}")))?;
        let unchanged = || Failure::found("nothing was changed");
        tokio::select! {
            biased;
            () = interrupted(&mut self.signals) => {
                self.output.say("\n");
                Err(unchanged())
            }
            line = receive => match line {
                Ok(Ok(Some(line))) => Ok(line),
                Ok(Err(error)) => Err(Failure::found(format!("the terminal cannot be read: {error}"))),
                // The end of the input: nobody is there any more.
                Ok(Ok(None)) | Err(_) => Err(unchanged()),
            },
        }
    }
}

async fn interrupted([interrupt, terminate, hangup]: &mut [Signal; 3]) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Silence(Termios);

impl Silence {
    fn begin() -> Result<Self, Failure> {
        let failed = |errno: nix::Error| Failure::found(format!("the terminal cannot be silenced: {}", errno.desc()));
        let shown = tcgetattr(io::stdin()).map_err(failed)?;
        let mut silent = shown.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &silent).map_err(failed)?;
        Ok(Self(shown))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // Nothing is left to do where a terminal has gone away.
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.0);
    }
}
