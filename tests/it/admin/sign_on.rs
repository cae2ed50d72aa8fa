//! Integrations > Single Sign On in the browser: from an empty page to people who sign in.

use op_sim::{OpSim, Script};
use serde_json::json;

use super::{Desk, plain};
use crate::harness::{Browser, Daemon, Site};

/// A daemon and a provider.
struct Stage {
    op: OpSim,
    daemon: Daemon,
}

impl Stage {
    fn new() -> Self {
        let op = OpSim::start();
        let site = Site::new(op.origin());
        site.write_pair("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "not~a~real.secret");
        Self { op, daemon: Daemon::start(site) }
    }

    /// An issuer, and the fields of the form that makes its record.
    fn issuer(&self, alias: &str, mut script: Script) -> Vec<(&'static str, String)> {
        script.client.redirect_uri = Some(format!("{}/sso/openid", self.daemon.site.origin()));
        let client = script.client.clone();
        let issuer = self.op.issuer(alias, script);
        vec![
            ("name", alias.to_owned()),
            ("audience", "users".to_owned()),
            ("authorization_uri", issuer.authorization_uri),
            ("token_url", issuer.token_url),
            ("client_id", client.id),
            ("client_secret", client.secrets[0].clone()),
        ]
    }

    /// Adds it by the form; the path of its page.
    #[track_caller]
    fn add(&self, desk: &mut Desk, fields: &[(&'static str, String)]) -> String {
        let form: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = desk.post("/admin/sso/new", &form).expect(303);
        answer.header("location").unwrap().split('?').next().unwrap().to_owned()
    }
}

/// Signs in at the provider as `person` and brings the answer back; what comes.
fn sign_in(browser: &mut Browser, start: &str, person: &str) -> crate::harness::Answer {
    let begun = browser.get(start).expect(303);
    let mut url = url::Url::parse(begun.header("location").unwrap()).unwrap();
    url.query_pairs_mut().append_pair("as", person);
    let sent = browser.get(url.as_str());
    browser.get(sent.header("location").unwrap_or_else(|| panic!("{} {}", sent.status, sent.body)))
}

#[test]
fn a_record_is_added_tested_enabled_used_and_removed_in_the_browser() {
    let stage = Stage::new();
    let mut desk = Desk::enter(&stage.daemon);
    let origin = desk.origin.clone();
    desk.get("/admin/sso").expect(200).says(&[
        "Enable SSO for users",
        "Enable SSO for customers",
        "OpenID Connect",
        "Add Open ID Client record",
        "/sso/openid",
    ]);
    let fields = stage.issuer("op", Script::default());
    let path = stage.add(&mut desk, &fields);
    let page = desk.get(&path).expect(200);
    let id = path.rsplit('/').next().unwrap().to_owned();
    let (main, portal) = (format!("{origin}/sso/login/{id}/main"), format!("{origin}/sso/login/{id}/portal"));
    page.says(&["It was never tried", &main, &portal, "Main App", "Knowledgebase"]);
    assert!(!page.body.contains(&fields[5].1), "the secret is never shown");

    let refused = desk.press(&path, "enable", &[]).expect(409);
    refused.says(&["This record was never tried", "Enable it all the same"]);
    let tried = sign_in(&mut desk.browser, &format!("{origin}/sso/test/{id}"), "ann");
    let result = desk.get(tried.expect(303).header("location").unwrap()).expect(200);
    result.says(&["ann@example.test", "The signature is the provider's", "would become a new user", "What was checked", "iss"]);
    assert_eq!(stage.daemon.get("/v1/people").json()["items"], json!([]), "a test changes nothing");

    let answer = desk.press(&path, "enable", &[]);
    desk.follow(answer).says(&["The client record is enabled", "SSO for users is switched off"]);
    desk.post_and_follow("/admin/sso/switch", &[("kind", "users"), ("enabled", "true")]).says(&["Single sign-on is on for users"]);
    sign_in(&mut Browser::new(), &format!("{origin}/sso/login/{id}/main"), "ann").expect(303);
    desk.get("/admin/sso").says(&["1 signed in"]);
    desk.get("/admin/people").says(&["ann@example.test"]);

    desk.post_and_follow("/admin/sso/switch", &[("kind", "users"), ("enabled", "false")]).says(&["Single sign-on is off for users"]);
    desk.get(&format!("{path}/remove")).expect(200).says(&["Its secret is erased"]);
    let answer = desk.press(&path, "remove", &[]);
    desk.follow(answer).says(&["The client record was removed"]);
    assert_eq!(stage.daemon.get("/v1/sso/connections").json(), json!([]));
}

#[test]
fn an_edited_record_keeps_its_secret_and_takes_the_rest() {
    let stage = Stage::new();
    let mut desk = Desk::enter(&stage.daemon);
    let mut fields = stage.issuer("op", Script::default());
    let path = stage.add(&mut desk, &fields);
    fields.retain(|(name, _)| *name != "client_secret" && *name != "audience");
    let made_from = super::values(&desk.get(&format!("{path}/edit")).body, "made_from").remove(0);
    fields[0].1 = "Renamed".to_owned();
    fields.extend([
        ("made_from", made_from),
        ("group_rules", "desk = kb\r\nchiefs = admin, main".to_owned()),
        ("email_domains", "example.test, example.com".to_owned()),
        ("secret_expires_at", "2031-02-03".to_owned()),
        ("client_secret", String::new()),
    ]);
    let form: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    desk.post_and_follow(&format!("{path}/edit"), &form).says(&["The client record was changed", "chiefs = admin, main"]);
    let record = &stage.daemon.get("/v1/sso/connections").json()[0];
    assert_eq!((&record["name"], &record["email_domains"]), (&json!("Renamed"), &json!(["example.test", "example.com"])));
    assert_eq!(record["secret_expires_at"], "2031-02-03T00:00:00Z");
    assert_eq!(record["group_rules"], json!([{"group": "desk", "apps": ["kb"]}, {"group": "chiefs", "role": "admin", "apps": ["main"]}]));
    let id = path.rsplit('/').next().unwrap();
    let tried = sign_in(&mut desk.browser, &format!("{}/sso/test/{id}", desk.origin), "ann");
    tried.expect(303);
    desk.get("/admin/credentials").says(&["Client secret of Renamed", "3 Feb 2031"]);
}

#[test]
fn who_signs_in_with_the_admin_role_administers_and_nobody_else_does() {
    let stage = Stage::new();
    let mut desk = Desk::enter(&stage.daemon);
    let origin = desk.origin.clone();
    let mut script = Script::default();
    script.people.insert("chief".to_owned(), json!({"groups": ["chiefs"]}).as_object().unwrap().clone());
    script.people.insert("agent".to_owned(), json!({"groups": ["agents"]}).as_object().unwrap().clone());
    let mut fields = stage.issuer("op", script);
    fields.push(("group_rules", "chiefs = admin".to_owned()));
    let path = stage.add(&mut desk, &fields);
    let id = path.rsplit('/').next().unwrap().to_owned();
    desk.press(&path, "enable", &[("confirm", "1")]).expect(303);
    desk.post("/admin/sso/switch", &[("kind", "users"), ("enabled", "true")]).expect(303);

    let mut chief = Browser::new();
    chief.get(&format!("{origin}/admin")).expect(403).says(&["Sign in with op", &format!("/sso/login/{id}/main?return_to=%2Fadmin")]);
    let back = sign_in(&mut chief, &format!("{origin}/sso/login/{id}/main?return_to=%2Fadmin"), "chief").expect(303);
    assert_eq!(back.header("location"), Some("/admin"));
    chief.get(&format!("{origin}/admin")).expect(200).says(&["chief@example.test"]);
    let mut agent = Browser::new();
    sign_in(&mut agent, &format!("{origin}/sso/login/{id}/main"), "agent").expect(303);
    agent.get(&format!("{origin}/admin")).expect(403);

    // A form of theirs counts, and the switch ends their session at once.
    let page = chief.get(&format!("{origin}/admin/explain")).body;
    let mut as_chief = Desk { browser: chief, origin, token: super::values(&page, "token").pop().unwrap() };
    as_chief.post("/admin/explain", &[("text", "AADSTS50173")]).expect(200);
    desk.post("/admin/sso/switch", &[("kind", "users"), ("enabled", "false")]).expect(303);
    as_chief.get("/admin").expect(403);
}

#[test]
fn a_conflict_is_shown_from_both_sides_and_decided() {
    let stage = Stage::new();
    let mut desk = Desk::enter(&stage.daemon);
    super::add_person(&stage.daemon, "user", "ann@example.test", "Ann the Agent");
    let fields = stage.issuer("op", Script::default());
    let path = stage.add(&mut desk, &fields);
    let id = path.rsplit('/').next().unwrap().to_owned();
    desk.press(&path, "enable", &[("confirm", "1")]).expect(303);
    desk.post("/admin/sso/switch", &[("kind", "users"), ("enabled", "true")]).expect(303);
    let start = format!("{}/sso/login/{id}/main", desk.origin);
    sign_in(&mut Browser::new(), &start, "ann").expect(409);
    desk.get("/admin").says(&["1 sign-in waits for your decision"]);
    let page = desk.get("/admin/people/conflicts").expect(200);
    page.says(&["Ann the Agent", "ann@example.test", "I am sure that both are the same person"]);
    let action = plain(page.body.split("action=\"").find(|part| part.contains("conflicts")).unwrap().split('"').next().unwrap());
    desk.post(&action, &[("decision", "approve")]).expect(409).says(&["tick the box"]);
    desk.post(&action, &[("decision", "perhaps")]).expect(400);
    desk.post_and_follow(&action, &[("decision", "approve"), ("sure", "1")])
        .says(&["The account was linked", "Nothing waits for a decision"]);
    sign_in(&mut Browser::new(), &start, "ann").expect(303);
    desk.post(&action, &[("decision", "deny")]).expect(404);
}

#[test]
fn a_record_of_azure_ad_v1_is_upgraded_after_a_question() {
    let stage = Stage::new();
    let mut desk = Desk::enter(&stage.daemon);
    let base = format!("{}/11111111-2222-3333-4444-555555555555/oauth2", stage.op.origin());
    let fields = [
        ("name", "Old".to_owned()),
        ("audience", "users".to_owned()),
        ("authorization_uri", format!("{base}/authorize")),
        ("token_url", format!("{base}/token")),
        ("client_id", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee".to_owned()),
        ("client_secret", "some~secret".to_owned()),
    ];
    let path = stage.add(&mut desk, &fields);
    desk.get(&path).expect(200).says(&["Azure AD v1", "Upgrade to v2"]);
    desk.get(&format!("{path}/upgrade")).expect(200).says(&["/oauth2/v2.0/authorize", "Everybody stays linked"]);
    let answer = desk.press(&path, "upgrade", &[]);
    desk.follow(answer).says(&["The client record uses the v2 URLs now", "/oauth2/v2.0/token"]);
    desk.get(&format!("{path}/upgrade")).expect(200).says(&["This record is not of Azure AD v1"]);
}
