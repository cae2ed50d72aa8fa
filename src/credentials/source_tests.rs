//! Every way in which people and programs write the file, against the real watcher in a real folder.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};

use tempfile::TempDir;
use tokio::time::timeout;

use super::*;
use crate::credentials::Outcome;

struct Desk {
    folder: TempDir,
    path: PathBuf,
    observations: watch::Receiver<Arc<Observation>>,
    origin: watch::Sender<Origin>,
}

/// A file with the secret `first`, observed by now.
async fn desk(name: &str) -> Desk {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    write(&path, "first");
    let (sender, origin) = watch::channel(Origin::File(path.clone()));
    let observations = observe(origin, Clone::clone, &Tasks::new());
    let mut desk = Desk { folder, path, observations, origin: sender };
    desk.shows("first").await;
    // The watcher is armed when the next change arrives: a change of mode, to be told from what the tests do.
    fs::set_permissions(&desk.path, Permissions::from_mode(0o640)).unwrap();
    desk.until(|observation| !observation.warnings.is_empty()).await;
    fs::set_permissions(&desk.path, Permissions::from_mode(0o600)).unwrap();
    desk.until(|observation| observation.warnings.is_empty()).await;
    desk
}

impl Desk {
    async fn until(&mut self, wanted: impl Fn(&Observation) -> bool) {
        let waiting = self.observations.wait_for(|observation| wanted(observation));
        // Half of the slow poll: what only the poll finds is late.
        timeout(Duration::from_millis(2_500), waiting).await.expect("the change was not noticed").unwrap();
    }

    async fn shows(&mut self, secret: &str) {
        self.until(|observation| secret_of(observation) == Some(secret)).await;
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.path.with_file_name(name)
    }
}

fn secret_of(observation: &Observation) -> Option<&str> {
    match &observation.outcome {
        Outcome::Pair(pair) => Some(pair.secret.expose()),
        _ => None,
    }
}

fn text(secret: &str) -> String {
    format!("AZUREAD_CID=11111111-2222-3333-4444-555555555555\nAZUREAD_CIS={secret}\n")
}

fn write(path: &Path, secret: &str) {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(text(secret).as_bytes()).unwrap();
}

#[tokio::test]
async fn a_file_written_in_any_way_is_noticed() {
    let mut desk = desk("OneDesk").await;
    let path = desk.path.clone();

    write(&path, "in place");
    desk.shows("in place").await;

    write(&desk.beside(".OneDesk.swp"), "renamed over");
    fs::rename(desk.beside(".OneDesk.swp"), &path).unwrap();
    desk.shows("renamed over").await;

    fs::rename(&path, desk.beside("OneDesk~")).unwrap();
    write(&path, "old one moved away first");
    desk.shows("old one moved away first").await;

    write(&desk.beside("copy"), "copied");
    fs::copy(desk.beside("copy"), &path).unwrap();
    desk.shows("copied").await;

    fs::remove_file(&path).unwrap();
    write(&path, "made anew");
    desk.shows("made anew").await;

    fs::remove_file(&path).unwrap();
    desk.until(|observation| matches!(observation.outcome, Outcome::Missing(_))).await;
    write(&desk.beside("linked"), "hard link");
    fs::hard_link(desk.beside("linked"), &path).unwrap();
    desk.shows("hard link").await;
}

#[tokio::test]
async fn a_swapped_link_and_a_change_behind_it_are_noticed() {
    let mut desk = desk("OneDesk").await;
    let path = desk.path.clone();
    fs::create_dir(desk.beside("v1")).unwrap();
    fs::create_dir(desk.beside("v2")).unwrap();
    write(&desk.beside("v1").join("file"), "one");
    write(&desk.beside("v2").join("file"), "two");
    symlink("v1", desk.beside("current")).unwrap();

    fs::remove_file(&path).unwrap();
    symlink("current/file", &path).unwrap();
    desk.shows("one").await;

    symlink("v2", desk.beside("new")).unwrap();
    fs::rename(desk.beside("new"), desk.beside("current")).unwrap();
    desk.shows("two").await;

    write(&desk.beside("v2").join("file"), "behind the link");
    desk.shows("behind the link").await;
}

#[tokio::test]
async fn a_replaced_folder_is_watched_anew() {
    let mut desk = desk("etc/OneDesk").await;
    let folder = desk.folder.path().join("etc");

    fs::rename(&folder, desk.folder.path().join("old")).unwrap();
    desk.until(|observation| matches!(observation.outcome, Outcome::Missing(_))).await;
    fs::create_dir(&folder).unwrap();
    write(&desk.path, "in the new folder");
    desk.shows("in the new folder").await;
    write(&desk.path, "written again");
    desk.shows("written again").await;

    fs::remove_dir_all(&folder).unwrap();
    desk.until(|observation| matches!(observation.outcome, Outcome::Missing(_))).await;
    fs::create_dir(desk.folder.path().join("ready")).unwrap();
    write(&desk.folder.path().join("ready/OneDesk"), "folder moved here");
    fs::rename(desk.folder.path().join("ready"), &folder).unwrap();
    desk.shows("folder moved here").await;
}

#[tokio::test]
async fn a_change_of_mode_counts() {
    let mut desk = desk("OneDesk").await;
    fs::set_permissions(&desk.path, Permissions::from_mode(0o666)).unwrap();
    desk.until(|observation| matches!(observation.outcome, Outcome::Rejected(_))).await;
    fs::set_permissions(&desk.path, Permissions::from_mode(0o600)).unwrap();
    desk.shows("first").await;
}

#[tokio::test]
async fn a_writer_in_several_steps_never_shows_half_a_file() {
    let mut desk = desk("OneDesk").await;
    for round in 0..20 {
        let secret = format!("whole-{round}");
        let mut file = OpenOptions::new().write(true).truncate(true).open(&desk.path).unwrap();
        for piece in text(&secret).as_bytes().chunks(40) {
            file.write_all(piece).unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(file);
        // Two closes with nothing between them, as `: > file; cat new >> file` does it.
        let secret_again = format!("again-{round}");
        desk.observations.changed().await.unwrap();
        assert_eq!(secret_of(&desk.observations.borrow_and_update()), Some(secret.as_str()));
        drop(OpenOptions::new().write(true).truncate(true).open(&desk.path).unwrap());
        OpenOptions::new().append(true).open(&desk.path).unwrap().write_all(text(&secret_again).as_bytes()).unwrap();
        desk.observations.changed().await.unwrap();
        assert_eq!(secret_of(&desk.observations.borrow_and_update()), Some(secret_again.as_str()));
    }
}

#[tokio::test]
async fn another_origin_takes_effect_without_a_restart() {
    let mut desk = desk("OneDesk").await;
    write(&desk.beside("other"), "other file");
    desk.origin.send_replace(Origin::File(desk.beside("other")));
    desk.shows("other file").await;
}
