use serde_json::{Value, json};

use super::*;
use crate::model::{ConnectionId, Secret};
use crate::oauth::claims::Groups;
use crate::store::Sealed;
use crate::store::sso::records::RecordRow;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const OBJECT: &str = "99999999-8888-7777-6666-555555555555";
const MS: &str = "https://login.microsoftonline.com";

fn record(kind: Kind, details: &Value) -> Record {
    let mut whole = json!({"authorization_uri": "https://op.test/a", "token_url": "https://op.test/t"});
    whole.as_object_mut().unwrap().extend(details.as_object().unwrap().clone());
    let row = RecordRow {
        id: ConnectionId::new(),
        kind,
        enabled: true,
        version: 1,
        generation: 1,
        tried_at: None,
        problem: None,
        details: whole.to_string(),
        secret: Sealed(Vec::new()),
        secret_next: None,
    };
    Record::new(row, MS).unwrap()
}

fn entra(details: &Value) -> Record {
    let mut whole = json!({"authorization_uri": format!("{MS}/organizations/oauth2/v2.0/authorize"),
        "token_url": format!("{MS}/organizations/oauth2/v2.0/token")});
    whole.as_object_mut().unwrap().extend(details.as_object().unwrap().clone());
    record(Kind::User, &whole)
}

fn claims(values: &Value, is_entra: bool) -> Claims {
    let text = |name: &str| values[name].as_str().map(str::to_owned);
    Claims {
        issuer: "https://op.test".to_owned(),
        subject: "s-1".to_owned(),
        audience: vec!["us".to_owned()],
        tid: is_entra.then(|| TENANT.parse().unwrap()),
        oid: is_entra.then(|| OBJECT.parse().unwrap()),
        preferred_username: text("preferred_username"),
        upn: text("upn"),
        email: text("email"),
        xms_edov: values["xms_edov"] == true,
        email_verified: values["email_verified"] == true,
        name: text("name"),
        nonce: None,
        sid: None,
        login_hint: None,
        acct: values["acct"].as_u64(),
        idp: text("idp"),
        groups: Groups::Unknown,
        ver: None,
        issued_at: 0,
        expires_at: 0,
        signed: true,
        raw: serde_json::Map::new(),
    }
}

fn vouched(record: &Record, values: &Value, is_entra: bool) -> (Option<String>, bool) {
    let newcomer = Newcomer::from_claims(record, &claims(values, is_entra));
    (newcomer.email.map(|email| email.to_string()), newcomer.is_vouched)
}

#[test]
fn an_address_is_vouched_for_in_three_ways_only() {
    let plain = record(Kind::User, &json!({}));
    let bound = record(Kind::User, &json!({"email_domains": ["example.test"]}));
    let open = entra(&json!({}));
    let listed = entra(&json!({"allowed_tenants": [TENANT]}));
    let any = entra(&json!({"allowed_tenants": ["*"]}));
    let ann = || Some("ann@example.test".to_owned());
    let mail = |more: Value| {
        let mut values = json!({"email": "ann@example.test"});
        values.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        values
    };
    for (record, values, is_entra, expected) in [
        (&plain, mail(json!({"email_verified": true})), false, (ann(), false)),
        (&bound, mail(json!({"email_verified": true})), false, (ann(), true)),
        (&bound, mail(json!({"email_verified": "true"})), false, (ann(), false)),
        (&bound, mail(json!({})), false, (ann(), false)),
        (&bound, json!({"email": "ann@other.test", "email_verified": true}), false, (Some("ann@other.test".to_owned()), false)),
        (&bound, mail(json!({"email_verified": true})), true, (ann(), false)),
        (&open, mail(json!({"xms_edov": true})), true, (ann(), true)),
        (&open, mail(json!({})), true, (ann(), false)),
        (&listed, mail(json!({})), true, (ann(), true)),
        (&listed, mail(json!({"acct": 0})), true, (ann(), true)),
        (&listed, mail(json!({"acct": 1})), true, (ann(), false)),
        (&listed, mail(json!({"idp": "https://sts.windows.net/elsewhere/"})), true, (ann(), false)),
        (&any, mail(json!({})), true, (ann(), false)),
    ] {
        assert_eq!(vouched(record, &values, is_entra), expected, "{values} {is_entra}");
    }
}

#[test]
fn guests_have_no_address_but_their_own() {
    let listed = entra(&json!({"allowed_tenants": [TENANT]}));
    let guest = json!({"upn": "bob_partner.example#EXT#@tenant.onmicrosoft.com", "acct": 1});
    assert_eq!(vouched(&listed, &guest, true), (None, false));
    assert_eq!(vouched(&listed, &json!({"preferred_username": "bob@partner.example", "acct": 1}), true), (None, false));
    assert_eq!(vouched(&listed, &json!({"preferred_username": "ann@example.test"}), true), (Some("ann@example.test".to_owned()), true));
    assert_eq!(vouched(&listed, &json!({"email": "not an address"}), true), (None, false));
}

fn person(kind: Kind, is_admin: bool) -> Person {
    let email = "ann@example.test".parse().ok();
    let created_at = jiff::Timestamp::UNIX_EPOCH;
    Person { id: PersonId::new(), kind, email, name: None, is_admin, created_by: CreatedBy::Admin, created_at }
}

fn newcomer(is_vouched: bool) -> Newcomer {
    let values = json!({"email": "ann@example.test", "email_verified": true, "name": "Ann\nExample "});
    let domains = if is_vouched { json!({"email_domains": ["example.test"]}) } else { json!({}) };
    Newcomer::from_claims(&record(Kind::User, &domains), &claims(&values, false))
}

fn decide(newcomer: &Newcomer, standing: &Standing) -> Decision {
    newcomer.decide(standing, None, jiff::Timestamp::UNIX_EPOCH)
}

#[test]
fn nobody_is_linked_to_whom_they_may_not_be() {
    let holder = |person: Person, accounts| Standing { holder: Some((person, accounts)), ..Standing::default() };
    let user = person(Kind::User, false);
    let asked = |decision: &Decision| matches!(decision, Decision::Ask(..));
    assert!(matches!(decide(&newcomer(false), &Standing::default()), Decision::Admit(Admission::Created(_), _)));
    assert!(
        matches!(decide(&newcomer(true), &holder(user.clone(), 0)), Decision::Admit(Admission::Linked { .. }, known) if known.id == user.id)
    );
    assert!(asked(&decide(&newcomer(false), &holder(user.clone(), 0))));
    assert!(asked(&decide(&newcomer(true), &holder(user.clone(), 1))));
    assert!(asked(&decide(&newcomer(true), &holder(person(Kind::User, true), 0))));
    let customer = person(Kind::Customer, false);
    assert_eq!(decide(&newcomer(true), &holder(customer.clone(), 0)), Decision::HeldByOtherKind(Kind::Customer));
    let linked = |person| Standing { linked: Some(person), is_whole: true, ..Standing::default() };
    assert_eq!(decide(&newcomer(true), &linked(customer)), Decision::OtherKind(Kind::Customer));
    assert!(
        matches!(decide(&newcomer(false), &linked(user.clone())), Decision::Admit(Admission::Known { .. }, known) if known.id == user.id)
    );
    let rival = crate::model::PersonId::new();
    let split = Standing { rival: Some(rival), ..linked(user.clone()) };
    assert_eq!(decide(&newcomer(true), &split), Decision::TwoPeople(user.id, rival));
}

#[test]
fn a_changed_name_and_role_are_noted() {
    let mut known = person(Kind::User, true);
    known.name = Some("AnnExample".to_owned());
    let standing = Standing { linked: Some(known), is_whole: true, ..Standing::default() };
    let decided = |is_admin| match newcomer(true).decide(&standing, is_admin, jiff::Timestamp::UNIX_EPOCH) {
        Decision::Admit(Admission::Known { name, is_admin: changed, .. }, known) => {
            assert_eq!(known.is_admin, is_admin.unwrap_or(true));
            (name, changed)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(decided(None), (None, None));
    assert_eq!(decided(Some(true)), (None, None));
    assert_eq!(decided(Some(false)), (None, Some(false)));
}

#[test]
fn a_record_shows_no_secret() {
    let shown = format!("{:?} {:?}", record(Kind::User, &json!({})), Secret::from("x"));
    assert!(shown.contains("Secret(…)"));
}
