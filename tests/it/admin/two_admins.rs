//! Two administrators with one record: nobody's change is lost without a word.

use serde_json::{Value, json};

use super::{Desk, add_record, values};
use crate::harness::{Answer, Daemon, World, send};

/// The form of a record as a browser has it: all that stands in it, in the order of the page.
struct Sheet {
    path: String,
    fields: Vec<(String, String)>,
}

impl Sheet {
    const FIELDS: [&str; 7] = ["made_from", "name", "authorization_uri", "token_url", "client_id", "scopes", "issuer"];

    #[track_caller]
    fn open(desk: &mut Desk, record: &str) -> Self {
        let path = format!("/admin/sso/{record}/edit");
        let page = desk.get(&path).expect(200);
        Self::of(path, &page)
    }

    #[track_caller]
    fn of(path: String, page: &Answer) -> Self {
        let typed = |name: &str| {
            super::plain(
                page.body.split(&format!(" name=\"{name}\"")).nth(1).unwrap().split("value=\"").nth(1).unwrap().split('"').next().unwrap(),
            )
        };
        Self { path, fields: Self::FIELDS.map(|name| (name.to_owned(), typed(name))).to_vec() }
    }

    fn get(&self, name: &str) -> &str {
        &self.fields.iter().find(|(known, _)| known == name).unwrap().1
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    #[track_caller]
    fn send(&self, desk: &mut Desk) -> Answer {
        let fields: Vec<(&str, &str)> = self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        desk.post(&self.path, &fields)
    }
}

fn stored(daemon: &Daemon, record: &str) -> Value {
    daemon.get(&format!("/v1/sso/connections/{record}")).expect(200).json()
}

#[test]
fn the_second_of_two_administrators_is_told_and_keeps_what_was_typed() {
    let world = World::start();
    let record = add_record(&world.daemon, "Azure AD");
    let (mut ann, mut ben) = (Desk::enter(&world.daemon), Desk::enter(&world.daemon));
    let (of_ann, of_ben) = (Sheet::open(&mut ann, &record), Sheet::open(&mut ben, &record));
    of_ben.with("scopes", "openid email").with("name", "Ben's name").send(&mut ben).expect(303);

    let typed = of_ann.with("name", "Ann's name").with("client_secret", "typed~secret.value");
    let page = typed.send(&mut ann).expect(409);
    page.says(&[
        "Somebody changed this record while you edited it",
        "Ben's name",
        "Ann's name",
        "openid email",
        "you did not touch this field",
    ]);
    page.says(&["type yours again", "Save this all the same", "Start from what stands there now"]);
    assert!(!page.body.contains("typed~secret"));
    assert_eq!(stored(&world.daemon, &record)["name"], "Ben's name", "nothing was saved");

    // The form goes on from what stands now: ours where we typed, theirs where we did not.
    let merged = Sheet::of(format!("/admin/sso/{record}/edit"), &page);
    assert_eq!((merged.get("name"), merged.get("scopes")), ("Ann's name", "openid email"));
    merged.send(&mut ann).expect(303);
    let now = stored(&world.daemon, &record);
    assert_eq!((&now["name"], &now["scopes"]), (&json!("Ann's name"), &json!(["openid", "email"])));
    let fresh = Sheet::open(&mut ben, &record);
    assert_eq!(fresh.get("name"), "Ann's name");
}

#[test]
fn saving_all_the_same_is_refused_again_when_it_was_changed_once_more() {
    let world = World::start();
    let record = add_record(&world.daemon, "Azure AD");
    let mut desk = Desk::enter(&world.daemon);
    let old = Sheet::open(&mut desk, &record).with("name", "Mine");
    let change = |wishes: &Value| world.daemon.call("PATCH", &format!("/v1/sso/connections/{record}"), Some(wishes)).expect(200);
    change(&json!({"client_secret": "another~one.of.them"}));
    let page = old.send(&mut desk).expect(409);
    page.says(&["Another secret, or another second one"]);
    let again = Sheet::of(old.path.clone(), &page);
    change(&json!({"name": "Theirs"}));
    let page = again.send(&mut desk).expect(409);
    page.says(&["Theirs", "Mine"]);
    assert!(!page.body.contains("Another secret"), "that one was told already");
    // The same change twice is no quarrel.
    change(&json!({"name": "Mine"}));
    let page = Sheet::of(old.path, &page).send(&mut desk).expect(409);
    page.says(&["All that you see here is the same again"]);
}

#[test]
fn what_no_administrator_set_is_no_quarrel() {
    let world = World::start();
    let record = add_record(&world.daemon, "Azure AD");
    let mut desk = Desk::enter(&world.daemon);
    let sheet = Sheet::open(&mut desk, &record).with("name", "Mine");
    // As after a test sign-in, and after the record was enabled.
    world.daemon.call("PATCH", &format!("/v1/sso/connections/{record}"), Some(&json!({"enabled": true, "confirm": true}))).expect(200);
    sheet.send(&mut desk).expect(303);
    let now = stored(&world.daemon, &record);
    assert_eq!((&now["name"], &now["enabled"]), (&json!("Mine"), &json!(true)));
}

#[test]
fn a_form_that_does_not_say_what_it_was_made_from_changes_nothing() {
    let world = World::start();
    let record = add_record(&world.daemon, "Azure AD");
    let mut desk = Desk::enter(&world.daemon);
    for made_from in ["", "x", "....", "\u{1F980}.000000"] {
        let sheet = Sheet::open(&mut desk, &record).with("made_from", made_from).with("name", "Mine");
        sheet.send(&mut desk).expect(409).says(&["Azure AD", "Mine"]);
    }
    assert_eq!(stored(&world.daemon, &record)["name"], "Azure AD");
    assert_eq!(values(&desk.get(&format!("/admin/sso/{record}/edit")).body, "made_from").len(), 1);
}

#[test]
fn the_api_changes_what_stands_unless_the_caller_says_what_it_knows() {
    let world = World::start();
    let record = add_record(&world.daemon, "Azure AD");
    let path = format!("/v1/sso/connections/{record}");
    let change = |name: &str, tag: Option<&str>| {
        let mut headers = vec!["content-type: application/json".to_owned()];
        headers.extend(tag.map(|tag| format!("if-match: {tag}")));
        send(&world.daemon.api(), "PATCH", &path, &headers, json!({"name": name}).to_string().as_bytes()).unwrap()
    };
    let tag = world.daemon.get(&path).header("etag").unwrap().to_owned();
    let newer = change("first", Some(&tag)).expect(200).header("etag").unwrap().to_owned();
    assert_ne!(tag, newer);
    let refused = change("second", Some(&tag)).expect(412).json();
    assert_eq!(refused["code"], "changed_meanwhile");
    assert_eq!(stored(&world.daemon, &record)["name"], "first");
    change("third", Some(&format!("{tag}, {newer}"))).expect(200);
    change("fourth", Some("*")).expect(200);
    change("fifth", None).expect(200);
    let act = |method: &str, path: &str, tag: &str| send(&world.daemon.api(), method, path, &[format!("if-match: {tag}")], b"").unwrap();
    let upgrade = format!("{path}/upgrade");
    for (method, path) in [("POST", &upgrade), ("DELETE", &path)] {
        assert_eq!(act(method, path, &newer).expect(412).json()["code"], "changed_meanwhile", "{method}");
    }
    let now = world.daemon.get(&path).header("etag").unwrap().to_owned();
    assert_eq!(act("POST", &upgrade, &now).expect(409).json()["code"], "not_v1");
    act("DELETE", &path, &now).expect(204);
    act("DELETE", &path, &now).expect(404);
}

#[test]
fn a_button_of_an_outdated_page_does_nothing_and_shows_what_stands_now() {
    let world = World::start();
    let record = add_record(&world.daemon, "Azure AD");
    let path = format!("/admin/sso/{record}");
    let mut desk = Desk::enter(&world.daemon);
    let change = |wishes: &Value| world.daemon.call("PATCH", &format!("/v1/sso/connections/{record}"), Some(wishes)).expect(200);
    let enabled = json!({"enabled": true, "confirm": true});
    for (what, name, page) in
        [("enable", "First", ""), ("disable", "Second", ""), ("remove", "Third", "/remove"), ("upgrade", "Fourth", "")]
    {
        change(&enabled);
        if what == "enable" {
            change(&json!({"enabled": false}));
        }
        let before = values(&desk.get(&format!("{path}{page}")).expect(200).body, "made_from").remove(0);
        change(&json!({"name": name}));
        let as_changed = stored(&world.daemon, &record);
        for seen in [before.as_str(), "", ".", "x.on"] {
            let answer = desk.post(&format!("{path}/{what}"), &[("made_from", seen), ("confirm", "1")]).expect(409);
            answer.says(&["Nothing was done", "Somebody changed this client record meanwhile", name]);
            assert_eq!(stored(&world.daemon, &record), as_changed, "{what} from {seen:?}");
        }
    }
    // The page that came with the refusal leads on.
    let page = desk.post(&format!("{path}/disable"), &[]).expect(409);
    let seen = values(&page.body, "made_from").remove(0);
    desk.post(&format!("{path}/disable"), &[("made_from", &seen)]).expect(303);
    assert_eq!(stored(&world.daemon, &record)["enabled"], json!(false));
}

#[test]
fn a_record_that_was_asked_about_while_it_was_off_is_not_removed_once_it_is_on() {
    let world = World::start();
    let record = add_record(&world.daemon, "Azure AD");
    let path = format!("/admin/sso/{record}");
    let mut desk = Desk::enter(&world.daemon);
    let seen = values(&desk.get(&format!("{path}/remove")).expect(200).body, "made_from").remove(0);
    let enabled = json!({"enabled": true, "confirm": true});
    world.daemon.call("PATCH", &format!("/v1/sso/connections/{record}"), Some(&enabled)).expect(200);
    desk.post(&format!("{path}/remove"), &[("made_from", &seen)]).expect(409).says(&["Nothing was done", "Enabled"]);
    desk.press(&path, "remove", &[]).expect(303);
    desk.post(&format!("{path}/remove"), &[("made_from", &seen)]).expect(404);
}
