//! Sentences about single sign-on.

use super::samples::*;
use crate::model::person::{CreatedBy, Identity, Kind, Person};
use crate::model::{ConflictId, ConnectionId, PersonId};
use crate::store::audit::AuditEntry;
use crate::store::flows::StateHash;
use crate::store::sso::people::{Admission, ConflictRow, Entrance, Entry, Standing};
use crate::store::sso::records::{RecordRow, Switches};
use crate::store::sso::sessions::{Ending, SessionHash, SessionRow};
use crate::store::sso::transit::{Claim, PassKind, PassRow, SignInRow};
use crate::store::{Error, Store};

fn record() -> RecordRow {
    RecordRow {
        id: ConnectionId::new(),
        kind: Kind::User,
        enabled: true,
        version: 1,
        generation: 1,
        tried_at: Some(at(1)),
        problem: Some(problem()),
        details: "{}".to_owned(),
        secret: sealed("secret"),
        secret_next: None,
    }
}

fn person(kind: Kind, email: Option<&str>) -> Person {
    let email = email.map(|email| email.parse().unwrap());
    Person {
        id: PersonId::new(),
        kind,
        email,
        name: Some("Ann".to_owned()),
        is_admin: false,
        created_by: CreatedBy::Sso,
        created_at: at(0),
    }
}

fn identity(subject: &str) -> Identity {
    Identity { issuer: "https://op.test".to_owned(), subject: subject.to_owned(), account: None }
}

fn session(number: u8, person: PersonId, subject: &str) -> SessionRow {
    SessionRow {
        hash: SessionHash([number; 32]),
        person,
        connection: ConnectionId::new(),
        kind: Kind::User,
        issuer: "https://op.test".to_owned(),
        subject: subject.to_owned(),
        sid: Some(format!("sid-{number}")),
        apps: Kind::User.apps(),
        is_admin: true,
        groups: "a,b".to_owned(),
        created_at: at(0),
        expires_at: at(60 * MINUTE),
        seen_at: at(0),
        hints: Some(sealed("hints")),
    }
}

/// Lets somebody in by `admission`, whatever is stored about them.
async fn let_in(store: &Store, admission: Admission, identity: Identity, session: SessionRow, audit: Vec<AuditEntry>) -> Result<(), Error> {
    let person = person(Kind::User, None);
    let entry = Entry { admission, person, session, audit };
    store.sso.people.admit(identity, None, Box::new(move |_| Some(entry))).await.map(drop)
}

async fn standing(store: &Store, identity: Identity, email_key: Option<&str>) -> Standing {
    match store.sso.people.admit(identity, email_key.map(str::to_owned), Box::new(|_| None)).await.unwrap() {
        Entrance::Shut(standing) => standing,
        Entrance::Open(entry) => panic!("nobody was to come in: {entry:?}"),
    }
}

/// A new person with an account and a session.
async fn admit(store: &Store, number: u8, subject: &str, email: Option<&str>) -> Result<PersonId, Error> {
    let person = person(Kind::User, email);
    let id = person.id;
    let session = session(number, id, subject);
    let_in(store, Admission::Created(person), identity(subject), session, vec![line("x")]).await.map(|()| id)
}

async fn is_there(store: &Store, number: u8) -> bool {
    store.sso.sessions.session(&SessionHash([number; 32])).await.is_ok()
}

pub async fn switching_off_ends_the_sessions_of_that_kind(store: Store) {
    admit(&store, 1, "s", None).await.unwrap();
    for (kind, there) in [(Kind::Customer, true), (Kind::User, false)] {
        store.sso.records.switch(kind, true, line("x")).await.unwrap();
        store.sso.records.switch(kind, false, line("x")).await.unwrap();
        assert_eq!(is_there(&store, 1).await, there);
    }
    store.sso.records.switch(Kind::Customer, true, line("x")).await.unwrap();
    assert_eq!(store.sso.records.switches().await.unwrap(), Switches { users: false, customers: true });
}

pub async fn a_record_comes_back_as_it_was(store: Store) {
    let record = record();
    store.sso.records.add_record(record.clone(), line("x")).await.unwrap();
    assert_eq!(store.sso.records.records().await.unwrap(), [record]);
}

pub async fn a_record_changed_meanwhile_is_a_conflict(store: Store) {
    let record = record();
    store.sso.records.add_record(record.clone(), line("x")).await.unwrap();
    let second = RecordRow { version: 2, enabled: false, ..record };
    store.sso.records.change_record(second.clone(), false, None).await.unwrap();
    assert!(matches!(store.sso.records.change_record(second, false, Some(line("x"))).await, Err(Error::Conflict)));
}

pub async fn a_removed_record_takes_its_sessions_along(store: Store) {
    let (record, ann) = (record(), person(Kind::User, None));
    store.sso.records.add_record(record.clone(), line("x")).await.unwrap();
    let session = SessionRow { connection: record.id, ..session(1, ann.id, "s") };
    let_in(&store, Admission::Created(ann), identity("s"), session, Vec::new()).await.unwrap();
    store.sso.records.remove_record(record.id, line("x")).await.unwrap();
    assert!(!is_there(&store, 1).await);
    assert!(matches!(store.sso.records.remove_record(record.id, line("x")).await, Err(Error::NotFound)));
}

pub async fn an_address_is_one_persons_over_both_kinds(store: Store) {
    store.sso.people.add_person(person(Kind::User, Some("Ann@example.test")), line("x")).await.unwrap();
    let other = person(Kind::Customer, Some("ann@EXAMPLE.test"));
    assert!(matches!(store.sso.people.add_person(other, line("x")).await, Err(Error::Conflict)));
}

pub async fn several_people_have_no_address(store: Store) {
    admit(&store, 1, "a", None).await.unwrap();
    admit(&store, 2, "b", None).await.unwrap();
    assert_eq!(store.sso.people.people("", None, 10).await.unwrap().items.len(), 2);
}

pub async fn somebody_is_found_by_account_and_by_address(store: Store) {
    let ann = admit(&store, 1, "s", Some("ann@example.test")).await.unwrap();
    let found = standing(&store, identity("s"), Some("ann@example.test")).await;
    assert_eq!((found.linked.map(|person| person.id), found.is_whole), (Some(ann), true));
    assert_eq!(found.holder.map(|(person, accounts)| (person.id, accounts)), Some((ann, 1)));
    let stranger = standing(&store, identity("t"), None).await;
    assert_eq!((stranger.linked, stranger.holder), (None, None));
}

pub async fn an_account_of_entra_is_found_under_another_subject(store: Store) {
    let account = Some((TENANT.parse().unwrap(), "cccccccc-0000-0000-0000-000000000001".parse().unwrap()));
    let ann = person(Kind::User, None);
    let (id, v1) = (ann.id, Identity { account, ..identity("v1") });
    let_in(&store, Admission::Created(ann), v1, session(1, id, "v1"), Vec::new()).await.unwrap();
    let v2 = Identity { account, ..identity("v2") };
    let found = standing(&store, v2.clone(), None).await;
    assert_eq!((found.linked.map(|person| person.id), found.is_whole), (Some(id), false));
    let again = Admission::Known { person: id, name: None, is_admin: None, is_whole: false };
    let_in(&store, again, v2, session(2, id, "v2"), Vec::new()).await.unwrap();
    assert_eq!(store.sso.people.person(id).await.unwrap().identities.len(), 2);
    let somebody = admit(&store, 4, "somebody", None).await.unwrap();
    let found = standing(&store, Identity { account, ..identity("somebody") }, None).await;
    assert_eq!((found.linked.map(|person| person.id), found.rival), (Some(somebody), Some(id)));
    let other = person(Kind::User, None);
    let (other_id, taken) = (other.id, Identity { account, ..identity("v3") });
    let admitted = let_in(&store, Admission::Created(other), taken, session(3, other_id, "v3"), Vec::new()).await;
    assert!(matches!(admitted, Err(Error::Conflict)));
}

pub async fn somebody_is_let_in_by_what_is_stored_at_that_moment(store: Store) {
    let enter = |number: u8| {
        let subject = format!("s{number}");
        let decide = move |standing: &Standing| {
            let person = person(Kind::User, Some("ann@example.test"));
            let session = session(number, person.id, &format!("s{number}"));
            let entry = Entry { admission: Admission::Created(person.clone()), person, session, audit: Vec::new() };
            standing.holder.is_none().then_some(entry)
        };
        store.sso.people.admit(identity(&subject), Some("ann@example.test".to_owned()), Box::new(decide))
    };
    let entered = futures_util::future::join_all((0..20).map(enter)).await;
    let open = entered.iter().filter(|entrance| matches!(entrance, Ok(Entrance::Open(_)))).count();
    let shut = entered.iter().filter(|entrance| matches!(entrance, Ok(Entrance::Shut(standing)) if standing.holder.is_some())).count();
    assert_eq!((open, shut), (1, 19));
}

pub async fn a_record_with_an_account_is_linked_to_no_second_one(store: Store) {
    let ann = person(Kind::User, Some("ann@example.test"));
    store.sso.people.add_person(ann.clone(), line("x")).await.unwrap();
    let linked = || Admission::Linked { person: ann.id, name: Some("A.".to_owned()), is_admin: true };
    let_in(&store, linked(), identity("a"), session(1, ann.id, "a"), Vec::new()).await.unwrap();
    let second = let_in(&store, linked(), identity("b"), session(2, ann.id, "b"), Vec::new()).await;
    assert!(matches!(second, Err(Error::Conflict)));
    let known = store.sso.people.person(ann.id).await.unwrap();
    assert_eq!((known.identities, known.person.is_admin, known.person.name.as_deref()), (vec![identity("a")], true, Some("A.")));
}

pub async fn an_account_that_is_somebody_elses_admits_nobody(store: Store) {
    admit(&store, 1, "s", None).await.unwrap();
    assert!(matches!(admit(&store, 2, "s", Some("b@example.test")).await, Err(Error::Conflict)));
    assert!(!is_there(&store, 2).await);
    assert_eq!(store.sso.people.people("", None, 10).await.unwrap().items.len(), 1);
}

pub async fn an_account_that_was_removed_meanwhile_admits_nobody(store: Store) {
    let known = |person| Admission::Known { person, name: None, is_admin: None, is_whole: true };
    let ann = admit(&store, 1, "s", None).await.unwrap();
    let_in(&store, known(ann), identity("s"), session(2, ann, "s"), Vec::new()).await.unwrap();
    store.sso.people.remove_person(ann, line("x")).await.unwrap();
    let late = let_in(&store, known(ann), identity("s"), session(3, ann, "s"), vec![line("late")]).await;
    assert!(matches!(late, Err(Error::NotFound)) && !is_there(&store, 3).await);
    assert_ne!(store.audit.page(None, 1).await.unwrap().items[0].1.subject, "late");
}

pub async fn a_removed_person_takes_accounts_and_sessions_along(store: Store) {
    let ann = admit(&store, 1, "s", None).await.unwrap();
    store.sso.people.remove_person(ann, line("x")).await.unwrap();
    assert!(!is_there(&store, 1).await);
    assert!(matches!(store.sso.people.remove_person(ann, line("x")).await, Err(Error::NotFound)));
    admit(&store, 1, "s", None).await.unwrap();
}

pub async fn people_are_found_by_a_part_of_name_or_address_page_by_page(store: Store) {
    for number in 0..5_u8 {
        admit(&store, number, &format!("s-{number}"), Some(&format!("p{number}@example.test"))).await.unwrap();
    }
    let first = store.sso.people.people("example", None, 3).await.unwrap();
    let second = store.sso.people.people("example", first.next, 3).await.unwrap();
    assert_eq!((first.items.len(), second.items.len(), second.next), (3, 2, None));
    assert_eq!(store.sso.people.people("p3@", None, 3).await.unwrap().items.len(), 1);
    assert_eq!(store.sso.people.people("ann", None, 10).await.unwrap().items.len(), 5);
    assert_eq!(store.sso.people.people("3@", None, 3).await.unwrap().items.len(), 1);
    for (text, found) in [("nn", 5), ("n", 5), ("p", 5), ("p3", 1), ("3", 1)] {
        assert_eq!(store.sso.people.people(text, None, 10).await.unwrap().items.len(), found, "{text:?}");
    }
    for text in ["z", "zz", "\0", "\"", "\"\"\"", "zzz", "p3%", "p_@", "' OR 1", "\0\0\0", "a OR b", "NEAR(", "*"] {
        assert_eq!(store.sso.people.people(text, None, 3).await.unwrap().items.len(), 0, "{text:?}");
    }
    let gone = first.next.unwrap();
    store.sso.people.remove_person(gone, line("x")).await.unwrap();
    let second = store.sso.people.people("example", Some(gone), 3).await.unwrap();
    assert_eq!(second.items.len(), 2, "a page goes on where somebody was removed");
    assert_eq!(store.sso.people.people("example", None, 10).await.unwrap().items.len(), 4);
}

pub async fn a_conflict_waits_once_and_is_decided_once(store: Store) {
    let ann = person(Kind::User, Some("ann@example.test"));
    store.sso.people.add_person(ann.clone(), line("x")).await.unwrap();
    let conflict = |subject: &str| ConflictRow {
        id: ConflictId::new(),
        person: ann.id,
        connection: ConnectionId::new(),
        identity: identity(subject),
        email: "ann@example.test".to_owned(),
        name: None,
        reason: "nobody vouches".to_owned(),
        created_at: at(0),
    };
    for subject in ["a", "a", "b", "c"] {
        store.sso.people.queue(conflict(subject), 2, line("x")).await.unwrap();
    }
    let waiting = store.sso.people.conflicts(None, 10).await.unwrap().items;
    assert_eq!(waiting.iter().map(|row| row.identity.subject.as_str()).collect::<Vec<_>>(), ["b", "c"], "the oldest went");
    store.sso.people.approve(waiting[0].id, line("x")).await.unwrap();
    store.sso.people.deny(waiting[1].id, line("x")).await.unwrap();
    assert!(matches!(store.sso.people.approve(waiting[0].id, line("x")).await, Err(Error::NotFound)));
    assert!(matches!(store.sso.people.deny(waiting[1].id, line("x")).await, Err(Error::NotFound)));
    store.sso.people.queue(conflict("c"), 2, line("x")).await.unwrap();
    assert!(store.sso.people.conflicts(None, 10).await.unwrap().items.is_empty());
    assert_eq!(store.sso.people.person(ann.id).await.unwrap().identities, [identity("b")]);
}

pub async fn sessions_end_by_sid_issuer_and_account(store: Store) {
    for number in 1..=3 {
        admit(&store, number, &format!("s-{number}"), None).await.unwrap();
    }
    let sid = |sid: &str, issuer: Option<&str>| Ending::Sid { sid: sid.to_owned(), issuer: issuer.map(str::to_owned) };
    assert!(store.sso.sessions.end(sid("sid-1", Some("https://evil.test"))).await.unwrap().is_empty());
    assert_eq!(store.sso.sessions.end(sid("sid-1", None)).await.unwrap().len(), 1);
    assert_eq!(store.sso.sessions.end(Ending::One(SessionHash([2; 32]))).await.unwrap().len(), 1);
    let subject = Ending::Subject { issuer: "https://op.test".to_owned(), subject: "s-3".to_owned() };
    assert_eq!(store.sso.sessions.end(subject).await.unwrap()[0].hash, SessionHash([3; 32]));
}

pub async fn uses_only_move_forward(store: Store) {
    admit(&store, 1, "s", None).await.unwrap();
    for milliseconds in [9, 5] {
        store.sso.sessions.seen(vec![(SessionHash([1; 32]), at(milliseconds)), (SessionHash([7; 32]), at(1))]).await.unwrap();
    }
    let held = store.sso.sessions.session(&SessionHash([1; 32])).await.unwrap();
    assert_eq!((held.session.seen_at, held.name.as_deref()), (at(9), Some("Ann")));
}

pub async fn what_ran_out_is_swept(store: Store) {
    admit(&store, 1, "s", None).await.unwrap();
    assert_eq!(store.sso.sessions.sweep_sessions(at(1), at(0)).await.unwrap(), 0);
    assert_eq!(store.sso.sessions.count().await.unwrap(), [(Kind::User, 1), (Kind::Customer, 0)]);
    assert_eq!(store.sso.sessions.sweep_sessions(at(1), at(1)).await.unwrap(), 1);
}

pub async fn a_sign_in_is_taken_once_and_the_oldest_go_first(store: Store) {
    let sign_in = |number: u8| SignInRow {
        state: StateHash([number; 32]),
        browser: [9; 32],
        sealed: sealed("verifier"),
        expires_at: at(MINUTE + i64::from(number)),
    };
    for number in 1..=3 {
        store.sso.transit.begin_sign_in(sign_in(number), 2).await.unwrap();
    }
    let claim =
        async |number: u8, browser: u8, now| store.sso.transit.claim_sign_in(&StateHash([number; 32]), Some(&[browser; 32]), now).await;
    assert_eq!(claim(2, 8, at(0)).await.unwrap(), Claim::Foreign);
    store.sso.transit.settle_sign_ins().await.unwrap();
    assert!(matches!(claim(1, 9, at(0)).await, Err(Error::NotFound)));
    assert_eq!(claim(2, 8, at(0)).await.unwrap(), Claim::Foreign);
    assert_eq!(claim(2, 9, at(0)).await.unwrap(), Claim::Own(sign_in(2)));
    assert!(matches!(claim(2, 9, at(0)).await, Err(Error::NotFound)));
    store.sso.transit.settle_sign_ins().await.unwrap();
    assert!(matches!(claim(2, 9, at(0)).await, Err(Error::NotFound)));
    assert!(matches!(claim(3, 9, at(2 * MINUTE)).await, Err(Error::NotFound)));
    assert_eq!(store.sso.transit.claim_sign_in(&StateHash([3; 32]), None, at(0)).await.unwrap(), Claim::Own(sign_in(3)));
}

pub async fn a_logout_token_counts_once(store: Store) {
    store.sso.transit.remember_logout_token([1; 32], at(1)).await.unwrap();
    assert!(matches!(store.sso.transit.remember_logout_token([1; 32], at(1)).await, Err(Error::Conflict)));
    store.sso.transit.sweep_transit(at(1)).await.unwrap();
    store.sso.transit.remember_logout_token([1; 32], at(2)).await.unwrap();
}

pub async fn an_admin_link_opens_one_session(store: Store) {
    let pass = |kind, number: u8| PassRow { hash: [number; 32], kind, made_by: "root".to_owned(), expires_at: at(10) };
    store.sso.transit.add_pass(pass(PassKind::Link, 1)).await.unwrap();
    assert!(matches!(store.sso.transit.pass(PassKind::Session, &[1; 32], at(0)).await, Err(Error::NotFound)));
    store.sso.transit.exchange_pass(&[1; 32], pass(PassKind::Session, 2), at(0)).await.unwrap();
    assert!(matches!(store.sso.transit.exchange_pass(&[1; 32], pass(PassKind::Session, 3), at(0)).await, Err(Error::NotFound)));
    assert_eq!(store.sso.transit.pass(PassKind::Session, &[2; 32], at(0)).await.unwrap(), pass(PassKind::Session, 2));
    assert!(matches!(store.sso.transit.pass(PassKind::Session, &[2; 32], at(10)).await, Err(Error::NotFound)));
    store.sso.transit.remove_pass(PassKind::Link, &[2; 32]).await.unwrap();
    store.sso.transit.pass(PassKind::Session, &[2; 32], at(0)).await.unwrap();
    store.sso.transit.remove_pass(PassKind::Session, &[2; 32]).await.unwrap();
    assert!(matches!(store.sso.transit.pass(PassKind::Session, &[2; 32], at(0)).await, Err(Error::NotFound)));
}

pub async fn secrets_of_sign_on_are_counted_and_sealed_again(store: Store) {
    let record = RecordRow { secret_next: Some(sealed("next")), ..record() };
    store.sso.records.add_record(record, line("x")).await.unwrap();
    admit(&store, 1, "s", None).await.unwrap();
    let row = SignInRow { state: StateHash([1; 32]), browser: [1; 32], sealed: sealed("verifier"), expires_at: at(1) };
    store.sso.transit.begin_sign_in(row, 9).await.unwrap();
    store.sso.transit.settle_sign_ins().await.unwrap();
    assert_eq!(store.grants.sealed_values().await.unwrap(), 4);
    let again = |context: &str, _: &crate::store::Sealed| Ok(sealed(&format!("again {context}")));
    assert_eq!(store.grants.reseal(&again).await.unwrap(), 4);
    let held = store.sso.sessions.session(&SessionHash([1; 32])).await.unwrap();
    assert_eq!(held.session.hints, Some(sealed(&format!("again {}", SessionRow::hints_context(&SessionHash([1; 32]))))));
}
