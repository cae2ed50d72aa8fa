//! OneDesk on-premise identity: from `/root/.OneDesk` to connected mailboxes with tokens that never go stale.

mod audit;
mod credentials;
mod credentials_helper;
mod crypto;
mod ctl;
mod daemon;
mod directory;
mod flows;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod grants;
mod health;
mod local_api;
mod mailboxes;
mod model;
mod oauth;
mod settings;
mod sso;
mod store;
mod system;
mod web;

pub use credentials_helper::main as onedesk_credentials;
pub use ctl::main as onedeskctl;
pub use daemon::main as onedeskd;
