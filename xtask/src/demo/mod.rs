//! `cargo xtask demo`: the product beside the Entra simulator, in a scratch directory, for a person or, with `--check`, by itself.

mod browser;
mod journey;
mod stage;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

pub use self::stage::Stage;
use self::stage::{MAILBOX, Place};
use crate::command::{command, shown};
use crate::{machine, workspace};

/// What `cargo xtask demo` takes.
#[derive(Args)]
pub struct Options {
    /// Walk the whole journey without a person, a line for each step
    #[arg(long)]
    pub check: bool,
    /// Use the programs that the tests have built
    #[arg(long, hide = true)]
    pub built: bool,
}

/// Runs the demo until Ctrl-C, or the whole journey and no longer.
///
/// # Errors
/// The first thing that is not as it should be, in a sentence.
pub fn run(options: &Options) -> Result<()> {
    machine::ensure(&[machine::BUILD])?;
    if !options.built {
        println!("building (the first time takes some minutes)");
        let selection = ["build", "--locked", "--package", "onedesk", "--bins", "--package", "entra-sim"];
        shown(command("cargo", selection).current_dir(workspace()?))?;
    }
    // A runtime for signals alone: on Ctrl-C everything is stopped in order and the directory removed.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(play(options.check));
    runtime.shutdown_background();
    outcome
}

async fn play(check: bool) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut stage = Stage::set()?;
    let outcome = tokio::select! {
        outcome = act(check, &mut stage) => outcome,
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Into::into).and_then(|()| interruption(check)),
        _ = terminate.recv() => interruption(check),
    };
    match outcome {
        Ok(()) => stage.strike(),
        Err(error) => Err(error.context(stage.last_words())),
    }
}

async fn act(check: bool, stage: &mut Stage) -> Result<()> {
    if check {
        let (done, outcome) = oneshot::channel();
        let place = stage.place.clone();
        std::thread::spawn(move || done.send(journey::walk(&place)));
        return outcome.await.context("the journey broke off")?;
    }
    stage.place.write_credentials(stage::SECRET)?;
    invite(&stage.place)?;
    loop {
        stage.still_stands()?;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn interruption(check: bool) -> Result<()> {
    if check {
        bail!("interrupted before the end of the journey");
    }
    println!();
    Ok(())
}

/// What to open and what to type next.
fn invite(place: &Place) -> Result<()> {
    let link = place.ctl(&["mailbox", "connect"])?;
    let (web, simulator, folder) = (&place.web, &place.simulator, place.folder.display());
    let ctl = format!("{} --socket {}", place.program("onedeskctl").display(), place.socket().display());
    println!(
        "
OneDesk runs beside a simulator of Microsoft Entra ID. Nothing here is real, and nothing leaves this machine.

  OneDesk      {web}
  simulator    {simulator}
  settings     {folder}/onedeskd.toml
  credentials  {folder}/OneDesk    (what /root/.OneDesk is on a host)
  log          {folder}/onedeskd.log

1. Open this link and pick {MAILBOX} on the simulator's sign-in page:

  {link}

2. In another terminal:

  alias ctl='{ctl}'
  ctl status
  ctl mailbox list
  ctl mailbox token {MAILBOX}
  ctl audit

3. Rotate the secret; the simulator knows this one too. Then break the file, and see the old pair hold:

  sed -i 's/^AZUREAD_CIS=.*/AZUREAD_CIS={second}/' {folder}/OneDesk && ctl status
  chmod o+w {folder}/OneDesk && ctl status
  chmod 600 {folder}/OneDesk && ctl status

4. Take the mailbox's permission away at the simulator, and connect it again:

  curl --data '{{\"user\":\"{MAILBOX}\"}}' {simulator}/_sim/revoke
  ctl mailbox connect {MAILBOX}

Ctrl-C stops both programs and removes {folder}.",
        link = link.trim(),
        second = stage::SECOND_SECRET,
    );
    Ok(())
}
