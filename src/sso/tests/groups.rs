//! Groups: from the token, and from Graph where the token has not room for them.

use serde_json::json;

use super::world::{World, code};

/// What Entra puts into the token of somebody in too many groups; the address in it is data from outside.
fn overage(world: &World) -> serde_json::Value {
    let endpoint = format!("{}/named-in-the-token", world.op.issuer);
    json!({"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": endpoint}}})
}

#[tokio::test]
async fn too_many_groups_are_asked_of_graph_and_never_of_the_address_in_the_token() {
    let world = World::new().await;
    let record = world.record(json!({"group_rules": [{"group": "g-2", "apps": ["main"]}]})).await;
    world.op.says(&overage(&world));
    let next = format!("{}/v1.0/me/transitiveMemberOf?$skiptoken=2", world.op.issuer);
    let role = json!({"@odata.type": "#microsoft.graph.directoryRole", "id": "r-1"});
    *world.op.graph.lock().unwrap() = vec![
        json!({"value": [{"id": "g-1"}, role], "@odata.nextLink": next}),
        json!({"value": [{"@odata.type": "#microsoft.graph.group", "id": "g-2"}]}),
    ];
    let signed_in = world.sign_in(record).await.unwrap();
    let current = world.sso.current(signed_in.session.expose()).await.unwrap().unwrap();
    assert_eq!(current.entry.groups(), "g-1,g-2");
    let asked = world.op.asked.lock().unwrap().clone();
    let with_token: Vec<_> = asked.iter().filter(|(_, token)| token == "Bearer a").collect();
    assert_eq!(with_token.len(), 2, "{asked:?}");
    assert!(with_token.iter().all(|(path, _)| path.starts_with("/v1.0/me/transitiveMemberOf?")), "{asked:?}");
    assert!(!asked.iter().any(|(path, _)| path.contains("named-in-the-token")), "{asked:?}");
}

#[tokio::test]
async fn groups_that_graph_does_not_tell_are_neither_none_nor_all() {
    let world = World::new().await;
    let record = world.record(json!({"group_rules": [{"group": "g-2", "role": "admin"}]})).await;
    world.op.says(&overage(&world));
    assert_eq!(code(world.sign_in(record).await), "groups_unreadable");
    *world.op.graph.lock().unwrap() = vec![json!({"value": [], "@odata.nextLink": "https://evil.test/v1.0/me"})];
    assert_eq!(code(world.sign_in(record).await), "groups_unreadable");
    assert_eq!(world.people().await, 0);
    world.change(record, json!({"group_rules": []})).await.unwrap();
    world.sign_in(record).await.unwrap();
}
