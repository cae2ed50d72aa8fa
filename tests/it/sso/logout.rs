//! Sign-out: by us, by the provider in a frame, and by the provider behind the browser's back. Rows of the conformance table.

use op_sim::{Algorithm, Client, Edit, Script, Token};
use serde_json::json;

use super::browser::{Browser, attributes, parameter};
use super::http::{Request, Response};
use super::stage::{Record, Stage};

/// A row of the table.
pub struct Row {
    pub name: String,
    pub provider: &'static str,
    pub result: Result<String, String>,
}

/// The provider's logout notice by POST, in one condition.
struct Notice {
    name: &'static str,
    provider: &'static str,
    edits: fn() -> Vec<Edit>,
    algorithm: Algorithm,
    is_good: bool,
}

const fn notice(name: &'static str, provider: &'static str, edits: fn() -> Vec<Edit>, is_good: bool) -> Notice {
    Notice { name, provider, edits, algorithm: Algorithm::Rs256, is_good }
}

const NOTICES: &[Notice] = &[
    notice("", "posts a valid logout token", Vec::new, true),
    Notice { algorithm: Algorithm::None, ..notice("-alg-none", "unsigned", Vec::new, false) },
    Notice { algorithm: Algorithm::Es256, ..notice("-wrong-alg", "ES256 where the metadata says RS256", Vec::new, false) },
    notice("-wrong-iss", "another `iss`", || vec![Edit::append("iss", "INVALID")], false),
    notice("-wrong-aud", "another `aud`", || vec![Edit::append("aud", "INVALID")], false),
    notice("-no-event", "no `events`", || vec![Edit::remove("events")], false),
    notice("-wrong-event", "another event", || vec![Edit::set("events", json!({"http://schemas.openid.net/event/foo": {}}))], false),
    notice("-with-nonce", "with a `nonce`", || vec![Edit::set("nonce", "n")], false),
    notice(
        ": events as a list",
        "`events` is a list",
        || vec![Edit::set("events", json!(["http://schemas.openid.net/event/backchannel-logout"]))],
        false,
    ),
    notice(": no iat", "no `iat`", || vec![Edit::remove("iat")], false),
    notice(": no jti", "no `jti`", || vec![Edit::remove("jti")], false),
    notice(": no exp", "no `exp`", || vec![Edit::remove("exp")], false),
    notice(": neither sub nor sid", "neither `sub` nor `sid`", || vec![Edit::remove("sub"), Edit::remove("sid")], false),
    notice(": life of an hour", "`exp` an hour after `iat`", || vec![Edit::set("exp", 4_102_444_800_u64)], false),
    notice(": sid of somebody else", "a `sid` that nobody has, no `sub`", || vec![Edit::set("sid", "nobody"), Edit::remove("sub")], false),
];

/// Runs every module of the logout plans.
pub fn rows(stage: &Stage) -> Vec<Row> {
    let back = "oidcc-client-test-rp-backchannel-rpinitlogout";
    let mut rows = Vec::new();
    for (name, provider, edits) in [
        ("oidcc-client-test-rp-init-logout", "sends the browser back with `state`", Vec::new()),
        ("oidcc-client-test-rp-init-logout-other-state", "sends it back with another `state`", vec![Edit::set("state", "other")]),
        ("oidcc-client-test-rp-init-logout-no-state", "sends it back without `state`", vec![Edit::remove("state")]),
    ] {
        let result = rp_initiated(stage, &name.replace("oidcc-client-test-", ""), edits);
        rows.push(Row { name: name.to_owned(), provider, result });
    }
    for (name, started_here) in [("rp-frontchannel-rpinitlogout", true), ("rp-frontchannel-opinitlogout", false)] {
        let result = front_channel(stage, name, started_here);
        rows.push(Row { name: format!("oidcc-client-test-{name}"), provider: "loads our logout URI in a frame", result });
    }
    let result = back_channel_by_the_provider(stage);
    rows.push(Row { name: back.to_owned(), provider: "posts a logout token when we sign out", result });
    let record = logout_record(stage, "notices", Vec::new());
    for (number, notice) in NOTICES.iter().enumerate() {
        let result = back_channel(stage, &record, number, notice);
        rows.push(Row { name: format!("{back}{}", notice.name), provider: notice.provider, result });
    }
    rows.push(Row { name: format!("{back}: replayed jti"), provider: "posts the same token twice", result: replayed(stage, &record) });
    rows.push(Row { name: format!("{back}: sub only"), provider: "names the person, not the session", result: by_person(stage, &record) });
    rows.push(Row { name: format!("{back}: shape"), provider: "GET, no token, two tokens", result: misshapen(stage, &record) });
    rows.push(Row {
        name: "oidcc-client-test-session-management".to_owned(),
        provider: "a frame that watches the session",
        result: Ok("not for us: browsers keep cookies from such frames".to_owned()),
    });
    rows
}

/// A record whose provider knows our three logout addresses and signs by RS256 alone.
fn logout_record(stage: &Stage, alias: &str, logout_return: Vec<Edit>) -> Record {
    let client = Client {
        post_logout_redirect_uri: Some(stage.daemon.url("/sso/signed-out")),
        frontchannel_logout_uri: Some(stage.daemon.url("/sso/frontchannel-logout")),
        backchannel_logout_uri: Some(stage.daemon.url("/sso/backchannel-logout")),
        ..Client::default()
    };
    let metadata = vec![Edit::set("id_token_signing_alg_values_supported", json!(["RS256"]))];
    stage.record(alias, Script { client, metadata, logout_return, ..Script::default() })
}

fn signed_in(stage: &Stage, record: &Record, person: &str) -> Result<(Browser, String), String> {
    let mut browser = Browser::new();
    let response = browser.sign_in(record.url("main"), person);
    if !stage.is_signed_in(&mut browser, "main") {
        return Err(format!("no session to end: {response}"));
    }
    Ok((browser, stage.op.last_sid(&record.alias)))
}

fn expect(is_so: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(otherwise()) }
}

fn rp_initiated(stage: &Stage, alias: &str, returned: Vec<Edit>) -> Result<String, String> {
    let record = logout_record(stage, alias, returned);
    stage.op.change(alias, |script| script.client.frontchannel_logout_uri = None);
    let (mut browser, _) = signed_in(stage, &record, alias)?;
    let response = browser.post(&stage.daemon.url("/sso/logout"), &[]);
    expect(response.status == 303, || format!("the logout answers {response}"))?;
    expect(!stage.is_signed_in(&mut browser, "main"), || "the session lives on".to_owned())?;
    expect(response.location().contains(&format!("/{alias}/end_session")), || format!("not sent to the provider: {response}"))?;
    let (page, at) = browser.follow(response.location());
    expect(page.status == 200 && at.path() == "/sso/signed-out", || format!("ends at {at}: {page}"))?;
    expect(stage.op.violations(alias).is_empty(), || stage.op.violations(alias).join("; "))?;
    Ok("signed out here and there, and back".to_owned())
}

fn front_channel(stage: &Stage, alias: &str, started_here: bool) -> Result<String, String> {
    let record = logout_record(stage, alias, Vec::new());
    stage.op.change(alias, |script| script.client.backchannel_logout_uri = None);
    let (mut browser, sid) = signed_in(stage, &record, alias)?;
    let (mut bystander, _) = signed_in(stage, &record, &format!("{alias}-bystander"))?;
    stage.op.change(alias, |script| script.client.post_logout_redirect_uri = None);
    let frame = if started_here {
        let response = browser.post(&stage.daemon.url("/sso/logout"), &[]);
        let page = browser.get(response.location()).text();
        attributes(&page, "src").pop().ok_or("no frame")?
    } else {
        stage.op.frontchannel_url(alias, &sid).ok_or("no frame")?
    };
    // Entra's frame is of another site: our cookie does not come along.
    let foreign = Browser::new().get(&frame.replace("iss=http", "iss=https"));
    expect(started_here || stage.is_signed_in(&mut browser, "main"), || format!("a foreign iss ended the session: {foreign}"))?;
    let response = Browser::new().get(&frame);
    expect(response.status == 200, || format!("the frame gets {response}"))?;
    expect(!forbids_frames(&response), || format!("must be framable: {response}"))?;
    expect(!stage.is_signed_in(&mut browser, "main"), || "the session lives on".to_owned())?;
    if !started_here {
        expect(stage.is_signed_in(&mut bystander, "main"), || "another session ended too".to_owned())?;
    }
    Ok("200, framable, this session ended".to_owned())
}

/// Whether browsers would refuse to show it in a frame.
pub fn forbids_frames(response: &Response) -> bool {
    let policy = response.header("content-security-policy").unwrap_or_default();
    let is_open = policy.split(';').find_map(|rule| rule.trim().strip_prefix("frame-ancestors ")).is_some_and(|who| who.trim() != "'none'");
    response.header("x-frame-options").is_some() || !is_open && policy.contains("frame-ancestors")
}

fn back_channel_by_the_provider(stage: &Stage) -> Result<String, String> {
    let record = logout_record(stage, "backchannel", Vec::new());
    let (mut browser, _) = signed_in(stage, &record, "backchannel")?;
    let mut copy = browser.clone();
    let response = browser.post(&stage.daemon.url("/sso/logout"), &[]);
    let _ = browser.get(response.location());
    let notices = stage.op.notices("backchannel");
    expect(notices.len() == 1 && notices[0].status == 200 && notices[0].no_store, || format!("it was answered {notices:?}"))?;
    expect(!stage.is_signed_in(&mut copy, "main"), || "the session lives on".to_owned())?;
    Ok("200, not cached, session ended".to_owned())
}

fn post_token(stage: &Stage, token: &str) -> Response {
    Browser::new().post(&stage.daemon.url("/sso/backchannel-logout"), &[("logout_token", token)])
}

fn back_channel(stage: &Stage, record: &Record, number: usize, notice: &Notice) -> Result<String, String> {
    let person = format!("notice{number}");
    let (mut browser, sid) = signed_in(stage, record, &person)?;
    stage.op.change(&record.alias, |script| script.logout_token = Token { algorithm: notice.algorithm, seconds: 120, ..Token::default() });
    let token = stage.op.logout_token(&record.alias, Some(&person), Some(&sid), &(notice.edits)());
    stage.op.change(&record.alias, |script| script.logout_token = Token { seconds: 120, ..Token::default() });
    let response = post_token(stage, &token);
    let lives = stage.is_signed_in(&mut browser, "main");
    // A token about a session that nobody has is in order, and ends nothing.
    let about_nobody = notice.name.contains("somebody else");
    let expected = if notice.is_good || about_nobody { 200 } else { 400 };
    expect(response.status == expected, || format!("answered {response}"))?;
    expect(response.header("cache-control").is_some_and(|value| value.contains("no-store")), || format!("may be cached: {response}"))?;
    expect(lives != notice.is_good, || format!("the session lives: {lives}"))?;
    Ok(if lives { format!("{expected}, the session stays") } else { format!("{expected}, not cached, session ended") })
}

fn replayed(stage: &Stage, record: &Record) -> Result<String, String> {
    let (_, sid) = signed_in(stage, record, "replayed")?;
    let token = stage.op.logout_token(&record.alias, Some("replayed"), Some(&sid), &[]);
    let statuses = [post_token(stage, &token).status, post_token(stage, &token).status];
    expect(statuses == [200, 400], || format!("answered {statuses:?}"))?;
    Ok("200, then 400".to_owned())
}

fn by_person(stage: &Stage, record: &Record) -> Result<String, String> {
    let (mut first, _) = signed_in(stage, record, "everywhere")?;
    let (mut second, _) = signed_in(stage, record, "everywhere")?;
    let (mut other, _) = signed_in(stage, record, "bystander")?;
    let response = post_token(stage, &stage.op.logout_token(&record.alias, Some("everywhere"), None, &[]));
    expect(response.status == 200, || format!("answered {response}"))?;
    let live = [&mut first, &mut second, &mut other].map(|browser| stage.is_signed_in(browser, "main"));
    expect(live == [false, false, true], || format!("sessions live: {live:?}"))?;
    Ok("200, all sessions of that person ended".to_owned())
}

fn misshapen(stage: &Stage, record: &Record) -> Result<String, String> {
    let (mut browser, sid) = signed_in(stage, record, "misshapen")?;
    let token = stage.op.logout_token(&record.alias, None, Some(&sid), &[]);
    let url = stage.daemon.url("/sso/backchannel-logout");
    let got = Browser::new().get(&format!("{url}?logout_token={token}")).status;
    let nothing = Browser::new().post(&url, &[]).status;
    let twice = Browser::new().post(&url, &[("logout_token", &token), ("logout_token", &token)]).status;
    expect([400, 405].contains(&got) && nothing == 400 && twice == 400, || format!("answered {got}, {nothing}, {twice}"))?;
    expect(stage.is_signed_in(&mut browser, "main"), || "the session ended".to_owned())?;
    Ok(format!("{got}, 400, 400; the session stays"))
}

#[test]
fn signing_out_is_no_link_that_others_can_make_a_browser_follow() {
    let stage = Stage::new();
    let record = logout_record(&stage, "csrf", Vec::new());
    let (mut browser, _) = signed_in(&stage, &record, "ann").unwrap();
    assert_eq!(browser.get(&stage.daemon.url("/sso/logout")).status, 405);
    let cookies = browser.cookie_header(&stage.daemon.address().ip().to_string());
    let headers = [("Cookie", cookies.as_str()), ("Origin", "https://evil.example.test"), ("Sec-Fetch-Site", "cross-site")];
    let request = Request { method: "POST", target: "/sso/logout", host: "localhost", headers: &headers, body: b"" };
    let response = request.over_tcp(stage.daemon.address());
    assert!(response.status >= 400, "{response}");
    assert!(stage.is_signed_in(&mut browser, "main"));
}

#[test]
fn the_way_to_the_providers_logout_names_the_session_or_the_client() {
    let stage = Stage::new();
    let record = logout_record(&stage, "named", Vec::new());
    let (mut browser, _) = signed_in(&stage, &record, "ann").unwrap();
    let response = browser.post(&stage.daemon.url("/sso/logout"), &[]);
    let url = url::Url::parse(response.location()).unwrap();
    assert_eq!(parameter(&url, "post_logout_redirect_uri").as_deref(), Some(stage.daemon.url("/sso/signed-out").as_str()));
    assert!(parameter(&url, "id_token_hint").is_some() || parameter(&url, "client_id").is_some(), "{url}");
}
