//! One function for each call: read, one call on a service, answer.

pub mod admin_links;
pub mod audit;
pub mod credentials;
pub mod database;
pub mod directory;
pub mod mailboxes;
pub mod people;
pub mod sso;
pub mod status;
pub mod support;

use crate::system::peer::Account;

/// The caller as the audit log names it.
fn actor(caller: &Account) -> crate::audit::Actor {
    crate::audit::Actor::local(caller.uid, caller.name.as_deref())
}
