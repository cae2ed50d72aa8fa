//! Faults: what a test makes the simulator do wrong, where, and how often.

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// A misbehaviour. In JSON: `{"kind":"status","status":503}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// This status with a JSON error (`temporarily_unavailable`).
    Status {
        /// HTTP status, 400 to 599.
        status: u16,
    },
    /// 429, with `Retry-After` as written here: seconds, an HTTP date, or anything a test likes.
    Throttle {
        /// The header's value; `None` leaves it out.
        retry_after: Option<String>,
    },
    /// 429 whose `Retry-After` is an HTTP date that many seconds ahead.
    ThrottleUntil {
        /// Seconds from now.
        seconds: i64,
    },
    /// An HTML page with status 200 (a captive portal).
    HtmlOk,
    /// An HTML page with status 503 (a gateway).
    HtmlUnavailable,
    /// Status 200 and no body.
    EmptyBody,
    /// The right answer, cut in the middle, connection closed.
    TruncatedBody,
    /// No answer, ever.
    Hang,
    /// The connection is reset before anything is processed.
    Reset,
    /// The request is processed (tokens rotate, the code is spent) and the connection reset instead of an answer.
    LoseResponse,
    /// The right answer with 2 MB of padding in an unknown member.
    HugeBody,
    /// Status 200 with broken JSON.
    InvalidJson,
    /// Status 200 with JSON nested 100,000 levels deep.
    DeepJson,
    /// The right members with wrong JSON types.
    WrongTypes,
    /// A protocol error as in [`Problem`].
    Error(Problem),
    /// The right answer, late.
    Slow {
        /// Milliseconds.
        ms: u64,
    },
    /// The right answer, as soon as the faults are cleared: what is to happen meanwhile happens meanwhile on the slowest machine too.
    Held,
    /// The right answer without `refresh_token`.
    NoRefreshToken,
    /// The right answer with a spoiled ID token.
    IdToken {
        /// What is wrong with it.
        flaw: IdTokenFlaw,
    },
    /// `scope` lacks the last permission, and so does the access token.
    ReducedScope,
    /// The right answer without `scope`.
    NoScope,
    /// The right answer, with a `Date` header that is off.
    DateSkew {
        /// Seconds; negative is in the past.
        seconds: i64,
    },
    /// The person at the authorize page declines.
    Decline,
}

/// An error by AADSTS number; what is left out comes from the table of known numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Problem {
    /// AADSTS number.
    pub code: u32,
    /// HTTP status.
    pub status: Option<u16>,
    /// OAuth `error`.
    pub error: Option<String>,
    /// Microsoft's `suberror`.
    pub suberror: Option<String>,
    /// A claims challenge: a string that holds JSON.
    pub claims: Option<String>,
}

/// What is wrong with an ID token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdTokenFlaw {
    /// There is none.
    Missing,
    /// Another `nonce`.
    Nonce,
    /// No `nonce`.
    NoNonce,
    /// Another `aud`.
    Audience,
    /// Another `iss`.
    Issuer,
    /// Another `tid`, the issuer unchanged.
    Tenant,
    /// A signature that does not fit.
    Signature,
    /// Expired an hour ago.
    Expired,
    /// Valid from an hour ahead.
    NotYetValid,
    /// `alg: none`.
    Unsigned,
    /// HS256 with the public modulus as the secret.
    Hmac,
    /// A `kid` that no key set has.
    UnknownKey,
    /// Signed with the published key whose `issuer` is the personal accounts'.
    ForeignKey,
    /// Not a JWT at all.
    Garbage,
}

/// Where a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// The token endpoint, whatever the grant.
    #[default]
    Token,
    /// The token endpoint, `authorization_code`.
    Code,
    /// The token endpoint, `refresh_token`.
    Refresh,
    /// The token endpoint, `client_credentials`.
    ClientCredentials,
    /// The authorize endpoint.
    Authorize,
    /// The discovery documents.
    Discovery,
    /// The key sets.
    Keys,
    /// Graph, UserInfo included.
    Graph,
    /// Logout.
    Logout,
    /// Everything but the control API.
    Anywhere,
}

impl Endpoint {
    /// Whether a fault set for `self` strikes a request that arrived at `arrived`.
    #[must_use]
    pub fn covers(self, arrived: Self) -> bool {
        self == arrived
            || self == Self::Anywhere
            || (self == Self::Token && matches!(arrived, Self::Code | Self::Refresh | Self::ClientCredentials))
    }
}

/// Faults waiting to strike, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: Vec<(Endpoint, Fault, u32)>,
    /// Changes whenever the faults are cleared.
    cleared: watch::Sender<()>,
}

impl Faults {
    pub(crate) fn add(&mut self, at: Endpoint, fault: Fault, times: u32) {
        if times > 0 {
            self.waiting.push((at, fault, times));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.cleared.send_replace(());
    }

    /// Tells when the faults are cleared next, counted from this call.
    pub(crate) fn held(&self) -> watch::Receiver<()> {
        self.cleared.subscribe()
    }

    /// Takes the fault for a request at `arrived`; `u32::MAX` times means until cleared.
    pub(crate) fn take(&mut self, arrived: Endpoint) -> Option<Fault> {
        let position = self.waiting.iter().position(|(at, ..)| at.covers(arrived))?;
        let (_, fault, left) = &mut self.waiting[position];
        let fault = fault.clone();
        if *left != u32::MAX {
            *left -= 1;
            if *left == 0 {
                self.waiting.remove(position);
            }
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_strike_in_order_where_they_were_set_and_as_often() {
        let mut faults = Faults::default();
        faults.add(Endpoint::Token, Fault::Reset, 2);
        faults.add(Endpoint::Refresh, Fault::Hang, 1);
        faults.add(Endpoint::Graph, Fault::EmptyBody, u32::MAX);
        assert_eq!(faults.take(Endpoint::Code), Some(Fault::Reset));
        assert_eq!(faults.take(Endpoint::Refresh), Some(Fault::Reset));
        assert_eq!(faults.take(Endpoint::Code), None);
        assert_eq!(faults.take(Endpoint::Refresh), Some(Fault::Hang));
        assert_eq!(faults.take(Endpoint::Keys), None);
        assert_eq!(faults.take(Endpoint::Graph), faults.take(Endpoint::Graph));
    }

    #[test]
    fn faults_read_from_the_json_of_the_control_api() {
        let cases = [
            (r#"{"kind":"status","status":503}"#, Fault::Status { status: 503 }),
            (r#"{"kind":"throttle","retry_after":"7"}"#, Fault::Throttle { retry_after: Some("7".into()) }),
            (r#"{"kind":"throttle"}"#, Fault::Throttle { retry_after: None }),
            (r#"{"kind":"id_token","flaw":"nonce"}"#, Fault::IdToken { flaw: IdTokenFlaw::Nonce }),
            (r#"{"kind":"error","code":50173}"#, Fault::Error(Problem { code: 50173, ..Problem::default() })),
        ];
        for (json, fault) in cases {
            assert_eq!(serde_json::from_str::<Fault>(json).unwrap(), fault, "{json}");
        }
    }
}
