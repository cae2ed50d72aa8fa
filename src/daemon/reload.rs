//! Changed settings while the daemon runs: read whole, compared, swapped in one step. The only writer of what readers borrow.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::assemble::outbound;
use super::lifecycle::ReloadRequests;
use crate::health::reporter::Reporter;
use crate::model::{Hint, Problem};
use crate::settings::{Loaded, Settings, restart_needed};
use crate::system::http::{Http, Transcripts};
use crate::system::notify::Notifier;
use crate::system::tasks::Tasks;
use crate::system::{journal, tls, watch as files};

/// What a reload writes to.
pub struct Reload {
    /// The settings in force.
    pub settings: watch::Sender<Arc<Settings>>,
    /// What the file has that should be mended, and what waits for a restart.
    pub notes: watch::Sender<Vec<Problem>>,
    /// Says the state in words.
    pub reporter: Arc<Reporter>,
    /// The outgoing client.
    pub http: watch::Sender<Http>,
    /// What that client records in.
    pub transcripts: Transcripts,
    /// The certificate of our own door, or that it has none.
    pub tls: watch::Sender<Option<TlsAcceptor>>,
}

/// Reloads on SIGHUP and whenever the settings file or a certificate changes.
pub fn spawn(path: PathBuf, reload: Reload, mut requests: ReloadRequests, tasks: &Tasks, notifier: &Notifier) {
    let stop = tasks.token();
    let notifier = notifier.clone();
    let mut watched = reload.files(&path);
    let (mut changes, watching) = files::watch(watched.clone());
    tasks.spawn("file watch", watching);
    let tasks = tasks.clone();
    tasks.clone().spawn("reload", async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = requests.next() => {}
                () = changes.next() => {}
            }
            notifier.reloading();
            reload.apply(&path);
            // Other files than before: watch those, and read once more what may have changed before the watch began.
            while watched != reload.files(&path) {
                watched = reload.files(&path);
                let (next, watching) = files::watch(watched.clone());
                changes = next;
                tasks.spawn("file watch", watching);
                reload.apply(&path);
            }
            notifier.ready(&reload.reporter.sentence());
        }
    });
}

impl Reload {
    /// The files whose change is a reason to read them anew.
    fn files(&self, settings: &Path) -> Vec<PathBuf> {
        let mut files = vec![settings.to_owned()];
        if let Some(tls) = &self.settings.borrow().listen.tls {
            files.extend([tls.certificate.clone(), tls.key.clone()]);
        }
        files
    }

    /// Applies the file as it is now.
    fn apply(&self, path: &Path) {
        let loaded = match Settings::load(path) {
            // Gone for a moment while somebody replaces it, or gone for good: no reason to forget everything.
            Ok(loaded) if !loaded.found && loaded.settings != **self.settings.borrow() => {
                let source = std::io::ErrorKind::NotFound.into();
                return self.keep_the_old(&crate::settings::Error::Unreadable { path: path.to_owned(), source });
            }
            Ok(loaded) => loaded,
            Err(error) => return self.keep_the_old(&error),
        };
        let old = self.settings.borrow().clone();
        let mut notes = loaded.warnings.clone();
        let waiting = restart_needed(&old, &loaded.settings);
        if !waiting.is_empty() {
            let keys = waiting.join(", ");
            log::warn!(keys = keys.as_str(); "changed settings wait for a restart");
            notes.push(Problem::told("restart_needed", &[("keys", &keys)]));
        }
        if let Err(problem) = self.swap(&old, loaded) {
            notes.push(problem);
        }
        if let Err(problem) = self.read_certificate() {
            notes.push(problem);
        }
        self.notes.send_replace(notes);
    }

    fn swap(&self, old: &Arc<Settings>, loaded: Loaded) -> Result<(), Problem> {
        let new = loaded.settings;
        if new == **old {
            return Ok(());
        }
        if (&new.microsoft.ca_file, &new.microsoft.proxy) != (&old.microsoft.ca_file, &old.microsoft.proxy) {
            let http = Http::new(&outbound(&new)).map_err(|error| {
                log::error!(hint = error.hint().unwrap_or_default().as_str(); "the old settings stay in force: {error}");
                Problem::new("settings", error.to_string(), error.hint().unwrap_or_default())
            })?;
            self.http.send_replace(http.recorded_in(&self.transcripts));
        }
        journal::set_level(new.log_level);
        self.settings.send_replace(Arc::new(new));
        log::info!("changed settings are in force");
        Ok(())
    }

    fn keep_the_old(&self, error: &crate::settings::Error) {
        log::error!(hint = error.hint().unwrap_or_default().as_str(); "the old settings stay in force: {error}");
        self.notes.send_replace(vec![error.problem()]);
    }

    fn read_certificate(&self) -> Result<(), Problem> {
        let files = self.settings.borrow().listen.tls.clone();
        let acceptor = files.as_ref().map(tls::acceptor).transpose().map_err(|error| {
            let hint = error.hint().unwrap_or_default();
            log::error!(hint = hint.as_str(); "the certificate in use stays in use: {error}");
            Problem::told("tls_certificate", &[("error", &error), ("hint", &hint)])
        })?;
        self.tls.send_replace(acceptor);
        Ok(())
    }
}
