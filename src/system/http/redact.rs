//! [`Redactor`]: what of a provider's words may be kept. Two sieves: whatever was sent as a secret, in every form in which it could
//! come back, and whatever is not shaped like an ordinary word.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::model::ids::is_guid;

/// In place of what is not kept.
const LEFT_OUT: &str = "[…]";
/// Shorter ones would be found everywhere.
const SHORTEST: usize = 4;

/// Knows what was sent in one exchange; wiped when dropped.
pub(super) struct Redactor {
    needles: Vec<Zeroizing<String>>,
}

impl Redactor {
    pub fn new<'a>(secrets: impl Iterator<Item = &'a str>) -> Self {
        let mut needles = Vec::new();
        for secret in secrets.filter(|secret| secret.len() >= SHORTEST) {
            let forms = [
                secret.to_owned(),
                form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
                utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
                STANDARD.encode(secret),
                STANDARD_NO_PAD.encode(secret),
                URL_SAFE_NO_PAD.encode(secret),
            ];
            needles.extend(forms.map(Zeroizing::new));
        }
        // The longest first, so that no form leaves a rest of a longer one.
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
        Self { needles }
    }

    fn knows(&self, text: &str) -> bool {
        self.needles.iter().any(|needle| text.contains(needle.as_str()))
    }

    fn without(&self, text: &str) -> Zeroizing<String> {
        let mut text = Zeroizing::new(text.to_owned());
        for needle in &self.needles {
            text = Zeroizing::new(text.replace(needle.as_str(), LEFT_OUT));
        }
        text
    }

    /// A sentence of ours that quotes names of hosts and issuers.
    pub fn own(&self, text: &str, limit: usize) -> String {
        let text = self.without(text);
        let tame = text.split(char::is_whitespace).map(|word| if word.len() > 100 { LEFT_OUT } else { word });
        tame.collect::<Vec<_>>().join(" ").chars().filter(|c| !c.is_control()).take(limit).collect()
    }

    /// Foreign prose: its ordinary words.
    pub fn prose(&self, text: &str, limit: usize) -> String {
        let mut kept = String::new();
        for word in self.without(text).split_whitespace() {
            let core = word.trim_matches(|c: char| "\"'`.,;:()[]<>!?".contains(c));
            let word = if is_ordinary(core) { word } else { LEFT_OUT };
            if kept.chars().count() + word.chars().count() >= limit {
                kept.push_str(" …");
                break;
            }
            // A row of ellipses says no more than one.
            if word == LEFT_OUT && kept.ends_with(LEFT_OUT) {
                continue;
            }
            if !kept.is_empty() {
                kept.push(' ');
            }
            kept.push_str(word);
        }
        kept
    }

    /// A word of a protocol, such as `invalid_grant` or `InvalidAuthenticationToken`.
    pub fn word(&self, text: &str) -> Option<String> {
        let is_word = (1..=60).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        Some(if is_word && !self.knows(text) { text.to_owned() } else { LEFT_OUT.to_owned() })
    }

    /// A date and a time.
    pub fn time(&self, text: &str) -> Option<String> {
        let is_time = (10..=40).contains(&text.len())
            && text.contains(['-', ':'])
            && text.bytes().all(|byte| byte.is_ascii_digit() || b" -:.+TZ".contains(&byte));
        (is_time && !self.knows(text)).then(|| text.to_owned())
    }

    /// The value of a header on the list.
    pub fn header(&self, text: &str) -> Option<String> {
        let is_tame = |word: &str| is_guid(word) || word.len() <= 40 && word.bytes().filter(u8::is_ascii_digit).count() <= 10;
        let fits = text.len() <= 120
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" ,;:=./()_-+\"".contains(&byte))
            && text.split([' ', ',', ';', '=']).all(is_tame);
        (fits && !self.knows(text)).then(|| text.to_owned())
    }

    /// A path: segments that look random are left out.
    pub fn path(&self, path: &str) -> String {
        let is_tame = |segment: &str| {
            segment.len() <= 48
                && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
                && segment.bytes().filter(u8::is_ascii_digit).count() <= 4
        };
        let keep = |segment: &str| (is_guid(segment) || is_tame(segment)) && !self.knows(segment);
        let segments: Vec<&str> = path.split('/').take(20).map(|segment| if keep(segment) { segment } else { LEFT_OUT }).collect();
        segments.join("/")
    }
}

/// A word that a sentence is made of: letters in an ordinary case, a number, a code of Microsoft's, a GUID, a date or a time.
fn is_ordinary(core: &str) -> bool {
    let is_plain = |part: &str| {
        let mut letters = part.chars();
        let first = letters.next().is_none_or(|c| c.is_ascii_alphabetic());
        let lower = part.chars().skip(1).all(|c| c.is_ascii_lowercase());
        let upper = part.len() <= 12 && part.chars().all(|c| c.is_ascii_uppercase());
        first && part.len() <= 20 && (lower || upper)
    };
    let is_number = core.len() <= 6 && core.bytes().all(|byte| byte.is_ascii_digit());
    let is_time =
        core.len() <= 20 && core.contains(['-', ':']) && core.bytes().all(|byte| byte.is_ascii_digit() || b"-:TZ".contains(&byte));
    let code = core.strip_prefix("AADSTS").unwrap_or(core);
    let is_code = code.len() < core.len() && (4..=8).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit());
    is_number || is_time || is_code || is_guid(core) || core.len() <= 40 && core.split(['-', '_', '\'', '/']).all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_keeps_what_a_sentence_is_made_of_and_nothing_else() {
        let redactor = Redactor::new(["hunter", "top secret"].into_iter());
        for (text, kept) in [
            (
                "AADSTS7000215: Invalid client secret provided. Trace ID: 0a0b0c0d-1111-2222-3333-444455556666 Timestamp: 2026-11-27 01:02:03Z",
                "AADSTS7000215: Invalid client secret provided. Trace ID: 0a0b0c0d-1111-2222-3333-444455556666 Timestamp: 2026-11-27 01:02:03Z",
            ),
            ("the secret 'aB3~x.y-z' of app 'Desk'", "the secret […] of app 'Desk'"),
            ("the password hunter was used by ann@example.test", "the password […] was used by […]"),
            ("dG9wIHNlY3JldA== top+secret top%20secret", "[…]"),
            ("eyJhbGciOiJub25lIn0.e30. CorrectHorseBattery", "[…]"),
        ] {
            assert_eq!(redactor.prose(text, 400), kept, "{text}");
        }
    }

    #[test]
    fn each_kind_of_value_has_its_own_sieve() {
        let redactor = Redactor::new(["invalid_secret"].into_iter());
        assert_eq!(redactor.word("invalid_grant").as_deref(), Some("invalid_grant"));
        assert_eq!(redactor.word("invalid_secret").as_deref(), Some(LEFT_OUT));
        assert_eq!(redactor.word("aB3~").as_deref(), Some(LEFT_OUT));
        assert_eq!(redactor.time("2026-09-21 10:11:12Z").as_deref(), Some("2026-09-21 10:11:12Z"));
        assert_eq!(redactor.time("123456789012"), None);
        assert_eq!(redactor.header("squid/4.10 (Debian)").as_deref(), Some("squid/4.10 (Debian)"));
        assert_eq!(redactor.header("Sun, 06 Nov 1994 08:49:37 GMT").as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(redactor.header("1.AXEA9188d77d6a3f4be4b2e1a2b3c4d5e6f7a8b9"), None);
        assert_eq!(redactor.path("/contoso.com/oauth2/v2.0/token"), "/contoso.com/oauth2/v2.0/token");
        assert_eq!(redactor.path("/hooks/T0A1B2C3D4/invalid_secret"), "/hooks/[…]/[…]");
    }
}
