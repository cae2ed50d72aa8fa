//! What every test of the programs stands on: a real `onedeskd` in a scratch folder, the provider's simulator, a browser, and a
//! client of the local API. Nothing here sleeps and hopes: whatever is waited for is an event with a deadline.

mod browser;
mod daemon;
mod manager;
mod site;
mod wire;
mod world;

use std::time::{Duration, Instant};

pub use browser::Browser;
pub use daemon::Daemon;
pub use manager::Manager;
pub use site::Site;
pub use wire::{Answer, Connection, Target, send};
pub use world::{ANN, SUPPORT, World};

/// Longer than anything takes on a busy machine; reached by failures only.
pub const SOON: Duration = Duration::from_secs(20);
/// How often a state that cannot be subscribed to is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// Looks until `look` finds something.
///
/// # Panics
/// With `what` when it never does.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    patiently(look).unwrap_or_else(|| panic!("this did not happen within {SOON:?}: {what}"))
}

/// Looks until `look` finds something, or gives up.
fn patiently<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + SOON;
    loop {
        let found = look();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        std::thread::sleep(GLANCE);
    }
}

/// Looks until `holds` does.
///
/// # Panics
/// With `what` when it never does.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    eventually(what, || holds().then_some(()));
}
