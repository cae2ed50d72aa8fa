//! The customer's own pages: the packaged sample as it is, a page of the administration replaced, and what happens to mistakes.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{Desk, plain};
use crate::harness::{Browser, Daemon, World, eventually};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/samples/templates");

fn write(daemon: &Daemon, name: &str, content: &str) {
    let path = daemon.site.path("templates").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

/// What the status says about overrides.
fn warnings(daemon: &Daemon) -> Vec<Value> {
    let status = daemon.status();
    let warnings = status["warnings"].as_array().unwrap().iter().filter(|warning| warning["code"] == "page_override");
    warnings.cloned().collect()
}

/// Waits until a page says `words`.
#[track_caller]
fn wait_for(desk: &mut Desk, path: &str, words: &str) -> String {
    eventually(words, || Some(desk.get(path).body).filter(|body| plain(body).contains(words)))
}

#[test]
fn the_packaged_sample_of_branding_and_a_whole_page_is_shown_as_it_is() {
    let world = World::start();
    copy(Path::new(SAMPLE), &world.daemon.site.path("templates"));
    let mut desk = Desk::enter(&world.daemon);
    let portal = wait_for(&mut desk, "/portal", "We answer within one working day");
    for part in ["Example Helpdesk", "servicedesk@example.com", "/custom/portal.css", "logo.svg"] {
        assert!(portal.contains(part), "{part} is not in {portal}");
    }
    let style = plain(portal.split("href=\"").find(|rest| rest.contains("custom/portal.css\"")).unwrap().split('"').next().unwrap());
    desk.get(&style).expect(200).says(&[".promise"]);
    desk.get("/admin").expect(200).says(&["Example Helpdesk"]);
    assert_eq!(warnings(&world.daemon), Vec::<Value>::new());
}

#[test]
fn a_page_of_the_administration_is_replaced_and_a_broken_one_falls_back_and_is_told() {
    let world = World::start();
    let mut desk = Desk::enter(&world.daemon);
    let ours = "{% extends \"admin/frame.html\" %}{% block main %}<h1>Our own support page</h1><p>{{ page.sentence }}</p>{% endblock %}";
    write(&world.daemon, "admin/support.html", ours);
    wait_for(&mut desk, "/admin/support", "Our own support page");
    assert_eq!(warnings(&world.daemon), Vec::<Value>::new());

    // One that does not compile is told at once.
    write(&world.daemon, "admin/support.html", "<h1>\n{% if %}</h1>");
    wait_for(&mut desk, "/admin/support", "Download the bundle");
    let told = eventually("the warning", || warnings(&world.daemon).pop());
    assert!(told["title"].as_str().unwrap().contains("templates/admin/support.html:2"), "{told}");

    // One that names what there is not is told when it is first shown: the packaged page comes instead.
    write(&world.daemon, "admin/support.html", "<h1>Ours</h1>\n\n{{ page.sentense }}");
    let told = eventually("the warning", || {
        desk.get("/admin/support").expect(200).says(&["Download the bundle"]);
        warnings(&world.daemon).into_iter().find(|told| told["line"] == 3)
    });
    assert!(told["title"].as_str().unwrap().contains("admin/support.html:3"), "{told}");

    fs::remove_file(world.daemon.site.path("templates").join("admin/support.html")).unwrap();
    eventually("no warning", || warnings(&world.daemon).is_empty().then_some(()));
    desk.get("/admin/support").expect(200).says(&["Download the bundle"]);
}

#[test]
fn a_broken_frame_is_told_by_its_own_name_and_every_page_shows_without_it() {
    let world = World::start();
    let mut desk = Desk::enter(&world.daemon);
    write(
        &world.daemon,
        "admin/frame.html",
        "{% extends \"layout.html\" %}\n{% block body %}{{ shell.missing }}{% block main %}{% endblock %}{% endblock %}",
    );
    let told = eventually("the warning", || {
        desk.get("/admin/support").expect(200).says(&["Download the bundle"]);
        warnings(&world.daemon).pop()
    });
    assert!(told["title"].as_str().unwrap().contains("templates/admin/frame.html: it cannot be used"), "{told}");
    Browser::new().get(&format!("{}/portal", desk.origin)).expect(200);
}
