//! What hyper alone can do: the answer of a check, without a check.

use std::convert::Infallible;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Serves until it is killed.
pub fn serve(address: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            #[expect(clippy::disallowed_methods, reason = "a program of its own, that is killed when it was measured")]
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    })
}

async fn answer(_: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut response = Response::new(Empty::new());
    for (name, value) in [
        ("x-onedesk-user", "019aaaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee"),
        ("x-onedesk-email", "p1@example.test"),
        ("x-onedesk-name", "p1%20of%20bench"),
        ("x-onedesk-kind", "user"),
        ("cache-control", "no-store"),
    ] {
        response.headers_mut().insert(name, hyper::header::HeaderValue::from_static(value));
    }
    Ok(response)
}
