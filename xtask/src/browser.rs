//! The lane "a real browser": the demo's stage, and Chromium that walks over every page of it.

use std::path::Path;

use anyhow::Result;

use crate::command::{command, shown};
use crate::demo::Stage;

/// Where the tests are.
pub const FOLDER: &str = "tests/e2e/browser";
/// Where the pictures go, for whoever wants to look at them.
const SCREENSHOTS: &str = "target/screenshots";

/// Sets the stage with the programs of that folder, and walks. Screenshots are left in `target/screenshots`.
pub fn run(root: &Path, programs: &Path) -> Result<()> {
    let stage = Stage::set_in(programs)?;
    let screenshots = root.join(SCREENSHOTS);
    // Pictures of pages that are no more would be looked at in vain.
    if screenshots.exists() {
        std::fs::remove_dir_all(&screenshots)?;
    }
    let mut walk = command("node", ["run.mjs"]);
    walk.current_dir(root.join(FOLDER))
        .env("ONEDESK_WEB", &stage.place.web)
        .env("ONEDESK_SIMULATOR", &stage.place.simulator)
        .env("ONEDESK_FOLDER", &stage.place.folder)
        .env("ONEDESK_CTL", stage.place.program("onedeskctl"))
        .env("ONEDESK_SCREENSHOTS", &screenshots);
    let walked = shown(&mut walk).map_err(|error| error.context(stage.last_words()));
    walked.and(stage.strike())
}
