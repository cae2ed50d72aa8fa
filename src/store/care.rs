//! Looking after the database: its condition, and a copy of it while it is in use. Each engine has its own way.

use std::path::PathBuf;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Error;

/// How a database is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Condition {
    /// Where it is.
    pub location: String,
    /// The schema that it has; the daemon brings it to its own at the start.
    pub schema: i64,
    /// Its size in bytes.
    pub size: u64,
    /// Connected mailboxes.
    pub mailboxes: u64,
    /// Connected directories.
    pub directories: u64,
    /// Grants.
    pub grants: u64,
    /// Lines in the audit log.
    pub audit: u64,
    /// What the engine finds wrong with it; empty = all is well.
    pub findings: Vec<String>,
}

/// Looks after a database.
#[async_trait]
pub trait Care: Send + Sync {
    /// How it is doing. Reads all of it.
    async fn condition(&self) -> Result<Condition, Error>;

    /// Copies it into the folder of its backups (0600, without the master key) and returns where the copy is.
    async fn back_up(&self) -> Result<PathBuf, Error>;
}
