//! One file for each figure.

pub mod checks;
pub mod kills;
pub mod memory;
pub mod pages;
pub mod start;
pub mod suspend;
pub mod swaps;
pub mod token_reads;

use anyhow::Result;
use serde_json::json;

use crate::programs::{Installation, Scene, Simulator};
use crate::sign_in;

/// An installation with connected mailboxes, its daemon stopped.
pub struct Connected {
    /// The installation.
    pub installation: Installation,
    /// Its provider, which must live as long.
    _simulator: Simulator,
    /// How many mailboxes.
    pub mailboxes: usize,
}

/// Connects that many mailboxes; their tokens outlive the run.
pub async fn connected(scene: &Scene, name: &str, mailboxes: usize) -> Result<Connected> {
    let folder = scene.folder(name)?;
    let simulator = Simulator::start(scene, &folder, mailboxes, json!({"access_token_lifetime": 4312})).await?;
    let installation = Installation::new(scene, folder, &simulator, true).await?;
    let (daemon, _) = installation.start().await?;
    sign_in::connect_all(&daemon, &simulator, mailboxes).await?;
    daemon.stop().await?;
    Ok(Connected { installation, _simulator: simulator, mailboxes })
}
