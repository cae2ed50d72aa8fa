//! Who becomes whom: one record for a person, one person for an address, and a desk for what nobody can decide alone.

use std::collections::BTreeSet;

use op_sim::Script;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::browser::Browser;
use super::stage::{Record, Stage, assert_refused, assert_signed_in};

fn person(stage: &Stage, record: &Record, sub: &str, claims: Value) {
    let claims: Map<String, Value> = serde_json::from_value(claims).unwrap();
    stage.op.change(&record.alias, |script| drop(script.people.insert(sub.to_owned(), claims)));
}

#[test]
fn fifty_first_sign_ins_at_once_make_one_record() {
    let stage = Stage::new();
    let record = stage.record("crowd", Script::default());
    let prepared: Vec<_> = (0..50)
        .map(|_| {
            let mut browser = Browser::new();
            let start = browser.get(record.url("main"));
            let callback = browser.at_provider(start.location(), "ann");
            (browser, callback)
        })
        .collect();
    let barrier = std::sync::Barrier::new(prepared.len());
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let running: Vec<_> = prepared
            .into_iter()
            .map(|(mut browser, callback)| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    browser.call_back(&callback).status
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses, vec![303; 50]);
    assert_eq!(stage.people().len(), 1, "{:?}", stage.people());
}

#[test]
fn a_person_who_was_there_before_is_linked_only_where_somebody_vouches_for_the_address() {
    let stage = Stage::new();
    let vouching = stage.record_with("vouching", Script::default(), &json!({"email_domains": ["example.test"]}));
    let silent = stage.record("silent", Script::default());
    for name in ["ann", "ben", "cid"] {
        stage.daemon.api("POST", "/v1/people", &json!({"kind": "user", "email": format!("{name}@example.test")}));
    }
    let mut browser = Browser::new();
    let response = browser.sign_in(vouching.url("main"), "ann");
    assert_signed_in(&stage, &mut browser, &response);
    let mut browser = Browser::new();
    let response = browser.sign_in(silent.url("main"), "ben");
    assert_refused(&stage, &mut browser, &response, 409);
    person(&stage, &vouching, "cid", json!({"email_verified": "true"}));
    let mut browser = Browser::new();
    let response = browser.sign_in(vouching.url("main"), "cid");
    assert_refused(&stage, &mut browser, &response, 409);
    assert_eq!(stage.people().len(), 3);
}

#[test]
fn the_desk_approves_and_denies_for_good() {
    let stage = Stage::new();
    let record = stage.record("desk", Script::default());
    for (name, decision, status) in [("ann", "approve", 303), ("ben", "deny", 409)] {
        stage.daemon.api("POST", "/v1/people", &json!({"kind": "user", "email": format!("{name}@example.test")}));
        let mut browser = Browser::new();
        let response = browser.sign_in(record.url("main"), name);
        assert_refused(&stage, &mut browser, &response, 409);
        let open = stage.daemon.api("GET", "/v1/people/conflicts", &Value::Null);
        assert_eq!(open["items"].as_array().unwrap().len(), 1, "{open}");
        let id = open["items"][0]["id"].as_str().unwrap();
        stage.daemon.api("POST", &format!("/v1/people/conflicts/{id}"), &json!({"decision": decision}));
        let response = browser.sign_in(record.url("main"), name);
        assert!(response.status == status || decision == "deny" && response.status == 403, "{name}: {response}");
        let open = stage.daemon.api("GET", "/v1/people/conflicts", &Value::Null);
        assert!(decision == "deny" || open["items"].as_array().unwrap().is_empty(), "{open}");
        for item in open["items"].as_array().unwrap() {
            let id = item["id"].as_str().unwrap();
            stage.daemon.call("POST", &format!("/v1/people/conflicts/{id}"), &json!({"decision": "deny"}));
        }
    }
}

#[test]
fn an_address_that_a_customer_holds_fails_the_sign_on_of_a_user_and_the_reverse() {
    let stage = Stage::new();
    let staff = stage.record("staff", Script::default());
    let clients = stage.record_with("clients", Script::default(), &json!({"audience": "customers"}));
    let mut browser = Browser::new();
    browser.sign_in(clients.url("portal"), "ann");
    assert!(stage.is_signed_in(&mut browser, "portal"));
    let mut browser = Browser::new();
    let response = browser.sign_in(staff.url("main"), "ann");
    assert_refused(&stage, &mut browser, &response, 409);
    assert!(response.text().contains("customer"), "{response}");
    let mut browser = Browser::new();
    browser.sign_in(staff.url("main"), "ben");
    let mut browser = Browser::new();
    assert_eq!(browser.sign_in(clients.url("portal"), "ben").status, 409);
}

#[test]
fn deleting_a_person_ends_the_sessions_at_once() {
    let stage = Stage::new();
    let record = stage.record("gone", Script::default());
    let mut browser = Browser::new();
    let response = browser.sign_in(record.url("main"), "ann");
    assert_signed_in(&stage, &mut browser, &response);
    let id = stage.people_with("ann@example.test")[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(stage.daemon.call("DELETE", &format!("/v1/people/{id}"), &Value::Null).status, 204);
    assert!(!stage.is_signed_in(&mut browser, "main"));
}

#[test]
fn a_changed_address_or_name_is_still_the_same_person() {
    let stage = Stage::new();
    let record = stage.record("renamed", Script::default());
    Browser::new().sign_in(record.url("main"), "ann");
    let before = stage.people();
    person(&stage, &record, "ann", json!({"email": "ann.married@example.test", "name": "Ann Married"}));
    let mut browser = Browser::new();
    let response = browser.sign_in(record.url("main"), "ann");
    assert_signed_in(&stage, &mut browser, &response);
    let after = stage.people();
    assert_eq!((after.len(), &after[0]["id"]), (1, &before[0]["id"]));
}

#[test]
fn an_app_that_a_rule_names_is_for_members_of_the_group_and_apps_hear_of_it() {
    let stage = Stage::new();
    let rules = json!([{"group": "desk", "apps": ["kb"]}]);
    let record = stage.record_with("groups", Script::default(), &json!({"group_rules": rules}));
    person(&stage, &record, "ann", json!({"groups": ["desk", "other"]}));
    person(&stage, &record, "ben", json!({"groups": ["other"]}));
    let (mut ann, mut ben) = (Browser::new(), Browser::new());
    ann.sign_in(record.url("main"), "ann");
    ben.sign_in(record.url("main"), "ben");
    let check = stage.check(&mut ann, "kb");
    let groups = check.header("x-onedesk-groups").unwrap_or_default();
    assert!(check.status == 200 && groups.split(',').any(|group| group == "desk"), "{check}");
    assert_eq!((stage.check(&mut ben, "main").status, stage.check(&mut ben, "kb").status), (200, 403));
}

/// One sign-in of a random history.
#[derive(Debug, Clone)]
struct Step {
    alias: usize,
    sub: usize,
    email: Option<String>,
    verified: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let email = prop::option::weighted(0.9, "[ab]@(example|EXAMPLE)\\.test|[AB]@example\\.test| a@example\\.test");
    (0..3usize, 0..3usize, email, any::<bool>()).prop_map(|(alias, sub, email, verified)| Step { alias, sub, email, verified })
}

#[test]
fn no_history_of_sign_ins_makes_two_records_of_one_address() {
    let stage = Stage::new();
    let records = [
        stage.record_with("p0", Script::default(), &json!({"email_domains": ["example.test"]})),
        stage.record("p1", Script::default()),
        stage.record_with("p2", Script::default(), &json!({"audience": "customers"})),
    ];
    let cases = std::cell::Cell::new(0);
    proptest!(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() },
    |(steps in prop::collection::vec(step(), 1..8), at_once: bool)| {
        cases.set(cases.get() + 1);
        let case = cases.get();
        let prepared: Vec<_> = steps.iter().map(|step| {
            let record = &records[step.alias];
            let sub = format!("case{case}-{}", step.sub);
            // Each case has a domain of its own, so that the cases do not meet.
            let email = step.email.as_ref().map(|email| email.replace("test", &format!("test{case}.example.test")));
            person(&stage, record, &sub, json!({"email": email, "email_verified": step.verified}));
            let mut browser = Browser::new();
            let start = browser.get(record.url("kb"));
            let callback = browser.at_provider(start.location(), &sub);
            (browser, callback)
        }).collect();
        if at_once {
            std::thread::scope(|scope| {
                for (mut browser, callback) in prepared {
                    scope.spawn(move || browser.call_back(&callback));
                }
            });
        } else {
            for (mut browser, callback) in prepared {
                let response = browser.call_back(&callback);
                prop_assert!([303, 403, 409].contains(&response.status), "{}", response);
            }
        }
        let people = stage.people();
        let emails: Vec<String> = people.iter().filter_map(|person| person["email"].as_str()).map(str::to_lowercase).collect();
        prop_assert_eq!(emails.iter().collect::<BTreeSet<_>>().len(), emails.len(), "{:?}", emails);
        let identities: Vec<String> = people.iter().flat_map(|person| person["identities"].as_array().cloned().unwrap_or_default()).map(|identity| identity.to_string()).collect();
        prop_assert_eq!(identities.iter().collect::<BTreeSet<_>>().len(), identities.len());
    });
}
