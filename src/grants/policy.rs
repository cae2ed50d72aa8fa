//! When a token is refreshed and what a failed refresh leads to. Pure: values and `now` in, decisions out.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::{AccessToken, GrantState, Problem, ReauthReason, WaitReason};
use crate::oauth::token::{TokenError, Verdict};

/// What a reader of a token is promised: long enough for a mail session to begin and for a large message to be sent.
const PROMISED: SignedDuration = SignedDuration::from_mins(10);
/// A wait never asks again sooner than this, and the first one only this late: an interrupted network is often back at once.
const SHORTEST_WAIT: Duration = Duration::from_secs(2);
/// The longest wait for a provider that is down, so that everything is well again soon after it is.
const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// The longest wait while our client is refused: only new credentials (which end the wait at once) or the minutes that a
/// new secret needs to spread at Microsoft can help.
const LONGEST_WAIT_FOR_CREDENTIALS: Duration = Duration::from_mins(15);
/// How often a refused grant is tried once more. Microsoft has refused good grants during outages; four attempts a day heal
/// those and are far from a loop (AADSTS50196 counts 15 in five minutes).
const SECOND_THOUGHT: SignedDuration = SignedDuration::from_hours(6);

/// How long a refresh token lives without being used (Microsoft, "Refresh tokens": 90 days). A use begins another life.
const UNUSED_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// When a grant ends if nobody uses it again, as far as it is known: policies of a tenant may end it sooner. A grant that was
/// refused has ended already.
pub fn grant_end(state: &GrantState, last_use: Timestamp) -> Option<Timestamp> {
    match state {
        GrantState::NeedsReauth { .. } => None,
        GrantState::Healthy | GrantState::Waiting { .. } => last_use.checked_add(UNUSED_LIFE).ok(),
    }
}

/// How much life a token must have left to be handed out: ten minutes, or half its life where the provider gives less than
/// twenty.
pub fn slack(lifetime: SignedDuration) -> SignedDuration {
    PROMISED.min(lifetime / 2)
}

/// When a token is refreshed without being asked for: between half and three quarters of its life, spread by `jitter`, from 0
/// to 1, so that ten thousand mailboxes connected in one hour do not come back together. At 60 minutes 15 are left then, which is
/// more than the ten that readers are promised and than the 20 seconds that a request may take.
pub fn due(token: &AccessToken, jitter: f64) -> Timestamp {
    let share = 0.5 + 0.25 * jitter.clamp(0.0, 1.0);
    let wait = SignedDuration::from_secs_f64(token.lifetime().as_secs_f64() * share);
    token.obtained_at.checked_add(wait).unwrap_or(token.expires_at)
}

/// What becomes of a grant after a refresh that did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aftermath {
    /// Its state.
    pub state: GrantState,
    /// Not before this it is tried again.
    pub next_try: Timestamp,
}

/// Decides what `error` means for a grant whose last `failures` attempts (this one included) failed.
pub fn after_failure(error: &TokenError, failures: u32, now: Timestamp, jitter: f64) -> Aftermath {
    let problem = error.problem.clone();
    match error.verdict {
        Verdict::GrantRefused => reauth(ReauthReason::GrantRefused, problem, now),
        Verdict::InteractionRequired => reauth(ReauthReason::InteractionRequired, problem, now),
        Verdict::ClientRejected | Verdict::Misconfigured => {
            let wait = wait(failures, LONGEST_WAIT_FOR_CREDENTIALS, jitter).max(Duration::from_secs(30));
            waiting(WaitReason::CredentialsRejected, problem, now, wait)
        }
        Verdict::Throttled { retry_after } => {
            // Everybody was told the same moment: spread the return over a quarter more.
            let wait = retry_after.mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 4.0);
            waiting(WaitReason::Throttled, problem, now, wait.max(SHORTEST_WAIT))
        }
        Verdict::Unavailable { retry_after } => {
            let wait = wait(failures, LONGEST_WAIT, jitter).max(retry_after.unwrap_or_default());
            waiting(WaitReason::ProviderUnavailable, problem, now, wait)
        }
    }
}

/// The state of a grant whose sealed token cannot be opened.
pub fn unreadable(now: Timestamp) -> Aftermath {
    let problem = Problem::told("master_key", &[]);
    reauth(ReauthReason::Unreadable, problem, now)
}

/// The state of every grant while there is no master key; `why` names what to restore. Nobody need sign in: nothing is lost with the
/// key back.
pub fn without_key(why: Problem, now: Timestamp) -> Aftermath {
    waiting(WaitReason::MasterKeyMissing, why, now, LONGEST_WAIT_FOR_CREDENTIALS)
}

/// The state of a grant while no credentials are in force at all.
/// `why` is what is known about that.
pub fn without_credentials(why: Option<Problem>, now: Timestamp) -> Aftermath {
    let problem = why.unwrap_or_else(|| Problem::told("credentials_missing.refresh", &[]));
    waiting(WaitReason::CredentialsRejected, problem, now, LONGEST_WAIT_FOR_CREDENTIALS)
}

fn reauth(reason: ReauthReason, problem: Problem, now: Timestamp) -> Aftermath {
    Aftermath { state: GrantState::NeedsReauth { reason, problem }, next_try: now.saturating_add(SECOND_THOUGHT).unwrap_or(now) }
}

fn waiting(reason: WaitReason, problem: Problem, now: Timestamp, wait: Duration) -> Aftermath {
    Aftermath { state: GrantState::Waiting { reason, problem }, next_try: now.saturating_add(wait).unwrap_or(now) }
}

/// Doubles from [`SHORTEST_WAIT`] to `longest`, then takes off up to half by `jitter`.
fn wait(failures: u32, longest: Duration, jitter: f64) -> Duration {
    let doubled = SHORTEST_WAIT.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1).min(16)).unwrap_or(u32::MAX)).min(longest);
    doubled.mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    fn token(minutes: i64) -> AccessToken {
        let obtained_at = Timestamp::UNIX_EPOCH;
        AccessToken {
            value: Secret::from("t"),
            obtained_at,
            expires_at: obtained_at + SignedDuration::from_mins(minutes),
            scope: String::new(),
        }
    }

    fn error(verdict: Verdict) -> TokenError {
        TokenError { verdict, problem: Problem::new("x", "x", "x"), provider: Box::default() }
    }

    #[test]
    fn a_grant_ends_ninety_days_after_its_last_use_unless_it_has_ended() {
        let used: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(grant_end(&GrantState::Healthy, used), Some("2026-04-01T00:00:00Z".parse().unwrap()));
        let refused = GrantState::NeedsReauth { reason: ReauthReason::GrantRefused, problem: Problem::new("x", "x", "x") };
        assert_eq!(grant_end(&refused, used), None);
    }

    #[test]
    fn a_token_is_refreshed_before_readers_would_miss_their_ten_minutes() {
        for minutes in [10, 20, 60, 75, 90, 1440] {
            let token = token(minutes);
            for jitter in [0.0, 0.3, 1.0] {
                let due = due(&token, jitter);
                let left = token.expires_at.duration_since(due);
                assert!(left >= token.lifetime() / 4, "{minutes} {jitter}");
                assert!(minutes < 40 || left >= slack(token.lifetime()), "{minutes} {jitter}");
            }
        }
    }

    #[test]
    fn ten_thousand_tokens_of_one_hour_come_back_spread_over_a_quarter_of_it() {
        let token = token(60);
        let first = due(&token, 0.0);
        let last = due(&token, 1.0);
        assert_eq!(last.duration_since(first), SignedDuration::from_mins(15));
    }

    #[test]
    fn each_verdict_leads_to_its_state() {
        let now = Timestamp::UNIX_EPOCH;
        let minute = Duration::from_mins(1);
        for (verdict, state, reason) in [
            (Verdict::ClientRejected, "waiting", "credentials_rejected"),
            (Verdict::Misconfigured, "waiting", "credentials_rejected"),
            (Verdict::Throttled { retry_after: minute }, "waiting", "throttled"),
            (Verdict::Unavailable { retry_after: None }, "waiting", "provider_unavailable"),
            (Verdict::GrantRefused, "needs_reauth", "grant_refused"),
            (Verdict::InteractionRequired, "needs_reauth", "interaction_required"),
        ] {
            let aftermath = after_failure(&error(verdict), 1, now, 0.0);
            assert_eq!((aftermath.state.as_str(), aftermath.state.reason()), (state, Some(reason)), "{verdict:?}");
            assert!(aftermath.next_try > now);
        }
    }

    #[test]
    fn what_the_provider_asks_for_is_the_least_wait() {
        let now = Timestamp::UNIX_EPOCH;
        let asked = Duration::from_secs(500);
        for verdict in [Verdict::Throttled { retry_after: asked }, Verdict::Unavailable { retry_after: Some(asked) }] {
            for jitter in [0.0, 1.0] {
                assert!(after_failure(&error(verdict), 1, now, jitter).next_try >= now + asked, "{verdict:?}");
            }
        }
    }

    #[test]
    fn an_outage_never_becomes_a_loop_in_microsofts_eyes() {
        // Entra calls 15 similar requests in five minutes a loop (AADSTS50196).
        let error = error(Verdict::Unavailable { retry_after: None });
        let mut now = Timestamp::UNIX_EPOCH;
        let mut attempts = 0;
        while now < Timestamp::UNIX_EPOCH + SignedDuration::from_mins(5) {
            attempts += 1;
            now = after_failure(&error, attempts, now, 1.0).next_try;
        }
        assert!(attempts < 15, "{attempts}");
    }

    #[test]
    fn the_wait_grows_to_its_bound_and_no_further() {
        let error = error(Verdict::Unavailable { retry_after: None });
        let wait = |failures| after_failure(&error, failures, Timestamp::UNIX_EPOCH, 0.0).next_try.duration_since(Timestamp::UNIX_EPOCH);
        assert_eq!(wait(1), SignedDuration::from_secs(2));
        assert_eq!(wait(2), SignedDuration::from_secs(4));
        assert_eq!(wait(1000), SignedDuration::from_mins(5));
    }
}
