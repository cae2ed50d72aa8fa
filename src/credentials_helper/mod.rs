//! `onedesk-credentials`: the root process that watches `/root/.OneDesk` and hands what it finds to `onedeskd`. It has no
//! network, opens one file, and runs on one thread beside inotify's.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use log::LevelFilter;
use nix::unistd::{Uid, User};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::credentials::{FILE, Observation, Outcome, SOCKET, file, handover, source};
use crate::model::Clock;
use crate::system::notify::Notifier;
use crate::system::{fd, journal};

/// Watches the credentials file and hands it to onedeskd.
#[derive(Debug, Parser)]
#[command(name = "onedesk-credentials", version)]
struct Options {
    /// The credentials file.
    #[arg(long, default_value = FILE)]
    file: PathBuf,
    /// Where onedeskd takes the credentials.
    #[arg(long, default_value = SOCKET)]
    socket: PathBuf,
    /// The user that onedeskd runs as; beside it only root is served.
    #[arg(long, default_value = "onedesk")]
    user: String,
}

/// The program. Ends 0 after SIGTERM or SIGINT, 1 when it cannot serve.
pub fn main() -> ExitCode {
    let options = Options::parse();
    if journal::install(LevelFilter::Info, Clock::system()).is_err() {
        return ExitCode::FAILURE;
    }
    let outcome = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime);
    match outcome.and_then(|runtime| runtime.block_on(run(&options))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            journal::last_words(&error.to_string(), "");
            ExitCode::FAILURE
        }
    }
}

/// Why the helper cannot serve.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the memory cannot be kept out of core dumps: {0}")]
    Dumps(std::io::Error),
    #[error("the runtime cannot start: {0}")]
    Runtime(std::io::Error),
    #[error("there is no user {0}: install the onedesk package's sysusers.d file, or name the user with --user")]
    User(String),
    #[error("{path} cannot be listened on: {cause}", path = .0.display(), cause = .1)]
    Listen(PathBuf, std::io::Error),
    #[error("NOTIFY_SOCKET is no address of a socket: {0}")]
    Notify(std::io::Error),
}

async fn run(options: &Options) -> Result<(), Error> {
    fd::forbid_dumps().map_err(Error::Dumps)?;
    let notifier = Notifier::from_environment().map_err(Error::Notify)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Runtime)?;
    let reader = User::from_name(&options.user).ok().flatten().ok_or_else(|| Error::User(options.user.clone()))?;
    let owner = Uid::effective();
    let readers = [owner, Uid::from_raw(0), reader.uid];
    let (sender, observations) = watch::channel(Arc::new(file::read(&options.file, owner)));
    let listener = handover::bind(&options.socket).map_err(|cause| Error::Listen(options.socket.clone(), cause))?;
    notifier.ready(&in_words(&observations.borrow()));
    tokio::select! {
        () = source::follow_file(&options.file, owner, &sender) => {}
        () = handover::offer(listener, &readers, observations.clone()) => {}
        () = tell(observations, &notifier) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    notifier.stopping();
    Ok(())
}

/// Says every observation once: in the journal, and to the service manager.
async fn tell(mut observations: watch::Receiver<Arc<Observation>>, notifier: &Notifier) {
    observations.mark_changed();
    while observations.changed().await.is_ok() {
        let newest = Arc::clone(&observations.borrow_and_update());
        let words = in_words(&newest);
        notifier.status(&words);
        match &newest.outcome {
            Outcome::Pair(_) | Outcome::Missing(_) => log::info!("{words}"),
            Outcome::Rejected(problem) => log::warn!(ONEDESK_PROBLEM = problem.code.as_str(); "{words}"),
        }
        for warning in &newest.warnings {
            log::warn!(ONEDESK_PROBLEM = warning.code.as_str(); "{}; {}", warning.title, warning.hint);
        }
    }
}

fn in_words(observation: &Observation) -> String {
    match &observation.outcome {
        Outcome::Pair(pair) => format!("The credentials of application {} are handed over", pair.client_id),
        Outcome::Missing(problem) => format!("No credentials yet: {}; {}", problem.title, problem.hint),
        Outcome::Rejected(problem) => format!("The credentials are not usable: {}; {}", problem.title, problem.hint),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_promised_paths() {
        let options = Options::parse_from(["onedesk-credentials"]);
        assert_eq!(options.file, PathBuf::from("/root/.OneDesk"));
        assert_eq!(options.socket, PathBuf::from("/run/onedesk-credentials/handover.sock"));
        assert_eq!(options.user, "onedesk");
    }
}
