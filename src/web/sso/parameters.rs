//! Query and form parameters that may come once. A doubled one means that somebody reads the other one.

use std::borrow::Cow;

use crate::model::Problem;
use crate::sso::Error;

/// Larger than any query or form of these doors.
const LONGEST: usize = 64 * 1024;

/// The parameters of `names` in a query or form; others are ignored, as the standards ask.
///
/// # Errors
/// 400 for one that came twice.
pub fn once<'q, const N: usize>(text: &'q str, names: [&str; N]) -> Result<[Option<Cow<'q, str>>; N], Error> {
    if text.len() > LONGEST {
        return Err(Error::bad_request(Problem::told("too_long", &[])));
    }
    let mut found = [const { None }; N];
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let Some(slot) = names.iter().position(|known| *known == name) else { continue };
        if found[slot].replace(value).is_some() {
            return Err(Error::bad_request(Problem::told("doubled", &[("name", &names[slot])])));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_once_is_read_and_what_comes_twice_is_refused() {
        let [iss, hint] = once("iss=https%3A%2F%2Fop.test&x=1&x=2", ["iss", "login_hint"]).unwrap();
        assert_eq!((iss.as_deref(), hint.as_deref()), (Some("https://op.test"), None));
        assert!(once("iss=a&iss=a", ["iss"]).is_err());
        assert!(once(&"a".repeat(LONGEST + 1), ["iss"]).is_err());
    }
}
