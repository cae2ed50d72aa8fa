//! SASL XOAUTH2, the mechanism of Exchange Online for IMAP, POP and SMTP (Microsoft, "Authenticate an IMAP, POP or SMTP
//! connection using OAuth").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::Secret;

/// A user name or token holds a control character: it would forge a field of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the user name or the token contains a control character")]
pub struct ControlCharacter;

/// The initial client response: one line of base64 without wrapping.
///
/// # Errors
/// [`ControlCharacter`] when `user` or `token` holds one; octet 1 separates the fields.
pub fn initial_response(user: &str, token: &Secret<String>) -> Result<Secret<String>, ControlCharacter> {
    let token = token.expose();
    if has_control(user) || has_control(token) {
        return Err(ControlCharacter);
    }
    let message = Secret::new(format!("user={user}\u{1}auth=Bearer {token}\u{1}\u{1}"));
    Ok(Secret::new(STANDARD.encode(message.expose())))
}

/// In one sweep without a way out, which the compiler turns into a few wide instructions: tokens are long, asked for often, and
/// hold none.
fn has_control(text: &str) -> bool {
    if text.is_ascii() {
        text.bytes().fold(false, |found, byte| found | byte.is_ascii_control())
    } else {
        text.chars().any(char::is_control)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microsofts_example_comes_out() {
        let line = initial_response("test@contoso.onmicrosoft.com", &Secret::from("EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA")).unwrap();
        assert_eq!(
            line.expose(),
            "dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ=="
        );
    }

    #[test]
    fn nobody_forges_a_field_by_a_control_character() {
        for (user, token) in [("a\u{1}auth=Bearer x", "t"), ("a@b.test", "t\u{1}"), ("a\n", "t"), ("a\u{7f}", "t"), ("\u{e4}\u{85}", "t")] {
            assert_eq!(initial_response(user, &Secret::from(token)), Err(ControlCharacter));
        }
    }
}
