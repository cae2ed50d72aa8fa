use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

#[path = "reference.rs"]
mod reference;

/// Codes that are known beyond those of Microsoft's reference: seen in the field.
const BEYOND: &[u32] = &[40_010, 90_009, 900_432, 1_002_016];

#[test]
fn every_code_is_known_once_and_says_what_to_do() {
    let all: Vec<u32> = ROWS.iter().flat_map(|row| row.codes.iter().copied()).collect();
    let distinct: HashSet<u32> = all.iter().copied().collect();
    assert_eq!(distinct.len(), all.len(), "a code stands in two rows");
    let expected = reference::TABLE.iter().flat_map(|(codes, ..)| codes.iter()).chain(BEYOND);
    assert_eq!(distinct, expected.copied().collect());
}

#[test]
fn the_catalogue_has_the_texts_of_every_code_and_reply_and_no_others() {
    let keys = ROWS.iter().map(key_of).chain(mail::names().map(|name| format!("mail.{name}"))).collect::<HashSet<_>>();
    for key in &keys {
        let told = Explanation::told(key, "", Who::Nobody, Retry::No);
        assert!(!told.meaning.is_empty() && !told.steps.is_empty(), "{key}");
        for text in [&told.title, &told.meaning].into_iter().chain(&told.steps) {
            assert!(text.ends_with(['.', '!']) && text.len() < 200, "{key}: {text}");
        }
    }
    let listed = crate::texts::keys().filter(|key| key.starts_with("aadsts.") || key.starts_with("mail."));
    let listed = listed.filter_map(|key| Some(key.rsplit_once('.')?.0.to_owned())).collect::<HashSet<_>>();
    assert_eq!(listed, keys);
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
    assert!(explanation.meaning.contains("is unknown to OneDesk") && explanation.meaning.contains("invalid_client"));
    let bare = explain("AADSTS7999999");
    assert!(!bare.known && bare.meaning.contains("unknown"), "{bare:?}");
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
