use proptest::prelude::*;
use serde_json::json;

use super::*;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const MS: &str = "https://login.microsoftonline.com";

fn entra(segment: &str, issuer: &str) -> Result<Document, Error> {
    let source = Source::of(&Endpoints::entra_v2(MS, segment).unwrap()).unwrap();
    parse(&source, &json!({"issuer": issuer}))
}

fn parse(source: &Source, change: &Value) -> Result<Document, Error> {
    let mut document = json!({
        "authorization_endpoint": "https://op.example/authorize",
        "token_endpoint": "https://op.example/token",
        "jwks_uri": "https://op.example/keys",
        "response_types_supported": ["token id_token", "code"],
        "scopes_supported": null,
    });
    for (name, value) in change.as_object().unwrap() {
        document[name] = value.clone();
    }
    Document::parse(document.to_string().as_bytes(), source)
}

#[test]
fn an_issuer_of_entra_fits_the_tenant_that_was_asked() {
    let other = "99999999-2222-3333-4444-555555555555";
    for (segment, issuer, expected) in [
        ("organizations", format!("{MS}/{{tenantid}}/v2.0"), true),
        ("common", format!("{MS}/{{tenantid}}/v2.0"), true),
        ("common", format!("{MS}/{TENANT}/v2.0"), false),
        ("consumers", format!("{MS}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"), true),
        ("contoso.com", format!("{MS}/{TENANT}/v2.0"), true),
        ("contoso.com", format!("{MS}/{{tenantid}}/v2.0"), false),
        (TENANT, format!("{MS}/{TENANT}/v2.0"), true),
        (TENANT, format!("{MS}/{other}/v2.0"), false),
        (TENANT, format!("{MS}/{TENANT}/v2.0/"), false),
        (TENANT, format!("https://sts.windows.net/{TENANT}/"), false),
        (TENANT, format!("http://login.microsoftonline.com/{TENANT}/v2.0"), false),
        (TENANT, "x".into(), false),
    ] {
        assert_eq!(entra(segment, &issuer).is_ok(), expected, "{segment} {issuer}");
    }
    entra("contoso.com", &format!("{MS}/{TENANT}/v2.0")).unwrap();
}

#[test]
fn v1_has_an_issuer_of_another_host_with_a_slash() {
    let endpoints = Endpoints::from_urls(&format!("{MS}/{TENANT}/oauth2/authorize"), &format!("{MS}/{TENANT}/oauth2/token"), MS).unwrap();
    let source = Source::of(&endpoints).unwrap();
    assert!(parse(&source, &json!({"issuer": format!("https://sts.windows.net/{TENANT}/")})).is_ok());
    assert!(parse(&source, &json!({"issuer": format!("{MS}/{TENANT}/v2.0")})).is_err());
}

#[test]
fn another_providers_issuer_is_exactly_what_it_was_looked_up_by() {
    let source = Source::of_issuer("https://op.example/realm/").unwrap();
    assert_eq!(source.url.as_str(), "https://op.example/realm/.well-known/openid-configuration");
    assert!(parse(&source, &json!({"issuer": "https://op.example/realm/"})).is_ok());
    for issuer in ["https://op.example/realm", "https://op.example/realm/INVALID", "https://evil.example/realm/"] {
        assert!(matches!(parse(&source, &json!({"issuer": issuer})), Err(Error::Issuer { .. })), "{issuer}");
    }
}

#[test]
fn metadata_of_elsewhere_never_leads_to_this_machine_or_to_plain_http() {
    let source = Source::of_issuer("https://op.example").unwrap();
    for url in ["http://op.example/keys", "https://localhost/keys", "http://127.0.0.1/keys", "https://[::1]/keys", "file:///etc/passwd"] {
        let result = parse(&source, &json!({"issuer": "https://op.example", "jwks_uri": url}));
        assert_eq!(result, Err(Error::Address("jwks_uri")), "{url}");
    }
    let local = Source::of_issuer("http://127.0.0.1:9").unwrap();
    assert!(parse(&local, &json!({"issuer": "http://127.0.0.1:9", "jwks_uri": "http://127.0.0.1:9/keys"})).is_ok());
    assert_eq!(Source::of_issuer("http://op.example"), None);
}

#[test]
fn members_are_read_with_their_defaults() {
    let source = Source::of_issuer("https://op.example").unwrap();
    let plain = parse(&source, &json!({"issuer": "https://op.example"})).unwrap();
    assert_eq!((plain.algorithms.as_slice(), plain.promises_iss), (&[Algorithm::Rs256][..], false));
    let full = json!({
        "issuer": "https://op.example", "authorization_response_iss_parameter_supported": true,
        "id_token_signing_alg_values_supported": ["none", "HS256", "ES256", "RS256"], "end_session_endpoint": "https://op.example/out",
    });
    let full = parse(&source, &full).unwrap();
    assert_eq!(full.algorithms, [Algorithm::Es256, Algorithm::Rs256]);
    assert!(full.promises_iss && full.end_session_endpoint.is_some());
    assert_eq!(parse(&source, &json!({"issuer": "https://op.example", "token_endpoint": 7})), Err(Error::Missing("token_endpoint")));
}

#[test]
fn guessed_metadata_counts_only_when_it_names_the_endpoints() {
    let source = Source::of_issuer("https://op.example").unwrap();
    let document = parse(&source, &json!({"issuer": "https://op.example"})).unwrap();
    let pair = |token| Endpoints::from_urls("https://op.example/authorize?p=1", token, MS).unwrap();
    assert!(document.names(&pair("https://op.example/token")));
    assert!(!document.names(&pair("https://evil.example/token")));
}

proptest! {
    #[test]
    fn no_document_makes_the_parser_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Document::parse(&body, &Source::of_issuer("https://op.example").unwrap());
    }
}
