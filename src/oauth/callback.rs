//! What the provider sends back through the browser (RFC 6749 section 4.1.2): foreign input of the worst kind.

use super::aadsts;
use super::issuer::Issuer;
use super::text::clean;
use super::token::ProviderError;
use crate::model::Secret;

/// The whole query or form.
const WHOLE_LIMIT: usize = 16 * 1024;
const CODE_LIMIT: usize = 8 * 1024;
/// Ours are 43 characters.
const STATE_LIMIT: usize = 512;

/// A callback of the right shape. Whether its `state` is one of ours is for the flows to say.
#[derive(Debug, Clone)]
pub struct Callback {
    /// Which flow it answers.
    pub state: Secret<String>,
    /// Who answers (RFC 9207).
    pub iss: Option<String>,
    /// A code, or why there is none.
    pub outcome: Outcome,
}

/// What came of the authorization.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// An authorization code.
    Code(Secret<String>),
    /// Somebody refused, or something went wrong.
    Refused(Refusal),
    /// An administrator consented for their tenant. The tenant is anybody's claim: nothing may be granted by it.
    AdminConsent,
}

/// An error response (RFC 6749 section 4.1.2.1), bounded and without control characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// `error`.
    pub error: String,
    /// `error_description`: may name the person.
    pub description: String,
    /// Microsoft's `error_subcode`: `cancel` when the person turned back.
    pub subcode: Option<String>,
    /// It answers an admin-consent request.
    pub admin_consent: bool,
}

impl Refusal {
    /// The same in the shape of a token endpoint's error, with what the description holds: for `aadsts::explain_error` and `verdict::of`.
    pub fn provider_error(&self) -> ProviderError {
        let labelled = |label| aadsts::labelled(&self.description, label);
        ProviderError {
            error: self.error.clone(),
            description: self.description.clone(),
            codes: aadsts::by_telling(aadsts::codes_in(&self.description)),
            trace_id: labelled(aadsts::TRACE_ID),
            correlation_id: labelled(aadsts::CORRELATION_ID),
            timestamp: labelled(aadsts::TIMESTAMP),
            ..ProviderError::default()
        }
    }

    /// Whether the person declined or turned back, which is no fault of anybody.
    pub fn is_declined(&self) -> bool {
        self.error == "access_denied" || self.subcode.as_deref() == Some("cancel")
    }
}

/// Why a query or form is no callback. Nothing is taken from one that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// More than 16 KiB, a code over 8 KiB, or a state over 512 bytes.
    #[error("the answer is too long")]
    TooLong,
    /// A parameter that may come once came twice (RFC 6749 section 3.1).
    #[error("the parameter {0} came more than once")]
    Doubled(&'static str),
    /// No `state`: it answers nothing that we asked.
    #[error("the parameter state is missing")]
    NoState,
    /// Neither a code nor an error.
    #[error("the answer holds neither a code nor an error")]
    Empty,
    /// A blank or a control character where none can be.
    #[error("the parameter {0} holds a character that cannot be in it")]
    Character(&'static str),
}

/// The response names another issuer than the one that was asked, or none where one was promised (RFC 9207).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// Somebody else answered.
    #[error("another provider answered than the one that was asked")]
    Mismatch,
    /// The provider's metadata promises `iss`, and it is not there.
    #[error("the provider's answer lacks the parameter iss that its metadata promises")]
    Missing,
}

/// Everything that may come once; a doubled one is refused even where its value is not used.
const KNOWN: [&str; 13] = [
    "code",
    "state",
    "iss",
    "error",
    "error_description",
    "error_uri",
    "error_subcode",
    "session_state",
    "admin_consent",
    "tenant",
    "client_info",
    "id_token",
    "access_token",
];

impl Callback {
    /// Reads the raw query, or the body of a form post.
    ///
    /// # Errors
    /// [`CallbackError`]; an error response is not one of them: it is [`Outcome::Refused`], also when a code is beside it.
    pub fn parse(query_or_form: &str) -> Result<Self, CallbackError> {
        if query_or_form.len() > WHOLE_LIMIT {
            return Err(CallbackError::TooLong);
        }
        let mut found: [Option<String>; KNOWN.len()] = Default::default();
        for (name, value) in form_urlencoded::parse(query_or_form.as_bytes()) {
            let Some((slot, known)) = found.iter_mut().zip(KNOWN).find(|(_, known)| *known == name) else { continue };
            if slot.replace(value.into_owned()).is_some() {
                return Err(CallbackError::Doubled(known));
            }
        }
        // A parameter without a value counts as left out (RFC 6749 section 3.1).
        let [code, state, iss, error, description, _, subcode, _, admin_consent, ..] =
            found.map(|value| value.filter(|value| !value.is_empty()));
        // Into custody before the first return.
        let code = code.map(Secret::new);

        let state = Secret::new(state.ok_or(CallbackError::NoState)?);
        visible("state", state.expose(), STATE_LIMIT)?;
        if let Some(code) = &code {
            visible("code", code.expose(), CODE_LIMIT)?;
        }
        let admin_consent = admin_consent.is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let outcome = match (error, code) {
            (Some(error), _) => Outcome::Refused(Refusal {
                error: clean(&error, 100),
                description: clean(&description.unwrap_or_default(), 2000),
                subcode: subcode.map(|text| clean(&text, 100)),
                admin_consent,
            }),
            (None, Some(code)) => Outcome::Code(code),
            (None, None) if admin_consent => Outcome::AdminConsent,
            (None, None) => return Err(CallbackError::Empty),
        };
        Ok(Self { state, iss, outcome })
    }

    /// RFC 9207: compares `iss`, where it is given, with the issuer that this state was sent to. `promised` is the metadata's
    /// `authorization_response_iss_parameter_supported`. To be called for errors too, and before the code goes anywhere.
    ///
    /// # Errors
    /// [`IssuerError`]: the flow ends, and the code is sent to nobody.
    pub fn check_issuer(&self, expected: Option<&Issuer>, promised: bool) -> Result<(), IssuerError> {
        match (&self.iss, expected) {
            (Some(iss), Some(expected)) if !expected.matches(iss) => Err(IssuerError::Mismatch),
            (None, _) if promised => Err(IssuerError::Missing),
            _ => Ok(()),
        }
    }
}

fn visible(name: &'static str, value: &str, limit: usize) -> Result<(), CallbackError> {
    if value.len() > limit {
        return Err(CallbackError::TooLong);
    }
    // RFC 6749 appendix A.5 and A.11: printable ASCII. A blank is possible there, but not in anything that we or Entra send.
    if value.bytes().all(|byte| byte.is_ascii_graphic()) { Ok(()) } else { Err(CallbackError::Character(name)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_is_read_with_its_state() {
        let callback = Callback::parse("code=0.A-b_c.d&state=s-1&session_state=x&iss=https%3A%2F%2Fop.example&new=1&new=2").unwrap();
        assert!(matches!(&callback.outcome, Outcome::Code(code) if code.expose() == "0.A-b_c.d"));
        assert_eq!((callback.state.expose().as_str(), callback.iss.as_deref()), ("s-1", Some("https://op.example")));
        assert!(!format!("{callback:?}").contains("A-b_c"));
    }

    #[test]
    fn what_is_no_callback_is_refused() {
        let long = |name: &str, length: usize| format!("{name}={}", "a".repeat(length));
        for (text, expected) in [
            (String::new(), CallbackError::NoState),
            ("code=c".into(), CallbackError::NoState),
            ("code=c&state=".into(), CallbackError::NoState),
            ("state=s".into(), CallbackError::Empty),
            ("state=s&code=".into(), CallbackError::Empty),
            ("state=s&admin_consent=False".into(), CallbackError::Empty),
            ("state=s&state=s&code=c".into(), CallbackError::Doubled("state")),
            ("state=s&code=c&code=".into(), CallbackError::Doubled("code")),
            ("state=s&code=c&iss=a&%69ss=b".into(), CallbackError::Doubled("iss")),
            ("state=s&code=a%0d%0ab".into(), CallbackError::Character("code")),
            ("state=a+b&code=c".into(), CallbackError::Character("state")),
            ("state=%ff&code=c".into(), CallbackError::Character("state")),
            (format!("code=c&{}", long("state", STATE_LIMIT + 1)), CallbackError::TooLong),
            (format!("state=s&{}", long("code", CODE_LIMIT + 1)), CallbackError::TooLong),
            (format!("state=s&code=c&{}", long("x", WHOLE_LIMIT)), CallbackError::TooLong),
        ] {
            assert_eq!(Callback::parse(&text).err(), Some(expected), "{text:.60}");
        }
    }

    #[test]
    fn a_code_beside_an_error_is_an_error() {
        let text = "state=s&code=c&error=access_denied&error_subcode=cancel&error_description=AADSTS65004%3a+User+declined%0d%0aTrace";
        let Outcome::Refused(refusal) = Callback::parse(text).unwrap().outcome else { panic!("refused") };
        assert_eq!(refusal.description, "AADSTS65004: User declined Trace");
        assert!(refusal.is_declined());
    }

    #[test]
    fn a_refusal_gives_what_support_asks_for() {
        let text = "state=s&error=server_error&error_description=AADSTS90033%3a+Transient.%0d%0aTrace+ID%3a+0000aaaa-1%0d%0a\
                    Correlation+ID%3a+bbbb1111-2%0d%0aTimestamp%3a+2026-09-21+10%3a11%3a12Z";
        let Outcome::Refused(refusal) = Callback::parse(text).unwrap().outcome else { panic!("refused") };
        let error = refusal.provider_error();
        assert_eq!((error.codes.as_slice(), error.trace_id.as_deref()), (&[90_033][..], Some("0000aaaa-1")));
        assert_eq!((error.correlation_id.as_deref(), error.timestamp.as_deref()), (Some("bbbb1111-2"), Some("2026-09-21 10:11:12Z")));
    }

    #[test]
    fn a_failed_admin_consent_is_an_error_although_it_says_true() {
        let failed = Callback::parse("admin_consent=True&error=consent_required&state=s").unwrap();
        assert!(matches!(failed.outcome, Outcome::Refused(Refusal { admin_consent: true, .. })));
        let given = Callback::parse("admin_consent=True&tenant=t&scope=x&state=s").unwrap();
        assert!(matches!(given.outcome, Outcome::AdminConsent));
    }

    #[test]
    fn another_issuers_answer_is_noticed() {
        let issuer = Issuer::new("https://op.example");
        for (iss, expected, promised, result) in [
            ("&iss=https://op.example", Some(&issuer), true, Ok(())),
            ("&iss=https://op.example/", Some(&issuer), false, Err(IssuerError::Mismatch)),
            ("&iss=https://evil.example", Some(&issuer), true, Err(IssuerError::Mismatch)),
            ("", Some(&issuer), true, Err(IssuerError::Missing)),
            ("", Some(&issuer), false, Ok(())),
            ("", None, false, Ok(())),
        ] {
            for answer in ["code=c", "error=server_error"] {
                let callback = Callback::parse(&format!("state=s&{answer}{iss}")).unwrap();
                assert_eq!(callback.check_issuer(expected, promised), result, "{answer}{iss}");
            }
        }
    }

    #[test]
    fn every_seed_of_the_fuzzer_is_read_without_a_crash() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/seeds/callback");
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let accepted = Callback::parse(&String::from_utf8_lossy(&std::fs::read(&path).unwrap())).is_ok();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert_eq!(accepted, name.starts_with("good"), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,400}") {
            let _ = Callback::parse(&text);
        }

        #[test]
        fn what_is_accepted_keeps_its_bounds(
            pairs in proptest::collection::vec((proptest::sample::select(KNOWN.to_vec()), "[ -~%\r\n]{0,40}"), 0..6),
        ) {
            let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            if let Ok(callback) = Callback::parse(&text) {
                prop_assert!(callback.state.expose().bytes().all(|byte| byte.is_ascii_graphic()));
                if let Outcome::Refused(refusal) = callback.outcome {
                    prop_assert!(!refusal.description.contains(['\r', '\n']));
                }
            }
        }
    }
}
