//! [`Knowledge`]: what the daemon knows, as the first half of a bundle.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Bundle;
use super::facts::{certificates, database_files, url};
use super::settings::shown;
use crate::health::reporter::Reporter;
use crate::model::{Clock, GrantState};
use crate::settings::Settings;
use crate::store::care::Care;
use crate::system::http::Transcripts;
use crate::{directory, mailboxes, sso};

/// The parts that only a running daemon has.
pub const NAMES: [&str; 7] = ["status", "settings-in-force", "transcripts", "mailboxes", "directories", "sso", "database"];

/// A database that takes longer to be read whole is left alone.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the daemon's half is made of.
pub struct Parts {
    /// The status.
    pub reporter: Arc<Reporter>,
    /// Mailboxes.
    pub mailboxes: Arc<mailboxes::Service>,
    /// Directories.
    pub directory: Arc<directory::Service>,
    /// Client records.
    pub sso: Arc<sso::Service>,
    /// The database.
    pub database: Arc<dyn Care>,
    /// The last failed exchanges.
    pub transcripts: Transcripts,
    /// The settings in force.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// The time.
    pub clock: Clock,
}

/// What the daemon knows and support may see.
pub struct Knowledge {
    parts: Parts,
}

impl Knowledge {
    /// On these parts.
    pub const fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// The last failed exchanges.
    pub const fn transcripts(&self) -> &Transcripts {
        &self.parts.transcripts
    }

    /// The daemon's half of a bundle.
    pub async fn gather(&self) -> Bundle {
        let mut bundle = Bundle::default();
        let settings = self.parts.settings.borrow().clone();
        let status = self.parts.reporter.report().await;
        bundle.add("status", "the state, what was checked, and what to do", written(&status));
        bundle.add("settings-in-force", "the settings in force, key by key, without passwords", Ok(shown(&settings)));
        let failed = json!({"since": self.parts.transcripts.since(), "items": self.parts.transcripts.newest_first()});
        bundle.add(
            "transcripts",
            "exchanges with providers that failed since the daemon's start, redacted when they were recorded",
            Ok(failed),
        );
        bundle.add("mailboxes", "the mailboxes and their states", Ok(self.mailboxes()));
        bundle.add("directories", "the connected directories and their states", Ok(self.directories()));
        bundle.add("sso", "the switches and client records of single sign-on, without secrets", Ok(self.sign_on()));
        let condition = match tokio::time::timeout(PATIENCE, self.parts.database.condition()).await {
            Ok(Ok(condition)) => written(&condition),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("reading it whole took longer than {} s", PATIENCE.as_secs())),
        };
        bundle.add("database", "the database's schema, size and soundness", condition);
        database_files(&mut bundle, &settings);
        certificates(&mut bundle, &settings);
        bundle
    }

    fn mailboxes(&self) -> Value {
        let one = |mailbox: mailboxes::MailboxStatus| {
            json!({
                "address": mailbox.address.as_str(), "signed_in_as": mailbox.signed_in_as, "state": state(&mailbox.state),
                "access_expires_at": mailbox.access_expires_at, "connected_at": mailbox.connected_at, "last_refresh_at": mailbox.last_refresh_at,
            })
        };
        self.parts.mailboxes.list().into_iter().map(one).collect()
    }

    fn directories(&self) -> Value {
        let one = |directory: directory::DirectoryStatus| {
            json!({
                "tenant_id": directory.tenant_id.to_string(), "state": state(&directory.state), "connected_at": directory.connected_at,
                "access_expires_at": directory.access_expires_at, "last_refresh_at": directory.last_refresh_at,
            })
        };
        self.parts.directory.list().into_iter().map(one).collect()
    }

    fn sign_on(&self) -> Value {
        let connections = self.parts.sso.connections();
        let switches = connections.switches();
        let now = self.parts.clock.now();
        let records = connections.list().into_iter().map(|record| {
            let details = &record.details;
            json!({
                "id": record.id().to_string(), "audience": record.kind().plural(), "version": format!("{:?}", record.version()),
                "authorization_uri": url(&details.authorization_uri), "token_url": url(&details.token_url), "client_id": details.client_id,
                "issuer": record.issuer().map(url), "enabled": record.row.enabled, "tried_at": record.row.tried_at,
                "allowed_tenants": details.allowed_tenants, "email_domains": details.email_domains, "problem": record.problem(now),
            })
        });
        json!({"users_enabled": switches.users, "customers_enabled": switches.customers, "connections": records.collect::<Vec<_>>()})
    }
}

fn state(state: &GrantState) -> Value {
    let word = match state {
        GrantState::Healthy => "healthy",
        GrantState::Waiting { .. } => "waiting",
        GrantState::NeedsReauth { .. } => "needs_reauth",
    };
    json!({"state": word, "reason": state.reason(), "problem": state.problem()})
}

fn written(value: &impl Serialize) -> Result<Value, String> {
    serde_json::to_value(value).map_err(|error| error.to_string())
}
