//! The accept loop over real sockets.

use std::net::SocketAddr;

use axum::extract::Extension;
use axum::{Router, routing::get};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::*;
use crate::system::child::in_a_child;
use crate::system::tls::{acceptor, tests as tls};

const SOON: Duration = Duration::from_secs(5);
const ROOMY: Bounds = Bounds { connections: 64, per_user: 64, root: 64 };

async fn tcp() -> (Listener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (Listener::Tcp(listener), address)
}

fn door(listener: Listener, service: Router) -> Door<Router> {
    Door { name: "test", listener, tls: None, bounds: ROOMY, patience: Patience::default(), service }
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

/// Sends `head` and reads until the other end closes.
async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), head: &str) -> String {
    stream.write_all(head.as_bytes()).await.unwrap();
    rest(stream).await
}

async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer)).await.expect("an end in time").unwrap();
    answer
}

const GET: &str = "GET / HTTP/1.1\r\nhost: test\r\n\r\n";
const LAST_GET: &str = "GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn the_soft_stop_finishes_the_request_in_hand_and_closes_idle_connections() {
    let (entered, mut inside) = mpsc::channel::<()>(1);
    let (release, released) = tokio::sync::watch::channel(false);
    let slow = Router::new().route(
        "/",
        get(move || async move {
            entered.send(()).await.unwrap();
            released.clone().wait_for(|go| *go).await.unwrap();
            "finished"
        }),
    );
    // An address of its own: on 127.0.0.1 another test may listen on the port as soon as it is free.
    let listener = TcpListener::bind("127.83.84.79:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tasks = Tasks::new();
    serve(&tasks, door(Listener::Tcp(listener), slow));
    let mut idle = TcpStream::connect(address).await.unwrap();
    let mut busy = TcpStream::connect(address).await.unwrap();
    busy.write_all(GET.as_bytes()).await.unwrap();
    inside.recv().await.unwrap();

    tasks.soft_stop();
    assert_eq!(rest(&mut idle).await, "");
    release.send(true).unwrap();
    let answer = rest(&mut busy).await;

    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("finished"), "{answer}");
    tasks.wait(SOON).await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_is_cut() {
    let (listener, address) = tcp().await;
    let tasks = Tasks::new();
    let patience = Patience { head: Duration::from_millis(50), ..Patience::default() };
    serve(&tasks, Door { patience, ..door(listener, hello()) });
    let mut slow = TcpStream::connect(address).await.unwrap();
    assert_eq!(ask(&mut slow, "GET / HTTP/1.1\r\nhost: te").await, "");
}

#[tokio::test]
async fn an_answer_that_takes_too_long_becomes_a_problem() {
    let (listener, address) = tcp().await;
    let tasks = Tasks::new();
    let patience = Patience { request: Duration::from_millis(50), ..Patience::default() };
    let stuck = Router::new().route("/", get(std::future::pending::<&'static str>));
    serve(&tasks, Door { patience, ..door(listener, stuck) });
    let answer = ask(&mut TcpStream::connect(address).await.unwrap(), GET).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("application/problem+json"), "{answer}");
}

#[tokio::test]
async fn one_user_cannot_take_all_connections_of_the_local_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let listener = Listener::Unix(UnixListener::bind(&path).unwrap());
    let tasks = Tasks::new();
    serve(&tasks, Door { bounds: Bounds { connections: 64, per_user: 1, root: 1 }, ..door(listener, hello()) });

    let held = UnixStream::connect(&path).await.unwrap();
    let mut refused = UnixStream::connect(&path).await.unwrap();
    let answer = ask(&mut refused, GET).await;
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("retry-after: 1"), "{answer}");

    drop(held);
    // The place comes back when the server has seen the end; until then it says 429.
    let answer = timeout(SOON, async {
        loop {
            let answer = ask(&mut UnixStream::connect(&path).await.unwrap(), LAST_GET).await;
            if answer.starts_with("HTTP/1.1 200") {
                return answer;
            }
        }
    });
    assert!(answer.await.unwrap().ends_with("hello"));
}

#[tokio::test]
async fn beyond_the_bound_for_all_clients_are_told_to_come_back() {
    let (listener, address) = tcp().await;
    let tasks = Tasks::new();
    serve(&tasks, Door { bounds: Bounds { connections: 1, ..ROOMY }, ..door(listener, hello()) });
    let _held = TcpStream::connect(address).await.unwrap();
    let answer = ask(&mut TcpStream::connect(address).await.unwrap(), GET).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("too many connections"), "{answer}");
}

#[tokio::test]
async fn a_request_knows_the_process_that_sent_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let who = Router::new().route(
        "/",
        get(|Extension(peer): Extension<Peer>| async move {
            let Peer::Local(process) = peer else { panic!("a Unix peer") };
            format!("{:?}", (process.pid, process.uid, process.gid))
        }),
    );
    let tasks = Tasks::new();
    serve(&tasks, door(Listener::Unix(UnixListener::bind(&path).unwrap()), who));
    let answer = ask(&mut UnixStream::connect(&path).await.unwrap(), LAST_GET).await;
    let us = (Some(std::process::id()), nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    assert!(answer.ends_with(&format!("{us:?}")), "{answer}");
}

#[tokio::test]
async fn the_watchdog_is_fed_only_while_the_loop_answers() {
    let (listener, _) = tcp().await;
    let tasks = Tasks::new();
    let pulse = serve(&tasks, door(listener, hello()));
    assert!(pulse.beats().await);
    tasks.soft_stop();
    tasks.wait(SOON).await.unwrap();
    assert!(!pulse.beats().await);
}

#[tokio::test]
async fn a_head_beyond_the_bound_is_refused() {
    let (listener, address) = tcp().await;
    let tasks = Tasks::new();
    serve(&tasks, door(listener, hello()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let flood = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(2 * LONGEST_HEAD));
    let write = async { drop(writer.write_all(flood.as_bytes()).await) };
    let mut start = [0; 12];
    let (_, read) = tokio::join!(write, timeout(SOON, reader.read_exact(&mut start)));
    read.unwrap().unwrap();
    assert_eq!(&start, b"HTTP/1.1 431");
}

#[tokio::test]
async fn a_door_with_a_certificate_speaks_tls_and_hangs_up_on_silent_clients() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key, anchor) = tls::made();
    let acceptor = acceptor(&tls::write(folder.path(), &certificate, &key)).unwrap();
    let (_now, current) = tokio::sync::watch::channel(Some(acceptor));
    let (listener, address) = tcp().await;
    let tasks = Tasks::new();
    let patience = Patience { head: Duration::from_secs(1), ..Patience::default() };
    serve(&tasks, Door { tls: Some(current), patience, ..door(listener, hello()) });

    let mut silent = TcpStream::connect(address).await.unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = tls::trusting(&anchor).connect(tls::localhost(), stream).await.unwrap();
    let answer = ask(&mut stream, LAST_GET).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
    assert_eq!(rest(&mut silent).await, "");
}

// The clock is paused: it moves on only while every task waits, so a loop that tried on without a pause would never end this.
#[tokio::test(start_paused = true)]
async fn without_descriptors_the_loop_waits_and_then_serves_who_stayed() {
    if !in_a_child("system::accept::tests::without_descriptors_the_loop_waits_and_then_serves_who_stayed", &[]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let tasks = Tasks::new();
    let pulse = serve(&tasks, door(Listener::Unix(UnixListener::bind(&path).unwrap()), hello()));
    let client = std::os::unix::net::UnixStream::connect(&path).unwrap();
    client.set_nonblocking(true).unwrap();
    let mut client = UnixStream::from_std(client).unwrap();
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();

    setrlimit(Resource::RLIMIT_NOFILE, 0, hard).unwrap();
    sleep(10 * LONGEST_PAUSE).await;
    assert!(pulse.beats().await);
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();

    let free = Instant::now();
    let answer = ask(&mut client, LAST_GET).await;
    assert!(answer.ends_with("hello"), "{answer}");
    assert!(free.elapsed() <= LONGEST_PAUSE);
}
