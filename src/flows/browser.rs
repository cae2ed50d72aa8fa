//! [`Browser`]: the one cookie that binds flows to the browser that began them.

use crate::crypto;
use crate::model::Secret;

/// The name behind the prefix; `__Host-` is put before it wherever `Secure` can be kept.
const NAME: &str = "onedesk-flow";
/// The same value again, for answers that arrive by a cross-site POST: `SameSite=Lax` keeps the first one away from them.
const POST_NAME: &str = "onedesk-flow-post";
/// 32 random bytes as base64url without padding.
const LENGTH: usize = 43;

/// The random value that one browser keeps in one cookie, for all its flows. Only its hash is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Browser(Secret<String>);

impl Browser {
    /// A browser that had no cookie yet.
    pub fn new() -> Self {
        Self(crypto::random_token(32))
    }

    /// The browser that sends this `Cookie` header, if it holds our cookie in its one well-formed shape.
    pub fn from_cookies(header: &str, secure: bool) -> Option<Self> {
        Self::from_named(header, &cookie_name(NAME, secure))
    }

    /// The browser that sends this `Cookie` header with a cross-site POST.
    pub fn from_post_cookies(header: &str, secure: bool) -> Option<Self> {
        Self::from_named(header, &cookie_name(POST_NAME, secure))
    }

    fn from_named(header: &str, name: &str) -> Option<Self> {
        let value = header.split(';').filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name)?.1;
        let well_formed = value.len() == LENGTH && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        well_formed.then(|| Self(Secret::from(value)))
    }

    /// The `Set-Cookie` value. The prefix and `Secure` fall away where the public URL is plain http on loopback.
    pub fn set_cookie(&self, secure: bool) -> String {
        let flags = if secure { "; Secure" } else { "" };
        format!("{}={}; Path=/; HttpOnly; SameSite=Lax{flags}", cookie_name(NAME, secure), self.0.expose())
    }

    /// The `Set-Cookie` value for answers by a cross-site POST. Without TLS no browser takes `SameSite=None`, so it is left to the
    /// browser's own default, which lets a POST through for two minutes.
    pub fn set_post_cookie(&self, secure: bool) -> String {
        let flags = if secure { "; SameSite=None; Secure" } else { "" };
        format!("{}={}; Path=/; HttpOnly{flags}", cookie_name(POST_NAME, secure), self.0.expose())
    }

    /// What the store keeps.
    pub fn hash(&self) -> [u8; 32] {
        crypto::sha256(self.0.expose().as_bytes())
    }
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}

fn cookie_name(name: &str, secure: bool) -> String {
    if secure { format!("__Host-{name}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_known_again_by_its_cookie() {
        for secure in [true, false] {
            let browser = Browser::new();
            let cookie = browser.set_cookie(secure);
            let sent_back = format!("theme=dark; {}; other=1", cookie.split(';').next().unwrap());
            assert_eq!(Browser::from_cookies(&sent_back, secure), Some(browser));
            assert_eq!(cookie.starts_with("__Host-"), secure);
            assert_eq!(cookie.contains("Secure"), secure);
        }
    }

    #[test]
    fn a_cookie_of_another_shape_is_no_cookie() {
        for header in ["", "onedesk-flow=", "onedesk-flow=short", "onedesk-flow", "x=1", &format!("onedesk-flow={}", "%".repeat(43))] {
            assert_eq!(Browser::from_cookies(header, false), None, "{header}");
        }
    }

    #[test]
    fn over_https_only_the_prefixed_cookie_counts() {
        let cookie = Browser::new().set_cookie(false);
        assert_eq!(Browser::from_cookies(&cookie, true), None);
    }
}
