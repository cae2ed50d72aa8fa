//! The hand-over to the Widget. It runs in a frame on somebody else's page, where providers refuse to show their sign-in and
//! browsers keep our cookies away. So a popup signs in, gets a code that works once, and the frame exchanges it for a session of
//! its own, good for the Widget alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::error::Error;
use super::sessions::Sessions;
use super::{Service, unknown_as};
use crate::crypto;
use crate::model::person::App;
use crate::model::{Problem, Secret};
use crate::store::sso::sessions::{SessionHash, SessionRow};

/// From one window of a browser to another.
const LIFE: SignedDuration = SignedDuration::from_secs(60);
/// Codes under way at once; the list begins anew when it is full of them.
const MOST: usize = 10_000;

/// Codes under way, by their hash. In memory only: a popup that lived through a restart signs in again.
#[derive(Default)]
pub struct HandOvers(Mutex<HashMap<[u8; 32], (SessionHash, Timestamp)>>);

impl HandOvers {
    /// A code for `session`.
    pub fn give(&self, session: SessionHash, now: Timestamp) -> Secret<String> {
        let code = crypto::random_token(32);
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if codes.len() >= MOST {
            codes.retain(|_, (_, ends)| *ends > now);
        }
        if codes.len() >= MOST {
            codes.clear();
        }
        codes.insert(crypto::sha256(code.expose().as_bytes()), (session, now + LIFE));
        code
    }

    /// Uses a code up.
    fn take(&self, code: &str, now: Timestamp) -> Option<SessionHash> {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        codes.remove(&crypto::sha256(code.as_bytes())).filter(|(_, ends)| *ends > now).map(|(session, _)| session)
    }
}

impl Service {
    /// Exchanges a popup's code for a session of the Widget.
    ///
    /// # Errors
    /// 400 for a code that was used, is older than a minute, or was never given; 403 where the person may not use the Widget.
    pub async fn hand_over(&self, code: &str) -> Result<Secret<String>, Error> {
        let now = self.clock.now();
        let unknown = || Error::bad_request(Problem::told("hand_over_unknown", &[]));
        let from = self.hand_overs.take(code, now).ok_or_else(unknown)?;
        let signed_in = self.sessions.row(&from).await.map_err(|error| unknown_as(error, unknown))?;
        let apps = signed_in.apps.only(App::Widget);
        if !apps.contains(App::Widget) {
            return Err(Error::forbidden(Problem::told("app_not_allowed.widget", &[])));
        }
        let (id, hash) = Sessions::fresh();
        self.sessions.add(SessionRow { hash, apps, is_admin: false, hints: None, created_at: now, seen_at: now, ..signed_in }).await?;
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_works_once_and_for_a_minute() {
        let codes = HandOvers::default();
        let now = Timestamp::UNIX_EPOCH;
        let code = codes.give(SessionHash([1; 32]), now);
        assert_eq!(codes.take(code.expose(), now), Some(SessionHash([1; 32])));
        assert_eq!(codes.take(code.expose(), now), None);
        let late = codes.give(SessionHash([1; 32]), now);
        assert_eq!(codes.take(late.expose(), now + LIFE), None);
    }
}
