//! The one accept loop: HTTP/1.1 for every door, with bounds on connections, deadlines, back-off and a drain.
//!
//! The bound on a request's body is the doors' business.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming as RequestBody;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

use super::admission::{Admission, Bounds, Refusal};
use super::deadlines::{Deadlines, Patience, Turn};
use super::listen::{Incoming, Listener};
use super::peer::Peer;
use super::tasks::Tasks;
use super::tls;
use super::watchdog::{Knocks, Pulse};

/// A request's head, and what is read ahead of it, take at most this much memory; a longer head is answered 431.
const LONGEST_HEAD: usize = 64 * 1024;
/// The first wait when no connection can be accepted (no descriptors left, say); doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest wait between two attempts to accept.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// So many are told at once that we are full; who comes on top of that is hung up on.
const REFUSALS: usize = 32;
/// A client that is refused has this long to say what it wanted to hear no to.
const REFUSED_IN: Duration = Duration::from_secs(1);

/// What the loop needs of a door: an axum `Router`, or another service that clones as cheaply.
pub trait Answers:
    Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<S> Answers for S where
    S: Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

/// A door to serve.
pub struct Door<S> {
    /// Its name in logs and in the list of tasks: `http`, `metrics` or `api`.
    pub name: &'static str,
    /// Where connections come from.
    pub listener: Listener,
    /// Whether it serves TLS at the moment, on TCP; nothing for a door that never does.
    pub tls: Option<tls::Current>,
    /// How many connections.
    pub bounds: Bounds,
    /// How long clients and answers may take.
    pub patience: Patience,
    /// Who answers. Each request carries its [`Peer`] as an extension.
    pub service: S,
}

/// Serves `door` until the soft stop; requests in hand are finished then. The pulse is for the watchdog.
pub fn serve<S: Answers>(tasks: &Tasks, door: Door<S>) -> Pulse {
    let (pulse, knocks) = Pulse::new();
    tasks.spawn_vital(door.name, accept(tasks.clone(), door, knocks));
    pulse
}

async fn accept<S: Answers>(tasks: Tasks, door: Door<S>, mut knocks: Knocks) {
    let admission = Admission::new(door.bounds);
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let stop = tasks.token();
    let mut pause = Duration::ZERO;
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            Some(knock) = knocks.recv() => {
                // Who asked may have given up meanwhile.
                let _ = knock.send(());
                continue;
            }
            accepted = accept_after(pause, &door.listener) => accepted,
        };
        let (incoming, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_the_clients(&error) => continue,
            Err(error) => {
                if pause.is_zero() {
                    log::warn!(ONEDESK_LISTENER = door.name, ONEDESK_CAUSE = error.to_string().as_str(); "connections cannot be accepted, trying on");
                }
                pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
                continue;
            }
        };
        pause = Duration::ZERO;
        // A token of its own: connections must not queue for one lock each time they are polled.
        let tls = door.tls.as_ref().and_then(|current| current.borrow().clone());
        let client = Client { incoming, peer, tls, stop: stop.child_token() };
        match admission.admit(&peer) {
            Ok(ticket) => {
                let (service, patience) = (door.service.clone(), door.patience);
                tasks.spawn(door.name, async move {
                    client.converse(service, patience).await;
                    drop(ticket);
                });
            }
            Err(refusal) => {
                log::debug!(ONEDESK_LISTENER = door.name, ONEDESK_REASON:? = refusal; "refused a connection");
                let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() else { continue };
                tasks.spawn("refusal", async move {
                    let no = tower::service_fn(move |_| std::future::ready(Ok(refused(refusal))));
                    // Bounded as a whole: a handshake or a drip must not hold one of the few places.
                    let _ = timeout(REFUSED_IN, client.converse(no, Patience::default())).await;
                    drop(permit);
                });
            }
        }
    }
}

async fn accept_after(pause: Duration, listener: &Listener) -> io::Result<(Incoming, Peer)> {
    if !pause.is_zero() {
        sleep(pause).await;
    }
    listener.accept().await
}

/// Whether only this one connection failed: its client left before we came to it (accept(2)).
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, NotConnected};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | NotConnected)
}

/// One connection on its way to a conversation.
struct Client {
    incoming: Incoming,
    peer: Peer,
    tls: Option<TlsAcceptor>,
    stop: CancellationToken,
}

impl Client {
    async fn converse<S: Answers>(self, service: S, patience: Patience) {
        let Self { incoming, peer, tls, stop } = self;
        match (incoming, tls) {
            (Incoming::Unix(stream), _) => converse(stream, peer, service, patience, stop).await,
            (Incoming::Tcp(stream), None) => converse(stream, peer, service, patience, stop).await,
            (Incoming::Tcp(stream), Some(tls)) => {
                let handshake = timeout(patience.head, tls.accept(stream));
                match stop.run_until_cancelled(handshake).await {
                    Some(Ok(Ok(stream))) => converse(stream, peer, service, patience, stop).await,
                    Some(Ok(Err(error))) => log::debug!(ONEDESK_CAUSE = error.to_string().as_str(); "a TLS handshake failed"),
                    Some(Err(_)) => log::debug!("a TLS handshake took too long"),
                    // Nothing was asked yet, so the soft stop owes no answer.
                    None => {}
                }
            }
        }
    }
}

/// Answers the requests of one connection until it ends or the soft stop comes; the one in hand is finished.
async fn converse<T, S>(transport: T, peer: Peer, service: S, patience: Patience, stop: CancellationToken)
where
    T: AsyncRead + AsyncWrite + Unpin,
    S: Answers,
{
    let turn = Arc::new(Turn::default());
    let transport = Deadlines::new(transport, patience, Arc::clone(&turn));
    let answer = service_fn(|mut request: Request<RequestBody>| {
        turn.begin();
        request.extensions_mut().insert(peer);
        let answered = timeout(patience.request, service.clone().oneshot(request));
        let turn = &turn;
        async move {
            let response = answered.await.unwrap_or_else(|_| Ok(too_slow()));
            turn.end();
            response
        }
    });
    let connection = http1::Builder::new()
        // `Deadlines` bounds the wait for a head, at a lower price.
        .header_read_timeout(None)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(transport), answer);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        log::debug!(ONEDESK_CAUSE = error.to_string().as_str(); "a connection broke off");
    }
}

fn refused(refusal: Refusal) -> Response<Body> {
    problem(refusal.status(), refusal.problem())
}

fn too_slow() -> Response<Body> {
    problem(StatusCode::SERVICE_UNAVAILABLE, r#"{"title":"the answer took too long","status":503,"hint":"Try again in a second."}"#)
}

/// A problem document (RFC 9457) after which the connection ends.
fn problem(status: StatusCode, document: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(document));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;
