//! Runs every module against the daemon, asserts what became of it, and keeps `docs/conformance.md` true.
//!
//! `ONEDESK_WRITE_DOCS=1` writes the document; otherwise a difference is a failure.

use std::fmt::Write as _;

use op_sim::Endpoint;
use serde_json::json;

use super::browser::Browser;
use super::http::Response;
use super::logout;
use super::modules::{Expect, Module, plans};
use super::stage::{Record, Stage, merge};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/conformance.md");

const HEAD: &str = "# Conformance of the single sign-on\n\n\
    The tests run every module of the OpenID Foundation's plans for relying parties that applies to a server with a client secret and \
    the code flow, against the real daemon and a scriptable provider, and write this page. *Signed in* means: a session, a record of \
    the person and a line in the audit log. *Refused* means: a page that says why, a line in the audit log, and neither session nor \
    record. Hybrid, implicit and dynamic-registration modules do not apply: those flows are not offered.\n";

/// The duties of a client by RFC 9700 and RFC 9207, and the tests that prove them.
const DUTIES: &[(&str, &str)] = &[
    ("No open redirector (RFC 9700 2.1, 4.11)", "no_payload_leads_away_from_our_origin"),
    ("One-time state, bound to the browser (2.1, 4.7)", "an_answer_in_another_browser_is_refused_and_stays_good_for_the_right_one"),
    ("No answer counts twice (4.2.4)", "an_answer_counts_once"),
    ("Mix-up (2.1, 4.4)", "no_answer_of_one_provider_completes_a_sign_in_with_another"),
    ("The issuer is fixed when a sign-in starts (4.4.2)", "a_record_that_was_edited_meanwhile_sends_no_code_to_the_new_token_url"),
    ("PKCE by S256, new each time (2.1.1)", "fifty_tabs_sign_in_at_once_and_finish_in_any_order"),
    ("Code injection (4.5)", "a_stolen_code_signs_nobody_in"),
    ("No leak by Referer or history, 303 (4.2, 4.3, 4.12)", "every_module_ends_as_the_table_says"),
    ("Identity headers of clients are stripped (4.13)", "identity_headers_that_a_browser_sent_reach_no_app_however_they_are_spelt"),
    ("Clickjacking (4.16)", "no_page_of_the_sign_in_can_be_framed"),
    ("`iss` is compared before any code is sent (RFC 9207)", "every_module_ends_as_the_table_says"),
];

#[test]
fn every_module_ends_as_the_table_says() {
    let stage = Stage::new();
    let (mut document, mut failures, mut number) = (HEAD.to_owned(), Vec::new(), 0);
    for plan in plans() {
        let _ = write!(document, "\n## {}\n\n| module | the provider | result |\n| --- | --- | --- |\n", plan.title);
        for module in plan.modules {
            number += 1;
            let result = match module.expect {
                Expect::NotForUs(reason) => format!("not for us: {reason}"),
                _ => run(&stage, number, &module).unwrap_or_else(|failure| {
                    failures.push(format!("{} / {}: {failure}", plan.title, module.name));
                    format!("**not met**: {failure}")
                }),
            };
            let _ = writeln!(document, "| {} | {} | {result} |", module.name, module.provider);
        }
    }
    document.push_str("\n## Logout\n\n| module | the provider | result |\n| --- | --- | --- |\n");
    for row in logout::rows(&stage) {
        let result = row.result.unwrap_or_else(|failure| {
            failures.push(format!("Logout / {}: {failure}", row.name));
            format!("**not met**: {failure}")
        });
        let _ = writeln!(document, "| {} | {} | {result} |", row.name, row.provider);
    }
    document.push_str("\n## Duties by RFC 9700 and RFC 9207\n\n| duty | test |\n| --- | --- |\n");
    for (duty, test) in DUTIES {
        let _ = writeln!(document, "| {duty} | `{test}` |");
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    if std::env::var_os("ONEDESK_WRITE_DOCS").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/docs")).unwrap();
        std::fs::write(DOCUMENT, document).unwrap();
    } else {
        let written = std::fs::read_to_string(DOCUMENT).unwrap_or_default();
        assert_eq!(written, document, "docs/conformance.md is out of date: run this test with ONEDESK_WRITE_DOCS=1");
    }
}

#[test]
fn every_duty_has_a_test_of_that_name() {
    let sources = [include_str!("attacks.rs"), include_str!("conformance.rs"), include_str!("journeys.rs"), include_str!("snippets.rs")];
    for (duty, test) in DUTIES {
        assert!(sources.iter().any(|source| source.contains(&format!("fn {test}("))), "{duty}: there is no test {test}");
    }
}

/// What became of a module, in words; or what should not have.
fn run(stage: &Stage, number: u32, module: &Module) -> Result<String, String> {
    let (alias, person) = (format!("m{number}"), format!("person{number}"));
    let mut wishes = (module.record)();
    let script = (module.script)();
    if script.client.authentication == op_sim::Authentication::Post {
        merge(&mut wishes, &json!({"token_auth": "client_secret_post"}));
    }
    let record = match stage.try_record(&alias, script, &wishes) {
        Ok(record) => record,
        Err(refusal) if module.expect == Expect::Stopped && refusal.status < 500 => return stopped(stage, &alias),
        Err(refusal) => return Err(format!("the record was refused: {refusal}")),
    };
    if module.expect == Expect::Stopped {
        let response = Browser::new().get(record.url("main"));
        return if response.status == 502 { stopped(stage, &alias) } else { Err(format!("the start answered {response}")) };
    }
    let result = sign_in(stage, &record, &person, module.expect)?;
    if module.expect == Expect::SignedInTwice {
        stage.op.rotate_keys(&alias);
        sign_in(stage, &record, &person, module.expect)?;
    }
    match stage.op.violations(&alias).as_slice() {
        [] => Ok(result),
        violations => Err(format!("the provider saw: {}", violations.join("; "))),
    }
}

fn sign_in(stage: &Stage, record: &Record, person: &str, expect: Expect) -> Result<String, String> {
    let mut browser = Browser::new();
    let start = match expect {
        Expect::StartedByProvider => {
            let unknown = browser.get(&stage.daemon.url("/sso/start?iss=https%3A%2F%2Funknown.example.test"));
            if unknown.status != 400 {
                return Err(format!("an unknown iss is answered {unknown}"));
            }
            let issuer = percent_encoded(&format!("{}/{}", stage.op.origin(), record.alias));
            browser.get(&stage.daemon.url(&format!("/sso/start?iss={issuer}")))
        }
        _ => browser.get(record.url("main")),
    };
    let Some(location) = start.header("location") else { return Err(format!("the start answered {start}")) };
    let callback = browser.at_provider(location, person);
    let response = browser.call_back(&callback);
    let session = stage.is_signed_in(&mut browser, "main");
    let known = stage
        .people()
        .into_iter()
        .find(|known| known["identities"][0]["issuer"].as_str().is_some_and(|of| of.ends_with(&format!("/{}", record.alias))));
    let audit = stage.last_audit();
    let outcome = audit["outcome"].as_str().unwrap_or_default().to_owned();
    leaks_nothing(&response)?;
    match expect {
        Expect::Refused => match (session, known, response.status) {
            (false, None, status @ (400..=409 | 502 | 503)) if outcome != "ok" => Ok(format!("refused: {status} `{outcome}`")),
            (session, known, _) => Err(format!("session {session}, record {known:?}, audit {outcome}, {response}")),
        },
        _ if response.status != 303 || !session || outcome != "ok" => Err(format!("session {session}, audit {outcome}, {response}")),
        Expect::SignedInWithUserinfo => match known.map(|known| known["email"].clone()) {
            Some(email) if email.is_string() => Ok("signed in, with the address".to_owned()),
            other => Err(format!("the record is {other:?}")),
        },
        _ if known.is_none() => Err("no record".to_owned()),
        _ => Ok("signed in".to_owned()),
    }
}

/// RFC 9700 sections 4.2 and 4.3: the address of the callback holds a code, so it must not travel on.
fn leaks_nothing(response: &Response) -> Result<(), String> {
    let has = |name: &str, text: &str| response.header(name).is_some_and(|value| value.contains(text));
    let is_sealed = has("referrer-policy", "no-referrer") && has("cache-control", "no-store");
    let loads_elsewhere = response.text().contains("src=\"http") || response.text().contains("href=\"http://evil");
    if is_sealed && !loads_elsewhere { Ok(()) } else { Err(format!("the callback's answer leaks: {response}")) }
}

fn percent_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn stopped(stage: &Stage, alias: &str) -> Result<String, String> {
    match stage.op.count(alias, Endpoint::Authorize) {
        0 => Ok("stopped before the browser was sent there".to_owned()),
        count => Err(format!("{count} authorization requests")),
    }
}
