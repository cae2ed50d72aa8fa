//! The wire: one dispatcher for all endpoints, the faults that are about transport, and connections that can be reset.

use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use futures_util::stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use crate::control;
use crate::exchange::{Exchange, Reply};
use crate::fault::{Endpoint, Fault};
use crate::observe::RequestRecord;
use crate::routes::{Route, fingerprint_parts};
use crate::spoil::{instead, spoil};
use crate::state::Sim;

/// Serves until the future is dropped.
pub(crate) async fn serve(listener: TcpListener, sim: Arc<Sim>) -> io::Result<()> {
    let app = Router::new().fallback(dispatch).with_state(sim);
    axum::serve(Acceptor(listener), app.into_make_service_with_connect_info::<Breaker>()).await
}

async fn dispatch(State(sim): State<Arc<Sim>>, ConnectInfo(breaker): ConnectInfo<Breaker>, request: Request) -> Response {
    let exchange = Exchange::read(request).await;
    if exchange.path.starts_with("/_sim") {
        return respond(control::answer(&sim, &exchange), false);
    }
    let route = Route::of(&exchange);
    let visit = Visit::begin(&sim, &route, &exchange);
    let (fault, mut held, latency) = {
        let mut world = sim.world();
        (world.faults.take(route.endpoint), world.faults.held(), world.behaviour.latency_ms)
    };
    let mut wait = if Endpoint::Token.covers(route.endpoint) { latency } else { 0 };
    if let Some(Fault::Slow { ms }) = fault {
        wait += ms;
    }
    if wait > 0 {
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    if matches!(fault, Some(Fault::Held)) {
        // An error is a simulator that ends.
        let _ = held.changed().await;
    }
    if matches!(fault, Some(Fault::Hang)) {
        visit.note(&exchange, 0, None);
        std::future::pending::<Infallible>().await;
    }
    let broken = matches!(fault, Some(Fault::Reset | Fault::LoseResponse));
    let looping = Endpoint::Token.covers(route.endpoint).then(|| fingerprint(&exchange));
    let reply = match &fault {
        Some(Fault::Reset) => Reply::json(500, &serde_json::Value::Null),
        Some(fault) => instead(&sim, &route, &exchange, fault).unwrap_or_else(|| route.answer(&sim, &exchange, looping, Some(fault))),
        None => route.answer(&sim, &exchange, looping, None),
    };
    if let Some(fingerprint) = looping.filter(|_| (400..429).contains(&reply.status)) {
        let now = sim.clock.now();
        sim.world().notebook.failed(fingerprint, now);
    }
    let reply = match &fault {
        Some(fault) => spoil(&sim, reply, fault),
        None => reply,
    };
    visit.note(&exchange, if broken { 0 } else { reply.status }, reply.code);
    if broken {
        breaker.0.store(true, Ordering::Release);
    }
    respond(finish(&sim, reply), matches!(fault, Some(Fault::TruncatedBody)))
}

/// Headers that every answer of the real service has.
fn finish(sim: &Sim, reply: Reply) -> Reply {
    let dated = reply.headers.iter().any(|(name, _)| *name == "date");
    let date = sim.clock.date_header().filter(|_| !dated);
    let reply = reply.with("x-ms-request-id", Uuid::new_v4().to_string());
    date.map_or_else(|| reply.clone(), |date| reply.clone().with("date", date))
}

fn respond(reply: Reply, truncated: bool) -> Response {
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    let body = if truncated {
        response = response.header("content-length", reply.body.len());
        let half = reply.body[..reply.body.len() / 2].to_vec();
        Body::from_stream(stream::iter([Ok(half), Err(io::Error::from(io::ErrorKind::UnexpectedEof))]))
    } else {
        Body::from(reply.body)
    };
    response.body(body).unwrap_or_default()
}

/// Tells identical token requests: path, credentials and fields.
fn fingerprint(exchange: &Exchange) -> u64 {
    let mut hasher = DefaultHasher::new();
    fingerprint_parts(exchange).for_each(|part| part.hash(&mut hasher));
    hasher.finish()
}

/// A request between arrival and answer; counts even if the client goes away.
struct Visit<'a> {
    sim: &'a Sim,
    endpoint: Endpoint,
    grant: Option<usize>,
}

impl<'a> Visit<'a> {
    fn begin(sim: &'a Sim, route: &Route<'_>, exchange: &Exchange) -> Self {
        let grant = exchange.field("refresh_token").and_then(|token| sim.open_refresh(token)).map(|token| token.grant);
        sim.world().notebook.arrived(route.endpoint, grant);
        Self { sim, endpoint: route.endpoint, grant }
    }

    fn note(&self, exchange: &Exchange, status: u16, code: Option<u32>) {
        let headers =
            exchange.headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let record = RequestRecord {
            at: self.sim.clock.now(),
            endpoint: self.endpoint,
            method: exchange.method.to_string(),
            path: exchange.path.clone(),
            parameters: exchange.query.iter().chain(&exchange.form).cloned().collect(),
            headers: headers.collect(),
            status,
            code,
        };
        let mut world = self.sim.world();
        let limit = world.behaviour.log_limit;
        world.notebook.record(record, limit);
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.sim.world().notebook.left(self.endpoint, self.grant);
    }
}

/// Accepts connections that can be broken from inside a handler.
struct Acceptor(TcpListener);

impl Listener for Acceptor {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            if let Ok((stream, peer)) = self.0.accept().await {
                // Answers are small: waiting to fill a segment would only slow the benches down.
                let _ = stream.set_nodelay(true);
                return (Connection { stream, breaker: Breaker::default() }, peer);
            }
            // Out of descriptors, most likely: give the others time to end.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// Set, it turns the next write of its connection into a TCP reset.
#[derive(Clone, Debug, Default)]
struct Breaker(Arc<AtomicBool>);

impl Connected<IncomingStream<'_, Acceptor>> for Breaker {
    fn connect_info(stream: IncomingStream<'_, Acceptor>) -> Self {
        stream.io().breaker.clone()
    }
}

struct Connection {
    stream: TcpStream,
    breaker: Breaker,
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.breaker.0.load(Ordering::Acquire) {
            // A zero linger time makes closing send RST instead of FIN.
            let _ = self.stream.set_zero_linger();
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.breaker.0.load(Ordering::Acquire) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
