//! The pages when everything else is broken: they show what can be shown, and say what cannot.

use entra_sim::{CLIENT_ID, Endpoint, Fault, SECRET};
use serde_json::json;

use super::{Desk, add_person, add_record};
use crate::harness::{Daemon, SUPPORT, World};

const PAGES: [&str; 11] = [
    "/admin",
    "/admin/credentials",
    "/admin/mailboxes",
    "/admin/mailboxes/connect",
    "/admin/directory",
    "/admin/sso",
    "/admin/people",
    "/admin/people/conflicts",
    "/admin/audit",
    "/admin/explain",
    "/admin/support",
];

#[track_caller]
fn all_open(desk: &mut Desk, what: &str) {
    for path in PAGES {
        let answer = desk.get(path);
        assert_eq!(answer.status, 200, "{path} {what}: {}", answer.body);
    }
}

#[test]
fn without_credentials_the_pages_say_what_to_write_and_where() {
    let world = World::start_with(|_| {});
    let mut desk = Desk::enter(&world.daemon);
    let file = world.daemon.site.credentials().display().to_string();
    all_open(&mut desk, "without credentials");
    desk.get("/admin").says(&["OneDesk is not set up yet", &file, "AZUREAD_CID"]);
    desk.get("/admin/credentials").says(&["AZUREAD_CIS=the secret's Value", &file]);
    desk.post("/admin/explain", &[("text", "AADSTS50173")]).expect(200);
    world.daemon.site.write_pair(CLIENT_ID, SECRET);
    world.daemon.wait_for_status("taken", |status| status["credentials"]["verified"] == "yes");
    desk.get("/admin/credentials").says(&[CLIENT_ID, "Microsoft accepts it"]);
}

#[test]
fn with_a_refused_secret_and_a_provider_that_is_down_every_page_opens() {
    let world = World::connected();
    let record = add_record(&world.daemon, "Azure AD");
    let mut desk = Desk::enter(&world.daemon);
    world.daemon.site.write_pair(CLIENT_ID, "expired~secret.value-00000000000000000000");
    world.daemon.wait_for_status("refused", |status| status["state"] == "stale");
    all_open(&mut desk, "with a refused secret");
    desk.get("/admin").says(&["the last good credentials stay in force", "Does not work"]);
    assert!(!desk.get("/admin/credentials").body.contains("expired~secret"));
    for endpoint in [Endpoint::Refresh, Endpoint::Code] {
        world.simulator.fault_at(endpoint, Fault::Hang, 100);
    }
    all_open(&mut desk, "with a provider that hangs");
    desk.get(&format!("/admin/sso/{record}")).expect(200);
    desk.get(&format!("/admin/mailboxes/{SUPPORT}")).expect(200);
    desk.post("/admin/mailboxes/connect", &[("address", SUPPORT)]).expect(303);
}

#[test]
fn a_mailbox_that_needs_somebody_is_shown_with_the_reason_and_the_next_step() {
    let mut world = World::connected();
    world.simulator.revoke(SUPPORT);
    world.daemon.stop();
    world.daemon.site.sql("UPDATE access_tokens SET expires_at = obtained_at + 1");
    world.daemon.start_again();
    world.daemon.wait_for_mailbox(SUPPORT, "needs_reauth");
    let mut desk = Desk::enter(&world.daemon);
    desk.get("/admin").says(&["Something needs you", "need a sign-in"]);
    desk.get("/admin/mailboxes?state=needs_reauth").says(&[SUPPORT, "Needs a sign-in", "needs a sign-in"]);
    desk.get(&format!("/admin/mailboxes/{SUPPORT}")).expect(200).says(&["Make a link to sign in again", "refused in 1 half hour"]);
}

#[test]
fn while_the_database_cannot_be_written_one_gets_in_and_sees_everything() {
    let world = World::connected();
    let person = add_person(&world.daemon, "user", "a@example.test", "A");
    let lock = world.daemon.site.lock_database();
    let mut desk = Desk::enter(&world.daemon);
    all_open(&mut desk, "with a database that cannot be written");
    desk.get("/admin/mailboxes").says(&[SUPPORT]);
    let refused = desk.post(&format!("/admin/people/{person}/remove"), &[]);
    assert_eq!(refused.status, 503, "{}", refused.body);
    refused.says(&["That did not work"]);
    drop(lock);
    desk.post(&format!("/admin/people/{person}/remove"), &[]).expect(303);
}

#[test]
fn without_the_tables_of_the_database_the_pages_open_and_say_what_cannot_be_shown() {
    let world = World::connected();
    let mut desk = Desk::enter(&world.daemon);
    world.daemon.site.sql("ALTER TABLE people RENAME TO lost_people; ALTER TABLE audit RENAME TO lost_audit; ALTER TABLE conflicts RENAME TO lost_conflicts; ALTER TABLE admin_passes RENAME TO lost_passes; ALTER TABLE sso_sessions RENAME TO lost_sessions");
    all_open(&mut desk, "without tables");
    desk.get("/admin/people").says(&["class=\"callout bad\""]);
    desk.get("/admin/audit").says(&["class=\"callout bad\""]);
    desk.get("/admin").says(&["Something needs you"]);
    desk.post("/admin/people/new", &[("kind", "user"), ("email", "x@example.test"), ("name", "kept")])
        .expect(503)
        .says(&["value=\"kept\""]);
    another_way_in(&world.daemon);
    world.daemon.site.sql("ALTER TABLE lost_people RENAME TO people; ALTER TABLE lost_audit RENAME TO audit; ALTER TABLE lost_conflicts RENAME TO conflicts; ALTER TABLE lost_passes RENAME TO admin_passes; ALTER TABLE lost_sessions RENAME TO sso_sessions");
    desk.get("/admin").expect(200);
}

/// A link that is made while the database is broken opens the pages too.
fn another_way_in(daemon: &Daemon) {
    let mut desk = Desk::enter(daemon);
    desk.get("/admin").expect(200);
    assert_eq!(daemon.call("POST", "/v1/admin-links", Some(&json!({}))).status, 201);
}
