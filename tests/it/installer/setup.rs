//! `onedeskctl setup` without anybody at a terminal: as Ansible runs it, and on a host without a service manager.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::check::servers::{self, Authority};

const ID: &str = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
const SECRET: &str = "canary~Value.with_all-of/it=";
const URL: &str = "http://127.0.0.1:9";

const ANSWERS: [&str; 7] = ["--non-interactive", "--public-url", URL, "--client-id", ID, "--client-secret-file", "-"];

/// A scratch host: settings that name a credentials file beside them.
struct Host(tempfile::TempDir);

impl Host {
    fn new() -> Self {
        let host = Self(tempfile::tempdir().unwrap());
        let file = host.credentials();
        fs::write(host.settings(), format!("# mine\n[credentials]\nfile = \"{}\" # here\n", file.display())).unwrap();
        host
    }

    fn settings(&self) -> PathBuf {
        self.0.path().join("onedeskd.toml")
    }

    fn credentials(&self) -> PathBuf {
        self.0.path().join("OneDesk")
    }

    fn texts(&self) -> (String, String) {
        (fs::read_to_string(self.settings()).unwrap(), fs::read_to_string(self.credentials()).unwrap_or_default())
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_onedeskctl"));
        command.arg("--config").arg(self.settings()).arg("setup").args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // It may end without reading its input.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    fn set_up(&self, further: &[&str]) -> Output {
        self.run(&[&ANSWERS[..], further].concat(), &format!("{SECRET}\n"))
    }

    /// The same where `mounts` were made first, for this command alone; the settings are `etc/onedeskd.toml` then.
    fn set_up_behind(&self, mounts: &str) -> Output {
        let mut command = Command::new("/usr/bin/unshare");
        command.args(["--mount", "/bin/sh", "-euc"]).arg(format!("{mounts}\nexec \"$0\" --config etc/onedeskd.toml setup \"$@\""));
        command.arg(env!("CARGO_BIN_EXE_onedeskctl")).args(ANSWERS).current_dir(self.0.path());
        fs::create_dir_all(self.0.path().join("etc")).unwrap();
        fs::copy(self.settings(), self.0.path().join("etc/onedeskd.toml")).unwrap();
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(SECRET.as_bytes());
        child.wait_with_output().unwrap()
    }
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(!out.contains("canary") && !err.contains("canary"), "a secret was shown: {out}{err}");
    (output.status.code(), out, err)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_fresh_host_gets_both_files_and_hears_how_to_start() {
    let host = Host::new();
    let (code, out, err) = said(&host.set_up(&[]));
    assert_eq!(code, Some(0), "{err}");
    let (settings, credentials) = host.texts();
    assert_eq!(settings, format!("public_url = \"{URL}\"\n\n# mine\n[credentials]\nfile = \"{}\" # here\n", host.credentials().display()));
    assert!(credentials.ends_with(&format!("\nAZUREAD_CID={ID}\nAZUREAD_CIS={SECRET}\n")), "{credentials}");
    assert_eq!(fs::metadata(host.credentials()).unwrap().mode() & 0o7777, 0o600);
    assert!(out.starts_with("changed: ") && out.contains("onedeskd --config ") && out.contains("mailbox connect"), "{out}");
    assert!(err.contains("nothing answers at the public URL yet"), "{err}");
    let checked = Command::new(env!("CARGO_BIN_EXE_onedeskd")).arg("--check-config").arg("--config").arg(host.settings()).output().unwrap();
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let host = Host::new();
    assert_eq!(said(&host.set_up(&[])).0, Some(0));
    let inodes = || [host.settings(), host.credentials()].map(|path| fs::metadata(path).unwrap().ino());
    let before = (host.texts(), inodes());
    // With the same answers, and with none: what is there counts.
    for output in [host.set_up(&[]), host.run(&["--non-interactive"], "")] {
        let (code, out, _) = said(&output);
        assert_eq!(code, Some(0));
        assert!(out.starts_with("unchanged"), "{out}");
        assert_eq!((host.texts(), inodes()), before, "nothing was written");
    }
    let changed = |output: &Output| serde_json::from_slice::<Value>(&output.stdout).unwrap()["changed"].clone();
    assert_eq!(changed(&host.set_up(&["--json"])), false);
    let other = host.run(&["--non-interactive", "--json", "--client-id", "11111111-bbbb-cccc-dddd-eeeeeeeeeeee"], "");
    assert_eq!((changed(&other), said(&other).0), (Value::Bool(true), Some(0)));
    assert!(host.texts().1.contains("AZUREAD_CID=11111111-") && host.texts().1.contains(SECRET));
}

#[test]
fn every_other_line_owner_and_link_stays() {
    let host = Host::new();
    let target = host.0.path().join("real");
    let old = "\u{feff}# kept\r\nDB_PASSWORD=canary\r\nexport AZUREAD_CIS=canary # old\r\nexport AZUREAD_CID=11111111-bbbb-cccc-dddd-eeeeeeeeeeee\r\nZ=1";
    fs::write(&target, old).unwrap();
    fs::set_permissions(&target, Permissions::from_mode(0o644)).unwrap();
    symlink("real", host.credentials()).unwrap();
    fs::set_permissions(host.settings(), Permissions::from_mode(0o640)).unwrap();
    let (code, _, err) = said(&host.set_up(&[]));
    assert_eq!(code, Some(0), "{err}");
    assert!(fs::symlink_metadata(host.credentials()).unwrap().is_symlink());
    let expected = old.replace("CIS=canary", &format!("CIS={SECRET}")).replace("11111111-bbbb-cccc-dddd-eeeeeeeeeeee", ID);
    assert_eq!(fs::read_to_string(&target).unwrap(), expected);
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!((mode(&target), mode(&host.settings())), (0o600, 0o640));
    assert_eq!(names(host.0.path()), ["OneDesk", "onedeskd.toml", "real"], "no draft is left");
}

#[test]
fn a_dry_run_shows_the_difference_without_the_secret_and_writes_nothing() {
    let host = Host::new();
    let before = host.texts();
    let (code, out, _) = said(&host.set_up(&["--dry-run"]));
    assert_eq!(code, Some(0));
    let first = format!("changed, once it is no dry run: {}, {}", host.credentials().display(), host.settings().display());
    assert_eq!(out.lines().next(), Some(first.as_str()), "begins as the run itself would");
    assert!(
        out.contains(&format!("\n+public_url = \"{URL}\"\n")) && out.contains(&format!("\n+AZUREAD_CID={ID}\n+AZUREAD_CIS=****")),
        "{out}"
    );
    assert_eq!((host.texts(), host.credentials().exists()), (before, false));
    let answer: Value = serde_json::from_slice(&host.set_up(&["--dry-run", "--json"]).stdout).unwrap();
    assert_eq!((&answer["changed"], &answer["dry_run"]), (&true.into(), &true.into()));
    assert!(answer["diff"].as_str().unwrap().contains("+AZUREAD_CIS=****"));
    said(&host.set_up(&[]));
    let (code, out, _) = said(&host.set_up(&["--dry-run"]));
    assert!(code == Some(0) && out.starts_with("unchanged"), "{out}");
}

#[test]
fn what_is_missing_is_named_and_what_is_wrong_is_refused_before_anything_is_written() {
    let host = Host::new();
    let before = host.texts();
    let (code, _, err) = said(&host.run(&["--non-interactive"], ""));
    assert_eq!(code, Some(2));
    for flag in ["--public-url", "--client-id", "--client-secret-file"] {
        assert!(err.contains(flag), "{err}");
    }
    let (code, _, err) = said(&host.run(&["--client-id", ID], ""));
    assert!(code == Some(2) && err.contains("--public-url") && !err.contains("--client-id"), "{err}");
    for (arguments, input, reason) in [
        (&["--public-url", "https://desk.example.test/path"][..], "", "without a path"),
        (&["--public-url", "http://desk.example.test"], "", "plain http"),
        (&["--client-id", "not-a-guid"], "", "Application (client) ID"),
        (&["--client-secret-file", "-"], "11111111-2222-3333-4444-555555555555", "Secret ID"),
        (&["--client-secret-file", "-"], "", "empty"),
        (&["--client-secret-file", "-"], "canary\ncanary\n", "more than one line"),
        (&["--client-secret-file", "/nonexistent"], "", "/nonexistent"),
    ] {
        let (code, _, err) = said(&host.run(&[&["--non-interactive"], arguments].concat(), input));
        assert!(code == Some(1) && err.contains(reason), "{arguments:?}: {err}");
    }
    assert_eq!(host.texts(), before);
}

#[test]
fn files_that_cannot_be_used_are_told_early_and_stay_as_they_are() {
    let host = Host::new();
    fs::write(host.settings(), "lisen = 1\n").unwrap();
    let (code, _, err) = said(&host.set_up(&[]));
    assert!(code == Some(1) && err.contains("did you mean \"listen\"") && host.texts().0 == "lisen = 1\n", "{err}");

    let host = Host::new();
    fs::write(host.settings(), "[credentials]\nfile = \"/nonexistent/OneDesk\"\n").unwrap();
    let (code, _, err) = said(&host.set_up(&[]));
    assert!(code == Some(1) && err.contains("/nonexistent"), "{err}");

    let host = Host::new();
    fs::write(host.credentials(), b"\xff\xfe").unwrap();
    let (code, _, err) = said(&host.set_up(&[]));
    assert!(code == Some(1) && err.contains("UTF-8") && fs::read(host.credentials()).unwrap() == b"\xff\xfe", "{err}");
}

#[test]
fn when_the_second_file_cannot_be_written_the_first_stays_or_becomes_what_it_was() {
    for (mounts, reasons) in [
        // Full: the settings themselves take the one page that there is.
        (
            "cp etc/onedeskd.toml kept; mount -t tmpfs -o size=4k none etc; cp kept etc/onedeskd.toml; rm kept",
            ["nothing was changed: etc/onedeskd.toml: No space left", "hint: make room on the disk"],
        ),
        // As containers hand single files in: the first file has its new content when the second cannot be replaced.
        (
            "mount --bind etc/onedeskd.toml etc/onedeskd.toml",
            ["nothing was changed: etc/onedeskd.toml: Device or resource busy", "hint: something is mounted on the file itself"],
        ),
        (
            "mount --bind etc etc; mount -o remount,bind,ro etc",
            ["etc/onedeskd.toml cannot be written: etc: Read-only file system", "mount it writable"],
        ),
    ] {
        for old in [None, Some("# mine\nAZUREAD_CID=11111111-bbbb-cccc-dddd-eeeeeeeeeeee\nAZUREAD_CIS=canary~old\n")] {
            let host = Host::new();
            if let Some(old) = old {
                fs::write(host.credentials(), old).unwrap();
                fs::set_permissions(host.credentials(), Permissions::from_mode(0o640)).unwrap();
            }
            let (code, out, err) = said(&host.set_up_behind(mounts));
            assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
            for reason in reasons {
                assert!(err.contains(reason), "{reason:?} is not in: {err}");
            }
            assert_eq!(fs::read_to_string(host.credentials()).ok().as_deref(), old, "{err}");
            if old.is_some() {
                assert_eq!(fs::metadata(host.credentials()).unwrap().mode() & 0o7777, 0o640);
            }
            assert_eq!(fs::read(host.0.path().join("etc/onedeskd.toml")).unwrap(), fs::read(host.settings()).unwrap());
            let expected = if old.is_some() { vec!["OneDesk", "etc", "onedeskd.toml"] } else { vec!["etc", "onedeskd.toml"] };
            assert_eq!(
                (names(host.0.path()), names(&host.0.path().join("etc"))),
                (expected.iter().map(ToString::to_string).collect(), vec!["onedeskd.toml".to_owned()]),
                "no draft is left"
            );
        }
    }
}

#[test]
fn a_certificate_that_browsers_would_refuse_is_a_warning_with_its_issuer() {
    let host = Host::new();
    let address = servers::greeting(Authority::new("Nobody's CA").server(), "");
    let url = format!("https://{address}");
    let (code, _, err) = said(&host.set_up(&["--dry-run", "--json"]));
    assert!(code == Some(0) && !err.contains("certificate"), "{err}");
    let secret = format!("{SECRET}\n");
    let arguments = ["--non-interactive", "--public-url", &url, "--client-id", ID, "--client-secret-file", "-"];
    let (code, _, err) = said(&host.run(&arguments, &secret));
    assert!(code == Some(0) && err.contains("browsers may not trust the public URL") && err.contains("Nobody's CA"), "{err}");
    assert!(host.texts().0.contains(&url));
}

#[test]
fn without_the_right_to_write_it_says_so_before_it_asks() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("onedeskctl");
    fs::copy(env!("CARGO_BIN_EXE_onedeskctl"), &copy).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let output = Command::new(copy).args(["setup", "--non-interactive"]).uid(65534).gid(65534).output().unwrap();
    let (code, _, err) = said(&output);
    assert!(code == Some(1) && err.contains("/root/.OneDesk") && err.contains("as root"), "{err}");
}
