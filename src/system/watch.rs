//! Notices when files change, whatever way they are written: in place, by rename, through a swapped link, or with their folder.
//!
//! What is watched are the folders on the way to each file, links followed: a watch on the file itself would stay with the old
//! one after a rename. Says *that* something changed, never what: the reader reads anew.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::future::pending;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

/// A writer that has not closed the file for so long is taken to have finished. Short enough for the promised second.
const QUIET: Duration = Duration::from_millis(150);

/// The net under inotify: network file systems, overflowing queues, mounts.
const POLL: Duration = Duration::from_secs(5);

/// The same where inotify cannot be had at all.
const POLL_ALONE: Duration = Duration::from_millis(400);

/// As many links as the kernel follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Hears of changes to the files that a [`watch()`] was started for.
#[derive(Debug, Clone)]
pub struct Changes(watch::Receiver<()>);

impl Changes {
    /// Returns when something changed since the last call; several changes at once are one. Never returns once the watching ended.
    pub async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            pending::<()>().await;
        }
    }
}

/// Watches `paths`, which need not exist. Watching has begun when this returns; the future carries it on until it is dropped,
/// or until nobody listens any more.
pub fn watch(paths: Vec<PathBuf>) -> (Changes, impl Future<Output = ()> + Send) {
    let (sender, receiver) = watch::channel(());
    let watcher = Watcher { armed: Armed::settle(&paths), paths, sender };
    (Changes(receiver), watcher.run())
}

struct Watcher {
    paths: Vec<PathBuf>,
    armed: Armed,
    sender: watch::Sender<()>,
}

impl Watcher {
    async fn run(mut self) {
        let mut seen = self.fingerprint();
        // Files that somebody is writing to: reading them now would give half of what is meant.
        let mut writing = HashSet::new();
        let mut quiet_at = Instant::now();
        loop {
            let poll_at = Instant::now() + if self.armed.is_deaf { POLL_ALONE } else { POLL };
            let wake_at = if writing.is_empty() { poll_at } else { quiet_at };
            tokio::select! {
                () = self.sender.closed() => return,
                event = self.armed.events.recv() => match event {
                    Some(Change::Begun(path)) => {
                        writing.insert(path);
                        quiet_at = Instant::now() + QUIET;
                        continue;
                    }
                    Some(Change::Touched(path)) if writing.contains(&path) => continue,
                    Some(Change::Done(path)) => drop(writing.remove(&path)),
                    Some(Change::Touched(_) | Change::Unknown) => {}
                    None => sleep_until(poll_at).await,
                },
                () = sleep_until(wake_at) => {
                    if writing.drain().next().is_none() && self.fingerprint() == seen {
                        continue;
                    }
                }
            }
            if !writing.is_empty() {
                continue;
            }
            if !self.armed.still_holds(&self.paths) {
                self.armed = Armed::settle(&self.paths);
            }
            seen = self.fingerprint();
            self.sender.send_replace(());
        }
    }

    /// What the poll compares.
    fn fingerprint(&self) -> Vec<Option<[i64; 7]>> {
        let stat = |file: Metadata| {
            let [device, inode, size] = [file.dev(), file.ino(), file.size()].map(u64::cast_signed);
            [device, inode, size, file.mtime_nsec() ^ file.mtime(), file.ctime_nsec() ^ file.ctime(), file.mode().into(), file.uid().into()]
        };
        self.paths.iter().map(|path| fs::metadata(path).ok().map(stat)).collect()
    }
}

/// What happened to an entry on the way.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    /// Somebody writes to it, and will close it.
    Begun(PathBuf),
    /// It was closed, renamed or removed.
    Done(PathBuf),
    /// Mode, owner or times.
    Touched(PathBuf),
    /// The kernel lost events.
    Unknown,
}

/// An inotify instance on the folders of a trail. A new trail gets a new instance, so nothing of an old one can linger.
struct Armed {
    events: mpsc::Receiver<Change>,
    trail: Vec<Step>,
    is_deaf: bool,
    _inotify: Option<RecommendedWatcher>,
}

impl Armed {
    /// Arms until the trail no longer moves under our hands; the poll is the net for those who keep moving it.
    fn settle(paths: &[PathBuf]) -> Self {
        let mut armed = Self::arm(paths);
        for _ in 0..10 {
            if armed.still_holds(paths) {
                break;
            }
            armed = Self::arm(paths);
        }
        armed
    }

    fn arm(paths: &[PathBuf]) -> Self {
        let trail: Vec<_> = paths.iter().flat_map(|path| trail(path)).collect();
        let (sender, events) = mpsc::channel(64);
        let entries: HashSet<_> = trail.iter().map(|step| step.entry.clone()).collect();
        let inotify = notify::recommended_watcher(move |event| {
            for change in changes(event, &entries) {
                // A full queue makes inotify's thread wait, and the kernel keep the events; a closed one is of a trail that is gone.
                let _ = sender.blocking_send(change);
            }
        });
        let mut inotify = inotify.inspect_err(|error| log::warn!("inotify is not available, files are polled: {error}")).ok();
        let mut is_deaf = inotify.is_none();
        if let Some(inotify) = &mut inotify {
            let mut done = HashSet::new();
            for folder in trail.iter().filter_map(|step| step.entry.parent()).filter(|folder| done.insert(folder.to_path_buf())) {
                if let Err(error) = inotify.watch(folder, RecursiveMode::NonRecursive) {
                    // Folders that we may only pass through change rarely: polling finds that.
                    log::debug!(ONEDESK_PATH:% = folder.display(); "a folder is polled, inotify refuses it: {error}");
                    is_deaf |= trail.iter().any(|step| step.is_last && step.entry.parent() == Some(folder));
                }
            }
        }
        Self { events, trail, is_deaf, _inotify: inotify }
    }

    fn still_holds(&self, paths: &[PathBuf]) -> bool {
        paths.iter().flat_map(|path| trail(path)).eq(self.trail.iter().cloned())
    }
}

/// One directory entry on the way to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    entry: PathBuf,
    /// Which folder the entry is in: after a rename, the same path is another one.
    folder: Option<(u64, u64)>,
    /// Nothing comes after it: the file itself, or the first entry that does not exist.
    is_last: bool,
}

/// The entries that lead to `path`, links followed, as far as they exist.
fn trail(path: &Path) -> Vec<Step> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut ahead: Vec<PathBuf> = parts(&absolute);
    let mut here = PathBuf::from("/");
    let (mut steps, mut links) = (Vec::<Step>::new(), 0);
    while let Some(part) = ahead.pop() {
        if part == Path::new("..") {
            here.pop();
            continue;
        }
        let entry = here.join(&part);
        let folder = fs::metadata(&here).ok().map(|folder| (folder.dev(), folder.ino()));
        steps.push(Step { entry: entry.clone(), folder, is_last: false });
        let Ok(metadata) = fs::symlink_metadata(&entry) else { break };
        if !metadata.is_symlink() {
            here = entry;
            continue;
        }
        links += 1;
        let Some(target) = fs::read_link(&entry).ok().filter(|_| links <= MAX_LINKS) else { break };
        if target.is_absolute() {
            here = PathBuf::from("/");
        }
        ahead.extend(parts(&target));
    }
    if let Some(last) = steps.last_mut() {
        last.is_last = true;
    }
    steps
}

/// The names in `path`, the first one last: a stack.
fn parts(path: &Path) -> Vec<PathBuf> {
    let names = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    names.rev().map(|part| PathBuf::from(part.as_os_str())).collect()
}

/// What an event of inotify means for our entries.
fn changes(event: notify::Result<Event>, entries: &HashSet<PathBuf>) -> Vec<Change> {
    let Ok(event) = event else { return vec![Change::Unknown] };
    if event.need_rescan() {
        return vec![Change::Unknown];
    }
    let change: fn(PathBuf) -> Change = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => {
            Change::Done
        }
        EventKind::Modify(ModifyKind::Metadata(_)) => Change::Touched,
        EventKind::Modify(_) => Change::Begun,
        EventKind::Create(_) => |path| match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => Change::Begun(path),
            _ => Change::Done(path),
        },
        // Opening and reading, ourselves included.
        EventKind::Access(_) | EventKind::Any | EventKind::Other => return Vec::new(),
    };
    event.paths.into_iter().filter(|path| entries.contains(path)).map(change).collect()
}

/// Reads until `is_good`, but gives a writer who removes or empties the file first the time to go on: `grace` without a change.
///
/// Good content is given back at once.
pub async fn settled<T>(changes: &mut Changes, grace: Duration, mut read: impl FnMut() -> T, is_good: impl Fn(&T) -> bool) -> T {
    loop {
        let content = read();
        if is_good(&content) || timeout(grace, changes.next()).await.is_err() {
            return content;
        }
    }
}
