//! Connecting the directory: the same rules as for a mailbox, other scopes.

use entra_sim::{GRAPH, TENANT};
use serde_json::json;

use crate::harness::{Browser, SUPPORT, World};

const ADMIN: &str = "admin@example.test";

#[test]
fn the_result_page_names_the_tenant_that_was_connected() {
    let world = World::start();
    world.directory_journey(ADMIN).expect(200).says(&["Directory connected", TENANT, ADMIN]);
    let tenants = world.daemon.get("/v1/directory").expect(200).json()["tenants"].clone();
    assert_eq!(tenants.as_array().unwrap().len(), 1);
    assert_eq!((&tenants[0]["tenant_id"], &tenants[0]["state"]), (&json!(TENANT), &json!("healthy")), "{tenants}");
    assert_eq!(tenants[0]["connected_by"], ADMIN);
    assert_eq!(world.daemon.status()["directory"]["healthy"], 1);
}

#[test]
fn a_directory_asks_for_graph_and_an_answer_belongs_to_its_own_callback() {
    let world = World::start();
    let mut browser = Browser::new();
    let authorization = browser.begin(&world.daemon.directory_link());
    assert!(authorization.contains("Directory.Read.All") && !authorization.contains("IMAP"), "{authorization}");
    let callback = browser.sign_in(&authorization, ADMIN);
    let mailbox = callback.replace("azuread/token", "office365/oauth2redirectWithAuthCode");
    browser.get(&mailbox).expect(400).says(&["state_foreign"]);
    browser.open(&callback).expect(200);
}

#[test]
fn each_tenant_is_connected_once_and_removed_by_its_id() {
    let mut world = World::start();
    world.daemon.site.set("microsoft.tenant", "\"organizations\"");
    world.daemon.reload();
    world.directory_journey(ADMIN).expect(200);
    world.directory_journey("paula@partner.test").expect(200).says(&[entra_sim::PARTNER_TENANT]);
    world.directory_journey(ADMIN).expect(200).says(&["connected again"]);
    assert_eq!(world.daemon.status()["directory"]["healthy"], 2);
    world.daemon.restart();
    assert_eq!(world.daemon.status()["directory"]["healthy"], 2);
    world.daemon.call("DELETE", &format!("/v1/directory/{TENANT}"), None).expect(204);
    world.daemon.call("DELETE", &format!("/v1/directory/{TENANT}"), None).expect(404);
    assert_eq!(world.daemon.status()["directory"]["healthy"], 1);
}

#[test]
fn who_declines_or_is_no_admin_connects_nothing() {
    let world = World::start();
    let link = world.daemon.directory_link();
    let mut browser = Browser::new();
    let authorization = browser.begin(&link);
    let declined = browser.decline(&authorization);
    browser.get(&declined).expect(403).says(&["For support"]);
    assert_eq!(world.daemon.get("/v1/directory").json()["tenants"], json!([]));
}

#[test]
fn the_token_of_a_directory_is_kept_fresh() {
    let world = World::start();
    world.simulator.behave(|behaviour| behaviour.access_token_lifetime = 2);
    world.directory_journey(ADMIN).expect(200);
    let refreshed = || world.daemon.get("/v1/directory").json()["tenants"][0]["last_refresh_at"].is_string();
    crate::harness::wait_until("a refresh of the directory's token", refreshed);
    let requests = world.simulator.requests();
    let refresh = requests.iter().rev().find(|request| request.endpoint == entra_sim::Endpoint::Refresh).unwrap();
    assert!(refresh.parameters["scope"].contains("Directory.Read.All"), "{refresh:?}");
    assert!(!refresh.parameters["scope"].contains("outlook"), "{GRAPH} alone");
    assert_eq!(world.daemon.mailbox(SUPPORT), serde_json::Value::Null);
}
