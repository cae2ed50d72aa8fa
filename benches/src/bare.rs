//! The baseline of the token reads: hyper on a Unix socket that answers every request with the same bytes, and nothing else.

use std::convert::Infallible;
use std::path::Path;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::UnixListener;
use tokio::task::JoinSet;

/// Serves until the process is killed.
pub async fn serve(socket: &Path, answer: &Path) -> Result<()> {
    let answer = Bytes::from(std::fs::read(answer)?);
    let listener = UnixListener::bind(socket)?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        let answer = answer.clone();
        connections.spawn(async move {
            let service = service_fn(|_: Request<Incoming>| {
                let mut response = Response::new(Full::new(answer.clone()));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                async move { Ok::<_, Infallible>(response) }
            });
            // A client that leaves is the usual end.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
