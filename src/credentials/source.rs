//! Where observations come from: the file itself (one process, and the root helper), or the root helper's hand-over.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::Uid;
use tokio::sync::watch;

use super::{Observation, SOCKET, file, handover};
use crate::model::Problem;
use crate::system::watch::{settled, watch};

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

/// The newest observation from `origin`, and the future that keeps it new until nobody wants it. A change of `origin` takes
/// effect at once; what was observed stays until the other origin has something to say.
///
/// In file mode the first value is what the file holds now.
pub fn observe(origin: watch::Receiver<Origin>) -> (watch::Receiver<Arc<Observation>>, impl Future<Output = ()> + Send) {
    let first = match &*origin.borrow() {
        Origin::File(path) => file::read(path, Uid::effective()),
        Origin::Helper(_) => Observation::missing(Problem::new(
            "credentials_pending",
            "the credentials have not arrived from onedesk-credentials.service yet",
            "look at: systemctl status onedesk-credentials.service",
        )),
    };
    let (sender, receiver) = watch::channel(Arc::new(first));
    (receiver, follow(origin, sender))
}

async fn follow(mut origin: watch::Receiver<Origin>, sender: watch::Sender<Arc<Observation>>) {
    loop {
        let now = origin.borrow_and_update().clone();
        let feed = async {
            match &now {
                Origin::File(path) => follow_file(path, Uid::effective(), &sender).await,
                Origin::Helper(socket) => handover::receive(socket, Uid::from_raw(0), &sender).await,
            }
            // A feed ends when nobody listens; who closed the settings wants the last origin kept.
        };
        let changed = async {
            if origin.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = feed => return,
            () = changed => {}
        }
    }
}

/// Publishes what `path` holds, now and after every change, as long as somebody listens.
pub async fn follow_file(path: &Path, owner: Uid, sender: &watch::Sender<Arc<Observation>>) {
    let (mut changes, watching) = watch(vec![path.to_owned()]);
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
