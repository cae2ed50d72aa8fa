//! OneDesk on-premise identity: from `/root/.OneDesk` to connected mailboxes with tokens that never go stale.
//!
//! An import goes down this picture, never up, and never from one door to another; `tests/layering.rs` holds it as data.
//! ARCHITECTURE.md tells how things flow, and why the house is as it is.
//!
//! ```text
//! programs   daemon              arguments, assembly, life cycle, reload, jobs
//!            credentials_helper  the root process that watches /root/.OneDesk and hands it over
//!            ctl                 onedeskctl: asks the daemon, prints text or JSON
//! doors      web                 callbacks, result and error pages, health, metrics
//!            local_api           JSON on the Unix socket, and who may call what
//! services   support             what support asks for, in one file without secrets
//!            health              the probe of a secret, the checks, the state in words
//!            mailboxes           connecting a mailbox, its state, its readers' tokens
//!            directory           connecting a directory
//!            flows               sign-ins under way
//!            grants              the token engine
//!            audit               who did what
//! adapters   oauth               the provider: discovery, keys, tokens, AADSTS knowledge
//!            graph               Microsoft Graph: the app registration and when its secrets end
//!            store               what survives a restart: traits, SQLite, one conformance list
//! ground     credentials         /root/.OneDesk: grammar, checks, hand-over, what is in force
//!            crypto              sealing and the keyring
//!            pages               templates, static files, branding
//!            system              the machine: files, listeners, peers, tasks, the outgoing client
//!            settings            onedeskd.toml
//! values     model               what the product talks about, valid ever after; the clock
//!            texts               what people read, in one catalogue
//! ```

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
mod graph;
mod health;
mod local_api;
mod mailboxes;
mod model;
mod oauth;
mod pages;
mod settings;
mod sso;
mod store;
mod support;
mod system;
mod texts;
mod web;

pub use credentials_helper::main as onedesk_credentials;
pub use ctl::main as onedeskctl;
pub use daemon::main as onedeskd;
