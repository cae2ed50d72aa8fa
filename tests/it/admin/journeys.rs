//! What an administrator does in the browser, from the first page to what the local API then says.

use serde_json::json;

use super::{Desk, add_person, plain, values};
use crate::harness::{ANN, Browser, SUPPORT, World, wait_until};

#[test]
fn a_mailbox_is_connected_looked_at_and_removed_in_the_browser() {
    let world = World::start();
    let mut desk = Desk::enter(&world.daemon);
    desk.get("/admin/mailboxes").expect(200).says(&["No mailbox is connected yet"]);
    let page = desk.post_and_follow("/admin/mailboxes/connect", &[("address", SUPPORT)]);
    let link = plain(page.body.split("id=\"connect-link\" value=\"").nth(1).unwrap().split('"').next().unwrap());
    assert!(link.contains("/integrations/office365/connect?ticket="), "{link}");
    let mut somebody = Browser::new();
    let authorization = somebody.begin(&link);
    let callback = somebody.sign_in(&authorization, SUPPORT);
    somebody.open(&callback).expect(200);
    desk.get("/admin/mailboxes").expect(200).says(&[SUPPORT, "Healthy", "1–1 of 1"]);
    let page = desk.get(&format!("/admin/mailboxes/{SUPPORT}")).expect(200);
    page.says(&["refreshed in 1 half hour", "Sign-in ends"]);
    desk.get("/admin/mailboxes/calendar").expect(200).says(&["The next 1 of 1", SUPPORT]);
    desk.get("/admin").expect(200).says(&["All is well"]);
    desk.get(&format!("/admin/mailboxes/{SUPPORT}/remove")).expect(200).says(&["Its sign-in is erased"]);
    assert_eq!(world.daemon.mailbox(SUPPORT)["state"], "healthy", "looking at the question removes nothing");
    let page = desk.post_and_follow(&format!("/admin/mailboxes/{SUPPORT}/remove"), &[]);
    page.says(&["The mailbox was removed"]);
    assert!(world.daemon.mailbox(SUPPORT).is_null());
    let page = desk.get("/admin/audit?q=mailbox").expect(200);
    page.says(&["mailbox.remove", "mailbox.connect", "mailbox.link", "admin (uid:0"]);
    assert!(!page.body.contains("admin.enter"), "the search leaves the rest out");
}

#[test]
fn a_link_is_shown_to_the_session_that_asked_for_it_alone() {
    let world = World::start();
    let (mut desk, mut other) = (Desk::enter(&world.daemon), Desk::enter(&world.daemon));
    let answer = desk.post("/admin/mailboxes/connect", &[("address", "")]).expect(303);
    let path = answer.header("location").unwrap().to_owned();
    assert!(!path.contains("ticket"), "no ticket in an address: {path}");
    desk.get(&path).expect(200);
    other.get(&path).expect(404);
}

#[test]
fn mailboxes_are_found_by_a_part_of_their_address_and_by_state() {
    let world = World::connected();
    world.connect(ANN);
    let mut desk = Desk::enter(&world.daemon);
    let page = desk.get("/admin/mailboxes?q=SUPP").expect(200);
    page.says(&[SUPPORT, "1–1 of 1"]);
    assert!(!page.body.contains(ANN));
    desk.get("/admin/mailboxes?state=needs_reauth").expect(200).says(&["No mailbox is like that"]);
    desk.get("/admin/mailboxes?page=999999&state=nonsense").expect(200).says(&[ANN, SUPPORT, "1–2 of 2"]);
}

#[test]
fn the_support_bundle_is_downloaded_by_whoever_may_send_a_form_and_the_audit_log_says_so() {
    let world = World::start();
    let mut desk = Desk::enter(&world.daemon);
    desk.get("/admin/support").expect(200).says(&["Download the bundle", "onedeskctl support-bundle"]);
    let answer = desk.post("/admin/support", &[("pseudonymize", "1")]).expect(200);
    assert_eq!(answer.header("content-type"), Some("application/gzip"));
    let disposition = answer.header("content-disposition").unwrap();
    assert!(disposition.starts_with("attachment; filename=\"onedesk-support-2") && disposition.ends_with(".tar.gz\""), "{disposition}");
    assert!(answer.body.starts_with('\u{1f}'), "a gzip file begins so (RFC 1952, section 2.3.1)");
    desk.get("/admin/audit?q=support").expect(200).says(&["support.bundle", "pseudonymized"]);
    desk.token = "stolen".to_owned();
    desk.post("/admin/support", &[]).expect(403);
}

#[test]
fn a_directory_is_connected_and_disconnected_in_the_browser() {
    let world = World::start();
    let mut desk = Desk::enter(&world.daemon);
    let page = desk.post_and_follow("/admin/directory/connect", &[]);
    let link = plain(page.body.split("id=\"connect-link\" value=\"").nth(1).unwrap().split('"').next().unwrap());
    let mut admin = Browser::new();
    let authorization = admin.begin(&link);
    let callback = admin.sign_in(&authorization, "admin@example.test");
    admin.open(&callback).expect(200);
    desk.get("/admin/directory").expect(200).says(&[entra_sim::TENANT, "Healthy", "admin@example.test"]);
    let page = desk.post_and_follow(&format!("/admin/directory/{}/remove", entra_sim::TENANT), &[]);
    page.says(&["The directory was disconnected"]);
    assert_eq!(world.daemon.get("/v1/directory").expect(200).json()["tenants"], json!([]));
}

#[test]
fn people_are_added_found_and_removed_in_the_browser() {
    let world = World::start();
    let mut desk = Desk::enter(&world.daemon);
    for number in 0..35 {
        add_person(&world.daemon, "customer", &format!("customer{number:02}@example.test"), "Somebody");
    }
    let page = desk.post_and_follow("/admin/people/new", &[("kind", "user"), ("email", "Ann@example.test"), ("name", "Ann <b>")]);
    page.says(&["The person was added", "Ann@example.test"]);
    let first = desk.get("/admin/people").expect(200);
    assert_eq!(first.body.matches("Remove…</a>").count(), 30);
    let next = plain(first.body.split("rel=\"next\"").next().unwrap().rsplit("href=\"").next().unwrap().split('"').next().unwrap());
    let second = desk.get(&next).expect(200);
    assert_eq!(second.body.matches("Remove…</a>").count(), 6);
    let found = desk.get("/admin/people?q=ANN%40").expect(200).body;
    let path = plain(found.split("href=\"").find(|part| part.contains("remove\"")).unwrap().split('"').next().unwrap());
    desk.get(&path).expect(200).says(&["Their accounts are unlinked", "Ann@example.test"]);
    desk.post_and_follow(&path, &[]).says(&["The person was removed"]);
    desk.get("/admin/people?q=ann%40").expect(200).says(&["Nobody is like that"]);
}

#[test]
fn an_error_is_explained_with_who_can_mend_it() {
    let world = World::start();
    let mut desk = Desk::enter(&world.daemon);
    let text = "AADSTS7000222: The provided client secret keys are expired. Trace ID: 1";
    let page = desk.post("/admin/explain", &[("text", text)]).expect(200);
    page.says(&["AADSTS7000222", "Who can mend it", "What to do", text]);
    desk.post("/admin/explain", &[("text", "AADSTS123456789")]).expect(200).says(&["is not in our table"]);
}

#[test]
fn what_was_done_is_told_once_and_only_in_our_words() {
    let world = World::start();
    let mut desk = Desk::enter(&world.daemon);
    desk.get("/admin/people?done=person-removed").expect(200).says(&["The person was removed"]);
    assert!(!desk.get("/admin?done=Send%20your%20password").body.contains("password"));
    assert!(values(&desk.get("/admin/explain").body, "token").iter().all(|token| *token == desk.token));
    wait_until("the log has it", || world.daemon.log().contains("answered"));
}

#[test]
fn the_last_24_hours_of_a_mailbox_are_shown_after_a_restart_too() {
    let mut world = World::connected();
    let shown = |world: &World| {
        let page = Desk::enter(&world.daemon).get(&format!("/admin/mailboxes/{SUPPORT}")).expect(200);
        plain(page.body.split("Last 24 hours: ").nth(1).unwrap().split('"').next().unwrap())
    };
    assert_eq!(shown(&world), "refreshed in 1 half hour", "the sign-in itself");
    world.daemon.restart();
    assert_eq!(shown(&world), "refreshed in 1 half hour");

    world.simulator.revoke(SUPPORT);
    world.daemon.stop();
    world.daemon.site.sql("UPDATE access_tokens SET expires_at = obtained_at + 1");
    world.daemon.start_again();
    world.daemon.wait_for_mailbox(SUPPORT, "needs_reauth");
    world.daemon.restart();
    assert!(shown(&world).contains("refused in 1 half hour"), "{}", shown(&world));
}
