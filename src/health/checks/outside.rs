//! The secret while the daemon does not run: `onedeskctl` reads the file and tries it at Microsoft itself, where it may.

use std::sync::Arc;

use nix::unistd::Uid;
use tokio::sync::watch;

use super::Network;
use super::inside::accepted;
use super::verdict::{Trouble, Verdict, Who};
use crate::credentials::keeper::{Slot, Verdict as Word};
use crate::credentials::{Outcome, file};
use crate::health::probe;
use crate::health::status::{Check, Group};
use crate::oauth::microsoft::Microsoft;

impl Network {
    /// Tries the secrets of the credentials file. Nothing else of the registration can be seen from here: grants are the daemon's.
    pub async fn secret(&self) -> Vec<Check> {
        let skipped = |why: String| vec![Verdict::Skip(why).on(Group::Microsoft, "secret")];
        let (settings, me, path) = (&self.settings, Uid::effective(), self.settings.credentials_path());
        if settings.credentials_file.is_none() && !me.is_root() {
            return skipped(format!("the secret is not tried: the daemon does not run, and only root can read {}", path.display()));
        }
        let Outcome::Pair(pair) = file::read(path, me).outcome else {
            return skipped(format!("there is no secret to try: {} gives none", path.display()));
        };
        if !settings.microsoft.has_concrete_tenant() {
            let why =
                "the secret is not tried: the daemon does not run, and without it only a tenant that microsoft.tenant names can be asked";
            return skipped(why.to_owned());
        }
        let (tenant, settings, http) =
            (&settings.microsoft.tenant, watch::Sender::new(Arc::clone(settings)), watch::Sender::new(self.http.clone()));
        let microsoft = Microsoft::new(settings.subscribe(), http.subscribe(), self.clock.clone());
        let ask = async |slot: Slot| match slot.of(&pair) {
            Some(secret) => Some(probe::ask(&microsoft, tenant, pair.client_id, secret).await),
            None => None,
        };
        let current = ask(Slot::Current).await.unwrap_or(Word::None(None));
        // As the daemon does it: the other one is tried where the first is refused.
        let Word::Refused(problem) = &current else { return vec![accepted(Slot::Current, current).on(Group::Microsoft, "secret")] };
        let verdict = match ask(Slot::Next).await {
            Some(Word::Accepted) => Verdict::Warn(Trouble::of(&Slot::Next.in_place_of_the_other(problem), Who::Owner)),
            _ => accepted(Slot::Current, current),
        };
        vec![verdict.on(Group::Microsoft, "secret")]
    }
}
