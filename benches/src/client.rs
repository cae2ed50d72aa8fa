//! A small HTTP/1.1 client on hyper: one connection, one request at a time, as a mail service of this host would ask.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;

/// Where a server listens.
#[derive(Debug, Clone)]
pub enum Place {
    /// A Unix socket.
    Unix(PathBuf),
    /// A port.
    Tcp(SocketAddr),
}

/// A connection that is kept open.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Drives the connection, and ends with it.
    _driver: JoinSet<()>,
}

impl Connection {
    /// Connects.
    pub async fn open(place: &Place) -> Result<Self> {
        match place {
            Place::Unix(path) => {
                let stream = UnixStream::connect(path).await.with_context(|| format!("nobody listens on {}", path.display()))?;
                Self::on(stream).await
            }
            Place::Tcp(address) => {
                let stream = TcpStream::connect(address).await.with_context(|| format!("nobody listens on {address}"))?;
                stream.set_nodelay(true)?;
                Self::on(stream).await
            }
        }
    }

    async fn on(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Result<Self> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // A broken connection shows in the request that it breaks.
            let _ = connection.await;
        });
        Ok(Self { sender, _driver: driver })
    }

    /// Sends one request and reads the whole answer.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>> {
        self.sender.ready().await?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    /// `GET`.
    pub async fn get(&mut self, path: &str) -> Result<Response<Bytes>> {
        self.send(request(Method::GET, path, None)).await
    }

    /// A call that must be answered with success and JSON.
    pub async fn json(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let answer = self.send(request(method, path, body)).await?;
        let text = String::from_utf8_lossy(answer.body());
        ensure!(answer.status().is_success(), "{path} answered {}: {text}", answer.status());
        serde_json::from_slice(answer.body()).with_context(|| format!("{path} answered {text}"))
    }
}

/// A request with that JSON.
pub fn request(method: Method, path: &str, body: Option<&Value>) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()))));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().unwrap_or_default();
    let headers = request.headers_mut();
    headers.insert("host", hyper::header::HeaderValue::from_static("localhost"));
    if body.is_some() {
        headers.insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    }
    request
}
