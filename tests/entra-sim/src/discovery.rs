//! Discovery documents of both versions, with the quirks of the real ones: templated issuers on the shared
//! endpoints, GUIDs in a tenant's documents, no mention of PKCE.

use serde_json::{Value, json};

use crate::directory::Segment;
use crate::exchange::Version;

/// The v1 issuer's prefix: another host than the one that serves the document.
pub(crate) const V1_ISSUERS: &str = "https://sts.windows.net/";

/// The `iss` of tokens of `tenant`; `{tenantid}` stands for itself in shared documents.
pub(crate) fn issuer(version: Version, authority: &str, tenant: &str) -> String {
    match version {
        Version::V1 => format!("{V1_ISSUERS}{tenant}/"),
        Version::V2 => format!("{authority}/{tenant}/v2.0"),
    }
}

/// The document for `segment`.
pub(crate) fn document(version: Version, authority: &str, segment: &Segment) -> Value {
    let path = segment.canonical();
    let issuer = issuer(version, authority, segment.tenant().unwrap_or("{tenantid}"));
    let (oauth, keys) = match version {
        Version::V1 => ("oauth2", "discovery/keys"),
        Version::V2 => ("oauth2/v2.0", "discovery/v2.0/keys"),
    };
    let mut document = json!({
        "token_endpoint": format!("{authority}/{path}/{oauth}/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{authority}/{path}/{keys}"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": issuer,
        "authorization_endpoint": format!("{authority}/{path}/{oauth}/authorize"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{authority}/{path}/{oauth}/logout"),
        "kerberos_endpoint": format!("{authority}/{path}/kerberos"),
        "tenant_region_scope": segment.tenant().map(|_| "EU"),
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    });
    match version {
        Version::V1 => {
            document["response_types_supported"] = json!(["code", "id_token", "code id_token", "token id_token", "token"]);
            document["scopes_supported"] = json!(["openid"]);
            document["claims_supported"] = json!([
                "sub",
                "iss",
                "cloud_instance_name",
                "cloud_instance_host_name",
                "cloud_graph_host_name",
                "msgraph_host",
                "aud",
                "exp",
                "iat",
                "auth_time",
                "acr",
                "amr",
                "nonce",
                "email",
                "given_name",
                "family_name",
                "nickname"
            ]);
            document["microsoft_multi_refresh_token"] = true.into();
            document["check_session_iframe"] = format!("{authority}/{path}/oauth2/checksession").into();
            document["userinfo_endpoint"] = format!("{authority}/{path}/openid/userinfo").into();
        }
        Version::V2 => {
            document["response_types_supported"] = json!(["code", "id_token", "code id_token", "id_token token"]);
            document["scopes_supported"] = json!(["openid", "profile", "email", "offline_access"]);
            document["claims_supported"] = json!([
                "sub",
                "iss",
                "cloud_instance_name",
                "cloud_instance_host_name",
                "cloud_graph_host_name",
                "msgraph_host",
                "aud",
                "exp",
                "iat",
                "auth_time",
                "acr",
                "nonce",
                "preferred_username",
                "name",
                "tid",
                "ver",
                "at_hash",
                "c_hash",
                "email"
            ]);
            document["request_uri_parameter_supported"] = false.into();
            document["device_authorization_endpoint"] = format!("{authority}/{path}/oauth2/v2.0/devicecode").into();
            document["userinfo_endpoint"] = format!("{authority}/oidc/userinfo").into();
        }
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_templated_on_shared_endpoints_and_guids_in_a_tenants_document() {
        let tenant = || Segment::Tenant("t-1".into());
        let cases = [
            (Version::V2, Segment::Common, "http://a/{tenantid}/v2.0", "http://a/common/oauth2/v2.0/token"),
            (Version::V2, Segment::Organizations, "http://a/{tenantid}/v2.0", "http://a/organizations/oauth2/v2.0/token"),
            (Version::V2, tenant(), "http://a/t-1/v2.0", "http://a/t-1/oauth2/v2.0/token"),
            (Version::V1, Segment::Common, "https://sts.windows.net/{tenantid}/", "http://a/common/oauth2/token"),
            (Version::V1, tenant(), "https://sts.windows.net/t-1/", "http://a/t-1/oauth2/token"),
        ];
        for (version, segment, issuer, token_endpoint) in cases {
            let document = document(version, "http://a", &segment);
            assert_eq!(document["issuer"], issuer);
            assert_eq!(document["token_endpoint"], token_endpoint);
            assert!(document.get("code_challenge_methods_supported").is_none());
        }
    }
}
