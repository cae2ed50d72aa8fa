//! Errors as Microsoft words them: the JSON of the token endpoint, and the table of AADSTS numbers.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::clock::error_timestamp;
use crate::fault::Problem;

/// An error that is ready to be shown, redirected or sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) code: u32,
    pub(crate) status: u16,
    pub(crate) error: String,
    pub(crate) text: String,
    pub(crate) suberror: Option<String>,
    pub(crate) claims: Option<String>,
}

impl Failure {
    /// The usual status, `error` and words of `code`.
    pub(crate) fn new(code: u32) -> Self {
        let (status, error, text) = known(code);
        let suberror = matches!(code, 50173 | 700_082).then(|| "bad_token".to_owned());
        Self { code, status, error: error.into(), text: text.into(), suberror, claims: None }
    }

    /// `code` with its placeholder filled in.
    pub(crate) fn about(code: u32, subject: &str) -> Self {
        let mut failure = Self::new(code);
        failure.text = failure.text.replace("{}", subject);
        failure
    }

    pub(crate) fn suberror(mut self, suberror: &str) -> Self {
        self.suberror = Some(suberror.into());
        self
    }

    /// `AADSTS…: text`, with the trace lines, separated by CR LF.
    pub(crate) fn description(&self, now: i64, trace: Uuid, correlation: &str) -> String {
        let (code, text, time) = (self.code, self.text.replace("{}", "requested"), error_timestamp(now));
        format!("AADSTS{code}: {text}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {time}")
    }

    /// The body of section 5.2 of RFC 6749 with Microsoft's additions.
    pub(crate) fn body(&self, now: i64, correlation: &str, authority: &str) -> Value {
        let trace = Uuid::new_v4();
        let mut body = json!({
            "error": self.error, "error_description": self.description(now, trace, correlation), "error_codes": [self.code],
            "timestamp": error_timestamp(now), "trace_id": trace.to_string(), "correlation_id": correlation,
            "error_uri": format!("{authority}/error?code={}", self.code),
        });
        if let Some(suberror) = &self.suberror {
            body["suberror"] = suberror.as_str().into();
        }
        if let Some(claims) = &self.claims {
            body["claims"] = claims.as_str().into();
        }
        body
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let usual = Self::new(problem.code);
        Self {
            status: problem.status.unwrap_or(usual.status),
            error: problem.error.unwrap_or(usual.error),
            suberror: problem.suberror.or(usual.suberror),
            claims: problem.claims,
            ..usual
        }
    }
}

/// HTTP status, `error` and text of the numbers that matter here.
fn known(code: u32) -> (u16, &'static str, &'static str) {
    match code {
        7_000_215 => (
            401,
            "invalid_client",
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{}'.",
        ),
        7_000_222 => (401, "invalid_client", "The provided client secret keys for app '{}' are expired. Create new keys for your app."),
        7_000_218 => {
            (401, "invalid_client", "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
        }
        7_000_229 => (401, "invalid_client", "The client application is missing service principal in the tenant."),
        700_027 => {
            (401, "invalid_client", "The certificate with identifier used to sign the client assertion is not registered on application.")
        }
        700_025 => (401, "invalid_client", "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."),
        70_002 => (401, "invalid_client", "Error validating credentials."),
        700_016 => (400, "unauthorized_client", "Application with identifier '{}' was not found in the directory."),
        7_000_112 => (400, "unauthorized_client", "Application '{}' is disabled."),
        50_194 => (
            400,
            "invalid_request",
            "Application '{}' is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps.",
        ),
        50_011 => (
            400,
            "invalid_request",
            "The redirect URI '{}' specified in the request does not match the redirect URIs configured for the application.",
        ),
        500_112 => {
            (400, "invalid_grant", "The reply address '{}' does not match the reply address provided when requesting Authorization code.")
        }
        50_020 => (
            400,
            "invalid_request",
            "User account '{}' does not exist in the tenant and cannot access the application. The account needs to be added as an external user in the tenant first.",
        ),
        50_057 => (400, "invalid_grant", "The user account is disabled."),
        50_034 => (400, "invalid_grant", "The user account '{}' does not exist in the directory."),
        50_058 => (400, "login_required", "A silent sign-in request was sent but no user is signed in."),
        50_059 => (
            400,
            "invalid_request",
            "No tenant-identifying information found in either the request or implied by any provided credentials.",
        ),
        50_147 => (400, "invalid_request", "The size of the code challenge parameter is invalid."),
        50_173 => (
            400,
            "invalid_grant",
            "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.",
        ),
        50_076 => (
            400,
            "interaction_required",
            "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '{}'.",
        ),
        50_079 => (400, "interaction_required", "You must enroll in multi-factor authentication to access '{}'."),
        50_105 => (400, "interaction_required", "The signed in user is not assigned to a role for the application."),
        50_196 => (
            400,
            "invalid_grant",
            "The server terminated an operation because it encountered a client request loop. Please contact your app vendor.",
        ),
        500_011 => (400, "invalid_resource", "The resource principal named {} was not found in the tenant."),
        501_481 => (400, "invalid_grant", "The Code_Verifier does not match the code_challenge supplied in the authorization request."),
        501_491 => (400, "invalid_request", "Invalid size of Code_Challenge parameter."),
        53_003 => (
            400,
            "invalid_grant",
            "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
        ),
        54_005 => (
            400,
            "invalid_grant",
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
        ),
        65_001 => (
            400,
            "invalid_grant",
            "The user or administrator has not consented to use the application with ID '{}'. Send an interactive authorization request for this user and resource.",
        ),
        65_004 => (400, "access_denied", "User declined to consent to access the app."),
        70_000 => (400, "invalid_grant", "Provided grant is invalid or malformed."),
        70_003 => (400, "unsupported_grant_type", "The app requested an unsupported grant type '{}'."),
        70_007 => (400, "invalid_request", "'{}' is not a supported value of 'response_mode' when requesting a token."),
        70_008 => (
            400,
            "invalid_grant",
            "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
        ),
        70_011 => (400, "invalid_scope", "The provided value for the input parameter 'scope' is not valid. The scope {} is not valid."),
        70_043 => {
            (400, "invalid_grant", "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.")
        }
        700_005 => (400, "invalid_grant", "The provided Authorization Code is intended to use against other tenant, thus rejected."),
        700_054 => (400, "unsupported_response_type", "response_type '{}' is not enabled for the application."),
        700_082 => (400, "invalid_grant", "The refresh token has expired due to inactivity. The token was inactive for 90.00:00:00."),
        28_000 => (
            400,
            "invalid_request",
            "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope {} is not valid.",
        ),
        1_002_012 => (
            400,
            "invalid_scope",
            "The provided value for scope {} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).",
        ),
        90_002 => (
            400,
            "invalid_tenant",
            "Tenant '{}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.",
        ),
        900_023 => (400, "invalid_request", "Specified tenant identifier '{}' is neither a valid DNS name, nor a valid external domain."),
        90_023 => (400, "invalid_request", "Invalid request: {}."),
        90_094 => (400, "access_denied", "Admin consent is required for the permissions requested by this application."),
        900_144 => (400, "invalid_request", "The request body must contain the following parameter: '{}'."),
        900_561 => (400, "invalid_request", "The endpoint only accepts POST requests. Received a {} request."),
        900_971 => (400, "invalid_request", "No reply address provided."),
        901_002 => (400, "invalid_request", "The 'resource' request parameter isn't supported."),
        9_002_313 => (400, "invalid_grant", "Invalid request. Request is malformed or invalid."),
        9_002_326 => (
            400,
            "invalid_request",
            "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type. Request origin: '{}'.",
        ),
        90_033 | 90_055 | 90_006 | 90_012 | 90_024 => (503, "temporarily_unavailable", "A transient error has occurred. Please try again."),
        50_000 | 90_036 | 50_033 | 50_087 | 90_090 | 70_012 => (500, "server_error", "The service encountered an internal error."),
        _ => (400, "invalid_grant", "A simulated error."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_body_has_every_member_in_microsofts_form() {
        let body = Failure::new(50_173).body(1_790_000_000, "c-1", "http://sim");
        assert_eq!(body["error"], "invalid_grant");
        assert_eq!(body["error_codes"], json!([50_173]));
        assert_eq!(body["suberror"], "bad_token");
        assert_eq!(body["timestamp"], "2026-09-21 14:13:20Z");
        let description = body["error_description"].as_str().unwrap();
        assert!(description.starts_with("AADSTS50173: The provided grant"), "{description}");
        assert!(description.ends_with("\r\nCorrelation ID: c-1\r\nTimestamp: 2026-09-21 14:13:20Z"), "{description}");
    }
}
