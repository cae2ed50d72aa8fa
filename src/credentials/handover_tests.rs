//! The hand-over over a real socket, with both peer checks.

use tempfile::TempDir;
use tokio::task::JoinSet;

use super::*;
use crate::credentials::{Outcome, grammar};

fn me() -> Uid {
    Uid::effective()
}

fn somebody_else() -> Uid {
    Uid::from_raw(me().as_raw() + 4321)
}

fn file(secret: &str) -> Arc<Observation> {
    Arc::new(grammar::parse(format!("AZUREAD_CID=11111111-2222-3333-4444-555555555555\nAZUREAD_CIS={secret}").as_bytes()))
}

fn nothing() -> Arc<Observation> {
    Arc::new(grammar::parse(b""))
}

/// The root helper, until it is dropped.
struct Helper {
    file: watch::Sender<Arc<Observation>>,
    _tasks: JoinSet<()>,
}

fn helper(socket: &Path, secret: &str, readers: Vec<Uid>) -> Helper {
    let (file, observations) = watch::channel(file(secret));
    let listener = bind(socket).unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { offer(listener, &readers, observations).await });
    Helper { file, _tasks: tasks }
}

/// The daemon's end.
struct Daemon {
    observations: watch::Receiver<Arc<Observation>>,
    _tasks: JoinSet<()>,
}

fn daemon(socket: &Path, helper: Uid) -> Daemon {
    let (sender, observations) = watch::channel(nothing());
    let socket = socket.to_owned();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { receive(&socket, helper, &sender).await });
    Daemon { observations, _tasks: tasks }
}

impl Daemon {
    async fn until(&mut self, wanted: impl Fn(&Observation) -> bool) -> Observation {
        let waiting = self.observations.wait_for(|observation| wanted(observation));
        Observation::clone(&*timeout(Duration::from_secs(10), waiting).await.expect("it never arrived").unwrap())
    }

    async fn has(&mut self, secret: &str) -> Observation {
        self.until(|observation| matches!(&observation.outcome, Outcome::Pair(pair) if pair.secret.expose() == secret)).await
    }
}

fn is_warned(observation: &Observation) -> bool {
    observation.warnings.iter().any(|warning| warning.code == "credentials_service_down")
}

#[tokio::test]
async fn every_change_arrives() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("handover.sock");
    let helper = helper(&socket, "a", vec![me()]);
    let mut daemon = daemon(&socket, me());
    daemon.has("a").await;
    helper.file.send_replace(file("b"));
    daemon.has("b").await;
    helper.file.send_replace(nothing());
    daemon.until(|observation| matches!(observation.outcome, Outcome::Missing(_))).await;
}

#[tokio::test]
async fn a_helper_that_is_gone_takes_nothing_away_and_is_found_when_it_returns() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("handover.sock");
    let first = helper(&socket, "a", vec![me()]);
    let mut daemon = daemon(&socket, me());
    daemon.has("a").await;
    drop(first);
    let warned = daemon.until(is_warned).await;
    assert!(warned.is_good());
    let _second = helper(&socket, "b", vec![me()]);
    assert!(!is_warned(&daemon.has("b").await));
}

#[tokio::test]
async fn a_helper_of_the_wrong_user_is_not_believed() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("handover.sock");
    let _helper = helper(&socket, "a", vec![me()]);
    let mut daemon = daemon(&socket, somebody_else());
    let observation = daemon.until(is_warned).await;
    assert!(!observation.is_good());
    assert!(observation.warnings[0].title.contains("is not the root helper"));
}

#[tokio::test]
async fn a_reader_of_the_wrong_user_gets_nothing() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("handover.sock");
    let _helper = helper(&socket, "a", vec![somebody_else()]);
    let mut stream = UnixStream::connect(&socket).await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn only_an_old_socket_is_replaced() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("handover.sock");
    drop(bind(&path).unwrap());
    drop(bind(&path).unwrap());
    fs::remove_file(&path).unwrap();
    fs::write(&path, "something else").unwrap();
    assert_eq!(bind(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
}
