//! One observation as a frame on the hand-over socket: a length of four bytes, big-endian, then JSON with a version.

use std::io;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use zeroize::Zeroizing;

use super::{Observation, Outcome, Pair};
use crate::model::{ClientId, Problem, Secret};

/// Grows with every change that an older reader would misunderstand.
const VERSION: u16 = 1;

/// Four times the largest file: JSON doubles a quote or backslash, and problems come on top.
const LIMIT: usize = 4 * super::grammar::LIMIT;

/// Writes `observation`; the plain copy is wiped.
///
/// # Errors
/// When the other side is gone.
pub async fn write(stream: &mut (impl AsyncWrite + Unpin), observation: &Observation) -> io::Result<()> {
    // With all room from the start the buffer never moves, so no copy of a secret is left behind.
    let mut frame = Zeroizing::new(Vec::with_capacity(4 + LIMIT));
    frame.extend([0; 4]);
    serde_json::to_writer(&mut *frame, &Frame::from(observation))?;
    let length = u32::try_from(frame.len() - 4).ok().filter(|length| *length as usize <= LIMIT);
    frame[..4].copy_from_slice(&length.ok_or_else(|| invalid("a snapshot is too large"))?.to_be_bytes());
    stream.write_all(&frame).await
}

/// Reads the next observation; `None` when the other side has ended.
///
/// # Errors
/// When the stream breaks off, or a frame is too large, of another version or malformed. Messages hold nothing of its content.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Observation>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    };
    let length = u32::from_be_bytes(length) as usize;
    if length > LIMIT {
        return Err(invalid("a snapshot is too large"));
    }
    let mut frame = Zeroizing::new(vec![0; length]);
    stream.read_exact(&mut frame).await?;
    decode(&frame).map(Some)
}

/// The observation in the JSON of one frame.
///
/// # Errors
/// As [`read`].
pub fn decode(json: &[u8]) -> io::Result<Observation> {
    #[derive(Deserialize)]
    struct Head {
        version: u16,
    }
    let head: Head = serde_json::from_slice(json).map_err(|_| invalid("a snapshot is malformed"))?;
    if head.version != VERSION {
        return Err(invalid("the snapshot is of another version: restart onedesk-credentials.service and onedeskd.service"));
    }
    let frame: Frame = serde_json::from_slice(json).map_err(|_| invalid("a snapshot is malformed"))?;
    Ok(frame.into())
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[derive(Serialize, Deserialize)]
struct Frame {
    version: u16,
    outcome: WireOutcome,
    warnings: Vec<Problem>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireOutcome {
    Pair { client_id: ClientId, secret: Plain, next: Option<Plain> },
    Missing(Problem),
    Rejected(Problem),
}

/// A secret on its way to the one process that may have it: the only place where one is serialised.
struct Plain(Secret<String>);

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|value| Self(Secret::new(value)))
    }
}

impl From<&Observation> for Frame {
    fn from(observation: &Observation) -> Self {
        let outcome = match observation.outcome.clone() {
            Outcome::Pair(Pair { client_id, secret, next }) => {
                WireOutcome::Pair { client_id, secret: Plain(secret), next: next.map(Plain) }
            }
            Outcome::Missing(problem) => WireOutcome::Missing(problem),
            Outcome::Rejected(problem) => WireOutcome::Rejected(problem),
        };
        Self { version: VERSION, outcome, warnings: observation.warnings.clone() }
    }
}

impl From<Frame> for Observation {
    fn from(frame: Frame) -> Self {
        let outcome = match frame.outcome {
            WireOutcome::Pair { client_id, secret, next } => {
                Outcome::Pair(Pair { client_id, secret: secret.0, next: next.map(|next| next.0) })
            }
            WireOutcome::Missing(problem) => Outcome::Missing(problem),
            WireOutcome::Rejected(problem) => Outcome::Rejected(problem),
        };
        Self { outcome, warnings: frame.warnings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::grammar;

    #[tokio::test]
    async fn every_observation_arrives_as_it_was_sent() {
        let id = "AZUREAD_CID=11111111-2222-3333-4444-555555555555\n";
        for text in [String::new(), format!("{id}AZUREAD_CIS="), format!("{id}AZUREAD_CIS=a\"\\\nAZUREAD_CIS=b\nAZUREAD_CIS_NEXT='\"\\é'")]
        {
            let sent = grammar::parse(text.as_bytes());
            let (mut here, mut there) = tokio::io::duplex(4096);
            let (written, read) = tokio::join!(write(&mut here, &sent), read(&mut there));
            written.unwrap();
            assert_eq!(read.unwrap(), Some(sent));
        }
    }

    #[tokio::test]
    async fn what_is_no_snapshot_is_refused_without_repeating_it() {
        for bytes in
            [b"\xff\xff\xff\xff".as_slice(), b"\0\0\0\x0a{\"canary\":", b"\0\0\0\x0d{\"version\":2}", b"\0\0\0\x10{\"version\":1,  }"]
        {
            let error = read(&mut { bytes }).await.unwrap_err();
            assert!(!error.to_string().contains("canary"));
        }
        assert_eq!(read(&mut b"".as_slice()).await.unwrap(), None);
    }
}
