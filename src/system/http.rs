//! The one outgoing HTTP client: proxy, trust anchors, deadlines, a bound on every body, no redirects, no cookies.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

/// An answer whose body arrived whole and within the bound.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// `Content-Type` without parameters, in lower case.
    pub content_type: String,
    /// `Retry-After`, as a wait from now (seconds or HTTP date), at most an hour.
    pub retry_after: Option<Duration>,
    /// `Date`.
    pub date: Option<Timestamp>,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer. Every one of them is worth another attempt later.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Name resolution, connection, proxy or TLS; the text names the host and the deepest cause.
    #[error("no connection to {host}: {cause}")]
    Connect {
        /// Host and port.
        host: String,
        /// The deepest cause.
        cause: String,
    },
    /// No whole answer in time.
    #[error("{host} did not answer within {seconds} s")]
    Timeout {
        /// Host and port.
        host: String,
        /// The deadline.
        seconds: u64,
    },
    /// The answer broke off.
    #[error("the answer of {host} broke off: {cause}")]
    Broken {
        /// Host and port.
        host: String,
        /// Why.
        cause: String,
    },
    /// More than the bound.
    #[error("the answer of {host} is larger than {limit} bytes")]
    TooLarge {
        /// Host and port.
        host: String,
        /// The bound.
        limit: usize,
    },
}
