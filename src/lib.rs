//! OneDesk on-premise identity: from `/root/.OneDesk` to connected mailboxes with tokens that never go stale.

mod audit;
mod credentials;
mod crypto;
mod daemon;
mod directory;
mod mailboxes;
mod model;
mod oauth;
mod settings;
mod store;
mod system;
