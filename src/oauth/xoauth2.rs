//! SASL XOAUTH2, the mechanism of Exchange Online for IMAP, POP and SMTP (Microsoft, "Authenticate an IMAP, POP or SMTP
//! connection using OAuth").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::Secret;
use crate::model::text::is_plain;

/// A user name or token holds a control character: it would forge a field of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the user name or the token contains a control character")]
pub struct ControlCharacter;

/// The initial client response for a user and a token: one line of base64 without wrapping.
#[derive(Clone, Copy)]
pub struct InitialResponse<'a> {
    user: &'a str,
    token: &'a Secret<String>,
}

impl<'a> InitialResponse<'a> {
    /// The response.
    ///
    /// # Errors
    /// [`ControlCharacter`] when `user` or `token` holds one; octet 1 separates the fields.
    pub fn new(user: &'a str, token: &'a Secret<String>) -> Result<Self, ControlCharacter> {
        if has_control(user) || has_control(token.expose()) { Err(ControlCharacter) } else { Ok(Self { user, token }) }
    }

    /// Appends the line to `text`. Nothing secret is held elsewhere meanwhile: bytes encode in groups of three, so all but the
    /// ends of the token goes over as it stands.
    pub fn append_to(&self, text: &mut String) {
        let mut head = format!("user={}\u{1}auth=Bearer ", self.user).into_bytes();
        let token = self.token.expose().as_bytes();
        let (first, token) = token.split_at(token.len().min(head.len().next_multiple_of(3) - head.len()));
        head.extend_from_slice(first);
        let (groups, last) = token.split_at(token.len() / 3 * 3);
        let tail = [last, b"\x01\x01"].concat();
        if token.is_empty() {
            head.extend_from_slice(&tail);
            STANDARD.encode_string(head, text);
        } else {
            STANDARD.encode_string(head, text);
            STANDARD.encode_string(groups, text);
            STANDARD.encode_string(tail, text);
        }
    }

    /// The line alone.
    pub fn line(&self) -> Secret<String> {
        let mut line = String::with_capacity((self.user.len() + self.token.expose().len() + 32) / 3 * 4);
        self.append_to(&mut line);
        Secret::new(line)
    }
}

fn has_control(text: &str) -> bool {
    !is_plain(text) && text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(user: &str, token: &str) -> Result<String, ControlCharacter> {
        InitialResponse::new(user, &Secret::from(token)).map(|response| response.line().expose().clone())
    }

    #[test]
    fn microsofts_example_comes_out() {
        assert_eq!(
            line("test@contoso.onmicrosoft.com", "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA").unwrap(),
            "dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ=="
        );
    }

    #[test]
    fn names_and_tokens_of_every_length_encode_as_one_message() {
        for (user, token) in (0..9).flat_map(|user| (0..9).map(move |token| ("u".repeat(user), "t".repeat(token)))) {
            let whole = STANDARD.encode(format!("user={user}\u{1}auth=Bearer {token}\u{1}\u{1}"));
            assert_eq!(line(&user, &token).unwrap(), whole);
        }
    }

    #[test]
    fn nobody_forges_a_field_by_a_control_character() {
        for (user, token) in [("a\u{1}auth=Bearer x", "t"), ("a@b.test", "t\u{1}"), ("a\n", "t"), ("a\u{7f}", "t"), ("\u{e4}\u{85}", "t")] {
            assert_eq!(line(user, token), Err(ControlCharacter));
        }
    }
}
