//! Sentences about the audit log, leases and notifications.

use std::time::Duration;

use super::samples::*;
use crate::model::GrantState;
use crate::store::audit::AuditEntry;
use crate::store::leases::{Change, Fence};
use crate::store::{Error, Store};

const LIFE: Duration = Duration::from_secs(60);

async fn acquire(store: &Store, holder: &str, now: i64) -> Option<Fence> {
    store.leases.acquire("refresh", holder, at(now), LIFE).await.unwrap()
}

pub async fn a_line_comes_back_as_it_was(store: Store) {
    let entry = AuditEntry { detail: "a 'quoted' word; — ü".to_owned(), at: at(-5), ..line("x") };
    store.audit.append(entry.clone()).await.unwrap();
    assert_eq!(store.audit.page(None, 10).await.unwrap().items[0].1, entry);
}

pub async fn audit_pages_neither_skip_nor_repeat(store: Store) {
    for number in 0..25 {
        store.audit.append(line(&number.to_string())).await.unwrap();
    }
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = store.audit.page(before, 10).await.unwrap();
        seen.extend(page.items.into_iter().map(|(_, entry)| entry.subject));
        // Lines that come meanwhile, and old ones that go, move nothing.
        store.audit.append(line("meanwhile")).await.unwrap();
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..25).rev().map(|number| number.to_string()).collect::<Vec<_>>());
}

pub async fn the_last_page_says_that_it_is_the_last(store: Store) {
    assert!(store.audit.page(None, 10).await.unwrap().next.is_none());
    for number in 0..10 {
        store.audit.append(line(&number.to_string())).await.unwrap();
    }
    assert!(store.audit.page(None, 10).await.unwrap().next.is_none());
    assert!(store.audit.page(None, 9).await.unwrap().next.is_some());
}

pub async fn trimming_takes_only_what_is_older(store: Store) {
    for number in 0..5 {
        store.audit.append(AuditEntry { at: at(number), ..line("") }).await.unwrap();
    }
    assert_eq!(store.audit.trim(at(3)).await.unwrap(), 3);
    let left = store.audit.page(None, 10).await.unwrap().items;
    assert_eq!(left.iter().map(|(_, entry)| entry.at).collect::<Vec<_>>(), [at(4), at(3)]);
}

pub async fn a_lease_is_held_by_one(store: Store) {
    assert!(acquire(&store, "one", 0).await.is_some());
    assert!(acquire(&store, "two", 59_999).await.is_none());
    assert!(acquire(&store, "two", 60_000).await.is_some());
    assert!(acquire(&store, "one", 60_001).await.is_none());
}

pub async fn renewing_keeps_the_fence(store: Store) {
    let first = acquire(&store, "one", 0).await;
    assert_eq!(acquire(&store, "one", 50_000).await, first);
    assert!(acquire(&store, "two", 100_000).await.is_none());
}

pub async fn a_holder_that_starts_again_has_its_lease_at_once(store: Store) {
    acquire(&store, "one", 0).await;
    assert!(acquire(&store, "one", 1).await.is_some());
}

pub async fn a_new_holder_gets_a_greater_fence(store: Store) {
    let first = acquire(&store, "one", 0).await.unwrap();
    let second = acquire(&store, "two", 60_000).await.unwrap();
    let third = acquire(&store, "one", 120_000).await.unwrap();
    assert!(first.token < second.token && second.token < third.token);
}

pub async fn a_released_lease_is_free_and_its_fence_worthless(store: Store) {
    let id = connect(&store, "one@example.test", 1).await;
    let first = acquire(&store, "one", 0).await.unwrap();
    store.leases.release(&first).await.unwrap();
    assert!(matches!(store.grants.set_state(&first, id, 1, &GrantState::Healthy, &[]).await, Err(Error::Fenced)));
    assert!(acquire(&store, "two", 1).await.unwrap().token > first.token);
}

pub async fn releasing_with_an_old_fence_changes_nothing(store: Store) {
    let first = acquire(&store, "one", 0).await.unwrap();
    acquire(&store, "two", 60_000).await.unwrap();
    store.leases.release(&first).await.unwrap();
    assert!(acquire(&store, "one", 60_001).await.is_none());
}

pub async fn leases_of_different_names_do_not_meet(store: Store) {
    acquire(&store, "one", 0).await.unwrap();
    assert!(store.leases.acquire("sync", "two", at(0), LIFE).await.unwrap().is_some());
}

pub async fn changes_are_told_after_they_can_be_read(store: Store) {
    let mut changes = store.leases.subscribe();
    let id = connect(&store, "one@example.test", 1).await;
    assert_eq!(changes.recv().await.unwrap(), Change::Grant(id));
    assert!(store.grants.get(id).await.is_ok());
    assert_eq!(changes.recv().await.unwrap(), Change::Connections);
    let fence = acquire(&store, "one", 0).await.unwrap();
    store.grants.rotate(&fence, id, 1, rotation(2)).await.unwrap();
    assert_eq!(changes.recv().await.unwrap(), Change::Grant(id));
}

pub async fn a_refused_write_tells_nothing(store: Store) {
    let mut changes = store.leases.subscribe();
    let gone = store.connections.remove_mailbox(&"one@example.test".parse().unwrap(), line("")).await;
    assert!(gone.is_err());
    assert!(store.connections.connect_mailbox(mailbox("one@example.test", 1, grant())).await.is_err());
    assert!(changes.try_recv().is_err());
}
