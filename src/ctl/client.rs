//! The daemon over its Unix socket: one connection for each call, and an end to every wait.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::failure::Failure;
use crate::model::ProblemDocument;

const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Longer than the daemon's own deadline towards the provider, so that its answer arrives and not ours.
const ANSWER_DEADLINE: Duration = Duration::from_secs(90);

/// Ten thousand mailboxes are about 4 MiB.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@');

/// `text` as one segment of a path.
pub fn segment(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, SEGMENT)
}

/// The daemon at a socket.
pub struct Client {
    socket: PathBuf,
}

/// A good answer: the JSON as it came, for `--json`, and its meaning.
pub struct Answer<T> {
    /// As it came.
    pub json: Bytes,
    /// What it means.
    pub value: T,
}

impl Client {
    /// The daemon at `socket`.
    pub fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Asks for something.
    ///
    /// # Errors
    /// 69 when the daemon does not answer or is not the daemon, 1 with its own words when it refuses.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, Failure> {
        self.understand(self.call(Method::GET, path, Bytes::new()).await?)
    }

    /// Asks for something to be made; errors as [`Client::get`].
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<Answer<T>, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::found(format!("the request cannot be written: {error}")))?;
        self.understand(self.call(Method::POST, path, body.into()).await?)
    }

    /// Asks for something to be set; errors as [`Client::get`].
    pub async fn put<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<Answer<T>, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::found(format!("the request cannot be written: {error}")))?;
        self.understand(self.call(Method::PUT, path, body.into()).await?)
    }

    /// Asks for something to be changed; errors as [`Client::get`].
    pub async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<Answer<T>, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::found(format!("the request cannot be written: {error}")))?;
        self.understand(self.call(Method::PATCH, path, body.into()).await?)
    }

    /// Tells the daemon something that it answers with nothing; errors as [`Client::get`].
    pub async fn tell(&self, path: &str, body: &impl Serialize) -> Result<(), Failure> {
        let body = serde_json::to_vec(body).map_err(|error| Failure::found(format!("the request cannot be written: {error}")))?;
        self.call(Method::POST, path, body.into()).await.map(|_| ())
    }

    /// Asks for something to be removed; errors as [`Client::get`].
    pub async fn delete(&self, path: &str) -> Result<(), Failure> {
        self.call(Method::DELETE, path, Bytes::new()).await.map(|_| ())
    }

    fn understand<T: DeserializeOwned>(&self, json: Bytes) -> Result<Answer<T>, Failure> {
        let value = serde_json::from_slice(&json).map_err(|_| {
            Failure::found(format!("the answer on {} is not understood", self.socket.display()))
                .hint("daemon and onedeskctl may be of different versions: systemctl restart onedeskd")
        })?;
        Ok(Answer { json, value })
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, Failure> {
        let stream = match timeout(CONNECT_DEADLINE, UnixStream::connect(&self.socket)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(unreachable(&self.socket, &error)),
            Err(_) => return Err(unreachable(&self.socket, &io::ErrorKind::TimedOut.into())),
        };
        let request = Request::builder().method(method).uri(path).header(HOST, "onedeskd").header(CONTENT_TYPE, "application/json");
        let request = request.body(Full::new(body)).map_err(|error| Failure::found(format!("the request cannot be written: {error}")))?;
        let (status, body) = match timeout(ANSWER_DEADLINE, exchange(stream, request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(self.silent(&error.to_string())),
            Err(_) => return Err(self.silent(&format!("no answer within {} s", ANSWER_DEADLINE.as_secs()))),
        };
        if status.is_success() {
            return Ok(body);
        }
        Err(match serde_json::from_slice::<ProblemDocument>(&body) {
            Ok(document) => document.into(),
            Err(_) => {
                Failure::found(format!("onedeskd answered {status} without a reason")).hint("see what it says: journalctl -u onedeskd")
            }
        })
    }

    fn silent(&self, why: &str) -> Failure {
        Failure::unreachable(format!("onedeskd does not answer on {}: {why}", self.socket.display()))
            .hint("see what it says: systemctl status onedeskd")
    }
}

async fn exchange(
    stream: UnixStream,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut answer = pin!(async move {
        let (head, body) = sender.send_request(request).await?.into_parts();
        Ok((head.status, Limited::new(body, LARGEST_ANSWER).collect().await?.to_bytes()))
    });
    // The connection does its work only while it is polled. It may end first, with the answer complete behind it.
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        ended = connection => match ended {
            Ok(()) => answer.await,
            Err(error) => Err(error.into()),
        },
    }
}

fn unreachable(socket: &Path, error: &io::Error) -> Failure {
    let (why, hint) = match error.kind() {
        io::ErrorKind::NotFound => ("there is no such socket".to_owned(), START),
        io::ErrorKind::ConnectionRefused => ("nobody listens there".to_owned(), START),
        io::ErrorKind::TimedOut => ("it accepts no connection".to_owned(), LOOK),
        io::ErrorKind::PermissionDenied => {
            ("permission denied".to_owned(), "see who may go there: namei -l on that path; or call it as root")
        }
        _ => (error.to_string(), LOOK),
    };
    Failure::unreachable(format!("onedeskd is not reachable on {}: {why}", socket.display())).hint(hint)
}

const START: &str = "start it: systemctl start onedeskd; see what it says: systemctl status onedeskd";
const LOOK: &str = "see what it says: systemctl status onedeskd";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_segment_whatever_it_holds() {
        assert_eq!(segment("o'hara/x?#%@b.test").to_string(), "o%27hara%2Fx%3F%23%25@b.test");
        assert_eq!(segment("jörg@b.test").to_string(), "j%C3%B6rg@b.test");
    }

    #[tokio::test]
    async fn no_socket_is_69_with_what_to_start() {
        let failure = Client::new("/nonexistent/api.sock".into()).delete("/v1/x").await.unwrap_err();
        assert_eq!(failure.exit, 69);
        assert!(failure.hint.unwrap().contains("systemctl start onedeskd"));
    }
}
