//! Every page: for whom it is, what it is made of, and that nothing of a stranger's becomes markup.

use serde_json::json;

use super::{Desk, add_person, add_record, plain};
use crate::harness::{Answer, Browser, SUPPORT, World};

const PATHS: [&str; 16] = [
    "/admin",
    "/admin/",
    "/admin/credentials",
    "/admin/mailboxes",
    "/admin/mailboxes/calendar",
    "/admin/mailboxes/connect",
    "/admin/directory",
    "/admin/sso",
    "/admin/sso/new",
    "/admin/people",
    "/admin/people/new",
    "/admin/people/conflicts",
    "/admin/audit",
    "/admin/audit?q=mailbox",
    "/admin/explain",
    "/admin/support",
];

/// A world with one of everything, and the paths of all its pages.
fn everything() -> (World, Vec<String>) {
    let world = World::connected();
    world.directory_journey("admin@example.test").expect(200);
    let record = add_record(&world.daemon, "Azure AD");
    let person = add_person(&world.daemon, "user", "agent@example.test", "Agent");
    let mut paths: Vec<String> = PATHS.iter().map(|path| (*path).to_owned()).collect();
    paths.extend(["", "/edit", "/upgrade", "/remove"].map(|end| format!("/admin/sso/{record}{end}")));
    paths.extend(["", "/remove"].map(|end| format!("/admin/mailboxes/{SUPPORT}{end}")));
    paths.push(format!("/admin/people/{person}/remove"));
    paths.push(format!("/admin/directory/{}/remove", entra_sim::TENANT));
    (world, paths)
}

#[track_caller]
fn is_a_page(path: &str, answer: &Answer) {
    let body = &answer.body;
    assert_eq!(answer.status, 200, "{path}: {body}");
    let policy = answer.header("content-security-policy").unwrap_or_default();
    assert!(
        policy.contains("script-src 'self'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"),
        "{path}: {policy}"
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    // With "no-referrer" browsers send "Origin: null" with their forms, and the guard takes those for foreign ones.
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{path}");
    assert!(body.contains("<html lang=\"en\"") && body.trim_end().ends_with("</html>"), "{path}");
    assert_eq!(body.matches("<h1").count(), 1, "{path}");
    assert_eq!(body.matches("<main").count(), 1, "{path}");
    assert!(!body.contains(" style=\"") && !body.contains("<style") && !body.contains(" onclick"), "{path}");
    for script in body.split("<script").skip(1) {
        assert!(script.starts_with(" src=\""), "{path}: an inline script");
    }
    let current = body.matches("aria-current=\"page\"").count();
    assert!((1..=2).contains(&current), "{path}: {current} places are the current one");
    for form in body.split("<form").skip(1).filter(|form| form.split('>').next().is_some_and(|tag| tag.contains("method=\"post\""))) {
        assert!(form.split("</form>").next().unwrap().contains("name=\"token\""), "{path}: a form without a token");
    }
    for address in super::plain(body).split("src=\"").chain(super::plain(body).split("href=\"")).skip(1) {
        let address = address.split('"').next().unwrap_or_default();
        assert!(!address.starts_with("http://cdn") && !address.starts_with("//"), "{path}: {address}");
    }
}

#[test]
fn every_page_is_for_whoever_has_a_session_and_nobody_else() {
    let (world, paths) = everything();
    let mut desk = Desk::enter(&world.daemon);
    let (mut stranger, mut program) = (Browser::new(), Browser::of_a_program());
    for path in &paths {
        is_a_page(path, &desk.get(path));
        let url = format!("{}{path}", desk.origin);
        stranger.get(&url).expect(403).says(&["onedeskctl admin-link"]);
        assert_eq!(program.get(&url).expect(403).json()["code"], "admin_only", "{path}");
        let refused = stranger.post(&url, &[("token", &desk.token)]).status;
        assert!([403, 405].contains(&refused), "{path}: {refused}");
    }
    desk.get("/admin/nowhere").expect(404).says(&["There is nothing at /admin/nowhere"]);
    stranger.get(&format!("{}/admin/nowhere", desk.origin)).expect(403);
    world.good_token(SUPPORT, "imap");
}

#[test]
fn no_page_opens_from_a_network_that_is_not_allowed() {
    let (mut world, paths) = everything();
    let mut desk = Desk::enter(&world.daemon);
    let link = world.daemon.call("POST", "/v1/admin-links", Some(&json!({}))).expect(201).json()["url"].as_str().unwrap().to_owned();
    world.daemon.site.set("admin.networks", "[\"192.0.2.0/24\"]");
    world.daemon.reload();
    for path in &paths {
        desk.get(path).expect(403).says(&["networks under [admin]"]);
    }
    desk.browser.get(&link).expect(403);
    desk.post("/admin/leave", &[]).expect(403);
}

#[test]
fn leaving_ends_the_session() {
    let world = World::start();
    let mut desk = Desk::enter(&world.daemon);
    let kept = desk.browser.clone();
    assert_eq!(desk.post("/admin/leave", &[]).expect(303).header("location"), Some("/admin/left"));
    desk.get("/admin").expect(403);
    desk.browser = kept;
    desk.get("/admin").expect(403);
    desk.get("/admin/left").expect(200).says(&["You have left the administration"]);
}

#[test]
fn a_session_outlives_a_restart_and_a_link_is_used_once() {
    let mut world = World::start();
    let mut desk = Desk::enter(&world.daemon);
    world.daemon.restart();
    desk.get("/admin").expect(200);
    let link = world.daemon.call("POST", "/v1/admin-links", Some(&json!({}))).expect(201).json()["url"].as_str().unwrap().to_owned();
    let ticket = link.split("ticket=").nth(1).unwrap().to_owned();
    let enter = format!("{}/admin/enter", desk.origin);
    Browser::new().get(&link).expect(200);
    Browser::new().post(&enter, &[("ticket", &ticket)]).expect(303);
    Browser::new().post(&enter, &[("ticket", &ticket)]).expect(400);
}

#[test]
fn what_strangers_write_is_text_on_every_page() {
    const EVIL: &str = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'&{{1234*4321}}";
    let world = World::connected();
    let record = add_record(&world.daemon, EVIL);
    let person = add_person(&world.daemon, "customer", "evil@example.test", EVIL);
    let mut desk = Desk::enter(&world.daemon);
    let query: String = form_urlencoded::byte_serialize(EVIL.as_bytes()).collect();
    for path in [
        "/admin/sso".to_owned(),
        format!("/admin/sso/{record}"),
        format!("/admin/sso/{record}/edit"),
        format!("/admin/sso/{record}/remove"),
        "/admin/people".to_owned(),
        format!("/admin/people/{person}/remove"),
        "/admin/audit".to_owned(),
        "/admin/credentials".to_owned(),
        format!("/admin/mailboxes?q={query}"),
        format!("/admin/people?q={query}"),
        format!("/admin/audit?q={query}"),
        format!("/admin/mailboxes/connect?address={query}"),
        format!("/admin/sso/new?audience={query}"),
        format!("/admin?done={query}"),
    ] {
        let page = desk.get(&path).expect(200).body;
        assert!(!page.contains("<script>") && !page.contains("<img src=x") && !page.contains("5332114"), "{path}: {page}");
    }
    assert!(plain(&desk.get("/admin/people").body).contains(EVIL));
    let page = desk.get(&format!("/admin/{query}")).expect(404).body;
    assert!(!page.contains("<script>alert"), "{page}");
}

#[test]
fn a_program_with_a_session_gets_problem_documents() {
    let world = World::start();
    let mut desk = Desk::enter(&world.daemon);
    desk.browser.accept = Some("application/json".into());
    for path in ["/admin/nothing", "/admin/mailboxes/nobody@example.test", "/admin/sso/nothing", "/admin/people/nothing/x"] {
        let answer = desk.get(path).expect(404);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        let document = answer.json();
        assert_eq!((&document["status"], &document["title"]), (&404.into(), &"not found".into()), "{path}: {document}");
        assert!(document["hint"].is_string() && document["request_id"].is_string(), "{path}: {document}");
    }
}

#[test]
fn the_first_page_is_small_with_its_style_and_loads_nothing_from_elsewhere() {
    let world = World::start();
    let mut desk = Desk::enter(&world.daemon);
    let page = desk.get("/admin").expect(200).body;
    let mut size = page.len();
    for address in plain(&page).split('"').filter(|text| text.starts_with("/assets/")) {
        size += desk.get(address).expect(200).body.len();
    }
    assert!(size <= 60 * 1024, "{size} bytes");
    assert!(!plain(&page).replace(&world.daemon.site.origin(), "").contains("=\"http"), "{page}");
}
