//! OneDesk on-premise identity: from `/root/.OneDesk` to connected mailboxes with tokens that never go stale.

mod credentials;
mod crypto;
mod model;
mod oauth;
mod settings;
mod store;
mod system;
