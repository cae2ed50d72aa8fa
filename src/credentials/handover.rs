//! The hand-over: the root helper offers the newest observation on a Unix socket, `onedeskd` takes it. Each looks at who the
//! other is (`SO_PEERCRED`, unix(7)): the path of a socket proves nothing.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use nix::unistd::Uid;
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::{Observation, source::publish, wire};
use crate::model::Problem;

/// Only `onedeskd` connects, and a few of root's own looks; more is a fault.
const MAX_READERS: usize = 8;

/// A reader that does not take its snapshot for so long is let go; it will connect again.
const SEND_WITHIN: Duration = Duration::from_secs(5);

/// The first pause before another attempt to connect; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A restart of the helper takes less; longer than this is worth a warning.
const ABSENT_AFTER: Duration = Duration::from_secs(3);

/// Listens at `path`, over a socket that an earlier run left there. Anybody may connect: who is served is decided by who they are.
///
/// # Errors
/// When the folder does not exist or may not be written, or something else than a socket is in the way.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::new(ErrorKind::AlreadyExists, "something that is no socket is in the way")),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// Gives each of `readers` (user ids) that connects every observation, the newest first. Ends when the observing ends.
pub async fn offer(listener: UnixListener, readers: &[Uid], observations: watch::Receiver<Arc<Observation>>) {
    let mut served = FuturesUnordered::new();
    let mut alive = observations.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if is_peer(&stream, readers) && served.len() < MAX_READERS => {
                    served.push(serve(stream, observations.clone()));
                }
                Ok((stream, _)) => {
                    let uid = stream.peer_cred().map_or(-1, |peer| i64::from(peer.uid()));
                    log::warn!(ONEDESK_UID = uid; "a process that may not have the credentials, or one too many, was turned away");
                }
                Err(error) => {
                    log::warn!("no connection could be accepted: {error}");
                    sleep(FIRST_PAUSE).await;
                }
            },
            Some(()) = served.next() => {}
            ended = alive.changed() => if ended.is_err() { return },
        }
    }
}

async fn serve(mut stream: UnixStream, mut observations: watch::Receiver<Arc<Observation>>) {
    observations.mark_changed();
    let mut byte = [0];
    loop {
        tokio::select! {
            changed = observations.changed() => if changed.is_err() { return },
            // Readers say nothing: whatever comes is the end.
            _ = stream.read(&mut byte) => return,
        }
        let newest = Arc::clone(&observations.borrow_and_update());
        match timeout(SEND_WITHIN, wire::write(&mut stream, &newest)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return log::debug!("a reader went away: {error}"),
            Err(_) => return log::warn!("a reader did not take its snapshot in time"),
        }
    }
}

/// Takes observations from the helper at `path`, which must run as `helper`, as long as somebody listens. What was received
/// stays while the helper is away; after a while it carries a warning.
pub async fn receive(path: &Path, helper: Uid, sender: &watch::Sender<Arc<Observation>>) {
    tokio::select! {
        () = receive_forever(path, helper, sender) => {}
        () = sender.closed() => {}
    }
}

async fn receive_forever(path: &Path, helper: Uid, sender: &watch::Sender<Arc<Observation>>) {
    let mut pause = FIRST_PAUSE;
    let mut absent_since = Instant::now();
    loop {
        let mut heard = false;
        let result = take(path, helper, |observation| {
            heard = true;
            publish(sender, observation);
        });
        let result = result.await;
        if heard {
            (pause, absent_since) = (FIRST_PAUSE, Instant::now());
        }
        let Err(error) = result;
        log::debug!(ONEDESK_SOCKET:% = path.display(); "no credentials from the helper: {error}");
        if absent_since.elapsed() >= ABSENT_AFTER || error.kind() == ErrorKind::PermissionDenied {
            let newest = Observation::clone(&sender.borrow());
            publish(sender, without_helper(newest, &error));
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// One connection, until it ends; its end is always an error.
async fn take(path: &Path, helper: Uid, mut publish: impl FnMut(Observation)) -> io::Result<std::convert::Infallible> {
    let mut stream = UnixStream::connect(path).await?;
    if !is_peer(&stream, &[helper]) {
        return Err(io::Error::new(ErrorKind::PermissionDenied, "the process behind the socket is not the root helper"));
    }
    while let Some(observation) = wire::read(&mut stream).await? {
        publish(observation);
    }
    Err(io::Error::new(ErrorKind::ConnectionReset, "the helper has ended"))
}

fn is_peer(stream: &UnixStream, allowed: &[Uid]) -> bool {
    stream.peer_cred().is_ok_and(|peer| allowed.contains(&Uid::from_raw(peer.uid())))
}

/// What is known stays known; that nobody looks after the file any more is said beside it.
fn without_helper(mut observation: Observation, error: &io::Error) -> Observation {
    let warning = Problem::told("credentials_service_down", &[("error", error)]);
    observation.warnings.retain(|earlier| earlier.code != warning.code);
    observation.warnings.push(warning);
    observation
}

#[cfg(test)]
#[path = "handover_tests.rs"]
mod tests;
