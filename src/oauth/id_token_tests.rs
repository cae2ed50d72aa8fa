use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::oauth::claims::Groups;
use crate::oauth::test_keys::{OTHER_RSA, RSA, ec_jwk, rsa_jwk, sign, sign_with};

const TID: &str = "11111111-2222-3333-4444-555555555555";
const OTHER: &str = "99999999-2222-3333-4444-555555555555";
const CLIENT: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const NOW: i64 = 1_790_000_100;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn template() -> Issuer {
    Issuer::new("https://login.microsoftonline.com/{tenantid}/v2.0")
}

fn keys() -> KeySet {
    let mut entra = rsa_jwk(&RSA, Some("entra"));
    entra["issuer"] = json!("https://login.microsoftonline.com/{tenantid}/v2.0");
    entra["cloud_instance_name"] = json!("microsoftonline.com");
    let mut msa = rsa_jwk(&RSA, Some("msa"));
    msa["issuer"] = json!("https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0");
    set(&[entra, msa, rsa_jwk(&RSA, Some("plain")), ec_jwk("ec")])
}

fn set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn v2(issuer: &Issuer) -> Expectation<'_> {
    Expectation {
        client_id: CLIENT,
        issuer,
        version: Version::V2,
        nonce: "n-1",
        algorithms: &[Algorithm::Rs256],
        tenants: Tenants::Any,
        cloud_instance: Some("microsoftonline.com"),
        access_token: None,
        unsigned_v1: false,
    }
}

fn claims_v2() -> Value {
    json!({
        "ver": "2.0", "iss": format!("https://login.microsoftonline.com/{TID}/v2.0"), "aud": CLIENT, "tid": TID,
        "oid": "99999999-8888-7777-6666-555555555555", "sub": "pAirWise_x", "iat": 1_790_000_000, "nbf": 1_790_000_000,
        "exp": 1_790_003_900, "nonce": "n-1", "name": "Ann Example", "preferred_username": "ann@example.test",
        "email": "ann@example.test", "xms_edov": "1", "sid": "s-1", "acct": 1, "uti": "u1",
    })
}

fn changed(mut claims: Value, name: &str, value: Value) -> Value {
    if value == json!("(absent)") {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value;
    }
    claims
}

fn check(claims: &Value, expected: &Expectation<'_>) -> Result<Claims, IdTokenError> {
    verify(&sign(&json!({"alg": "RS256", "kid": "entra"}), &claims.to_string()), &keys(), expected, now(), SKEW)
}

#[test]
fn a_good_token_of_entra_gives_its_claims() {
    let issuer = template();
    let claims = check(&claims_v2(), &v2(&issuer)).unwrap();
    assert_eq!((claims.subject.as_str(), claims.signed_in_as()), ("pAirWise_x", "ann@example.test"));
    assert_eq!((claims.tid, claims.xms_edov, claims.acct), (Some(TID.parse().unwrap()), true, Some(1)));
    assert_eq!((claims.sid.as_deref(), &claims.groups, claims.signed), (Some("s-1"), &Groups::Unknown, true));
    assert_eq!(claims.raw["uti"], "u1");
}

#[test]
fn every_wrong_claim_is_refused() {
    let issuer = template();
    let absent = || json!("(absent)");
    for (name, value, expected) in [
        ("iss", json!(format!("https://login.microsoftonline.com/{TID}/v2.01")), Wrong("iss")),
        ("iss", json!(format!("https://login.microsoftonline.com/{OTHER}/v2.0")), Wrong("tid")),
        ("iss", absent(), Missing("iss")),
        ("tid", json!(OTHER), Wrong("tid")),
        ("tid", json!("contoso"), Missing("tid")),
        ("tid", absent(), Missing("tid")),
        ("ver", json!("1.0"), Wrong("ver")),
        ("ver", json!("3.0"), Wrong("ver")),
        ("ver", absent(), Missing("ver")),
        ("aud", json!(format!("{CLIENT}1")), Wrong("aud")),
        ("aud", json!("00000003-0000-0000-c000-000000000000"), Wrong("aud")),
        ("aud", json!([]), Wrong("aud")),
        ("aud", json!([CLIENT, "x"]), Missing("azp")),
        ("aud", json!([CLIENT, 7]), Missing("aud")),
        ("aud", absent(), Missing("aud")),
        ("azp", json!("x"), Wrong("azp")),
        ("azp", json!(null), Wrong("azp")),
        ("sub", json!(""), Missing("sub")),
        ("sub", json!(7), Missing("sub")),
        ("sub", absent(), Missing("sub")),
        ("oid", json!("x"), Missing("oid")),
        ("nonce", json!("n-11"), Wrong("nonce")),
        ("nonce", json!(null), Wrong("nonce")),
        ("nonce", absent(), Missing("nonce")),
        ("exp", absent(), Missing("exp")),
        ("exp", json!("1790003900"), Missing("exp")),
        ("exp", json!(NOW - 120), IdTokenError::Expired),
        ("iat", absent(), Missing("iat")),
        ("iat", json!("1790000000"), Missing("iat")),
        ("iat", json!(NOW + 121), IdTokenError::NotYet),
        ("iat", json!(NOW - 24 * 3600 - 1), IdTokenError::TooOld),
        ("nbf", json!(NOW + 121), IdTokenError::NotYet),
        ("nbf", json!("soon"), Missing("nbf")),
        ("TID", json!(TID), IdTokenError::Doubled("TID".into())),
    ] {
        let result = check(&changed(claims_v2(), name, value.clone()), &v2(&issuer));
        assert_eq!(result.err(), Some(expected), "{name} {value}");
    }
}

#[test]
fn tolerable_variants_are_accepted() {
    let issuer = template();
    for (name, value) in [
        ("aud", json!([CLIENT])),
        ("aud", json!(CLIENT.to_uppercase())),
        ("azp", json!(CLIENT)),
        ("exp", json!(NOW - 119)),
        ("iat", json!(NOW + 120)),
        ("exp", json!(1_790_003_900.5)),
        ("nbf", json!("(absent)")),
        ("oid", json!("(absent)")),
        ("email", json!(["odd"])),
        ("groups", json!({"odd": true})),
    ] {
        assert!(check(&changed(claims_v2(), name, value.clone()), &v2(&issuer)).is_ok(), "{name} {value}");
    }
}

#[test]
fn a_doubled_tenant_is_seen() {
    let issuer = template();
    let text = claims_v2().to_string().replacen('{', &format!("{{\"tid\":\"{OTHER}\","), 1);
    let token = sign(&json!({"alg": "RS256", "kid": "entra"}), &text);
    assert_eq!(verify(&token, &keys(), &v2(&issuer), now(), SKEW).err(), Some(IdTokenError::Doubled("tid".into())));
}

#[test]
fn a_key_signs_for_its_own_issuer_and_cloud_only() {
    let issuer = template();
    let token = |kid: &str| sign(&json!({"alg": "RS256", "kid": kid}), &claims_v2().to_string());
    let result = |kid: &str, expected: &Expectation<'_>| verify(&token(kid), &keys(), expected, now(), SKEW).map(drop);
    assert_eq!(result("plain", &v2(&issuer)), Ok(()));
    assert_eq!(result("msa", &v2(&issuer)), Err(IdTokenError::ForeignKey));
    let elsewhere = Expectation { cloud_instance: Some("partner.microsoftonline.cn"), ..v2(&issuer) };
    assert_eq!(result("entra", &elsewhere), Err(IdTokenError::ForeignKey));
    let single = Issuer::new(format!("https://login.microsoftonline.com/{TID}/v2.0"));
    assert_eq!(result("entra", &v2(&single)), Ok(()));
    let other = Issuer::new(format!("https://login.microsoftonline.com/{OTHER}/v2.0"));
    assert_eq!(result("entra", &v2(&other)), Err(Wrong("iss")));
}

#[test]
fn only_listed_tenants_may_sign_in() {
    let issuer = template();
    let (this, other): (TenantId, TenantId) = (TID.parse().unwrap(), OTHER.parse().unwrap());
    assert!(check(&claims_v2(), &Expectation { tenants: Tenants::Only(&[other, this]), ..v2(&issuer) }).is_ok());
    let result = check(&claims_v2(), &Expectation { tenants: Tenants::Only(&[other]), ..v2(&issuer) });
    assert_eq!(result.err(), Some(IdTokenError::Tenant(this)));
}

#[test]
fn a_token_that_is_not_signed_as_it_must_be_is_refused() {
    let issuer = template();
    let claims = claims_v2().to_string();
    let good = sign(&json!({"alg": "RS256", "kid": "entra"}), &claims);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let flipped = format!("{signed}.{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    for (token, expected) in [
        (flipped, IdTokenError::Signature),
        (format!("{signed}."), IdTokenError::Signature),
        (sign_with(&OTHER_RSA, &json!({"alg": "RS256", "kid": "entra"}), &claims), IdTokenError::Signature),
        (sign(&json!({"alg": "RS256", "kid": "new"}), &claims), IdTokenError::UnknownKey),
        (sign(&json!({"alg": "none"}), &claims), IdTokenError::Unsigned),
        (sign(&json!({"alg": "None"}), &claims), IdTokenError::Unsigned),
        (sign(&json!({"alg": "HS256", "kid": "entra"}), &claims), IdTokenError::Algorithm("HS256".into())),
        (sign(&json!({"alg": "ES256", "kid": "ec"}), &claims), IdTokenError::Algorithm("ES256".into())),
        (sign(&json!({"alg": "PS256", "kid": "entra"}), &claims), IdTokenError::Algorithm("PS256".into())),
        (
            sign(&json!({"alg": "RS256", "kid": "entra", "crit": ["b64"]}), &claims),
            IdTokenError::Malformed("its header demands an extension"),
        ),
        (sign(&json!({"kid": "entra"}), &claims), IdTokenError::Malformed("its header names no algorithm")),
        (format!("{good}.x"), IdTokenError::Malformed("it has not three parts")),
        (format!("{good}="), IdTokenError::Malformed("a part is not base64url")),
        ("a.b".into(), IdTokenError::Malformed("it has not three parts")),
        ("a".repeat(SIZE_LIMIT + 1), IdTokenError::Malformed("it is too large")),
        (sign(&json!({"alg": "RS256", "kid": "entra"}), "[]"), IdTokenError::Malformed("its claims are not a JSON object")),
        (sign(&json!({"alg": "RS256", "kid": "entra"}), &"[".repeat(9000)), IdTokenError::Malformed("its claims are not a JSON object")),
    ] {
        assert_eq!(verify(&token, &keys(), &v2(&issuer), now(), SKEW).err(), Some(expected), "{token:.60}");
    }
}

fn v1(issuer: &Issuer, unsigned_v1: bool) -> Expectation<'_> {
    Expectation { version: Version::V1, unsigned_v1, ..v2(issuer) }
}

fn claims_v1() -> Value {
    let claims = changed(claims_v2(), "ver", json!("1.0"));
    changed(claims, "iss", json!(format!("https://sts.windows.net/{TID}/")))
}

#[test]
fn an_unsigned_token_is_accepted_on_the_v1_path_only_and_with_every_claim_checked() {
    let issuer = Issuer::new("https://sts.windows.net/{tenantid}/");
    let unsigned = |claims: &Value| sign(&json!({"typ": "JWT", "alg": "none"}), &claims.to_string());
    let result = |claims: &Value, expected: &Expectation<'_>| verify(&unsigned(claims), &keys(), expected, now(), SKEW);
    assert!(!result(&claims_v1(), &v1(&issuer, true)).unwrap().signed);
    assert_eq!(result(&claims_v1(), &v1(&issuer, false)).err(), Some(IdTokenError::Unsigned));
    let nonce = changed(claims_v1(), "nonce", json!("(absent)"));
    assert_eq!(result(&nonce, &v1(&issuer, true)).err(), Some(Missing("nonce")));
    let template = template();
    let on_v2 = Expectation { unsigned_v1: true, ..v2(&template) };
    assert_eq!(result(&claims_v2(), &on_v2).err(), Some(IdTokenError::Unsigned));
    let with_signature = format!("{}AAAA", unsigned(&claims_v1()));
    assert_eq!(verify(&with_signature, &keys(), &v1(&issuer, true), now(), SKEW).err(), Some(IdTokenError::Unsigned));
    assert!(check(&claims_v1(), &v1(&issuer, true)).unwrap().signed, "a signed one is verified as ever, without the key's issuer");
}

#[test]
fn another_provider_needs_no_tenant_and_may_sign_otherwise() {
    let issuer = Issuer::new("https://op.example");
    let expected = Expectation { version: Version::Other, algorithms: &Algorithm::ALL, cloud_instance: None, ..v2(&issuer) };
    let claims = json!({"iss": "https://op.example", "aud": CLIENT, "sub": "1", "iat": 1_790_000_000.25, "exp": 1_790_003_900, "nonce": "n-1",
        "tid": "x", "email_verified": "true"});
    for header in [
        json!({"alg": "ES256", "kid": "ec"}),
        json!({"alg": "PS256", "kid": "plain"}),
        json!({"alg": "RS256", "kid": "plain"}),
        json!({"alg": "ES256"}),
    ] {
        let found = verify(&sign(&header, &claims.to_string()), &keys(), &expected, now(), SKEW).unwrap();
        assert_eq!((found.tid, found.email_verified), (None, false), "{header}");
    }
    let upper = Expectation { client_id: "AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee", ..expected };
    assert_eq!(
        verify(&sign(&json!({"alg": "RS256", "kid": "plain"}), &claims.to_string()), &keys(), &upper, now(), SKEW).err(),
        Some(Wrong("aud"))
    );
}

#[test]
fn without_kid_every_fitting_key_is_tried() {
    let issuer = template();
    let token = sign(&json!({"alg": "RS256"}), &claims_v2().to_string());
    let keys = set(&[rsa_jwk(&OTHER_RSA, None), rsa_jwk(&RSA, None), ec_jwk("ec")]);
    assert!(verify(&token, &keys, &v2(&issuer), now(), SKEW).is_ok());
}

#[test]
fn at_hash_is_the_access_tokens() {
    let issuer = template();
    let token = Secret::from("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y");
    let expected = Expectation { access_token: Some(&token), ..v2(&issuer) };
    assert!(check(&changed(claims_v2(), "at_hash", json!("77QmUPtjPfzWtF2AnpK9RQ")), &expected).is_ok());
    assert_eq!(check(&changed(claims_v2(), "at_hash", json!("77QmUPtjPfzWtF2AnpK9RR")), &expected).err(), Some(Wrong("at_hash")));
}

proptest! {
    #[test]
    fn no_token_makes_the_verifier_panic(token in "[A-Za-z0-9_.-]{0,200}", claims in "[ -~]{0,100}") {
        let issuer = template();
        let _ = verify(&token, &keys(), &v2(&issuer), now(), SKEW);
        let _ = verify(&sign(&json!({"alg": "none"}), &claims), &keys(), &v1(&issuer, true), now(), SKEW);
    }
}
