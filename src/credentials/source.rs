//! Where observations come from: the file itself (one process, and the root helper), or the root helper's hand-over.

use std::future::pending;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::Uid;
use tokio::sync::watch;

use super::{Observation, SOCKET, file, handover};
use crate::model::Problem;
use crate::system::tasks::Tasks;
use crate::system::watch::{self as files, settled};

/// How long an unusable file may be an editor's passing state before it is called unusable.
const GRACE: Duration = Duration::from_millis(30);

/// Which of the two ways is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This process reads the file, which must be its user's own.
    File(PathBuf),
    /// The root helper behind this socket reads it.
    Helper(PathBuf),
}

impl Origin {
    /// What `credentials.file` in the settings means.
    pub fn from_settings(file: Option<&Path>) -> Self {
        file.map_or_else(|| Self::Helper(SOCKET.into()), |file| Self::File(file.to_owned()))
    }
}

/// The newest observation from where `settings` say, read by `origin`; a task keeps it new until the soft stop. Changed settings
/// take effect at once; what was observed stays until the other origin has something to say.
///
/// In file mode the first value is what the file holds now.
pub fn observe<T>(
    settings: watch::Receiver<T>,
    origin: impl Fn(&T) -> Origin + Send + Sync + 'static,
    tasks: &Tasks,
) -> watch::Receiver<Arc<Observation>>
where
    T: Send + Sync + 'static,
{
    let first = match &origin(&settings.borrow()) {
        Origin::File(path) => file::read(path, Uid::effective()),
        Origin::Helper(_) => Observation::missing(Problem::told("credentials_pending", &[])),
    };
    let (sender, receiver) = watch::channel(Arc::new(first));
    let stop = tasks.token();
    tasks.spawn("credentials source", async move {
        stop.run_until_cancelled(follow(settings, origin, &sender)).await;
    });
    receiver
}

/// Ends when nobody listens any more.
async fn follow<T>(mut settings: watch::Receiver<T>, origin: impl Fn(&T) -> Origin, sender: &watch::Sender<Arc<Observation>>) {
    loop {
        let now = origin(&settings.borrow_and_update());
        let feed = async {
            match &now {
                Origin::File(path) => follow_file(path, Uid::effective(), sender).await,
                Origin::Helper(socket) => handover::receive(socket, Uid::from_raw(0), sender).await,
            }
        };
        tokio::select! {
            () = feed => return,
            () = another(&mut settings, &origin, &now) => {}
        }
    }
}

/// Returns when the settings name another origin than `now`.
async fn another<T>(settings: &mut watch::Receiver<T>, origin: impl Fn(&T) -> Origin, now: &Origin) {
    if settings.wait_for(|settings| origin(settings) != *now).await.is_err() {
        pending::<()>().await;
    }
}

/// Publishes what `path` holds, now and after every change, as long as somebody listens.
pub async fn follow_file(path: &Path, owner: Uid, sender: &watch::Sender<Arc<Observation>>) {
    let (mut changes, watching) = files::watch(vec![path.to_owned()]);
    let reading = async {
        loop {
            let observation = settled(&mut changes, GRACE, || file::read(path, owner), Observation::is_good).await;
            publish(sender, observation);
            changes.next().await;
        }
    };
    tokio::select! {
        () = watching => {}
        () = reading => {}
        () = sender.closed() => {}
    }
}

/// Replaces the value if it says something new.
pub(in crate::credentials) fn publish(sender: &watch::Sender<Arc<Observation>>, observation: Observation) {
    sender.send_if_modified(|current| {
        let is_new = **current != observation;
        if is_new {
            *current = Arc::new(observation);
        }
        is_new
    });
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
