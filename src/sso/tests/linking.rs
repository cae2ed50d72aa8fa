//! Who becomes whom.

use serde_json::json;

use super::world::{World, code};
use crate::model::ConnectionId;
use crate::model::person::{Apps, Identity, Kind};
use crate::sso::newcomer::Newcomer;
use crate::store::sso::sessions::{SessionHash, SessionRow};

#[tokio::test]
async fn fifty_first_sign_ins_at_once_make_one_person() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    let newcomer = std::sync::Arc::new(Newcomer {
        kind: Kind::User,
        identity: Identity { issuer: "https://op.test".into(), subject: "s".into(), account: None },
        email: "ann@example.test".parse().ok(),
        is_vouched: false,
        name: None,
    });
    let record = world.sso.connections().get(record).unwrap();
    let at = world.clock.now();
    let admitted = (0..50_u8).map(|number| {
        let session = move |person| SessionRow {
            hash: SessionHash([number; 32]),
            person,
            connection: ConnectionId::new(),
            kind: Kind::User,
            issuer: "https://op.test".into(),
            subject: "s".into(),
            sid: None,
            apps: Apps::default(),
            is_admin: false,
            groups: String::new(),
            created_at: at,
            expires_at: at,
            seen_at: at,
            hints: None,
        };
        world.sso.people().admit(&newcomer, &record, None, session, &world.actor)
    });
    let admitted = futures_util::future::join_all(admitted).await;
    let first = admitted[0].as_ref().unwrap().person.id;
    assert!(admitted.iter().all(|admitted| admitted.as_ref().unwrap().person.id == first));
    assert_eq!(world.people().await, 1);
}

#[tokio::test]
async fn an_address_that_nobody_vouches_for_goes_to_the_conflict_desk() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    let ann = world.sso.people().add(Kind::User, "Ann@Example.Test", None, &world.actor).await.unwrap();
    for _ in 0..3 {
        assert_eq!(code(world.sign_in(record).await), "email_conflict");
    }
    let waiting = world.sso.people().conflicts(None, 10).await.unwrap().items;
    assert_eq!((waiting.len(), waiting[0].person), (1, ann.person.id));
    world.sso.people().resolve(waiting[0].id, true, &world.actor).await.unwrap();
    let signed_in = world.sign_in(record).await.unwrap();
    assert_eq!(world.sso.current(signed_in.session.expose()).await.unwrap().unwrap().entry.person, ann.person.id);
    assert_eq!(world.people().await, 1);
}

#[tokio::test]
async fn what_was_denied_does_not_come_back_to_the_desk() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    world.sso.people().add(Kind::User, "ann@example.test", None, &world.actor).await.unwrap();
    assert_eq!(code(world.sign_in(record).await), "email_conflict");
    let waiting = world.sso.people().conflicts(None, 10).await.unwrap().items;
    world.sso.people().resolve(waiting[0].id, false, &world.actor).await.unwrap();
    assert_eq!(code(world.sign_in(record).await), "email_conflict");
    assert!(world.sso.people().conflicts(None, 10).await.unwrap().items.is_empty());
    assert_eq!(code(world.sso.people().resolve(waiting[0].id, false, &world.actor).await), "conflict_unknown");
}

#[tokio::test]
async fn a_vouched_address_links_a_record_without_accounts() {
    let world = World::new().await;
    let record = world.record(json!({"email_domains": ["example.test"]})).await;
    world.op.says(&json!({"email_verified": true}));
    let ann = world.sso.people().add(Kind::User, "ann@example.test", Some("A."), &world.actor).await.unwrap();
    let signed_in = world.sign_in(record).await.unwrap();
    assert_eq!(world.sso.current(signed_in.session.expose()).await.unwrap().unwrap().entry.person, ann.person.id);
    world.op.says(&json!({"email_verified": true, "sub": "s-2"}));
    assert_eq!(code(world.sign_in(record).await), "email_conflict", "a second account needs somebody's decision");
}

#[tokio::test]
async fn an_address_is_of_one_kind() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    world.sso.people().add(Kind::Customer, "ann@example.test", None, &world.actor).await.unwrap();
    assert_eq!(code(world.sign_in(record).await), "email_held");
    assert_eq!(code(world.sso.people().add(Kind::User, "ANN@example.test", None, &world.actor).await), "email_taken");
}

#[tokio::test]
async fn people_without_an_address_are_people() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    for subject in ["g-1", "g-2", "g-1"] {
        world.op.says(&json!({"email": null, "sub": subject}));
        world.sign_in(record).await.unwrap();
    }
    assert_eq!(world.people().await, 2);
}

#[tokio::test]
async fn a_removed_person_is_out_at_once_and_may_come_back_as_new() {
    let world = World::new().await;
    let record = world.record(json!({})).await;
    let signed_in = world.sign_in(record).await.unwrap();
    let person = world.sso.current(signed_in.session.expose()).await.unwrap().unwrap().entry.person;
    world.sso.remove_person(person, &world.actor).await.unwrap();
    assert!(!world.is_signed_in(&signed_in).await);
    world.sign_in(record).await.unwrap();
    assert_eq!(world.people().await, 1);
}

#[tokio::test]
async fn group_rules_give_apps_and_the_admin_role() {
    let world = World::new().await;
    let rules = json!({"group_rules": [{"group": "admins", "role": "admin"}, {"group": "agents", "apps": ["main"]}]});
    let record = world.record(rules).await;
    world.op.says(&json!({"groups": ["others"]}));
    assert_eq!(code(world.sign_in(record).await), "app_not_allowed");
    world.op.says(&json!({"groups": ["agents", "admins"]}));
    let signed_in = world.sign_in(record).await.unwrap();
    let current = world.sso.current(signed_in.session.expose()).await.unwrap().unwrap();
    assert_eq!((current.entry.is_admin, current.entry.groups()), (true, "agents,admins"));
    world.op.says(&json!({"groups": ["agents"]}));
    world.sign_in(record).await.unwrap();
    assert!(!world.sso.people().page("", None, 10).await.unwrap().items[0].person.is_admin, "who left the group is no admin any more");
}
