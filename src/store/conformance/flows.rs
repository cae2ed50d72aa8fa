//! Sentences about tickets and flows.

use super::samples::*;
use crate::store::flows::FlowRow;
use crate::store::{Error, Store};

pub async fn a_ticket_stays_usable_while_it_is_looked_at(store: Store) {
    store.flows.add_ticket(ticket(1)).await.unwrap();
    for _ in 0..3 {
        let found = store.flows.ticket(&ticket(1).hash, at(0)).await.unwrap();
        assert_eq!(format!("{found:?}"), format!("{:?}", ticket(1)));
    }
}

pub async fn a_ticket_ends_at_its_end(store: Store) {
    store.flows.add_ticket(ticket(1)).await.unwrap();
    assert!(store.flows.ticket(&ticket(1).hash, at(60 * MINUTE - 1)).await.is_ok());
    assert!(matches!(store.flows.ticket(&ticket(1).hash, at(60 * MINUTE)).await, Err(Error::NotFound)));
}

pub async fn the_same_ticket_cannot_be_added_twice(store: Store) {
    store.flows.add_ticket(ticket(1)).await.unwrap();
    assert!(matches!(store.flows.add_ticket(ticket(1)).await, Err(Error::Conflict)));
}

pub async fn a_flow_comes_back_as_it_was(store: Store) {
    store.flows.begin(flow(1, 1), at(0)).await.unwrap();
    let taken = store.flows.take(&flow(1, 1).state, at(0)).await.unwrap();
    assert_eq!(format!("{taken:?}"), format!("{:?}", flow(1, 1)));
}

pub async fn looking_at_a_flow_does_not_use_it_up(store: Store) {
    store.flows.begin(flow(1, 1), at(0)).await.unwrap();
    store.flows.peek(&flow(1, 1).state, at(0)).await.unwrap();
    store.flows.peek(&flow(1, 1).state, at(0)).await.unwrap();
    store.flows.take(&flow(1, 1).state, at(0)).await.unwrap();
    assert!(matches!(store.flows.peek(&flow(1, 1).state, at(0)).await, Err(Error::NotFound)));
}

pub async fn of_fifty_takers_of_one_flow_one_gets_it(store: Store) {
    store.flows.begin(flow(1, 1), at(0)).await.unwrap();
    let state = flow(1, 1).state;
    let done = futures_util::future::join_all((0..50).map(|_| store.flows.take(&state, at(0)))).await;
    assert_eq!(done.iter().filter(|one| one.is_ok()).count(), 1);
    assert_eq!(done.iter().filter(|one| matches!(one, Err(Error::NotFound))).count(), 49);
}

pub async fn a_flow_ends_at_its_end(store: Store) {
    store.flows.begin(flow(1, 1), at(0)).await.unwrap();
    assert!(matches!(store.flows.peek(&flow(1, 1).state, at(10 * MINUTE)).await, Err(Error::NotFound)));
    assert!(matches!(store.flows.take(&flow(1, 1).state, at(10 * MINUTE)).await, Err(Error::NotFound)));
    assert!(store.flows.take(&flow(1, 1).state, at(10 * MINUTE - 1)).await.is_ok());
}

pub async fn beginning_a_flow_clears_ended_ones(store: Store) {
    store.flows.begin(flow(1, 1), at(0)).await.unwrap();
    let later = FlowRow { expires_at: at(30 * MINUTE), ..flow(2, 1) };
    store.flows.begin(later, at(20 * MINUTE)).await.unwrap();
    assert_eq!(store.grants.sealed_values().await.unwrap(), 1);
}

pub async fn sweeping_leaves_what_still_runs(store: Store) {
    store.flows.add_ticket(ticket(1)).await.unwrap();
    store.flows.begin(flow(1, 1), at(0)).await.unwrap();
    store.flows.sweep(at(5 * MINUTE)).await.unwrap();
    assert!(store.flows.ticket(&ticket(1).hash, at(5 * MINUTE)).await.is_ok());
    assert!(store.flows.peek(&flow(1, 1).state, at(5 * MINUTE)).await.is_ok());
    store.flows.sweep(at(300 * MINUTE)).await.unwrap();
    assert!(matches!(store.flows.ticket(&ticket(1).hash, at(0)).await, Err(Error::NotFound)));
    assert!(matches!(store.flows.peek(&flow(1, 1).state, at(0)).await, Err(Error::NotFound)));
}

pub async fn a_ticket_that_ends_during_sign_in_can_still_be_used_up(store: Store) {
    store.flows.add_ticket(ticket(1)).await.unwrap();
    store.flows.sweep(at(65 * MINUTE)).await.unwrap();
    assert!(matches!(store.flows.ticket(&ticket(1).hash, at(65 * MINUTE)).await, Err(Error::NotFound)));
    store.connections.connect_mailbox(mailbox("one@example.test", 1, grant())).await.unwrap();
}
