//! What an error response means for the grant and for the next attempt (Microsoft, "Handle errors and exceptions").
//!
//! `error` and `suberror` decide. Microsoft's numbers only explain, except for those below: in the field they arrive under an
//! `error` that says something else.

use std::time::Duration;

use super::token::{ProviderError, Verdict};

/// How long to wait when told to slow down without being told how long.
const THROTTLED: Duration = Duration::from_secs(60);
/// AADSTS50196 counts similar requests over five minutes.
const LOOP_DETECTED: Duration = Duration::from_secs(300);

use Verdict::{ClientRejected, GrantRefused, InteractionRequired, Misconfigured, Throttled, Unavailable};

const LATER: Verdict = Unavailable { retry_after: None };

/// Numbers that decide under whatever `error`.
const BY_CODE: &[(&[u32], Verdict)] = &[
    // Our own requests run in a circle: the pause has to outlast the count.
    (&[50_196], Throttled { retry_after: LOOP_DETECTED }),
    (&[90_055], Throttled { retry_after: THROTTLED }),
    // Microsoft's own faults; seen as `invalid_grant`, and a good grant must outlive them.
    (&[40_010, 50_033, 50_087, 70_012, 90_006, 90_012, 90_024, 90_033, 90_090], LATER),
    // The secret: wrong, expired.
    (&[7_000_215, 7_000_222], ClientRejected),
    // The app is unknown in this tenant or its registration lacks the resource: seen as `invalid_client`, though the secret may be good.
    (&[65_005, 650_056, 650_057, 700_016, 7_000_229], Misconfigured),
];

/// Within `invalid_grant` and its like: what the person has to do.
const BY_SUBERROR: &[(&[&str], Verdict)] = &[
    (&["basic_action", "additional_action", "message_only", "consent_required", "user_password_expired"], InteractionRequired),
    (&["bad_token", "token_expired", "client_mismatch", "device_authentication_failed", "protection_policy_required"], GrantRefused),
];

const BY_ERROR: &[(&[&str], Verdict)] = &[
    (&["invalid_client"], ClientRejected),
    (&["invalid_grant"], GrantRefused),
    (&["interaction_required", "login_required", "consent_required", "account_selection_required", "access_denied"], InteractionRequired),
    (&["temporarily_unavailable", "server_error"], LATER),
    (&["slow_down"], Throttled { retry_after: THROTTLED }),
    (
        &[
            "unauthorized_client",
            "invalid_scope",
            "invalid_resource",
            "invalid_target",
            "invalid_tenant",
            "invalid_request",
            "unsupported_grant_type",
            "unsupported_response_type",
        ],
        Misconfigured,
    ),
];

/// The verdict on an error response; `retry_after` is what the header said.
pub fn of(status: u16, retry_after: Option<Duration>, provider: &ProviderError) -> Verdict {
    let by_code = BY_CODE.iter().find(|(codes, _)| codes.iter().any(|code| provider.codes.contains(code)));
    let verdict = by_code
        .map(|(_, verdict)| *verdict)
        .or_else(|| of_status(status, retry_after))
        .or_else(|| of_suberror(provider))
        .or_else(|| row(BY_ERROR, &provider.error))
        // An unknown error: repeating the request as it is changes nothing, and the grant is kept.
        .unwrap_or(Misconfigured);
    with_wait(verdict, retry_after)
}

/// What a status means whatever the body says.
pub fn of_status(status: u16, retry_after: Option<Duration>) -> Option<Verdict> {
    match status {
        429 => Some(with_wait(Throttled { retry_after: THROTTLED }, retry_after)),
        408 | 500.. => Some(Unavailable { retry_after }),
        _ => None,
    }
}

fn of_suberror(provider: &ProviderError) -> Option<Verdict> {
    // A refused client stays one: a suberror speaks about the person's grant.
    if row(BY_ERROR, &provider.error) == Some(ClientRejected) {
        return None;
    }
    row(BY_SUBERROR, provider.suberror.as_deref()?)
}

fn row(table: &[(&[&str], Verdict)], word: &str) -> Option<Verdict> {
    table.iter().find(|(words, _)| words.contains(&word)).map(|(_, verdict)| *verdict)
}

/// `Retry-After` lengthens or sets a wait; for a detected loop it never shortens it.
fn with_wait(verdict: Verdict, given: Option<Duration>) -> Verdict {
    match verdict {
        Throttled { retry_after: LOOP_DETECTED } => Throttled { retry_after: given.unwrap_or_default().max(LOOP_DETECTED) },
        Throttled { retry_after } => Throttled { retry_after: given.unwrap_or(retry_after) },
        Unavailable { .. } => Unavailable { retry_after: given },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_its_verdict() {
        let minute = Throttled { retry_after: Duration::from_secs(60) };
        let loops = Throttled { retry_after: Duration::from_secs(300) };
        for (status, error, suberror, codes, expected) in [
            (400, "invalid_grant", None, &[50_173_u32][..], GrantRefused),
            (400, "invalid_grant", None, &[70_002, 70_008], GrantRefused),
            (400, "invalid_grant", Some("bad_token"), &[70_000], GrantRefused),
            (400, "invalid_grant", Some("something_new"), &[], GrantRefused),
            (400, "invalid_grant", Some("basic_action"), &[50_076], InteractionRequired),
            (400, "invalid_grant", Some("message_only"), &[53_003], InteractionRequired),
            (400, "invalid_grant", Some("consent_required"), &[65_001], InteractionRequired),
            (400, "interaction_required", Some("bad_token"), &[], GrantRefused),
            (400, "interaction_required", None, &[50_079], InteractionRequired),
            (400, "login_required", None, &[], InteractionRequired),
            (400, "consent_required", None, &[65_001], InteractionRequired),
            (400, "access_denied", None, &[], InteractionRequired),
            (401, "invalid_client", None, &[7_000_222], ClientRejected),
            (401, "invalid_client", None, &[70_002, 50_012], ClientRejected),
            (401, "invalid_client", Some("basic_action"), &[], ClientRejected),
            (400, "invalid_request", None, &[7_000_215], ClientRejected),
            (400, "unauthorized_client", None, &[7_000_222], ClientRejected),
            (400, "unauthorized_client", None, &[700_016], Misconfigured),
            (401, "invalid_client", None, &[7_000_229], Misconfigured),
            (401, "invalid_client", None, &[650_057], Misconfigured),
            (400, "invalid_scope", None, &[70_011], Misconfigured),
            (400, "invalid_request", None, &[90_002], Misconfigured),
            (400, "unsupported_grant_type", None, &[], Misconfigured),
            (400, "never_heard_of", None, &[], Misconfigured),
            (400, "invalid_grant", None, &[50_196], loops),
            (400, "temporarily_unavailable", None, &[90_055], minute),
            (429, "invalid_grant", None, &[], minute),
            (400, "slow_down", None, &[], minute),
            (400, "temporarily_unavailable", None, &[], LATER),
            (400, "server_error", None, &[50_000], LATER),
            (400, "invalid_grant", None, &[90_033], LATER),
            (400, "invalid_grant", Some("bad_token"), &[50_087], LATER),
            (400, "invalid_request", None, &[90_012], LATER),
            (408, "invalid_grant", None, &[], LATER),
            (500, "invalid_grant", None, &[], LATER),
            (503, "invalid_client", None, &[], LATER),
        ] {
            let provider = ProviderError {
                error: error.to_owned(),
                suberror: suberror.map(str::to_owned),
                codes: codes.to_vec(),
                ..ProviderError::default()
            };
            assert_eq!(of(status, None, &provider), expected, "{status} {error} {suberror:?} {codes:?}");
        }
    }

    #[test]
    fn retry_after_counts_but_never_shortens_the_pause_of_a_loop() {
        let error = |code| ProviderError { error: "invalid_grant".into(), codes: vec![code], ..ProviderError::default() };
        let seconds = Duration::from_secs;
        assert_eq!(of(400, Some(seconds(5)), &error(50_196)), Throttled { retry_after: seconds(300) });
        assert_eq!(of(400, Some(seconds(900)), &error(50_196)), Throttled { retry_after: seconds(900) });
        assert_eq!(of(429, Some(seconds(5)), &error(1)), Throttled { retry_after: seconds(5) });
        assert_eq!(of(400, Some(seconds(5)), &error(90_033)), Unavailable { retry_after: Some(seconds(5)) });
    }
}
