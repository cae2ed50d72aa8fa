//! `onedeskctl explain`, fed with what people paste.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Exit status and the JSON answer for `text` on standard input.
fn explained(text: &str) -> (Option<i32>, Value) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_onedeskctl"))
        .args(["--json", "explain", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

const PAGE: &str = "<!DOCTYPE html><html><head><title>Sign in to your account</title></head><body><div>Sorry, but we\u{2019}re having \
    trouble signing you in.</div><div id=\"exceptionMessageContainer\">AADSTS50011: The redirect URI &#39;https://desk.example.test/x&#39; \
    specified in the request does not match.</div><table><tr><td>Request Id</td><td>0000aaaa-11bb-cccc-dd22-eeeeee333333</td></tr>\
    <tr><td>Timestamp</td><td>2026-09-21T10:11:12Z</td></tr></table></body></html>";
const JSON: &str = r#"{"error":"invalid_grant","error_description":"AADSTS50173: The provided grant has expired.\r\nTrace ID: 0000aaaa-1\r\nTimestamp: 2026-09-21 10:11:12Z","error_codes":[50173],"suberror":"bad_token"}"#;
const REDIRECT: &str = "https://desk.example.test/integrations/azuread/token?error=access_denied&error_description=AADSTS65004%3a+User+declined+to+consent.%0d%0aTrace+ID%3a+1&state=s#";

#[test]
fn whatever_is_pasted_is_explained_with_who_must_act_and_the_steps() {
    for (pasted, code, who, retry) in [
        (PAGE, "AADSTS50011", "owner", "after_fix"),
        (JSON, "AADSTS50173", "user", "after_sign_in"),
        (REDIRECT, "AADSTS65004", "user", "after_sign_in"),
        ("7000222", "AADSTS7000222", "owner", "after_fix"),
        ("A2 BAD User is authenticated but not connected.\r\n", "authenticated_not_connected", "admin", "after_fix"),
        (
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled",
            "smtp_auth_disabled_mailbox",
            "admin",
            "after_fix",
        ),
    ] {
        let (exit, answer) = explained(pasted);
        assert_eq!(exit, Some(0), "{answer}");
        assert_eq!((&answer["code"], &answer["who"], &answer["retry"]), (&code.into(), &who.into(), &retry.into()));
        assert!(answer["known"] == true && !answer["steps"].as_array().unwrap().is_empty(), "{answer}");
    }
}

#[test]
fn an_unknown_code_is_classified_by_its_error_and_says_that_it_is_unknown() {
    let (exit, answer) = explained(r#"{"error":"invalid_client","error_description":"AADSTS7999999: New.","error_codes":[7999999]}"#);
    assert_eq!(exit, Some(1));
    assert_eq!((&answer["code"], &answer["known"], &answer["who"]), (&"AADSTS7999999".into(), &false.into(), &"owner".into()));
    assert!(answer["meaning"].as_str().unwrap().contains("unknown"), "{answer}");
}
