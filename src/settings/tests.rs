//! The settings as a whole: defaults, every kind of mistake, and the documents that must say the same as the code.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::keys::{Applies, CloudHosts, KEYS, Preset};
use super::*;
use crate::model::Hint;

const SAMPLE: &str = include_str!("../../packaging/onedeskd.toml");
const MAN_PAGE: &str = include_str!("../../packaging/man/onedeskd.toml.5");

fn parse(text: &str) -> Result<Loaded, Error> {
    Settings::parse(text, Path::new("/etc/onedesk/onedeskd.toml"))
}

fn defaults() -> Settings {
    parse("").unwrap().settings
}

fn codes(loaded: &Loaded) -> Vec<&str> {
    loaded.warnings.iter().map(|warning| warning.code.as_str()).collect()
}

#[test]
fn an_empty_file_gives_the_defaults_and_asks_for_the_public_url() {
    let loaded = parse("").unwrap();
    let settings = &loaded.settings;
    assert_eq!(codes(&loaded), ["public_url_missing"]);
    assert_eq!(settings.public_url, None);
    assert_eq!(settings.listen.http, Address::Tcp("127.0.0.1:8380".parse().unwrap()));
    assert_eq!(settings.listen.metrics, Some(Address::Tcp("127.0.0.1:9380".parse().unwrap())));
    assert_eq!(settings.listen.trusted_proxies, ["127.0.0.0/8", "::1/128"].map(|net| net.parse().unwrap()));
    assert_eq!(settings.database.url.path(), "/var/lib/onedesk/onedesk.db");
    assert_eq!(settings.microsoft.authority, "https://login.microsoftonline.com");
    assert_eq!(settings.microsoft.tenant, "organizations");
    assert_eq!(settings.directory_interval, Duration::from_secs(900));
    assert_eq!(settings.local_api.token_readers, ["onedesk"]);
    assert_eq!(settings.log_level, log::LevelFilter::Info);
}

#[test]
fn the_cloud_decides_hosts_that_the_file_leaves_out() {
    let settings = parse("[microsoft]\ncloud = \"china\"\ngraph = \"http://127.0.0.1:9/\"").unwrap().settings;
    assert_eq!(settings.microsoft.authority, "https://login.partner.microsoftonline.cn");
    assert_eq!(settings.microsoft.graph, "http://127.0.0.1:9");
    assert_eq!(settings.microsoft.outlook, "https://partner.outlook.cn");
    assert_eq!(settings.mail.imap_upstream, "partner.outlook.cn:993");
}

#[test]
fn an_unknown_key_is_shown_with_line_caret_and_the_nearest_key() {
    let error = parse("public_url = \"https://h.example\"\n\n\n\n\n\nlisen = \"0.0.0.0:8443\"\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "/etc/onedesk/onedeskd.toml:7:1: unknown key \"lisen\"\n  7 | lisen = \"0.0.0.0:8443\"\n    | ^^^^^\n\
         hint: did you mean \"listen\"? see onedeskd.toml(5)"
    );
}

#[test]
fn every_mistake_is_reported_in_one_run() {
    let error = parse(
        "public_url = 7\n[listen]\nhttp = \"x\"\nhttps = \"\"\ntrusted_proxies = [\"10.0.0.0/8\", \"y\", 3]\n[sso]\nsession_idle = \"1\"",
    )
    .unwrap_err();
    let Error::Invalid { faults, more: 0 } = &error else { panic!("{error}") };
    let places: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column)).collect();
    assert_eq!(places, [(1, 14), (3, 8), (4, 1), (5, 39), (7, 16)]);
    assert!(error.problem().title.ends_with("(and 4 more)"));
    assert_eq!(error.problem().line, Some(1));
}

#[test]
fn a_broken_line_hides_no_other_mistake() {
    let error = parse("public_url = https://h\nlisen = \"x\"\n[log]\nlevel = \"loud\"\n[sso]\nsession_idle = 1h\n").unwrap_err();
    let Error::Invalid { faults, .. } = &error else { panic!("{error}") };
    let titles: Vec<_> = faults.iter().map(|fault| (fault.line, fault.title.as_str())).collect();
    assert_eq!(titles[..3], [(1, "the value must be in quotes"), (2, "unknown key \"lisen\""), (4, "log.level is not a level")]);
    assert!(titles[3..].iter().all(|(line, _)| *line == 6), "{error}");
}

#[test]
fn each_mistake_is_named_and_says_what_to_write() {
    for (text, title, hint) in [
        ("[listen\n", "unclosed table", "[SECTION]"),
        ("[log]\nlevel = \"info\"\nlevel = \"warn\"", "duplicate key", "keep one"),
        ("listen = \"x\"", "[listen] is a section, not a string", "write the line [listen]"),
        ("[[listen]]\n", "[listen] is a section, not a list", "write the line [listen]"),
        ("tenant = \"common\"", "unknown key \"tenant\"", "below [microsoft]"),
        ("[listen]\npublic_url = \"\"", "unknown key \"public_url\"", "above the first section"),
        ("[listen]\nzzzzzzzzzzzzzz = \"\"", "unknown key \"zzzzzzzzzzzzzz\"", "known in [listen]: http"),
        ("\"listen.http\" = \"\"", "unknown key \"listen.http\"", "known here"),
        ("[listen]\nhttp = \"\"", "listen.http is not an address", "127.0.0.1:8380"),
        ("[listen]\nhttp = \":8380\"", "listen.http is not an address", "IP:PORT"),
        ("[listen]\nhttp = \"unix:x\"", "listen.http must be an absolute path", "slash"),
        ("[listen.http]\nport = \"1\"", "listen.http must be a string, not a section", "quotes"),
        ("[listen]\ntrusted_proxies = \"::1\"", "listen.trusted_proxies must be a list of strings, not a string", "brackets"),
        ("[listen]\ntls_key = \"/k\"", "listen.tls_key is set, but tls_certificate is not", "beside it"),
        ("public_url = \"helpdesk.example.com\"", "public_url is not a URL", "https://helpdesk.example.com"),
        ("public_url = \"http://helpdesk.example.com\"", "public_url is plain http", "https://"),
        ("public_url = \"https://h.example/desk\"", "public_url must be an origin", "scheme, host and port"),
        ("public_url = \"https://h.example?x\"", "public_url must be an origin", "scheme, host and port"),
        ("public_url = \"https://u:p@h.example\"", "public_url must not hold a user name", "write it as"),
        ("public_url = \"http://localhost.example\"", "public_url is plain http", "localhost"),
        ("public_url = \"http://127.0.0.1.example\"", "public_url is plain http", "localhost"),
        ("[microsoft]\nauthority = \"http://login.example\"", "microsoft.authority is plain http", "https://"),
        ("[microsoft]\ngraph = \"ftp://g\"", "microsoft.graph is not an http", "write it as"),
        ("[microsoft]\ncloud = \"gobal\"", "microsoft.cloud is not a cloud", "did you mean \"global\"?"),
        ("[microsoft]\ntenant = \"my tenant\"", "microsoft.tenant is not a tenant", "GUID"),
        ("[microsoft]\nproxy = \"socks5://p:1080\"", "microsoft.proxy is not the URL of an http", "3128"),
        ("[database]\nurl = \"postgres://h/d\"", "database.url names PostgreSQL, which is not in this version", "sqlite:///"),
        ("[database]\nurl = \"sqlite://onedesk.db\"", "database.url must name a file by its absolute path", "three slashes"),
        ("[database]\nurl = \"sqlite::memory:\"", "database.url must name a file", "three slashes"),
        ("[mail]\nimap_upstream = \"host\"", "mail.imap_upstream is not a server", "HOST:PORT"),
        ("[directory]\ninterval = \"0m\"", "directory.interval must be longer", "1s"),
        ("[admin]\nnetworks = [\"10.0.0.0/33\"]", "admin.networks holds what is not a network", "ADDRESS/BITS"),
        ("[local_api]\ntoken_readers = [\"a b\"]", "local_api.token_readers holds what is not a user", "@GROUP"),
        ("[apps]\nwidget_origins = [\"https://*.example.com\"]", "apps.widget_origins holds what is not an origin", "each host by itself"),
        ("[apps]\nwidget_origins = [\"https://h.example/x\"]", "apps.widget_origins holds what is not an origin", "scheme, host"),
        ("[apps]\nwidget_origins = [\"http://h.example\"]", "apps.widget_origins holds an origin that is plain http", "https://"),
        ("[log]\nlevel = \"inf\"", "log.level is not a level", "did you mean \"info\"?"),
    ] {
        let error = parse(text).expect_err(text);
        let Error::Invalid { faults, .. } = &error else { panic!("{text}: {error}") };
        assert!(faults[0].title.contains(title), "{text}: {error}");
        assert!(faults[0].hint.contains(hint), "{text}: {error}");
    }
}

#[test]
fn good_values_of_every_shape_are_taken() {
    for text in [
        "public_url = \"http://localhost:8380\"",
        "public_url = \"http://127.9.9.9/\"",
        "public_url = \"http://[::1]:1\"",
        "public_url = \"https://h.example:8443/\"",
        "[listen]\nhttp = \"unix:/run/onedesk/http.sock\"\ngroup = \"nginx\"\nmetrics = \"\"",
        "[listen]\ntrusted_proxies = [\"10.1.2.3/8\", \"2001:db8::1\"]",
        "[microsoft]\ntenant = \"Contoso.onmicrosoft.com\"\nproxy = \"http://u:p@proxy:3128/\"",
        "[local_api]\ntoken_readers = [\"CORP\\\\desk\", \"@mail admins\"]".replace("mail admins", "mail").as_str(),
        "[apps]\nkb = \"http://kb.intern/\"",
        "\u{feff}[log]\r\nlevel = 'debug' # more\r\n",
    ] {
        assert!(parse(text).is_ok(), "{text}: {}", parse(text).unwrap_err());
    }
}

#[test]
fn what_has_no_effect_is_a_warning() {
    let loaded = parse(
        "public_url = \"https://h.example\"\n[listen]\ngroup = \"g\"\ntrusted_proxies = [\"0.0.0.0/0\"]\n[database]\npassword_file = \"/p\"\n[mail]\nimap_listen = \"127.0.0.1:1143\"",
    )
    .unwrap();
    assert_eq!(codes(&loaded), ["setting_without_effect", "trusts_everyone", "setting_without_effect", "not_in_this_version"]);
}

#[test]
fn no_message_shows_the_password_of_a_url() {
    for text in [
        "[microsoft]\nproxy = \"socks5://u:canary@p\"",
        "[microsoft]\nproxy = \"u:canary@p:3128\"",
        "[microsoft]\nproxy = \"http://u:canary@p",
        "[microsoft]\nproxy = [\"http://u:canary@p\"]",
        "[database]\nurl = \"postgres://u:canary@h/d\"",
        "AZUREAD_CIS = \"canary\"",
        "AZUREAD_CIS=canary~canary",
    ] {
        let error = parse(text).unwrap_err();
        assert!(!format!("{error} {error:?} {:?}", error.hint()).contains("canary"), "{error}");
    }
    let settings = parse("[microsoft]\nproxy = \"http://u:canary@p\"").unwrap();
    assert!(!format!("{settings:?}").contains("canary"));
}

#[test]
fn a_missing_file_counts_as_an_empty_one() {
    let loaded = Settings::load(Path::new("/nonexistent/onedeskd.toml")).unwrap();
    assert!(!loaded.found);
    assert_eq!(codes(&loaded), ["settings_missing", "public_url_missing"]);
}

#[test]
fn files_that_are_no_settings_are_refused_in_bounded_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("onedeskd.toml");
    let load = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Settings::load(&path).unwrap_err()
    };
    assert!(matches!(load(&vec![b'#'; 1024 * 1024 + 1]), Error::TooLarge { .. }));
    assert!(matches!(load(b"a\nb\xff"), Error::NotUtf8 { line: 2, .. }));
    assert!(matches!(load(&b"]\n".repeat(400_000)), Error::Invalid { more: 1.., .. }));
    assert!(matches!(load(&b"[".repeat(900_000)), Error::Invalid { .. }));
    assert!(matches!(load(format!("a = {}", "[".repeat(900_000)).as_bytes()), Error::Invalid { .. }));
    assert!(matches!(Settings::load(folder.path()).unwrap_err(), Error::Unreadable { .. }));
    let fifo = folder.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(matches!(Settings::load(&fifo).unwrap_err(), Error::Unreadable { .. }));
}

#[test]
fn a_restart_is_needed_exactly_for_the_keys_marked_so() {
    let other = parse(
        "public_url = \"https://x.example\"\n[listen]\nhttp = \"127.0.0.1:1\"\ngroup = \"g\"\nmetrics = \"\"\ntls_key = \"/k\"\ntls_certificate = \"/c\"\n\
         [database]\nurl = \"sqlite:///x\"\npassword_file = \"/p\"\nmaster_key_file = \"/m\"\n\
         [mail]\nimap_listen = \"127.0.0.1:1\"\nsmtp_listen = \"127.0.0.1:2\"\npop3_listen = \"127.0.0.1:3\"\n\
         [pages]\nwebapps = \"/w\"\ncustomerapps = \"/c\"\noverrides = \"/o\"\n[local_api]\nsocket = \"/s\"\n[log]\nlevel = \"warn\"",
    )
    .unwrap()
    .settings;
    let marked: Vec<_> = KEYS.iter().filter(|key| key.applies == Applies::AtRestart).map(|key| key.name).collect();
    assert_eq!(restart_needed(&defaults(), &other), marked);
    assert!(restart_needed(&other, &other).is_empty());
}

/// The keys of the sample file, each with the text behind its equals sign; `#key` is a key that is commented out.
fn sample_keys() -> Vec<(String, String)> {
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in SAMPLE.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = format!("{}.", name.trim_end_matches(']'));
        } else if let Some((key, value)) =
            line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase())).and_then(|rest| rest.split_once(" = "))
        {
            keys.push((format!("{section}{key}"), value.to_owned()));
        }
    }
    keys
}

fn written(preset: Preset) -> String {
    match preset {
        Preset::Text(text) => format!("\"{text}\""),
        Preset::OfCloud(choose) => format!("\"{}\"", choose(CloudHosts::of(Cloud::Global))),
        Preset::List(items) => format!("[{}]", items.iter().map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(", ")),
    }
}

#[test]
fn the_sample_file_shows_every_key_with_its_default() {
    let expected: Vec<_> = KEYS
        .iter()
        .map(|key| {
            (
                key.name.to_owned(),
                if key.name == "public_url" { "\"https://helpdesk.example.com\"".to_owned() } else { written(key.preset) },
            )
        })
        .collect();
    assert_eq!(sample_keys(), expected);
}

#[test]
fn the_sample_file_means_the_defaults_commented_out_and_not() {
    assert_eq!(parse(SAMPLE).unwrap().settings, defaults());
    let uncommented: String = SAMPLE
        .lines()
        .map(|line| {
            line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase())).unwrap_or(line).to_owned() + "\n"
        })
        .collect();
    let loaded = parse(&uncommented).unwrap();
    assert_eq!(Settings { public_url: None, ..loaded.settings }, defaults());
    assert!(loaded.warnings.is_empty());
}

#[test]
fn the_man_page_names_every_key_its_default_and_when_it_applies() {
    let mut section = String::new();
    let mut items: Vec<(String, String)> = Vec::new();
    for line in MAN_PAGE.lines() {
        if let Some(title) = line.strip_prefix(".Ss ") {
            section = title.strip_prefix('[').and_then(|name| name.strip_suffix(']')).map(|name| format!("{name}.")).unwrap_or_default();
        } else if let Some(key) = line.strip_prefix(".It Ic ") {
            items.push((format!("{section}{key}"), String::new()));
        } else if line.starts_with(".El") || line.starts_with(".Sh") {
            section.clear();
        } else if let Some((_, text)) = items.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
        if line.starts_with(".Sh FILES") {
            break;
        }
    }
    let named: BTreeSet<_> = items.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(named, KEYS.iter().map(|key| key.name).collect());
    for (name, text) in &items {
        let key = keys::find(name).unwrap();
        assert_eq!(text.contains("at a restart"), key.applies == Applies::AtRestart, "{name}: when it applies");
        let shown = match key.preset {
            Preset::Text("") | Preset::List([]) => "Default: none".to_owned(),
            Preset::Text(text) => format!(".Ql {text}"),
            Preset::OfCloud(choose) => format!(".Ql {}", choose(CloudHosts::of(Cloud::Global))),
            Preset::List(items) => items.iter().map(|item| format!(".Ql {item}")).collect::<Vec<_>>().join(" ,\n"),
        };
        assert!(text.contains(&shown), "{name}: default {shown}");
    }
}
