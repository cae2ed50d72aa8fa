//! Sentences about grants and access tokens.

use std::time::Duration;

use super::samples::*;
use crate::model::{Audience, GrantId, GrantState, ReauthReason, WaitReason};
use crate::store::grants::{AccessRow, GrantRow, Rotation};
use crate::store::leases::Fence;
use crate::store::{Error, Store};

const ONE: &str = "one@example.test";

async fn get(store: &Store, id: GrantId) -> GrantRow {
    store.grants.get(id).await.unwrap()
}

pub async fn what_was_stored_comes_back_as_it_was(store: Store) {
    let before = GrantRow {
        previous: Some(sealed("refresh 0")),
        last_refresh_at: Some(at(7)),
        history: vec![1, 2, 3],
        client_changed_at: Some(at(8)),
        version: 9,
        ..grant()
    };
    store.flows.add_ticket(ticket(1)).await.unwrap();
    store.connections.connect_mailbox(mailbox(ONE, 1, before.clone())).await.unwrap();
    assert_eq!(format!("{:?}", get(&store, before.id).await), format!("{before:?}"));
    let tokens = store.grants.access(before.id).await.unwrap();
    assert_eq!(format!("{tokens:?}"), format!("{:?}", vec![access(Audience::Outlook, "access 1")]));
}

pub async fn every_state_comes_back_as_it_was(store: Store) {
    let (id, fence) = (connect(&store, ONE, 1).await, fence(&store).await);
    let waiting = [WaitReason::CredentialsRejected, WaitReason::ProviderUnavailable, WaitReason::Throttled, WaitReason::MasterKeyMissing]
        .map(|reason| GrantState::Waiting { reason, problem: problem() });
    let reauth = [ReauthReason::GrantRefused, ReauthReason::ClientChanged, ReauthReason::InteractionRequired, ReauthReason::Unreadable]
        .map(|reason| GrantState::NeedsReauth { reason, problem: problem().at_line(3) });
    let mut version = 1;
    for state in waiting.into_iter().chain(reauth).chain([GrantState::Healthy]) {
        version = store.grants.set_state(&fence, id, version, &state, &[4, 5]).await.unwrap();
        let grant = get(&store, id).await;
        assert_eq!((grant.state, grant.history), (state, vec![4, 5]));
    }
}

pub async fn an_unknown_grant_is_not_found(store: Store) {
    assert!(matches!(store.grants.get(GrantId::new()).await, Err(Error::NotFound)));
    assert!(store.grants.access(GrantId::new()).await.unwrap().is_empty());
}

pub async fn grants_are_listed_by_id(store: Store) {
    let mut ids = [connect(&store, ONE, 1).await, connect(&store, "two@example.test", 2).await, connect(&store, "a@example.test", 3).await];
    ids.sort();
    assert_eq!(store.grants.all().await.unwrap().iter().map(|grant| grant.id).collect::<Vec<_>>(), ids);
}

pub async fn a_rotation_is_seen_by_the_next_reader(store: Store) {
    let (id, fence) = (connect(&store, ONE, 1).await, fence(&store).await);
    assert_eq!(store.grants.rotate(&fence, id, 1, rotation(2)).await.unwrap(), 2);
    let grant = get(&store, id).await;
    assert_eq!((grant.version, grant.refresh, grant.previous), (2, sealed("refresh 2"), Some(sealed("refresh 1"))));
    assert_eq!((grant.last_refresh_at, grant.history), (Some(at(5)), vec![7; 24]));
    assert_eq!(store.grants.access(id).await.unwrap()[0].sealed, sealed("access 2"));
}

pub async fn a_rotation_heals_the_state(store: Store) {
    let (id, fence) = (connect(&store, ONE, 1).await, fence(&store).await);
    let state = GrantState::Waiting { reason: WaitReason::Throttled, problem: problem() };
    store.grants.set_state(&fence, id, 1, &state, &[]).await.unwrap();
    store.grants.rotate(&fence, id, 2, rotation(2)).await.unwrap();
    assert_eq!(get(&store, id).await.state, GrantState::Healthy);
}

pub async fn a_rotation_with_an_old_version_changes_nothing(store: Store) {
    let (id, fence) = (connect(&store, ONE, 1).await, fence(&store).await);
    store.grants.rotate(&fence, id, 1, rotation(2)).await.unwrap();
    assert!(matches!(store.grants.rotate(&fence, id, 1, rotation(9)).await, Err(Error::Conflict)));
    assert_eq!(get(&store, id).await.refresh, sealed("refresh 2"));
    assert_eq!(store.grants.access(id).await.unwrap()[0].sealed, sealed("access 2"));
}

pub async fn a_rotation_of_an_unknown_grant_is_not_found(store: Store) {
    let fence = fence(&store).await;
    assert!(matches!(store.grants.rotate(&fence, GrantId::new(), 1, rotation(2)).await, Err(Error::NotFound)));
}

pub async fn a_fenced_writer_writes_nothing(store: Store) {
    let (id, old) = (connect(&store, ONE, 1).await, fence(&store).await);
    store.leases.acquire("refresh", "successor", at(61_000), Duration::from_secs(60)).await.unwrap().unwrap();
    let never = Fence { lease: "never held".to_owned(), token: 1 };
    for fence in [old, never] {
        assert!(matches!(store.grants.rotate(&fence, id, 1, rotation(2)).await, Err(Error::Fenced)));
        assert!(matches!(store.grants.set_state(&fence, id, 1, &GrantState::Healthy, &[]).await, Err(Error::Fenced)));
    }
    assert_eq!((get(&store, id).await.version, get(&store, id).await.refresh), (1, sealed("refresh 1")));
}

pub async fn of_twenty_rotations_of_one_version_one_wins(store: Store) {
    let (id, fence) = (connect(&store, ONE, 1).await, fence(&store).await);
    let all = (2..22).map(|number| store.grants.rotate(&fence, id, 1, rotation(number)));
    let done = futures_util::future::join_all(all).await;
    assert_eq!(done.iter().filter(|one| one.is_ok()).count(), 1);
    assert_eq!(done.iter().filter(|one| matches!(one, Err(Error::Conflict))).count(), 19);
    assert_eq!(get(&store, id).await.version, 2);
}

pub async fn rotations_of_many_grants_at_once_all_count(store: Store) {
    let fence = fence(&store).await;
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(connect(&store, &format!("box{number}@example.test"), number).await);
    }
    // Every second one is refused: that must not touch its neighbours in the same transaction.
    let all = ids.iter().enumerate().map(|(i, id)| store.grants.rotate(&fence, *id, if i % 2 == 0 { 1 } else { 7 }, rotation(2)));
    let done = futures_util::future::join_all(all).await;
    for (i, id) in ids.into_iter().enumerate() {
        assert_eq!(done[i].is_ok(), i % 2 == 0);
        assert_eq!(get(&store, id).await.version, if i % 2 == 0 { 2 } else { 1 });
    }
}

pub async fn tokens_of_two_audiences_stand_side_by_side(store: Store) {
    let (id, fence) = (connect(&store, ONE, 1).await, fence(&store).await);
    let graph = Rotation { access: access(Audience::Graph, "graph"), ..rotation(2) };
    store.grants.rotate(&fence, id, 1, graph).await.unwrap();
    let tokens: Vec<AccessRow> = store.grants.access(id).await.unwrap();
    assert_eq!(tokens.len(), 2);
    assert!(tokens.iter().any(|token| token.audience == Audience::Outlook && token.sealed == sealed("access 1")));
}

pub async fn a_new_state_leaves_the_tokens_alone(store: Store) {
    let (id, fence) = (connect(&store, ONE, 1).await, fence(&store).await);
    let state = GrantState::NeedsReauth { reason: ReauthReason::GrantRefused, problem: problem() };
    assert_eq!(store.grants.set_state(&fence, id, 1, &state, &[]).await.unwrap(), 2);
    assert_eq!(get(&store, id).await.refresh, sealed("refresh 1"));
    assert_eq!(store.grants.access(id).await.unwrap().len(), 1);
}

pub async fn a_state_with_an_old_version_changes_nothing(store: Store) {
    let (id, fence) = (connect(&store, ONE, 1).await, fence(&store).await);
    store.grants.rotate(&fence, id, 1, rotation(2)).await.unwrap();
    let state = GrantState::NeedsReauth { reason: ReauthReason::GrantRefused, problem: problem() };
    assert!(matches!(store.grants.set_state(&fence, id, 1, &state, &[]).await, Err(Error::Conflict)));
    assert_eq!(get(&store, id).await.state, GrantState::Healthy);
}

pub async fn expiries_name_every_access_token(store: Store) {
    let one = connect(&store, ONE, 1).await;
    let two = connect(&store, "two@example.test", 2).await;
    let mut expiries = store.grants.expiries().await.unwrap();
    expiries.sort();
    assert_eq!(expiries, [(one, Audience::Outlook, at(60 * MINUTE)), (two, Audience::Outlook, at(60 * MINUTE))]);
}

pub async fn another_client_id_is_noted_once_and_cleared_on_return(store: Store) {
    let id = connect(&store, ONE, 1).await;
    for (client, now, noted) in [(CLIENT, 1, None), (OTHER_CLIENT, 2, Some(at(2))), (OTHER_CLIENT, 3, Some(at(2))), (CLIENT, 4, None)] {
        store.grants.mark_client(client.parse().unwrap(), at(now)).await.unwrap();
        assert_eq!(get(&store, id).await.client_changed_at, noted);
    }
}

pub async fn the_note_of_another_client_id_does_not_disturb_a_refresh(store: Store) {
    let (id, fence) = (connect(&store, ONE, 1).await, fence(&store).await);
    store.grants.mark_client(OTHER_CLIENT.parse().unwrap(), at(2)).await.unwrap();
    store.grants.rotate(&fence, id, 1, rotation(2)).await.unwrap();
    assert_eq!(get(&store, id).await.client_changed_at, Some(at(2)));
}

pub async fn only_what_was_left_behind_long_enough_is_erased(store: Store) {
    let id = connect(&store, ONE, 1).await;
    store.grants.mark_client(OTHER_CLIENT.parse().unwrap(), at(2)).await.unwrap();
    assert!(store.grants.erase_left_behind(at(2)).await.unwrap().is_empty());
    assert_eq!(store.grants.erase_left_behind(at(3)).await.unwrap(), [id]);
    assert!(matches!(store.grants.get(id).await, Err(Error::NotFound)));
    assert!(store.grants.access(id).await.unwrap().is_empty());
    assert_eq!(store.connections.mailbox(&ONE.parse().unwrap()).await.unwrap().grant, None);
}

pub async fn resealing_replaces_every_value_in_its_context(store: Store) {
    let (id, fence) = (connect(&store, ONE, 1).await, fence(&store).await);
    store.grants.rotate(&fence, id, 1, rotation(2)).await.unwrap();
    store.flows.begin(flow(1, 1), at(0)).await.unwrap();
    let again = |context: &str, old: &crate::store::Sealed| Ok(sealed(&format!("{context}:{}", String::from_utf8_lossy(&old.0))));
    assert_eq!(store.grants.reseal(&again).await.unwrap(), 4);
    let (grant, context) = (get(&store, id).await, GrantRow::refresh_context(id));
    assert_eq!(grant.refresh, sealed(&format!("{context}:refresh 2")));
    assert_eq!(grant.previous, Some(sealed(&format!("{context}:refresh 1"))));
    assert_eq!(grant.version, 2);
    let token = AccessRow::context(id, Audience::Outlook);
    assert_eq!(store.grants.access(id).await.unwrap()[0].sealed, sealed(&format!("{token}:access 2")));
    let flow = store.flows.peek(&flow(1, 1).state, at(0)).await.unwrap();
    assert!(flow.sealed.0.ends_with(b":verifier"));
}

pub async fn a_failed_resealing_leaves_values_readable(store: Store) {
    let id = connect(&store, ONE, 1).await;
    let refuse = |_: &str, _: &crate::store::Sealed| Err(Error::Damaged("another key".to_owned()));
    assert!(matches!(store.grants.reseal(&refuse).await, Err(Error::Damaged(_))));
    assert_eq!(get(&store, id).await.refresh, sealed("refresh 1"));
}

pub async fn sealed_values_are_counted(store: Store) {
    assert_eq!(store.grants.sealed_values().await.unwrap(), 0);
    let (id, fence) = (connect(&store, ONE, 1).await, fence(&store).await);
    assert_eq!(store.grants.sealed_values().await.unwrap(), 2);
    store.grants.rotate(&fence, id, 1, rotation(2)).await.unwrap();
    store.flows.begin(flow(1, 1), at(0)).await.unwrap();
    assert_eq!(store.grants.sealed_values().await.unwrap(), 4);
}
