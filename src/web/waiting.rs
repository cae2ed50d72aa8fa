//! [`Waiting`]: a page that tries again by itself where that may help: where a sign-in begins, nothing is lost or doubled by it.
//!
//! The answer carries a `Refresh` header a few times, further and further apart, and counts in the address. A reader can stop it.

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode};

/// Where flows begin: asking again is what a person would do.
const BEGINNINGS: [&str; 4] = ["/sso/login/", "/sso/sign-in", "/integrations/office365/connect", "/integrations/azuread/connect"];
/// What the tries are counted with; the doors do not read it.
const COUNT: &str = "tried=";
/// Seconds before each try: three minutes altogether, longer than a restart of anything takes.
const PAUSES: [u32; 6] = [5, 10, 20, 30, 45, 60];

/// The address to try again, and how often that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    address: String,
    tried: usize,
}

impl Waiting {
    /// For a request that may be repeated.
    pub fn of(request: &Request) -> Option<Self> {
        let uri = request.uri();
        if request.method() != Method::GET || !BEGINNINGS.iter().any(|beginning| uri.path().starts_with(beginning)) {
            return None;
        }
        let query = uri.query().unwrap_or_default();
        let counts = query.split('&').find_map(|part| part.strip_prefix(COUNT));
        let tried = counts.map_or(0, |count| count.parse().unwrap_or(PAUSES.len()));
        let others = query.split('&').filter(|part| !part.is_empty() && !part.starts_with(COUNT)).collect::<Vec<_>>().join("&");
        let address = if others.is_empty() { uri.path().to_owned() } else { format!("{}?{others}", uri.path()) };
        Some(Self { address, tried })
    }

    /// Whether an answer with that status may be another one soon.
    pub const fn helps(status: StatusCode) -> bool {
        matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE)
    }

    /// In how many seconds it is tried again by itself; nothing once that was done often enough.
    pub fn seconds(&self) -> Option<u32> {
        PAUSES.get(self.tried).copied()
    }

    /// The address itself.
    pub fn again(&self) -> &str {
        &self.address
    }

    /// The same page, waiting for the reader.
    pub fn stop(&self) -> String {
        self.counted(PAUSES.len())
    }

    /// The header that makes browsers try again.
    pub fn refresh(&self) -> Option<HeaderValue> {
        let seconds = self.seconds()?;
        HeaderValue::from_str(&format!("{seconds}; url={}", self.counted(self.tried + 1))).ok()
    }

    fn counted(&self, tried: usize) -> String {
        let joint = if self.address.contains('?') { '&' } else { '?' };
        format!("{}{joint}{COUNT}{tried}", self.address)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn waiting(method: &str, uri: &str) -> Option<Waiting> {
        Waiting::of(&Request::builder().method(method).uri(uri).body(Body::empty()).unwrap())
    }

    #[test]
    fn a_beginning_is_tried_again_a_few_times_and_no_more() {
        let mut uri = "/sso/login/1/main?return_to=%2Fx".to_owned();
        let mut tries = 0;
        while let Some(refresh) = waiting("GET", &uri).unwrap().refresh() {
            uri = refresh.to_str().unwrap().split_once("url=").unwrap().1.to_owned();
            tries += 1;
        }
        assert_eq!((tries, uri.as_str()), (PAUSES.len(), "/sso/login/1/main?return_to=%2Fx&tried=6"));
        assert_eq!(waiting("GET", &uri).unwrap().again(), "/sso/login/1/main?return_to=%2Fx");
    }

    #[test]
    fn what_cannot_be_repeated_is_not() {
        assert_eq!(waiting("POST", "/sso/login/1/main"), None);
        assert_eq!(waiting("GET", "/sso/openid?code=x&state=y"), None);
        assert_eq!(waiting("GET", "/sso/login/1/main?tried=nonsense").unwrap().refresh(), None);
    }
}
