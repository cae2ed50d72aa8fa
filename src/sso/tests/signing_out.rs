//! Ways out.

use serde_json::{Value, json};

use super::world::{World, code};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

fn notice(more: &Value) -> Value {
    let mut notice = json!({"jti": "j-1", "events": {EVENT: {}}});
    notice.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    notice
}

#[tokio::test]
async fn signing_out_ends_the_session_and_goes_on_to_the_provider() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    let signed_in = world.sign_in(record).await.unwrap();
    let current = world.sso.current(signed_in.session.expose()).await.unwrap().unwrap();
    let next = world.sso.sign_out(&current, &world.actor).await.unwrap();
    assert!(!world.is_signed_in(&signed_in).await);
    let next = url::Url::parse(&next).unwrap();
    let parameter = |name: &str| next.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert!(next.as_str().starts_with(&format!("{}/end?", world.op.issuer)));
    assert_eq!(parameter("post_logout_redirect_uri").as_deref(), Some("https://help.example.com/sso/signed-out"));
    assert_eq!(parameter("id_token_hint").unwrap().matches('.').count(), 2);
    assert!(parameter("state").is_some());
}

#[tokio::test]
async fn a_front_channel_notice_ends_the_session_of_its_sid() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    let signed_in = world.sign_in(record).await.unwrap();
    let notice = async |sid, iss: Option<&str>| world.sso.front_channel(sid, iss, &world.actor).await;
    assert_eq!(code(notice("sid-1", Some("https://evil.test")).await), "logout_notice");
    assert_eq!(code(notice("", None).await), "logout_notice");
    notice("sid-2", None).await.unwrap();
    assert!(world.is_signed_in(&signed_in).await);
    notice("sid-1", Some(&world.op.issuer)).await.unwrap();
    assert!(!world.is_signed_in(&signed_in).await);
}

#[tokio::test]
async fn a_back_channel_notice_counts_once() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    let one = world.sign_in(record).await.unwrap();
    let token = world.op.sign(&notice(&json!({"sid": "sid-1"})));
    world.sso.back_channel(&token, &world.actor).await.unwrap();
    assert!(!world.is_signed_in(&one).await);
    let again = world.sign_in(record).await.unwrap();
    assert_eq!(code(world.sso.back_channel(&token, &world.actor).await), "logout_token");
    assert!(world.is_signed_in(&again).await);
}

#[tokio::test]
async fn a_notice_about_an_account_ends_all_its_sessions() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    let mut sessions = Vec::new();
    for sid in ["a", "b"] {
        world.op.says(&json!({ "sid": sid }));
        sessions.push(world.sign_in(record).await.unwrap());
    }
    world.op.says(&json!({}));
    let mut claims = notice(&json!({}));
    claims["sub"] = json!("s-1");
    world.sso.back_channel(&world.op.sign(&claims), &world.actor).await.unwrap();
    for session in &sessions {
        assert!(!world.is_signed_in(session).await);
    }
}

#[tokio::test]
async fn a_notice_that_is_not_good_ends_nothing() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    let signed_in = world.sign_in(record).await.unwrap();
    for bad in [
        json!({"iss": "https://evil.test"}),
        json!({"aud": "them"}),
        json!({"events": {"urn:other": {}}}),
        json!({"nonce": "n"}),
        json!({"jti": null}),
        json!({"iat": null}),
    ] {
        world.op.says(&bad);
        let token = world.op.sign(&notice(&json!({"sid": "sid-1"})));
        assert_eq!(code(world.sso.back_channel(&token, &world.actor).await), "logout_token", "{bad}");
    }
    world.op.says(&json!({}));
    let unsigned = world.op.sign(&notice(&json!({"sid": "sid-1"})));
    let payload = unsigned.split('.').nth(1).unwrap();
    let none = format!("eyJhbGciOiJub25lIn0.{payload}.");
    assert_eq!(code(world.sso.back_channel(&none, &world.actor).await), "logout_token");
    assert_eq!(code(world.sso.back_channel("nonsense", &world.actor).await), "logout_token");
    assert!(world.is_signed_in(&signed_in).await);
}
