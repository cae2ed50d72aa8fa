//! The answer of `GET /v1/status`: what `onedeskctl status` and monitoring read.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::Problem;

/// Everything about this host at one glance. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The daemon's version.
    pub version: String,
    /// The state in one word.
    pub state: State,
    /// The app registration's id and secret.
    pub credentials: CredentialsStatus,
    /// What works but should be mended.
    pub warnings: Vec<Problem>,
    /// How many mailboxes are in which state.
    pub mailboxes: MailboxCounts,
    /// The connected directories.
    pub directory: DirectoryCounts,
    /// The two switches of single sign-on.
    pub sso: SsoSwitches,
    /// What was looked at, and how it went.
    pub checks: Vec<Check>,
}

/// The state in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// All is well.
    Ready,
    /// `public_url` or the credentials are missing.
    Unconfigured,
    /// A good pair is in force, but the file holds one that is not.
    Stale,
    /// The credentials are good; something else needs somebody.
    Degraded,
}

/// The credentials in force, and what is wrong with the file if anything is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CredentialsStatus {
    /// The Application (client) ID in force.
    pub client_id: Option<String>,
    /// Whether the provider accepts the pair in force.
    pub verified: Verified,
    /// Which of the two secrets is in use; nothing without a pair.
    pub secret_in_use: Option<SecretInUse>,
    /// When the secret ends, where that is known.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub secret_expires_at: Option<Timestamp>,
    /// Where that is known from.
    #[serde(default)]
    pub secret_expiry_source: Option<ExpirySource>,
    /// When `AZUREAD_CIS_NEXT` ends, where the file has one and that is known.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_secret_expires_at: Option<Timestamp>,
    /// When the pair in force came into force.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub changed_at: Option<Timestamp>,
    /// What is wrong with the file or the pair.
    pub problem: Option<Problem>,
}

/// What the provider said about the pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verified {
    /// It accepts the pair.
    Yes,
    /// It refuses the pair.
    No,
    /// It was not asked, or gave no verdict.
    Unverified,
}

/// Which secret of the file is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecretInUse {
    /// `AZUREAD_CIS`.
    Current,
    /// `AZUREAD_CIS_NEXT`.
    Next,
}

/// Where it is known from when a secret ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExpirySource {
    /// Microsoft Graph shows the app registration's secrets.
    Graph,
    /// An admin typed it.
    Typed,
}

/// How many mailboxes are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MailboxCounts {
    /// Tokens are fresh.
    pub healthy: u64,
    /// Nobody need sign in; something else has to come back first.
    pub waiting: u64,
    /// Somebody has to sign in again.
    pub needs_reauth: u64,
}

/// How many directories are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DirectoryCounts {
    /// Tokens are fresh.
    pub healthy: u64,
    /// Nobody need sign in; something else has to come back first.
    pub waiting: u64,
    /// Somebody has to sign in again.
    pub needs_reauth: u64,
}

/// The two switches of single sign-on; both off in a version without it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SsoSwitches {
    /// Agents and admins may sign in with it.
    pub users_enabled: bool,
    /// Customers may sign in with it.
    pub customers_enabled: bool,
    /// Users who are signed in.
    #[serde(default)]
    pub user_sessions: u64,
    /// Customers who are signed in.
    #[serde(default)]
    pub customer_sessions: u64,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// A stable word for machines: `public_url`, `credentials`, `store`, `mailboxes`…
    pub name: String,
    /// What it belongs to.
    #[serde(default)]
    pub group: Group,
    /// How it went.
    pub outcome: CheckOutcome,
    /// What was found, in one sentence.
    pub title: String,
    /// Who can do something about it; nothing where nobody need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// What to do next; empty when nothing is to be done.
    #[serde(default)]
    pub hint: String,
    /// How long the look took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
}

/// What a check belongs to; `onedeskctl check` shows them in this order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Files on this machine.
    Files,
    /// Units, sockets, firewall, the machine's security settings.
    #[default]
    Service,
    /// The way out, and the way in.
    Network,
    /// Login, Graph, the app registration and its secrets.
    Microsoft,
    /// Mailboxes and mail servers.
    Mail,
    /// The connected directories.
    Directory,
    /// Single sign-on.
    Sso,
    /// The database and its disk.
    Store,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckOutcome {
    /// As it should be.
    Ok,
    /// Works, but should be mended.
    Warning,
    /// Does not work.
    Failed,
    /// Could not be looked at here, or has nothing to be looked at.
    Skipped,
}
