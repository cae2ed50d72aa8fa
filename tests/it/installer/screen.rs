//! A program at a pseudo-terminal, and the screen that its user sees.

use std::fs::File;
use std::num::NonZero;
use std::path::Path;
use std::process::Command;

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use rexpect::process::WaitStatus;
use rexpect::session::{PtySession, spawn_command};
use rustix::termios::{Winsize, tcsetwinsize};

/// Longer than anything takes on a busy machine; reached by failures only.
const PATIENCE: u64 = 20_000;
const ROWS: u16 = 60;

/// `onedeskctl` at a terminal of its own.
pub struct Screen {
    session: PtySession,
    terminal: File,
    screen: vt100::Parser,
    /// Everything that was ever on it, scrolled away or not.
    pub all: String,
}

impl Screen {
    /// Runs `onedeskctl --config FILE ARGUMENTS` on 60 lines of 100 columns.
    pub fn of(config: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_onedeskctl"));
        command.arg("--config").arg(config).args(arguments);
        Self::running(command)
    }

    /// Runs any command there.
    pub fn running(mut command: Command) -> Self {
        command.env("TERM", "xterm").env_remove("NO_COLOR");
        let session = spawn_command(command, Some(PATIENCE)).unwrap();
        let terminal = session.process().get_file_handle().unwrap();
        let mut screen = Self { session, terminal, screen: vt100::Parser::new(cells(ROWS), cells(100), 0), all: String::new() };
        screen.resize(100);
        screen
    }

    /// As when somebody drags the window.
    pub fn resize(&mut self, columns: u16) {
        tcsetwinsize(&self.terminal, Winsize { ws_row: ROWS, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        self.screen.screen_mut().set_size(cells(ROWS), cells(columns));
    }

    /// Waits until `text` was written.
    #[track_caller]
    pub fn see(&mut self, text: &str) -> &mut Self {
        match self.session.exp_string(text) {
            Ok(before) => self.show(&format!("{before}{text}")),
            Err(error) => panic!("{error}\nso far:\n{}", self.all),
        }
        self
    }

    /// Types a line.
    pub fn enter(&mut self, line: &str) -> &mut Self {
        self.session.send_line(line).unwrap();
        self
    }

    /// Ctrl-C.
    pub fn interrupt(&mut self) -> &mut Self {
        self.session.send_control('c').unwrap();
        self
    }

    /// Whether the terminal shows what is typed.
    pub fn echoes(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_flags.contains(LocalFlags::ECHO)
    }

    /// As terminals are when a shell hands them over; the library that makes ours has it the other way round.
    pub fn with_echo(&mut self) -> &mut Self {
        let mut settings = tcgetattr(&self.terminal).unwrap();
        settings.local_flags.insert(LocalFlags::ECHO);
        tcsetattr(&self.terminal, SetArg::TCSANOW, &settings).unwrap();
        self
    }

    /// Waits for the end: the exit status, and what is on the screen then.
    pub fn end(&mut self) -> (i32, String) {
        let rest = self.session.exp_eof().unwrap();
        self.show(&rest);
        let WaitStatus::Exited(_, code) = self.session.process().wait().unwrap() else { panic!("killed by a signal:\n{}", self.all) };
        (code, self.now())
    }

    /// What is on the screen.
    pub fn now(&self) -> String {
        self.screen.screen().contents()
    }

    fn show(&mut self, text: &str) {
        self.screen.process(text.as_bytes());
        self.all.push_str(text);
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}
