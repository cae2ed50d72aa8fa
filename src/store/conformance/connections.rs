//! Sentences about mailboxes and directories.

use super::samples::*;
use crate::model::{EmailAddress, GrantId};
use crate::store::{Error, Store};

const ONE: &str = "one@example.test";

fn address(text: &str) -> EmailAddress {
    text.parse().unwrap()
}

async fn lines(store: &Store) -> usize {
    store.audit.page(None, 100).await.unwrap().items.len()
}

pub async fn addresses_are_one_without_case(store: Store) {
    connect(&store, "One@Example.test", 1).await;
    connect(&store, "oNE@example.TEST", 2).await;
    assert_eq!(store.connections.mailboxes().await.unwrap().len(), 1);
    assert_eq!(store.connections.mailbox(&address("ONE@EXAMPLE.TEST")).await.unwrap().address.as_str(), "oNE@example.TEST");
}

pub async fn mailboxes_are_listed_by_address(store: Store) {
    for (number, name) in ["c@example.test", "A@example.test", "b@example.test"].into_iter().enumerate() {
        connect(&store, name, u8::try_from(number).unwrap()).await;
    }
    let listed = store.connections.mailboxes().await.unwrap();
    assert_eq!(listed.iter().map(|row| row.address.as_str()).collect::<Vec<_>>(), ["A@example.test", "b@example.test", "c@example.test"]);
    assert_eq!((listed[0].signed_in_as.as_str(), listed[0].shared, listed[0].connected_at), ("admin@example.test", true, at(0)));
}

pub async fn a_ticket_is_used_up_once(store: Store) {
    connect(&store, ONE, 1).await;
    assert!(matches!(store.flows.ticket(&ticket(1).hash, at(0)).await, Err(Error::NotFound)));
    assert!(matches!(store.connections.connect_mailbox(mailbox("two@example.test", 1, grant())).await, Err(Error::NotFound)));
}

pub async fn a_connection_without_its_ticket_writes_nothing(store: Store) {
    let id = connect(&store, ONE, 1).await;
    let lines_before = lines(&store).await;
    let late = grant();
    let late_id = late.id;
    assert!(matches!(store.connections.connect_mailbox(mailbox(ONE, 1, late)).await, Err(Error::NotFound)));
    assert_eq!(store.connections.mailbox(&address(ONE)).await.unwrap().grant, Some(id));
    assert!(matches!(store.grants.get(late_id).await, Err(Error::NotFound)));
    assert!(store.grants.get(id).await.is_ok());
    assert_eq!(lines(&store).await, lines_before);
}

pub async fn of_ten_connections_with_one_ticket_one_is_made(store: Store) {
    store.flows.add_ticket(ticket(1)).await.unwrap();
    let all = (0..10).map(|n| store.connections.connect_mailbox(mailbox(&format!("box{n}@example.test"), 1, grant())));
    let done = futures_util::future::join_all(all).await;
    assert_eq!(done.iter().filter(|one| one.is_ok()).count(), 1);
    assert_eq!(store.connections.mailboxes().await.unwrap().len(), 1);
    assert_eq!(store.grants.all().await.unwrap().len(), 1);
}

pub async fn connecting_anew_erases_the_older_grant(store: Store) {
    let old = connect(&store, ONE, 1).await;
    let new = connect(&store, ONE, 2).await;
    assert!(matches!(store.grants.get(old).await, Err(Error::NotFound)));
    assert!(store.grants.access(old).await.unwrap().is_empty());
    assert_eq!(store.connections.mailbox(&address(ONE)).await.unwrap().grant, Some(new));
}

pub async fn connecting_anew_keeps_the_first_date(store: Store) {
    connect(&store, ONE, 1).await;
    store.flows.add_ticket(ticket(2)).await.unwrap();
    let mut again = mailbox(ONE, 2, grant());
    again.what.connected_at = at(99);
    store.connections.connect_mailbox(again).await.unwrap();
    assert_eq!(store.connections.mailbox(&address(ONE)).await.unwrap().connected_at, at(0));
}

pub async fn using_a_ticket_up_ends_its_other_flows(store: Store) {
    store.flows.begin(flow(7, 1), at(0)).await.unwrap();
    store.flows.begin(flow(8, 2), at(0)).await.unwrap();
    connect(&store, ONE, 1).await;
    assert!(matches!(store.flows.peek(&flow(7, 1).state, at(0)).await, Err(Error::NotFound)));
    assert!(store.flows.peek(&flow(8, 2).state, at(0)).await.is_ok());
}

pub async fn a_removed_mailbox_takes_its_grant_along(store: Store) {
    let id = connect(&store, ONE, 1).await;
    store.connections.remove_mailbox(&address("ONE@example.test"), line("removed")).await.unwrap();
    assert!(matches!(store.connections.mailbox(&address(ONE)).await, Err(Error::NotFound)));
    assert!(matches!(store.grants.get(id).await, Err(Error::NotFound)));
    assert!(store.grants.expiries().await.unwrap().is_empty());
    assert_eq!(store.audit.page(None, 1).await.unwrap().items[0].1.subject, "removed");
}

pub async fn an_unknown_mailbox_cannot_be_removed(store: Store) {
    connect(&store, ONE, 1).await;
    assert!(matches!(store.connections.remove_mailbox(&address("two@example.test"), line("")).await, Err(Error::NotFound)));
    assert_eq!(store.connections.mailboxes().await.unwrap().len(), 1);
}

pub async fn a_refused_removal_leaves_no_line_in_the_log(store: Store) {
    let _ = store.connections.remove_mailbox(&address(ONE), line("")).await;
    let _ = store.connections.remove_directory(TENANT.parse().unwrap(), line("")).await;
    assert_eq!(lines(&store).await, 0);
}

pub async fn a_connection_writes_its_line_in_the_log(store: Store) {
    connect(&store, ONE, 1).await;
    assert_eq!(store.audit.page(None, 10).await.unwrap().items[0].1, line(ONE));
}

pub async fn a_directory_is_connected_and_removed(store: Store) {
    let id = connect_directory(&store, 1).await;
    let listed = store.connections.directories().await.unwrap();
    assert_eq!((listed.len(), listed[0].grant, listed[0].connected_by.as_str()), (1, Some(id), "admin@example.test"));
    store.connections.remove_directory(TENANT.parse().unwrap(), line("")).await.unwrap();
    assert!(store.connections.directories().await.unwrap().is_empty());
    assert!(matches!(store.grants.get(id).await, Err(Error::NotFound)));
    assert!(matches!(store.connections.remove_directory(TENANT.parse().unwrap(), line("")).await, Err(Error::NotFound)));
}

pub async fn a_directory_connected_anew_erases_the_older_grant(store: Store) {
    let old = connect_directory(&store, 1).await;
    let new = connect_directory(&store, 2).await;
    assert!(matches!(store.grants.get(old).await, Err(Error::NotFound)));
    let listed = store.connections.directories().await.unwrap();
    assert_eq!((listed.len(), listed[0].grant), (1, Some(new)));
}

async fn connect_directory(store: &Store, number: u8) -> GrantId {
    let grant = grant();
    let id = grant.id;
    store.flows.add_ticket(ticket(number)).await.unwrap();
    store.connections.connect_directory(directory(number, grant)).await.unwrap();
    id
}
