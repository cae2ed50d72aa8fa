//! Values that the sentences work with.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::{Audience, GrantId, GrantState, Problem};
use crate::store::audit::AuditEntry;
use crate::store::connections::{Connected, DirectoryRow, MailboxRow};
use crate::store::flows::{FlowRow, Kind, StateHash, TicketHash, TicketRow};
use crate::store::grants::{AccessRow, GrantRow, Rotation};
use crate::store::leases::Fence;
use crate::store::{Sealed, Store};

pub const CLIENT: &str = "aaaaaaaa-0000-0000-0000-000000000001";
pub const OTHER_CLIENT: &str = "aaaaaaaa-0000-0000-0000-000000000002";
pub const TENANT: &str = "bbbbbbbb-0000-0000-0000-000000000001";
pub const MINUTE: i64 = 60_000;

/// So many milliseconds after the beginning of the sentence.
pub fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + milliseconds).unwrap()
}

pub fn sealed(text: &str) -> Sealed {
    Sealed(text.as_bytes().to_vec())
}

pub fn problem() -> Problem {
    Problem::new("AADSTS50173", "the password was changed — \"again\"", "sign in again")
}

pub fn grant() -> GrantRow {
    GrantRow {
        id: GrantId::new(),
        client_id: CLIENT.parse().unwrap(),
        segment: "organizations".to_owned(),
        tenant_id: TENANT.parse().unwrap(),
        object_id: "cccccccc-0000-0000-0000-000000000001".parse().unwrap(),
        scope: "offline_access openid".to_owned(),
        refresh: sealed("refresh 1"),
        previous: None,
        state: GrantState::Healthy,
        version: 1,
        connected_at: at(0),
        last_refresh_at: None,
        history: Vec::new(),
        client_changed_at: None,
    }
}

pub fn access(audience: Audience, text: &str) -> AccessRow {
    AccessRow { audience, sealed: sealed(text), obtained_at: at(0), expires_at: at(60 * MINUTE), scope: "IMAP SMTP".to_owned() }
}

pub fn rotation(number: u64) -> Rotation {
    Rotation {
        refresh: sealed(&format!("refresh {number}")),
        previous: Some(sealed(&format!("refresh {}", number - 1))),
        access: access(Audience::Outlook, &format!("access {number}")),
        history: vec![7; 24],
        at: at(5),
    }
}

pub fn ticket(number: u8) -> TicketRow {
    TicketRow {
        hash: TicketHash([number; 32]),
        kind: Kind::Mailbox,
        wishes: "{\"shared\":true}".to_owned(),
        made_by: "uid:0 (root)".to_owned(),
        expires_at: at(60 * MINUTE),
    }
}

pub fn flow(number: u8, ticket: u8) -> FlowRow {
    FlowRow {
        state: StateHash([number; 32]),
        kind: Kind::Directory,
        browser: [number + 1; 32],
        ticket: TicketHash([ticket; 32]),
        sealed: sealed("verifier"),
        expires_at: at(10 * MINUTE),
    }
}

pub fn line(subject: &str) -> AuditEntry {
    AuditEntry {
        at: at(0),
        actor: "uid:0 (root)".to_owned(),
        origin: "local-api".to_owned(),
        action: "mailbox.connect".to_owned(),
        subject: subject.to_owned(),
        outcome: "ok".to_owned(),
        detail: String::new(),
    }
}

pub fn mailbox(address: &str, ticket: u8, grant: GrantRow) -> Connected<MailboxRow> {
    let what = MailboxRow {
        address: address.parse().unwrap(),
        signed_in_as: "admin@example.test".to_owned(),
        shared: true,
        grant: Some(grant.id),
        connected_at: at(0),
    };
    let access = vec![access(Audience::Outlook, "access 1")];
    Connected { ticket: TicketHash([ticket; 32]), what, grant, access, audit: line(address) }
}

pub fn directory(ticket: u8, grant: GrantRow) -> Connected<DirectoryRow> {
    let what = DirectoryRow {
        tenant_id: TENANT.parse().unwrap(),
        connected_by: "admin@example.test".to_owned(),
        grant: Some(grant.id),
        connected_at: at(0),
        last_sync_at: None,
    };
    Connected { ticket: TicketHash([ticket; 32]), what, grant, access: vec![access(Audience::Graph, "access 1")], audit: line("tenant") }
}

/// Connects `address` with a ticket of its own.
pub async fn connect(store: &Store, address: &str, number: u8) -> GrantId {
    let grant = grant();
    let id = grant.id;
    store.flows.add_ticket(ticket(number)).await.unwrap();
    store.connections.connect_mailbox(mailbox(address, number, grant)).await.unwrap();
    id
}

/// The fence of a lease that is held.
pub async fn fence(store: &Store) -> Fence {
    store.leases.acquire("refresh", "node", at(0), Duration::from_secs(60)).await.unwrap().unwrap()
}
