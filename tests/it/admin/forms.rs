//! Forms: where they may come from, and what comes back for what cannot be.

use serde_json::Value;

use super::{Desk, add_person, add_record, plain, values};
use crate::harness::{SUPPORT, World};

/// A form, and a good value for every field that it has.
struct Sheet {
    path: String,
    fields: Vec<(&'static str, &'static str)>,
}

fn sheets(record: &str, person: &str) -> Vec<Sheet> {
    let record_fields = || {
        vec![
            ("name", "n"),
            ("audience", "users"),
            ("authorization_uri", "https://op.invalid/a"),
            ("token_url", "https://op.invalid/t"),
            ("client_id", "c"),
            ("client_secret", "hidden~value"),
            ("client_secret_next", ""),
            ("secret_expires_at", ""),
            ("issuer", ""),
            ("jwks_uri", ""),
            ("logout_uri", ""),
            ("scopes", ""),
            ("response_mode", ""),
            ("token_auth", ""),
            ("allowed_tenants", ""),
            ("email_domains", ""),
            ("group_rules", ""),
            ("unsigned_v1", ""),
        ]
    };
    let sheet = |path: String, fields| Sheet { path, fields };
    vec![
        sheet("/admin/sso/new".to_owned(), record_fields()),
        sheet(format!("/admin/sso/{record}/edit"), record_fields()),
        sheet(format!("/admin/sso/{record}/enable"), vec![("confirm", "0")]),
        sheet("/admin/sso/switch".to_owned(), vec![("kind", "nobody"), ("enabled", "perhaps")]),
        sheet("/admin/people/new".to_owned(), vec![("kind", "user"), ("email", "x"), ("name", "n")]),
        sheet(format!("/admin/people/{person}x/remove"), vec![("x", "")]),
        sheet("/admin/people/conflicts/00000000-0000-0000-0000-000000000000".to_owned(), vec![("decision", "deny")]),
        sheet("/admin/mailboxes/connect".to_owned(), vec![("address", "x")]),
        sheet("/admin/mailboxes/nobody@example.test/remove".to_owned(), vec![("x", "")]),
        sheet("/admin/directory/00000000-0000-0000-0000-000000000000/remove".to_owned(), vec![("x", "")]),
        sheet("/admin/explain".to_owned(), vec![("text", "AADSTS50173")]),
    ]
}

fn state(world: &World) -> (Value, Value, Value, Value) {
    let of = |path: &str| world.daemon.get(path).expect(200).json();
    (of("/v1/sso"), of("/v1/sso/connections"), of("/v1/people"), of("/v1/directory"))
}

#[test]
fn a_form_of_another_site_or_session_does_nothing() {
    let world = World::connected();
    let (record, person) = (add_record(&world.daemon, "r"), add_person(&world.daemon, "user", "a@example.test", "A"));
    let (mut desk, other) = (Desk::enter(&world.daemon), Desk::enter(&world.daemon));
    let before = state(&world);
    let origin = desk.origin.clone();
    for path in [
        format!("/admin/sso/{record}/remove"),
        format!("/admin/people/{person}/remove"),
        format!("/admin/mailboxes/{SUPPORT}/remove"),
        "/admin/sso/switch".to_owned(),
        "/admin/mailboxes/connect".to_owned(),
        "/admin/directory/connect".to_owned(),
        "/admin/leave".to_owned(),
    ] {
        let url = format!("{origin}{path}");
        let form = |token: &str| vec![("token", token.to_owned()), ("kind", "users".to_owned()), ("enabled", "true".to_owned())];
        let own = vec![format!("origin: {origin}")];
        let good = desk.token.clone();
        for (form, headers, why) in [
            (form(&good)[1..].to_vec(), own.clone(), "no token"),
            (form(""), own.clone(), "an empty token"),
            (form(&other.token), own.clone(), "another session's token"),
            (form(&format!("{good}x")), own.clone(), "a longer token"),
            (form(&good), vec!["origin: https://evil.example".to_owned()], "another origin"),
            (form(&good), vec!["origin: null".to_owned()], "no origin at all"),
            (form(&good), vec![format!("origin: {origin}"), "sec-fetch-site: cross-site".to_owned()], "another site"),
            (form(&good), vec![format!("origin: {origin}"), "sec-fetch-site: same-site".to_owned()], "a neighbour"),
        ] {
            assert_eq!(desk.send(&url, &form, &headers).status, 403, "{path} with {why}");
        }
        let twice = vec![("token", good.clone()), ("token", good.clone())];
        assert_eq!(desk.send(&url, &twice, &own).status, 400, "{path} with two tokens");
    }
    assert_eq!(state(&world), before);
    desk.get("/admin").expect(200);
    world.good_token(SUPPORT, "imap");
}

#[test]
fn bad_input_of_any_form_is_answered_in_words_and_changes_nothing() {
    let world = World::connected();
    let (record, person) = (add_record(&world.daemon, "r"), add_person(&world.daemon, "user", "a@example.test", "A"));
    let mut desk = Desk::enter(&world.daemon);
    let before = state(&world);
    let long = "x".repeat(20_000);
    let hostile = [
        "",
        " ",
        "\0",
        "\u{1b}[31m",
        "\r\nSet-Cookie: a=b",
        "<script>alert(1)</script>",
        "{{ 7*7 }}",
        "../../etc/passwd",
        "%00",
        "\u{202e}cod.exe",
        "' OR 1=1 --",
        "javascript:alert(1)",
        "https://user:pass@host/",
        "http://10.0.0.1/",
        "-1",
        "99999999999999999999",
        "\u{1F980}",
        long.as_str(),
    ];
    for sheet in sheets(&record, &person) {
        for (field, _) in &sheet.fields {
            for value in hostile {
                let form: Vec<(&str, &str)> =
                    sheet.fields.iter().map(|(name, good)| (*name, if name == field { value } else { *good })).collect();
                let page = Some(sheet.path.strip_suffix("/enable").unwrap_or(&sheet.path)).filter(|path| path.contains(&record));
                let made_from = page.map(|page| values(&desk.get(page).body, "made_from").remove(0));
                let form: Vec<(&str, &str)> =
                    form.into_iter().chain(made_from.as_deref().map(|made_from| ("made_from", made_from))).collect();
                let answer = desk.post(&sheet.path, &form);
                let shown: String = value.chars().take(40).collect();
                assert!(answer.status < 500, "{} {field}={shown:?}: {} {}", sheet.path, answer.status, answer.body);
                assert!(!answer.body.contains("<script>alert"), "{} {field}={shown:?}", sheet.path);
                assert!(!answer.body.contains("hidden~value"), "{} {field}={shown:?}: the secret came back", sheet.path);
                if answer.status == 303 {
                    // A value that happens to be good for this field: that is what was to be found out.
                    assert!(sheet.path.contains("/sso/") || sheet.path.contains("connect"), "{} {field}={shown:?}", sheet.path);
                }
            }
        }
    }
    let after = state(&world);
    assert_eq!((&after.0, &after.2, &after.3), (&before.0, &before.2, &before.3));
    assert!(after.1.as_array().unwrap().iter().any(|kept| kept["id"] == record), "the record is still there");
    world.good_token(SUPPORT, "imap");
}

#[test]
fn a_refused_form_comes_back_with_what_was_typed_and_the_reason_beside_the_field() {
    let world = World::start();
    let mut desk = Desk::enter(&world.daemon);
    let fields = [
        ("name", "My \"provider\""),
        ("audience", "customers"),
        ("authorization_uri", "https://op.invalid/authorize"),
        ("token_url", "not a url"),
        ("client_id", "the-client"),
        ("client_secret", "hidden~value"),
        ("group_rules", "agents = main"),
        ("allowed_tenants", "contoso"),
    ];
    let page = desk.post("/admin/sso/new", &fields).expect(400);
    page.says(&[
        "Nothing was saved yet",
        "value=\"My \"provider\"\"",
        "value=\"the-client\"",
        "https://op.invalid/authorize",
        "contoso",
        "agents = main",
    ]);
    assert!(page.body.contains("aria-invalid=\"true\"") && page.body.contains("role=\"alert\"") && !page.body.contains("hidden~value"));
    assert!(
        page.body.contains("value=\"customers\" checked") || plain(&page.body).contains("value=\"customers\" checked"),
        "{}",
        page.body
    );
    let page = desk.post("/admin/people/new", &[("kind", "user"), ("email", "no address"), ("name", "Ann")]).expect(400);
    page.says(&["value=\"no address\"", "value=\"Ann\"", "id=\"f-email-wrong\"", "href=\"#f-email\""]);
    let page = desk.post("/admin/mailboxes/connect", &[("address", ""), ("shared", "1")]).expect(400);
    page.says(&["a link for a shared mailbox must name its address"]);
    add_person(&world.daemon, "customer", "ann@example.test", "Ann");
    let page = desk.post("/admin/people/new", &[("kind", "user"), ("email", "Ann@Example.test"), ("name", "")]).expect(409);
    page.says(&["there is a person with the e-mail address", "id=\"f-email-wrong\""]);
    desk.post("/admin/explain", &[("text", "")]).expect(200).says(&["There is nothing to explain"]);
}

#[test]
fn a_form_that_is_too_large_is_refused_and_nobody_is_hurt() {
    let world = World::start();
    let mut desk = Desk::enter(&world.daemon);
    let text = "AADSTS50173 ".repeat(60_000);
    let answer = desk.post("/admin/explain", &[("text", &text)]);
    assert!([400, 413].contains(&answer.status), "{}", answer.status);
    desk.get("/admin").expect(200);
}
