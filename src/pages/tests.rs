//! Packaged pages and overrides as an admin meets them: on a disk, with every mistake.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use minijinja::context;
use tempfile::TempDir;

use super::*;

/// A package of two pages, and a folder of overrides.
struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        let disk = Self(tempfile::tempdir().unwrap());
        disk.write(
            "webapps/templates/main.html",
            "{% extends \"layout.html\" %}{% block main %}<p>packaged {{ page.name }}</p>{% endblock %}",
        );
        disk.write("webapps/templates/admin/home.html", "<p>admin</p>");
        disk.write("webapps/static/app.css", "p { margin: 0 }");
        disk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn load(&self) -> Pages {
        let folders =
            settings::Pages { webapps: self.path("webapps"), customerapps: self.path("customerapps"), overrides: self.path("templates") };
        let sample = |name: &str| Sample { name: "main.html", values: values(name) };
        Pages::load(&folders, vec![sample("Ann"), sample("Ben")])
    }
}

fn values(name: &str) -> Value {
    context! { page => context! { title => "Main App", name, items => vec!["a", "b"], none => () } }
}

fn main(pages: &Pages) -> String {
    pages.render("main.html", &values("Ann")).unwrap()
}

fn titles(pages: &Pages) -> Vec<String> {
    pages.problems().borrow().iter().map(|problem| problem.title.clone()).collect()
}

#[test]
fn a_packaged_page_is_shown_in_the_compiled_in_layout() {
    let pages = Disk::new().load();
    let html = main(&pages);
    assert!(html.contains("packaged Ann") && html.contains("<title>Main App · OneDesk</title>"), "{html}");
    assert_eq!(titles(&pages), Vec::<String>::new());
    assert_eq!(pages.render("admin/home.html", &values("")).unwrap(), "<p>admin</p>");
}

#[test]
fn a_page_of_a_missing_package_names_the_package() {
    let pages = Disk::new().load();
    assert_eq!(pages.render("portal.html", &values("")), Err(Absent::NotInstalled { package: "onedesk-customerapps" }));
    assert_eq!(pages.render("admin/none.html", &values("")), Err(Absent::NotInstalled { package: "onedesk-webapps" }));
}

#[test]
fn an_override_of_the_same_name_is_shown_instead() {
    let disk = Disk::new();
    disk.write(
        "templates/main.html",
        "<p>ours {{ page.name }} {{ asset(\"custom/own.css\") }} {{ t(\"entry.open\", app=page.title) }}</p>",
    );
    disk.write("templates/admin/home.html", "<p>our admin</p>");
    disk.write("templates/static/own.css", "p { color: red }");
    let pages = disk.load();
    let html = main(&pages);
    assert!(html.starts_with("<p>ours Ann /assets/") && html.ends_with("/custom/own.css Open the Main App</p>"), "{html}");
    assert_eq!(pages.render("admin/home.html", &values("")).unwrap(), "<p>our admin</p>");
    assert_eq!(titles(&pages), Vec::<String>::new());
}

#[test]
fn a_broken_override_leaves_the_packaged_page_and_is_told_with_its_line() {
    for (broken, line, word) in [
        ("<p>\n{% if %}", Some(2), "syntax error"),
        ("<p>\n\n{{ page.nmae }}", Some(3), "undefined"),
        ("{{ paeg.name }}", Some(1), "undefined"),
        ("{{ nothing() }}", Some(1), "nothing"),
        ("\n{% include \"none.html\" %}", Some(2), "none.html"),
        ("{% extends \"main.html\" %}", Some(1), ""),
        ("{{ asset(\"none.css\") }}", Some(1), "none.css"),
        ("{{ t(\"no.such.text\") }}", Some(1), "no.such.text"),
        ("{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}", None, "fuel"),
        ("{{ page.name | nofilter }}", Some(1), "nofilter"),
    ] {
        let disk = Disk::new();
        disk.write("templates/main.html", broken);
        let pages = disk.load();
        assert!(main(&pages).contains("packaged Ann"), "{broken}");
        let problems = pages.problems().borrow().clone();
        let [problem] = problems.as_slice() else { panic!("{broken}: {problems:?}") };
        assert!(problem.title.contains("templates/main.html") && problem.title.contains(word), "{problem:?}");
        assert!(line.is_none() || problem.line == line, "{problem:?}");
        assert!(!problem.hint.is_empty());
    }
}

#[test]
fn a_file_that_cannot_be_read_leaves_the_packaged_page() {
    type Spoil = fn(&Path);
    let spoil: [(&str, Spoil); 4] = [
        ("larger", |path| fs::write(path, vec![b'x'; 256 * 1024 + 1]).unwrap()),
        ("UTF-8", |path| fs::write(path, b"<p>\n\xff").unwrap()),
        ("not a regular file", |path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap()),
        ("Permission denied", |path| {
            fs::write(path, "x").unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
        }),
    ];
    let is_root = nix::unistd::Uid::effective().is_root();
    for (word, spoil) in spoil.into_iter().filter(|(word, _)| !is_root || *word != "Permission denied") {
        let disk = Disk::new();
        disk.write("templates/other.txt", "");
        spoil(&disk.path("templates/main.html"));
        let pages = disk.load();
        assert!(main(&pages).contains("packaged Ann"), "{word}");
        assert!(titles(&pages).len() == 1 && titles(&pages)[0].contains(word), "{word}: {:?}", titles(&pages));
    }
}

#[test]
fn an_override_that_fails_on_real_values_falls_back_and_is_told_once() {
    let disk = Disk::new();
    disk.write("templates/main.html", "<p>{% if page.name == \"Eve\" %}\n{{ page.missing }}{% endif %}ours</p>");
    let pages = disk.load();
    assert!(main(&pages).contains("ours") && titles(&pages).is_empty());
    for _ in 0..3 {
        assert!(pages.render("main.html", &values("Eve")).unwrap().contains("packaged Eve"));
    }
    assert_eq!(titles(&pages).len(), 1);
}

#[test]
fn the_pages_of_callbacks_and_errors_cannot_be_replaced() {
    let disk = Disk::new();
    disk.write("templates/error.html", "<p>all is well</p>");
    disk.write("webapps/templates/layout.html", "<p>no layout</p>");
    let pages = disk.load();
    assert!(titles(&pages).len() == 1 && titles(&pages)[0].contains("cannot be replaced"));
    assert!(main(&pages).contains("<!doctype html>"));
}

#[test]
fn branding_changes_name_colours_and_logo_on_every_page() {
    let disk = Disk::new();
    disk.write("templates/branding.toml", "name = \"Example <Desk>\"\n[colors]\naccent = \"#7a1fa2\"\n");
    disk.write("templates/logo.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    let pages = disk.load();
    let html = main(&pages);
    assert!(html.contains("Example &lt;Desk&gt;") && html.contains("/brand.css\"") && html.contains("/brand/logo.svg\""), "{html}");
    let style = pages.asset("brand.css").unwrap();
    assert!(String::from_utf8_lossy(&style.asset.bytes).contains("#7a1fa2"));
}

#[test]
fn a_hostile_logo_is_not_shown_and_is_told() {
    let disk = Disk::new();
    disk.write("templates/logo.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\">\n<script>alert(1)</script></svg>");
    let pages = disk.load();
    assert!(!main(&pages).contains("brand/logo"));
    assert_eq!(pages.problems().borrow()[0].line, Some(2));
    assert_eq!(pages.asset("brand/logo.svg"), None);
}

#[test]
fn values_cannot_become_markup() {
    let evil = "\"><script>alert(1)</script>'{{ page }}{% raw %}";
    let disk = Disk::new();
    disk.write("templates/main.html", "<p title=\"{{ page.name }}\">{{ t(\"entry.hello\", name=page.name) }}</p>");
    let html = disk.load().render("main.html", &values(evil)).unwrap();
    assert!(!html.contains("<script") && !html.contains("\"><"), "{html}");
}

#[tokio::test]
async fn a_changed_override_is_taken_without_a_restart() {
    let disk = Disk::new();
    let pages = Arc::new(disk.load());
    let watching = Arc::clone(&pages).keep_fresh();
    tokio::pin!(watching);
    for (content, expected) in [("<p>one</p>", "one"), ("<p>{{ wrong }}</p>", "packaged"), ("<p>two</p>", "two")] {
        // The watch begins with the first poll of the future.
        let mut problems = pages.problems();
        tokio::select! { biased; () = &mut watching => {}, () = std::future::ready(()) => {} }
        disk.write("templates/main.html", content);
        let changed = async {
            while !main(&pages).contains(expected) {
                problems.changed().await.unwrap();
            }
        };
        tokio::select! {
            () = &mut watching => {}
            found = tokio::time::timeout(std::time::Duration::from_secs(20), changed) => found.unwrap(),
        }
    }
}

#[test]
fn a_frame_that_fails_is_told_by_its_own_name_and_the_page_shows_without_it() {
    let disk = Disk::new();
    disk.write(
        "webapps/templates/admin/frame.html",
        "{% extends \"layout.html\" %}{% block body %}{% block desk %}{% endblock %}{% endblock %}",
    );
    disk.write("webapps/templates/admin/page.html", "{% extends \"admin/frame.html\" %}{% block desk %}packaged desk{% endblock %}");
    disk.write(
        "templates/admin/frame.html",
        "{% extends \"layout.html\" %}\n{% block body %}{{ page.missing }}{% block desk %}{% endblock %}{% endblock %}",
    );
    let pages = disk.load();
    assert!(pages.render("admin/page.html", &values("Ann")).unwrap().contains("packaged desk"));
    assert!(titles(&pages).len() == 1 && titles(&pages)[0].contains("templates/admin/frame.html:2"), "{:?}", titles(&pages));
}
