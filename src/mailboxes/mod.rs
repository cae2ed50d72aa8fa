//! Mailboxes: connecting one, what state it is in, and the tokens that its readers get.

mod connect;
mod list;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;

use crate::audit::{self, Actor};
use crate::flows::connect::Connector;
use crate::grants::{Failure, Grants, Vault, View};
pub use crate::grants::{History, Mark};
use crate::model::{AccessToken, Clock, EmailAddress, GrantState, Hint, Problem, Purpose, WaitReason};
use crate::oauth::microsoft::Microsoft;
use crate::store::connections::{Connections, MailboxRow};
use crate::store::{self};
use crate::system::metrics::Metrics;

pub use connect::{Connected, Wishes};
pub use list::{STATES, Wanted};

/// The path that starts a connection.
pub const CONNECT_PATH: &str = "/integrations/office365/connect";
/// The callback, as it is registered at Microsoft.
pub const CALLBACK_PATH: &str = crate::oauth::registration::MAILBOX_CALLBACK;

/// A mailbox as the local API lists it.
#[derive(Debug, Clone)]
pub struct MailboxStatus {
    /// Its address.
    pub address: EmailAddress,
    /// Who signed in for it.
    pub signed_in_as: String,
    /// The grant's state.
    pub state: GrantState,
    /// Whether a refresh is under way: shown as `refreshing`.
    pub refreshing: bool,
    /// When the newest Outlook token ends.
    pub access_expires_at: Option<Timestamp>,
    /// When it was first connected.
    pub connected_at: Timestamp,
    /// When a refresh last worked.
    pub last_refresh_at: Option<Timestamp>,
    /// When the grant ends if it is not used again.
    pub grant_expires_at: Option<Timestamp>,
    /// Whether somebody else signed in for it, who may use it.
    pub shared: bool,
    /// How its refreshes went.
    pub history: History,
}

/// A token and the name to use it with.
#[derive(Debug, Clone)]
pub struct MailboxToken {
    /// The token.
    pub access: Arc<AccessToken>,
    /// The shared address for IMAP and POP, the person for SMTP and Graph.
    pub user: String,
}

/// Why a call on mailboxes did not work out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such mailbox: 404.
    #[error("no mailbox {0} is connected")]
    Unknown(EmailAddress),
    /// The daemon cannot make links yet (no `public_url`): 503 with the problem.
    #[error("{}", .0.title)]
    Unconfigured(Problem),
    /// A wish that cannot be met: 400.
    #[error("{}", .0.title)]
    BadRequest(Problem),
    /// Somebody must sign in again: 409, `reason` is the state's word.
    #[error("{}", .problem.title)]
    NeedsReauth {
        /// The word of `model::ReauthReason`.
        reason: &'static str,
        /// In words.
        problem: Problem,
    },
    /// The grant does not cover this purpose: 409 `scope_missing`.
    #[error("{}", .0.title)]
    ScopeMissing(Problem),
    /// Nothing valid is left and nobody need sign in: 503 with `Retry-After`.
    #[error("{}", .problem.title)]
    Waiting {
        /// Seconds after which asking again makes sense.
        retry_after: u64,
        /// The word of `model::WaitReason`.
        reason: &'static str,
        /// In words.
        problem: Problem,
    },
    /// The database: 503.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What the service works with.
pub struct Parts {
    /// Where mailboxes are kept.
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
    /// The numbers.
    pub metrics: Metrics,
}

/// The mailboxes of this host.
pub struct Service {
    parts: Parts,
    /// By [`EmailAddress::key`]: readers ask by address thousands of times a second.
    mailboxes: RwLock<BTreeMap<String, Arc<MailboxRow>>>,
    /// Held from what is written to the store to what is changed here: one change must not undo another in memory.
    changing: tokio::sync::Mutex<()>,
}

impl Service {
    /// The service with all mailboxes of the store.
    ///
    /// # Errors
    /// What the store says.
    pub async fn load(parts: Parts) -> Result<Self, store::Error> {
        let rows = parts.store.mailboxes().await?;
        let mailboxes = rows.into_iter().map(|row| (row.address.key(), Arc::new(row))).collect();
        Ok(Self { parts, mailboxes: RwLock::new(mailboxes), changing: tokio::sync::Mutex::default() })
    }

    /// All mailboxes, by address. Answers from memory.
    pub fn list(&self) -> Vec<MailboxStatus> {
        let rows: Vec<_> = self.mailboxes.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        rows.iter().map(|row| self.status(row)).collect()
    }

    /// How all mailboxes are doing, without the rest: cheap enough to be asked every second.
    pub fn views(&self) -> Vec<View> {
        let mailboxes = self.mailboxes.read().unwrap_or_else(PoisonError::into_inner);
        mailboxes.values().map(|row| self.parts.grants.view(row.grant)).collect()
    }

    /// A token with at least ten minutes left where the provider's lifetime allows; refreshes when needed. Audited.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn token(&self, address: &EmailAddress, purpose: Purpose, actor: &Actor) -> Result<MailboxToken, Error> {
        let row = self.find(address)?;
        let result = self.grant_token(&row, purpose).await;
        self.parts.metrics.token_read(purpose.as_str(), if result.is_ok() { "ok" } else { "refused" });
        if self.parts.audit.is_first_read(actor, address) {
            let mut entry = actor.entry(self.parts.clock.now(), "token.read", row.address.as_str());
            entry.outcome = result.as_ref().err().map_or("ok", Error::word).to_owned();
            entry.detail = purpose.as_str().to_owned();
            self.parts.audit.record(entry).await;
        }
        result
    }

    async fn grant_token(&self, row: &MailboxRow, purpose: Purpose) -> Result<MailboxToken, Error> {
        let access = self.parts.grants.access(row.grant, purpose.audience()).await.map_err(|failure| from_failure(failure, row))?;
        if let Some(permission) = purpose.permission()
            && !access.permits(permission)
        {
            return Err(Error::ScopeMissing(Problem::told("scope_missing", &[("address", &row.address), ("permission", &permission)])));
        }
        // Exchange wants the mailbox for reading, but the person (who has Send As) for submission: mail.md, section 3.3.
        let user = match purpose {
            Purpose::Imap | Purpose::Pop => row.address.as_str().to_owned(),
            Purpose::Smtp | Purpose::Graph => row.signed_in_as.clone(),
        };
        Ok(MailboxToken { access, user })
    }

    /// Removes a mailbox and erases its grant.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Store`].
    pub async fn remove(&self, address: &EmailAddress, actor: &Actor) -> Result<(), Error> {
        let _changing = self.changing.lock().await;
        let row = self.find(address)?;
        let entry = actor.entry(self.parts.clock.now(), "mailbox.remove", row.address.as_str());
        self.parts.store.remove_mailbox(&row.address, entry).await.map_err(|error| match error {
            store::Error::NotFound => Error::Unknown(row.address.clone()),
            other => other.into(),
        })?;
        self.mailboxes.write().unwrap_or_else(PoisonError::into_inner).remove(&address.key());
        if let Some(grant) = row.grant {
            self.parts.grants.forget(grant);
        }
        log::info!(ONEDESK_MAILBOX = row.address.as_str(); "a mailbox was removed");
        Ok(())
    }

    /// Reads the list anew: grants were erased, or another node changed it.
    ///
    /// # Errors
    /// What the store says.
    pub async fn reload(&self) -> Result<(), store::Error> {
        let _changing = self.changing.lock().await;
        let rows = self.parts.store.mailboxes().await?;
        let fresh = rows.into_iter().map(|row| (row.address.key(), Arc::new(row))).collect();
        *self.mailboxes.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    fn find(&self, address: &EmailAddress) -> Result<Arc<MailboxRow>, Error> {
        let mailboxes = self.mailboxes.read().unwrap_or_else(PoisonError::into_inner);
        mailboxes.get(&address.key()).cloned().ok_or_else(|| Error::Unknown(address.clone()))
    }

    fn status(&self, row: &MailboxRow) -> MailboxStatus {
        let view = self.parts.grants.view(row.grant);
        MailboxStatus {
            address: row.address.clone(),
            signed_in_as: row.signed_in_as.clone(),
            state: view.state,
            refreshing: view.refreshing,
            access_expires_at: view.access_expires_at,
            connected_at: row.connected_at,
            last_refresh_at: view.last_refresh_at,
            grant_expires_at: view.grant_expires_at,
            shared: row.shared,
            history: view.history,
        }
    }
}

impl Error {
    /// One word for the audit log.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "unknown",
            Self::Unconfigured(_) => "unconfigured",
            Self::BadRequest(_) => "bad_request",
            Self::NeedsReauth { reason, .. } | Self::Waiting { reason, .. } => reason,
            Self::ScopeMissing(_) => "scope_missing",
            Self::Store(_) => "store",
        }
    }
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown(address) => Some(format!("see: onedeskctl mailbox list; connect it with: onedeskctl mailbox connect {address}")),
            Self::Unconfigured(problem)
            | Self::BadRequest(problem)
            | Self::ScopeMissing(problem)
            | Self::NeedsReauth { problem, .. }
            | Self::Waiting { problem, .. } => Some(problem.hint.clone()),
            Self::Store(error) => error.hint(),
        }
    }
}

fn from_failure(failure: Failure, row: &MailboxRow) -> Error {
    match failure {
        Failure::NeedsReauth { reason, mut problem } => {
            problem.hint = format!("{}; the link to sign in again: onedeskctl mailbox connect {}", problem.hint, row.address);
            Error::NeedsReauth { reason: reason.as_str(), problem }
        }
        Failure::Waiting { reason, problem, retry_in } => {
            Error::Waiting { retry_after: retry_in.as_secs().saturating_add(1), reason: reason.as_str(), problem }
        }
        Failure::ScopeMissing(problem) => Error::ScopeMissing(problem),
        Failure::Gone => Error::Unknown(row.address.clone()),
        Failure::Store(cause) => Error::Waiting {
            retry_after: 30,
            reason: WaitReason::ProviderUnavailable.as_str(),
            problem: Problem::told("store.token", &[("cause", &cause)]),
        },
    }
}
