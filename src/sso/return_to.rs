//! [`ReturnTo`]: where on our own origin the browser goes after signing in. Everything else is nobody's business (RFC 9700
//! section 4.11): a link that could lead elsewhere would make our sign-in somebody's bait.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// Longer than any path that an app of ours has.
const LONGEST: usize = 2048;

/// Encoded beside what is beyond ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ');

/// A path, perhaps with a query and a fragment, that every browser resolves to our own origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnTo(String);

impl ReturnTo {
    /// Takes a path as it came from a request, decoded once. Blanks and characters beyond ASCII are encoded again.
    ///
    /// Refused is whatever some browser reads as another origin or another scheme: anything that does not begin with exactly
    /// one slash (browsers take `\` for `/`), control characters (browsers drop them first), and paths whose percent-encoded
    /// form hides one of these from servers that decode twice.
    pub fn parse(text: &str) -> Option<Self> {
        let odd = |c: char| c.is_control() || matches!(c, '\\' | '"' | '<' | '>');
        if text.len() > LONGEST || !text.starts_with('/') || text.contains(odd) {
            return None;
        }
        let path = text.split(['?', '#']).next().unwrap_or_default();
        let lower = path.to_ascii_lowercase();
        // `//` anywhere: a proxy that merges or strips a prefix could move it to the front. `.` and `..` as segments likewise.
        let hidden = ["//", "%2f", "%5c", "%00", "%0a", "%0d", "%09", "%25", "%2e"];
        let climbs = path.split('/').any(|segment| segment == "." || segment == "..");
        if climbs || hidden.iter().any(|mark| lower.contains(mark)) {
            return None;
        }
        Some(Self(utf8_percent_encode(text, ENCODED).to_string()))
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path on our origin that a whole URL names, if it names one; for `target_link_uri` and forwarded addresses.
    pub fn on_origin(url: &str, origin: &str) -> Option<Self> {
        let rest = url.strip_prefix(origin)?;
        match rest.chars().next() {
            None => Self::parse("/"),
            Some('/') => Self::parse(rest),
            // `https://help.example.com.evil.test` begins like our origin and is not it.
            Some(_) => None,
        }
    }
}

impl fmt::Display for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    /// Open-redirect payloads, one a line.
    const PAYLOADS: &str = include_str!("../../tests/fixtures/open_redirects.txt");
    const ORIGIN: &str = "https://help.example.com";

    fn stays(path: &ReturnTo) -> bool {
        let base = Url::parse(&format!("{ORIGIN}/sso/openid")).unwrap();
        let joined = base.join(path.as_str()).unwrap();
        let appended = Url::parse(&format!("{ORIGIN}{path}")).unwrap();
        joined.origin() == base.origin() && appended.origin() == base.origin()
    }

    #[test]
    fn the_list_is_long_and_none_of_it_leaves_our_origin() {
        let payloads: Vec<_> = PAYLOADS.lines().filter(|line| !line.is_empty()).collect();
        assert!(payloads.len() >= 300, "{}", payloads.len());
        for payload in payloads {
            let decoded = percent_encoding::percent_decode_str(payload).decode_utf8_lossy().into_owned();
            for text in [payload, &decoded, &format!("/{payload}"), &format!("/{decoded}")] {
                if let Some(path) = ReturnTo::parse(text) {
                    assert!(stays(&path), "{text:?}");
                    assert!(!path.as_str().starts_with("//"), "{text:?}");
                }
            }
        }
    }

    #[test]
    fn ordinary_paths_pass() {
        for text in [
            "/",
            "/tickets/17?view=all&sort=-age#comment-3",
            "/a-b_c~d.e/f",
            "/kb/search?q=caf%C3%A9%20bar",
            "/x?next=https://other.test/",
            "/@ann",
        ] {
            assert_eq!(ReturnTo::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(ReturnTo::parse("/kb/caf\u{e9} bar").unwrap().as_str(), "/kb/caf%C3%A9%20bar");
    }

    #[test]
    fn only_our_own_origin_becomes_a_path() {
        for (url, path) in [
            ("https://help.example.com", Some("/")),
            ("https://help.example.com/a?b", Some("/a?b")),
            ("https://help.example.com.evil.test/", None),
            ("https://help.example.com@evil.test/", None),
            ("https://help.example.com:8443/", None),
            ("https://help.example.com//evil.test", None),
            ("http://help.example.com/", None),
        ] {
            assert_eq!(ReturnTo::on_origin(url, ORIGIN).as_ref().map(ReturnTo::as_str), path, "{url}");
        }
    }

    proptest! {
        #[test]
        fn whatever_passes_stays_on_our_origin(text in "[/\\\\.:@%?#a-zA-Z0-9\\t\\n ]{0,40}") {
            if let Some(path) = ReturnTo::parse(&text) {
                prop_assert!(stays(&path));
            }
        }
    }
}
