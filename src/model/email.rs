//! [`EmailAddress`]: an address as people type it, compared as machines must.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::Serialize;

/// An address in the form `local@domain`, kept as written and compared without case.
///
/// Exchange Online compares the local part without case too, so two spellings are one mailbox.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct EmailAddress(String);

/// Why a text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No `@`, or nothing on one side of it.
    #[error("not an e-mail address: it needs a name, an @ and a domain")]
    Shape,
    /// Longer than SMTP can carry (RFC 5321 section 4.5.3.1: 64 and 255 octets, 254 in all).
    #[error("not an e-mail address: longer than 254 characters")]
    TooLong,
    /// A character that no mailbox of Exchange Online has and that would be read as something else on the wire.
    #[error("not an e-mail address: it contains a blank, a control character or one of \" ( ) < > , : ; [ ] \\")]
    Character,
}

impl EmailAddress {
    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which addresses are compared and stored as keys.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// What stands behind the `@`, in lower case.
    pub fn domain(&self) -> String {
        self.0.rsplit('@').next().unwrap_or_default().to_lowercase()
    }
}

impl FromStr for EmailAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.len() > 254 {
            return Err(Error::TooLong);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(Error::Shape)?;
        if local.is_empty() || domain.is_empty() || local.contains('@') || domain.starts_with('.') || domain.ends_with('.') {
            return Err(Error::Shape);
        }
        if local.len() > 64 {
            return Err(Error::TooLong);
        }
        let odd = |c: char| c.is_whitespace() || c.is_control() || "\"()<>,:;[]\\".contains(c);
        if text.chars().any(odd) {
            return Err(Error::Character);
        }
        Ok(Self(text.to_owned()))
    }
}

impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for EmailAddress {}

impl Hash for EmailAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_make_two_mailboxes() {
        let one: EmailAddress = " Support@Example.Test ".parse().unwrap();
        assert_eq!(one, "support@example.test".parse().unwrap());
        assert_eq!(one.as_str(), "Support@Example.Test");
        assert_eq!(one.domain(), "example.test");
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (text, error) in [
            ("", Error::Shape),
            ("support", Error::Shape),
            ("@example.test", Error::Shape),
            ("a@b@example.test", Error::Shape),
            ("a@.test", Error::Shape),
            ("a b@example.test", Error::Character),
            ("a\u{1}auth=@example.test", Error::Character),
        ] {
            assert_eq!(text.parse::<EmailAddress>(), Err(error), "{text:?}");
        }
        assert_eq!(format!("{}@example.test", "a".repeat(65)).parse::<EmailAddress>(), Err(Error::TooLong));
    }
}
