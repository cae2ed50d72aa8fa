//! OneDesk on-premise identity: from `/root/.OneDesk` to connected mailboxes with tokens that never go stale.

mod audit;
mod credentials;
mod credentials_helper;
mod crypto;
mod daemon;
mod directory;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod mailboxes;
mod model;
mod oauth;
mod settings;
mod store;
mod system;

pub use credentials_helper::main as credentials_helper;
