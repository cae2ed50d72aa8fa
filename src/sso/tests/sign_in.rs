//! The flow itself.

use jiff::SignedDuration;
use serde_json::json;

use super::world::{World, code};
use crate::flows::Browser;
use crate::model::person::{App, Kind};
use crate::oauth::callback::Callback;
use crate::oauth::endpoints::Version;
use crate::sso::{Arrival, Beginning, ErrorKind, Purpose};

#[tokio::test]
async fn somebody_signs_in_and_is_known_by_their_session() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    let signed_in = world.sign_in(record).await.unwrap();
    assert_eq!((signed_in.app, signed_in.return_to.as_deref()), (App::Main, Some("/x")));
    let current = world.sso.current(signed_in.session.expose()).await.unwrap().unwrap();
    assert_eq!((current.entry.email(), current.entry.name(), current.entry.kind), ("ann@example.test", "Ann", Kind::User));
    assert!(world.sso.current_at_hand(signed_in.session.expose()).unwrap().is_some(), "it is in memory now");
    // RFC 6749 section 2.3.1: another provider's default is Basic.
    let header = world.op.headers.lock().unwrap()[0].clone().unwrap();
    assert!(header.starts_with("Basic "), "{header}");
    let lines = world.store.audit.page(None, 10).await.unwrap().items;
    assert_eq!(lines.iter().filter(|(_, line)| line.action == "sso.sign_in" && line.outcome == "ok").count(), 1);
}

#[tokio::test]
async fn a_state_works_once_and_only_in_its_browser() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    let departure = world.depart(record, None).await.unwrap();
    let callback = world.answer(&departure);
    assert_eq!(code(world.arrive(callback.clone(), Some(&Browser::new())).await), "state_foreign");
    assert!(world.op.redeemed.lock().unwrap().is_empty(), "nothing was sent to the provider");
    world.arrive(callback.clone(), Some(&departure.browser)).await.unwrap();
    assert_eq!(code(world.arrive(callback, Some(&departure.browser)).await), "state_unknown");
    assert_eq!(world.op.redeemed.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn fifty_tabs_finish_in_any_order() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    let browser = Browser::new();
    let mut departures = Vec::new();
    for _ in 0..50 {
        departures.push(world.depart(record, Some(&browser)).await.unwrap());
    }
    for departure in departures.iter().rev() {
        let callback = world.answer(departure);
        assert!(matches!(world.arrive(callback, Some(&browser)).await, Ok(Arrival::SignedIn(_))));
    }
    assert_eq!(world.people().await, 1);
}

#[tokio::test]
async fn a_missing_cookie_begins_anew_once() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    let departure = world.depart(record, None).await.unwrap();
    let Ok(Arrival::Again(again)) = world.arrive(world.answer(&departure), None).await else { panic!() };
    assert_eq!(code(world.arrive(world.answer(&again), None).await), "cookie_missing");
    assert!(world.op.redeemed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_response_of_another_issuer_sends_no_code_anywhere() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    for answer in ["code=c", "error=access_denied"] {
        let departure = world.depart(record, None).await.unwrap();
        let state = world.answer(&departure).state;
        let callback = Callback::parse(&format!("{answer}&state={}&iss=https%3A%2F%2Fevil.test", state.expose())).unwrap();
        assert_eq!(code(world.arrive(callback, Some(&departure.browser)).await), "issuer_mismatch");
    }
    assert!(world.op.redeemed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_record_that_was_edited_meanwhile_gets_no_code() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    for edit in [json!({"client_id": "other"}), json!({"token_url": "http://127.0.0.1:9/token"})] {
        let departure = world.depart(record, None).await.unwrap();
        world.change(record, edit).await.unwrap();
        assert_eq!(code(world.arrive(world.answer(&departure), Some(&departure.browser)).await), "record_changed");
    }
    assert!(world.op.redeemed.lock().unwrap().is_empty());
    let departure = world.depart(record, None).await;
    assert!(departure.is_err(), "the new token URL is of nobody whose metadata is known");
}

#[tokio::test]
async fn a_new_name_or_secret_does_not_disturb_who_is_signing_in() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    let departure = world.depart(record, None).await.unwrap();
    world.change(record, json!({"name": "Other", "client_secret": "an0ther"})).await.unwrap();
    world.arrive(world.answer(&departure), Some(&departure.browser)).await.unwrap();
}

#[tokio::test]
async fn every_faulty_token_signs_nobody_in() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    for fault in [
        json!({"iss": "https://evil.test"}),
        json!({"aud": "them"}),
        json!({"nonce": "other"}),
        json!({"nonce": null}),
        json!({"sub": null}),
        json!({"iat": null}),
    ] {
        world.op.says(&fault);
        assert_eq!(code(world.sign_in(record).await), "id_token_refused", "{fault}");
    }
    assert_eq!(world.people().await, 0);
}

#[tokio::test]
async fn a_clock_that_differs_from_the_providers_is_named() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    // The provider's own clock is this machine's, the world's stands still elsewhere.
    world.op.says(&json!({"exp": 1_789_999_000}));
    let error = world.sign_in(record).await.unwrap_err();
    assert_eq!((error.problem.code.as_str(), error.kind), ("clock_skew", ErrorKind::Unavailable));
    assert!(error.problem.title.contains("the clock of this host is"), "{}", error.problem.title);
}

#[tokio::test]
async fn a_declined_sign_in_says_so() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    let departure = world.depart(record, None).await.unwrap();
    let state = world.answer(&departure).state;
    let callback = Callback::parse(&format!("error=access_denied&state={}", state.expose())).unwrap();
    assert_eq!(code(world.arrive(callback, Some(&departure.browser)).await), "declined");
}

#[tokio::test]
async fn switched_off_means_off_also_for_who_is_under_way_or_in() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    let signed_in = world.sign_in(record).await.unwrap();
    let departure = world.depart(record, None).await.unwrap();
    world.sso.switch(Kind::User, false, &world.actor).await.unwrap();
    assert!(!world.is_signed_in(&signed_in).await);
    assert_eq!(code(world.arrive(world.answer(&departure), Some(&departure.browser)).await), "sso_off");
    assert_eq!(code(world.depart(record, None).await), "sso_off");
    world.sso.switch(Kind::User, true, &world.actor).await.unwrap();
    assert!(!world.is_signed_in(&signed_in).await, "switching on again brings nobody back");
    world.change(record, json!({"enabled": false})).await.unwrap();
    assert_eq!(code(world.depart(record, None).await), "record_off");
}

#[tokio::test]
async fn a_session_ends_by_age_and_by_idling() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    let (busy, idle) = (world.sign_in(record).await.unwrap(), world.sign_in(record).await.unwrap());
    for _ in 0..3 {
        world.clock.advance(SignedDuration::from_mins(25));
        assert!(world.is_signed_in(&busy).await);
    }
    assert!(!world.is_signed_in(&idle).await);
    world.sso.tend().await;
    assert_eq!(world.sso.sessions().count().await.unwrap(), [(Kind::User, 1), (Kind::Customer, 0)]);
    for _ in 0..30 {
        world.clock.advance(SignedDuration::from_mins(25));
        world.is_signed_in(&busy).await;
    }
    assert!(!world.is_signed_in(&busy).await, "twelve hours have passed");
}

#[tokio::test]
async fn trying_a_record_changes_nothing_but_that_it_was_tried() {
    let world = World::new().await;
    let record = world.record(json!({"enabled": false})).await;
    let trial = async || {
        let beginning =
            Beginning { connection: record, app: App::Main, return_to: None, login_hint: None, purpose: Purpose::Test, popup: false };
        let departure = world.sso.depart(beginning, None).await.unwrap();
        let Ok(Arrival::Tested(trial)) = world.arrive(world.answer(&departure), Some(&departure.browser)).await else { panic!() };
        trial
    };
    assert_eq!(trial().await.outcome, "would become a new user");
    assert_eq!(world.people().await, 0);
    world.change(record, json!({"enabled": true})).await.unwrap();
    world.sign_in(record).await.unwrap();
    assert_eq!(trial().await.outcome, "would sign in as the user Ann <ann@example.test>, who signed in before");
}

#[tokio::test]
async fn a_record_that_was_never_tried_is_enabled_with_confirmation_only() {
    let world = World::new().await;
    let record = world.record(json!({"enabled": false})).await;
    assert_eq!(code(world.change(record, json!({"enabled": true})).await), "confirm_needed");
    world.change(record, json!({"enabled": true, "confirm": true})).await.unwrap();
}

#[tokio::test]
async fn a_loop_is_broken_after_the_third_round() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    let browser = Browser::new();
    for _ in 0..3 {
        let departure = world.depart(record, Some(&browser)).await.unwrap();
        world.arrive(world.answer(&departure), Some(&browser)).await.unwrap();
    }
    assert_eq!(code(world.depart(record, Some(&browser)).await), "redirect_loop");
    world.depart(record, Some(&browser)).await.unwrap();
}

#[tokio::test]
async fn what_the_metadata_does_not_tell_is_asked_for_by_name() {
    let world = World::new().await;
    let wishes = json!({"name": "Silent", "audience": "users", "authorization_uri": format!("{}/nowhere/a", world.op.issuer),
        "token_url": format!("{}/nowhere/t", world.op.issuer), "client_id": "us", "client_secret": "s"});
    let silent = world.sso.connections().add(&serde_json::from_value(wishes).unwrap(), &world.actor).await.unwrap();
    let problem = silent.row.problem.clone().unwrap();
    assert_eq!(problem.code, "metadata_missing");
    assert!(problem.title.contains("issuer and jwks_uri"), "{problem:?}");
    assert_eq!(code(world.change(silent.id(), json!({"enabled": true, "confirm": true})).await), "metadata_missing");
    let given = json!({"issuer": format!("{}/nowhere", world.op.issuer), "jwks_uri": format!("{}/keys", world.op.issuer)});
    world.change(silent.id(), given).await.unwrap();
    assert_eq!(world.sso.connections().get(silent.id()).unwrap().row.problem, None);
}

#[tokio::test]
async fn a_record_follows_a_changed_login_origin_of_microsoft() {
    let world = World::new().await;
    let tenant = "11111111-2222-3333-4444-555555555555";
    let authority = "http://127.0.0.1:9";
    let wishes = json!({"name": "Own cloud", "audience": "users", "authorization_uri": format!("{authority}/{tenant}/oauth2/authorize"),
        "token_url": format!("{authority}/{tenant}/oauth2/token"), "client_id": tenant, "client_secret": "s"});
    let record = world.sso.connections().add(&serde_json::from_value(wishes).unwrap(), &world.actor).await.unwrap();
    assert_eq!(record.version(), Version::Other);
    let mut settings = crate::settings::Settings::clone(&world.settings.borrow());
    authority.clone_into(&mut settings.microsoft.authority);
    world.settings.send_replace(std::sync::Arc::new(settings));
    assert_eq!(world.sso.connections().get(record.id()).unwrap().version(), Version::V1);
}

#[tokio::test]
async fn answers_that_belong_to_nothing_get_a_line_in_the_log_within_bounds() {
    let world = World::new().await;
    for _ in 0..100 {
        let callback = Callback::parse("code=c&state=made-up").unwrap();
        assert_eq!(code(world.arrive(callback, None).await), "state_unknown");
    }
    let lines = world.store.audit.page(None, 1000).await.unwrap().items;
    assert_eq!(lines.iter().filter(|(_, line)| line.outcome == "state_unknown").count(), 60);
}
