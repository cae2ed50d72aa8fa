//! The daemon: arguments, the composition root, the jobs that nobody asks for, reload, and the process's life.

mod arguments;
mod assemble;
mod jobs;
mod lifecycle;
#[cfg(test)]
mod man_page;
mod reload;

use std::process::ExitCode;

use clap::Parser as _;

use crate::model::{Clock, Hint};
use crate::settings::Loaded;
use crate::store::sqlite::OpenError;
use crate::system::fd::Inherited;
use crate::system::notify::Notifier;
use crate::system::{journal, watchdog};

use arguments::Arguments;
use lifecycle::Lifecycle;

/// What ends a start.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Settings(#[from] crate::settings::Error),
    #[error(transparent)]
    Assemble(#[from] assemble::Error),
    #[error(transparent)]
    Failed(#[from] lifecycle::Failed),
    #[error("the machine refuses what every process needs")]
    Machine(#[from] std::io::Error),
}

impl Error {
    /// `EX_CONFIG` where another start would end the same way until somebody changes something, so that the service manager tries none.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Settings(_) | Self::Assemble(assemble::Error::Open(OpenError::Newer { .. } | OpenError::Address(_))) => {
                ExitCode::from(arguments::EXIT_CONFIG)
            }
            _ => ExitCode::FAILURE,
        }
    }
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Settings(error) => error.hint(),
            Self::Assemble(error) => error.hint(),
            Self::Failed(_) | Self::Machine(_) => None,
        }
    }
}

/// The whole program.
pub fn main() -> ExitCode {
    // Wrong usage ends here, with 2, by the parser.
    let arguments = Arguments::parse();
    if arguments.check_config {
        return arguments.check_config(&mut std::io::stderr()).map_or(ExitCode::FAILURE, ExitCode::from);
    }
    // Before anything else is opened, and before anything secret is read.
    let inherited = Inherited::adopt();
    let ended =
        lifecycle::protect().and_then(|()| lifecycle::run(live(&arguments, inherited))).map_err(Error::from).and_then(|ended| ended);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            error.exit_code()
        }
    }
}

async fn live(arguments: &Arguments, inherited: Inherited) -> Result<(), Error> {
    let clock = Clock::system();
    let notifier = Notifier::from_environment()?;
    let Loaded { settings, warnings, .. } = arguments.load()?;
    let _ = journal::install(settings.log_level, clock.clone());
    let (life, reloads) = Lifecycle::begin(notifier.clone())?;
    let house = assemble::assemble(settings, warnings, inherited, &life, &clock).await?;
    reload::spawn(arguments.config().to_owned(), house.reload, reloads, life.tasks(), &notifier);
    jobs::spawn(&house.jobs, life.tasks(), &notifier);
    notifier.ready(&house.jobs.reporter.sentence());
    watchdog::feed(life.tasks(), notifier, house.pulses);
    log::info!(version = env!("CARGO_PKG_VERSION"), state = house.jobs.reporter.sentence().as_str(); "started");
    Ok(life.until_stopped().await?)
}

fn report(error: &Error) {
    // What ends the start may come before there is a logger; a second one is refused, harmlessly.
    let _ = journal::install(log::LevelFilter::Info, Clock::system());
    let mut story = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        story += &format!(": {cause}");
        source = cause.source();
    }
    journal::last_words(&format!("cannot run: {story}"), error.hint().unwrap_or_default().as_str());
}
