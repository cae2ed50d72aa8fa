//! Connecting a mailbox, from the link to the token.

use serde_json::json;

use crate::harness::{SUPPORT, World};

#[test]
fn a_mailbox_is_connected_by_its_link_and_has_a_token() {
    let world = World::start();
    let page = world.journey(&json!({"address": SUPPORT}), SUPPORT).expect(200);
    page.says(&["Mailbox connected", SUPPORT]);
    let access = world.simulator.introspect(&world.good_token(SUPPORT, "imap")).unwrap();
    assert_eq!((access.resource.as_str(), access.upn.as_deref()), (entra_sim::OUTLOOK, Some(SUPPORT)));
}
