//! The connected directories (one for each tenant) and their tokens. Their content comes with the directory's own version.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;

use crate::audit::{self, Actor};
use crate::flows::Browser;
use crate::flows::connect::{Connector, Departure, Error as ConnectError, Granted, Invitation, Request};
use crate::grants::{Failure, Grants, Vault};
use crate::model::{AccessToken, Audience, Clock, GrantState, TenantId};
use crate::oauth::callback::Callback;
use crate::oauth::microsoft::Microsoft;
use crate::store::connections::{Connected as Stored, Connections, DirectoryRow};
use crate::store::flows::Kind;
use crate::store::{self};

/// The path that starts a connection.
pub const CONNECT_PATH: &str = "/integrations/azuread/connect";
/// The callback, as it is registered at Microsoft.
pub const CALLBACK_PATH: &str = crate::oauth::registration::DIRECTORY_CALLBACK;

/// A directory as the local API lists it.
#[derive(Debug, Clone)]
pub struct DirectoryStatus {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The grant's state.
    pub state: GrantState,
    /// Whether a refresh is under way.
    pub refreshing: bool,
    /// Who signed in for it.
    pub connected_by: String,
    /// When it was first connected.
    pub connected_at: Timestamp,
    /// When its content was last synchronised.
    pub last_sync_at: Option<Timestamp>,
    /// When the newest Graph token ends.
    pub access_expires_at: Option<Timestamp>,
    /// When a refresh last worked.
    pub last_refresh_at: Option<Timestamp>,
    /// When the grant ends if it is not used again.
    pub grant_expires_at: Option<Timestamp>,
}

/// A directory that was just connected, for the page that says so.
#[derive(Debug, Clone)]
pub struct Connected {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Who signed in.
    pub connected_by: String,
    /// Whether it had been connected before.
    pub again: bool,
}

/// What the service works with.
pub struct Parts {
    /// Where directories are kept.
    pub store: Arc<dyn Connections>,
    /// The token engine.
    pub grants: Arc<Grants>,
    /// Seals new grants.
    pub vault: Vault,
    /// Sign-ins.
    pub connector: Arc<Connector>,
    /// Scopes.
    pub microsoft: Arc<Microsoft>,
    /// The audit log.
    pub audit: Arc<audit::Service>,
    /// The time.
    pub clock: Clock,
}

/// The directories.
pub struct Service {
    parts: Parts,
    directories: RwLock<BTreeMap<TenantId, DirectoryRow>>,
    /// Held from what is written to the store to what is changed here: one change must not undo another in memory.
    changing: tokio::sync::Mutex<()>,
}

impl Service {
    /// The service with all directories of the store.
    ///
    /// # Errors
    /// What the store says.
    pub async fn load(parts: Parts) -> Result<Self, store::Error> {
        let service = Self { parts, directories: RwLock::default(), changing: tokio::sync::Mutex::default() };
        service.reload().await?;
        Ok(service)
    }

    /// Reads the list anew: grants were erased, or another node changed it.
    ///
    /// # Errors
    /// What the store says.
    pub async fn reload(&self) -> Result<(), store::Error> {
        let _changing = self.changing.lock().await;
        let rows = self.parts.store.directories().await?;
        let fresh = rows.into_iter().map(|row| (row.tenant_id, row)).collect();
        *self.directories.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Makes a link that connects a directory; it lasts an hour and is used up by success only.
    ///
    /// # Errors
    /// [`ConnectError::NotConfigured`], [`ConnectError::Store`].
    pub async fn invite(&self, actor: &Actor) -> Result<Invitation, ConnectError> {
        let invitation = self.parts.connector.invite(Kind::Directory, CONNECT_PATH, "{}".to_owned(), &actor.who).await?;
        self.parts.audit.record(actor.entry(self.parts.clock.now(), "directory.link", "")).await;
        Ok(invitation)
    }

    /// Sends the browser that opened a link to the provider.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn depart(&self, ticket: &str, browser: Option<Browser>, choose_account: bool) -> Result<Departure, ConnectError> {
        let ticket = self.parts.connector.flows().ticket(Kind::Directory, ticket).await?;
        let scope = self.parts.microsoft.directory_scope();
        let request = Request { callback_path: CALLBACK_PATH, scope: &scope, login_hint: None, choose_account };
        self.parts.connector.depart(&ticket, browser, request).await
    }

    /// Finishes the connection that `callback` answers: checked, sealed, written, audited.
    ///
    /// # Errors
    /// See [`ConnectError`]. The link stays usable then.
    pub async fn arrive(&self, callback: Callback, browser: Option<&Browser>, actor: &Actor) -> Result<Connected, ConnectError> {
        let granted = self.parts.connector.arrive(Kind::Directory, callback, browser).await?;
        let connected_by = granted.account()?.to_string();
        let (tenant_id, again) = self.store(&granted, &connected_by, actor).await?;
        log::info!(ONEDESK_TENANT:% = tenant_id; "a directory was connected");
        Ok(Connected { tenant_id, connected_by, again })
    }

    async fn store(&self, granted: &Granted, connected_by: &str, actor: &Actor) -> Result<(TenantId, bool), ConnectError> {
        let now = self.parts.clock.now();
        let new = self.parts.vault.new_grant(&granted.given()?, Audience::Graph, now)?;
        let tenant_id = new.grant.tenant_id;
        let _changing = self.changing.lock().await;
        let known = self.directories.read().unwrap_or_else(PoisonError::into_inner).get(&tenant_id).cloned();
        let row = DirectoryRow {
            tenant_id,
            connected_by: connected_by.to_owned(),
            grant: Some(new.grant.id),
            connected_at: known.as_ref().map_or(now, |row| row.connected_at),
            last_sync_at: known.as_ref().and_then(|row| row.last_sync_at),
        };
        let mut audit = actor.entry(now, "directory.connect", tenant_id.to_string());
        audit.detail = format!("signed in as {connected_by}, link made by {}", granted.ticket.made_by);
        let access = vec![new.access.clone()];
        let what = Stored { ticket: granted.ticket.hash, what: row.clone(), grant: new.grant.clone(), access, audit };
        self.parts.store.connect_directory(what).await.map_err(ConnectError::from_write)?;
        self.parts.grants.adopt(&new);
        self.directories.write().unwrap_or_else(PoisonError::into_inner).insert(tenant_id, row);
        if let Some(old) = known.as_ref().and_then(|row| row.grant) {
            self.parts.grants.forget(old);
        }
        Ok((tenant_id, known.is_some()))
    }

    /// A Graph token of a directory.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn graph_token(&self, tenant: TenantId) -> Result<Arc<AccessToken>, Failure> {
        let grant = self.directories.read().unwrap_or_else(PoisonError::into_inner).get(&tenant).map(|row| row.grant);
        self.parts.grants.access(grant.ok_or(Failure::Gone)?, Audience::Graph).await
    }

    /// All connected directories. Answers from memory.
    pub fn list(&self) -> Vec<DirectoryStatus> {
        let rows: Vec<_> = self.directories.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        rows.into_iter().map(|row| self.status(row)).collect()
    }

    /// Removes a directory and erases its grant; `false` when it was not connected.
    ///
    /// # Errors
    /// What the store says.
    pub async fn disconnect(&self, tenant: TenantId, actor: &Actor) -> Result<bool, store::Error> {
        let _changing = self.changing.lock().await;
        let entry = actor.entry(self.parts.clock.now(), "directory.disconnect", tenant.to_string());
        match self.parts.store.remove_directory(tenant, entry).await {
            Ok(()) => {}
            Err(store::Error::NotFound) => return Ok(false),
            Err(error) => return Err(error),
        }
        let removed = self.directories.write().unwrap_or_else(PoisonError::into_inner).remove(&tenant);
        if let Some(grant) = removed.and_then(|row| row.grant) {
            self.parts.grants.forget(grant);
        }
        log::info!(ONEDESK_TENANT:% = tenant; "a directory was disconnected");
        Ok(true)
    }

    fn status(&self, row: DirectoryRow) -> DirectoryStatus {
        let view = self.parts.grants.view(row.grant);
        DirectoryStatus {
            tenant_id: row.tenant_id,
            state: view.state,
            refreshing: view.refreshing,
            connected_by: row.connected_by,
            connected_at: row.connected_at,
            last_sync_at: row.last_sync_at,
            access_expires_at: view.access_expires_at,
            last_refresh_at: view.last_refresh_at,
            grant_expires_at: view.grant_expires_at,
        }
    }
}
