use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::RequestId;

fn answer(status: u16, body: impl Into<Bytes>) -> Answer {
    Answer {
        status,
        content_type: "application/json".into(),
        retry_after: None,
        date: None,
        body: body.into(),
        request_id: RequestId::new(),
    }
}

fn success(members: &Value) -> Result<Tokens, TokenError> {
    let mut whole = json!({"token_type": "Bearer", "access_token": "opaque", "expires_in": 3599});
    for (name, value) in members.as_object().unwrap() {
        whole[name] = value.clone();
    }
    parse(&answer(200, whole.to_string()))
}

#[test]
fn the_responses_of_v1_and_v2_are_read() {
    let v1 = parse(&answer(
        200,
        r#"{"token_type":"Bearer","expires_in":"3599","ext_expires_in":"3599","expires_on":"1790003599","not_before":"1789999699",
            "resource":"https://graph.microsoft.com","scope":"User.Read","access_token":"a","refresh_token":"r","id_token":"h.p."}"#,
    ))
    .unwrap();
    assert_eq!((v1.expires_in, v1.id_token.unwrap().expose().as_str()), (Duration::from_secs(3599), "h.p."));
    let v2 = parse(&answer(
        200,
        r#"{"token_type":"bearer","scope":"openid https://graph.microsoft.com/User.Read","expires_in":4312,"access_token":"a","foci":"1"}"#,
    ))
    .unwrap();
    assert_eq!((v2.expires_in, v2.refresh_token), (Duration::from_secs(4312), None));
    assert_eq!(v2.scope.as_deref(), Some("openid https://graph.microsoft.com/User.Read"));
}

#[test]
fn lifetimes_are_read_or_refused() {
    for (given, expected) in [
        (json!(null), Some(3600)),
        (json!("3599"), Some(3599)),
        (json!(" 10 "), Some(10)),
        (json!(3599.9), Some(3599)),
        (json!(1e300), Some(LONGEST_LIFETIME)),
        (json!("99999999999"), Some(LONGEST_LIFETIME)),
        (json!(0), None),
        (json!(-1), None),
        (json!("-1"), None),
        (json!("soon"), None),
        (json!([3599]), None),
    ] {
        let seconds = success(&json!({"expires_in": given})).ok().map(|tokens| tokens.expires_in.as_secs());
        assert_eq!(seconds, expected, "{given}");
    }
}

#[test]
fn null_and_empty_tokens_count_as_absent() {
    let tokens = success(&json!({"refresh_token": null, "id_token": "", "scope": null})).unwrap();
    assert!(tokens.refresh_token.is_none() && tokens.id_token.is_none() && tokens.scope.is_none());
}

#[test]
fn what_is_no_token_response_loses_nothing() {
    for members in [
        json!({"access_token": ""}),
        json!({"access_token": null}),
        json!({"access_token": 7}),
        json!({"access_token": "a\r\nb"}),
        json!({"access_token": "a b"}),
        json!({"access_token": "ä"}),
        json!({"access_token": "a".repeat(TOKEN_LIMIT + 1)}),
        json!({"refresh_token": "a\u{0}"}),
        json!({"refresh_token": ["a"]}),
        json!({"token_type": "DPoP"}),
        json!({"token_type": null}),
    ] {
        let error = success(&members).unwrap_err();
        assert_eq!(error.verdict, Verdict::Unavailable { retry_after: None }, "{members:.80}");
    }
    let bomb = "[".repeat(100_000);
    for (status, body) in
        [(200, "<html>Log in to the hotel</html>"), (200, ""), (200, "[]"), (200, &bomb), (302, ""), (404, "{}"), (407, "")]
    {
        let error = parse(&answer(status, body.to_owned())).unwrap_err();
        assert_eq!(error.verdict, Verdict::Unavailable { retry_after: None }, "{status} {body:.40}");
        assert!(!error.problem.title.contains("hotel"));
    }
}

#[test]
fn a_status_speaks_where_the_body_does_not() {
    let slow = Answer { retry_after: Some(Duration::from_secs(17)), ..answer(429, "slow down") };
    assert_eq!(parse(&slow).unwrap_err().verdict, Verdict::Throttled { retry_after: Duration::from_secs(17) });
    let down = Answer { retry_after: Some(Duration::from_secs(9)), ..answer(503, "<html>") };
    assert_eq!(parse(&down).unwrap_err().verdict, Verdict::Unavailable { retry_after: Some(Duration::from_secs(9)) });
}

#[test]
fn an_error_response_is_read_whole() {
    let error = parse(&answer(
        400,
        r#"{"error":"invalid_grant","error_description":"AADSTS50173: The grant has expired.\r\nTrace ID: 0000aaaa\r\nTimestamp: 2026-09-21 10:11:12Z",
            "error_codes":[50173],"timestamp":"2026-09-21 10:11:12Z","trace_id":"0000aaaa-1","correlation_id":"bbbb1111-1","suberror":"bad_token"}"#,
    ))
    .unwrap_err();
    assert_eq!(error.verdict, Verdict::GrantRefused);
    assert_eq!(error.problem.code, "AADSTS50173");
    assert_eq!(error.provider.codes, [50173]);
    assert_eq!(error.provider.description, "AADSTS50173: The grant has expired. Trace ID: 0000aaaa Timestamp: 2026-09-21 10:11:12Z");
    assert_eq!(error.provider.timestamp.as_deref(), Some("2026-09-21 10:11:12Z"));
    assert_eq!((error.provider.suberror.as_deref(), error.provider.status), (Some("bad_token"), Some(400)));
}

#[test]
fn odd_members_of_an_error_response_do_no_harm() {
    let error = parse(&answer(
        401,
        r#"{"error":"invalid_client\r\nX","error_description":["x"],"error_codes":["7000222",-1,1e99,null],"suberror":7,"trace_id":null}"#,
    ))
    .unwrap_err();
    assert_eq!((error.provider.error.as_str(), error.provider.codes), ("invalid_client X", vec![7_000_222]));
    assert_eq!(error.verdict, Verdict::ClientRejected);
}

#[test]
fn the_most_telling_code_comes_first() {
    let error = parse(&answer(400, r#"{"error":"invalid_grant","error_codes":[70002,70008]}"#)).unwrap_err();
    assert_eq!(error.provider.codes, [70008, 70002]);
}

#[test]
fn a_github_style_error_with_status_200_is_an_error() {
    let error = parse(&answer(200, r#"{"error":"invalid_grant"}"#)).unwrap_err();
    assert_eq!(error.verdict, Verdict::GrantRefused);
}

#[test]
fn every_seed_of_the_fuzzer_is_read_without_a_crash() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/seeds/token_response");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let accepted = parse(&answer(200, std::fs::read(&path).unwrap())).is_ok();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(accepted, name.starts_with("good"), "{name}");
    }
}

proptest! {
    #[test]
    fn no_body_makes_the_parser_panic(body in proptest::collection::vec(any::<u8>(), 0..300), status in 100u16..600) {
        let _ = parse(&answer(status, body));
    }

    #[test]
    fn no_error_reaches_a_second_line(error in ".{0,40}", description in "(.|\r|\n){0,200}", status in 200u16..600) {
        let body = json!({"error": error, "error_description": description, "suberror": description}).to_string();
        let error = parse(&answer(status, body)).unwrap_err();
        for text in [&error.provider.error, &error.provider.description, &error.problem.title, &error.problem.code] {
            prop_assert!(!text.chars().any(char::is_control), "{text:?}");
        }
    }
}
