use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

/// Every code that the product's knowledge must cover.
const EXPECTED: &[u32] = &[
    16_000, 16_003, 28_000, 28_002, 28_003, 40_010, 50_000, 50_001, 50_011, 50_012, 50_013, 50_014, 50_020, 50_033, 50_034, 50_053, 50_055,
    50_056, 50_057, 50_058, 50_059, 50_072, 50_074, 50_076, 50_078, 50_079, 50_087, 50_089, 50_105, 50_126, 50_128, 50_132, 50_133, 50_144,
    50_147, 50_158, 50_173, 50_194, 50_196, 51_004, 53_000, 53_001, 53_002, 53_003, 53_004, 53_011, 54_005, 65_001, 65_004, 65_005, 70_000,
    70_001, 70_002, 70_003, 70_004, 70_007, 70_008, 70_011, 70_012, 70_043, 70_044, 90_002, 90_004, 90_006, 90_008, 90_009, 90_012, 90_014,
    90_015, 90_019, 90_023, 90_024, 90_027, 90_033, 90_036, 90_038, 90_055, 90_056, 90_072, 90_090, 90_094, 90_095, 90_100, 90_124, 90_130,
    500_011, 500_014, 500_021, 500_022, 500_113, 500_121, 500_200, 500_212, 500_213, 501_481, 501_491, 530_032, 530_035, 650_052, 650_054,
    650_056, 650_057, 700_005, 700_011, 700_016, 700_022, 700_023, 700_025, 700_027, 700_054, 700_082, 700_084, 900_023, 900_144, 900_382,
    900_432, 900_439, 900_561, 900_971, 901_002, 1_000_031, 1_002_016, 7_000_112, 7_000_215, 7_000_218, 7_000_222, 7_000_229, 9_001_023,
    9_002_313, 9_002_325, 9_002_332, 9_010_010,
];

#[test]
fn every_code_is_known_once_and_says_what_to_do() {
    let all: Vec<u32> = TABLES.iter().copied().flatten().flat_map(|row| row.codes.iter().copied()).collect();
    let distinct: HashSet<u32> = all.iter().copied().collect();
    assert_eq!(distinct.len(), all.len(), "a code stands in two rows");
    assert_eq!(distinct, EXPECTED.iter().copied().collect());
    for row in TABLES.iter().copied().flatten() {
        for text in [row.title, row.meaning].iter().chain(row.steps) {
            assert!(text.ends_with(['.', '!']) && text.len() < 200, "{text}");
        }
        assert!(!row.steps.is_empty(), "{}", row.title);
    }
}

#[test]
fn a_code_is_found_wherever_it_is_pasted_from() {
    for text in [
        "7000222",
        " AADSTS7000222 ",
        "aadsts7000222",
        "AADSTS: 7000222",
        "Sign-in error code: 7000222",
        "https://login.microsoftonline.com/error?code=7000222",
        "AADSTS7000222: The provided client secret keys for app 'x' are expired.\r\nTrace ID: 1\r\nTimestamp: 2026-01-01 00:00:00Z",
        r#"{"error":"invalid_client","error_description":"…","error_codes":[7000222]}"#,
        r#"{"error":"invalid_client","error_description":"AADSTS7000222: expired"}"#,
        r#"HTTP 401: {"error":"invalid_client","error_codes":[7000222]}."#,
        r#"{"type":"about:blank","code":"AADSTS7000222"}"#,
        "https://desk.example.test/integrations/azuread/token?error=invalid_client&error_description=AADSTS7000222%3a+The+secret&state=s",
        "error=invalid_client&error_description=AADSTS7000222%3A%20expired",
        "<html><body><div id=\"exceptionMessage\">AADSTS7000222: expired</div></body></html>",
    ] {
        let explanation = explain(text);
        assert_eq!((explanation.code.as_str(), explanation.known, explanation.who), ("AADSTS7000222", true, Who::Owner), "{text}");
    }
}

#[test]
fn of_several_codes_the_most_telling_counts() {
    for (text, expected) in [
        ("AADSTS70002: Error validating credentials. AADSTS70008: The code has expired.", "AADSTS70008"),
        ("AADSTS99999: ? AADSTS50011: redirect", "AADSTS50011"),
        ("AADSTS99999: ? AADSTS70002: credentials", "AADSTS70002"),
        (r#"{"error":"invalid_grant","error_codes":[50000,50173]}"#, "AADSTS50173"),
    ] {
        assert_eq!(explain(text).code, expected, "{text}");
    }
}

#[test]
fn an_unknown_code_is_explained_by_its_kind_and_says_that_it_is_unknown() {
    let explanation = explain(r#"{"error":"invalid_client","error_codes":[7999999]}"#);
    assert_eq!((explanation.code.as_str(), explanation.known, explanation.who), ("AADSTS7999999", false, Who::Owner));
    assert!(explanation.meaning.contains("not in our list"));
    let nothing = explain("no idea what this is");
    assert_eq!((nothing.code.as_str(), nothing.known), ("unknown", false));
}

#[test]
fn an_error_without_a_code_is_explained() {
    for (text, who) in [
        ("invalid_client", Who::Owner),
        ("https://desk.example.test/sso/openid?error=access_denied&error_subcode=cancel&state=s", Who::User),
        (r#"{"error":"temporarily_unavailable"}"#, Who::Microsoft),
        ("invalid_scope", Who::Developer),
    ] {
        let explanation = explain(text);
        assert_eq!((explanation.who, explanation.known), (who, true), "{text}");
    }
}

#[test]
fn replies_of_exchange_are_explained() {
    for (text, code) in [
        (
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.",
            "smtp_auth_disabled_tenant",
        ),
        ("535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.", "smtp_auth_disabled_mailbox"),
        ("535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", "basic_auth_disabled"),
        ("550 5.7.30 Basic authentication is not supported for Client Submission.", "basic_auth_disabled"),
        ("535 5.7.3 Authentication unsuccessful [AM0PR01CA0001.example]", "smtp_refused"),
        ("432 4.3.2 Concurrent connections limit exceeded", "smtp_concurrency"),
        ("4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", "smtp_concurrency"),
        ("554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException", "mailbox_full"),
        ("554 5.2.0 STOREDRV.Submission.Exception: limit", "recipient_limit"),
        ("554 5.2.252 SendAsDenied; a@b.test not allowed to send as c@d.test", "send_as_denied"),
        ("A2 BAD User is authenticated but not connected.", "authenticated_not_connected"),
        ("* BYE Session invalidated - AccessTokenExpired", "session_expired"),
        ("A3 BAD Request is throttled. Suggested Backoff Time: 299870 milliseconds", "imap_throttled"),
        ("A1 NO AUTHENTICATE failed.", "imap_refused"),
        ("-ERR Authentication failure: unknown user name or bad password.", "pop_refused"),
        ("501 5.5.127 token", "token_too_short"),
        ("430 4.2.0 STOREDRV; mailbox logon failure; failure to process message", "mailbox_logon"),
    ] {
        let explanation = explain(text);
        assert_eq!(explanation.code, code, "{text}");
        assert!(!explanation.steps.is_empty());
    }
}

#[test]
fn an_explanation_becomes_a_problem_with_its_first_step() {
    let problem = Problem::from(explain("50173"));
    assert_eq!(problem.code, "AADSTS50173");
    assert!(problem.hint.starts_with("Sign in again"));
}

proptest! {
    #[test]
    fn any_text_gets_an_explanation(text in "(.|\r|\n|AADSTS|error=|%){0,200}") {
        let explanation = explain(&text);
        prop_assert!(!explanation.title.is_empty() && !explanation.steps.is_empty());
        prop_assert!(!explanation.code.chars().any(char::is_control));
    }
}
