//! A stand-in for the Azure CLI that keeps one tenant's registrations as Graph does, evaluates `--query`, and asserts what it hears.
//!
//! `az` in the folder is a few lines of shell: it writes its arguments into one pipe and reads the answer from another.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::sys::stat::Mode;
use serde_json::{Map, Value, json};

const SCRIPT: &str = r#"#!/bin/sh
for argument in "$@"; do printf '%s\0' "$argument"; done > "$AZ_FOLDER/asked"
{ read -r code; cat; exit "$code"; } < "$AZ_FOLDER/answer"
"#;

/// What the tenant holds.
#[derive(Default)]
pub struct Tenant {
    /// Application objects, with `passwordCredentials`.
    pub apps: Vec<Value>,
    /// Client ids that have a service principal.
    pub principals: Vec<String>,
    /// Every call, as it was made.
    pub calls: Vec<Vec<String>>,
    cloud: String,
}

impl Tenant {
    /// Registers something, as somebody did before us.
    pub fn register(&mut self, app: &Value) {
        let number = self.apps.len();
        let mut fresh = json!({"id": format!("00000000-0000-0000-0000-00000000000{number}"), "appId": format!("aaaaaaaa-0000-0000-0000-00000000000{number}"),
            "signInAudience": "AzureADMyOrg", "web": {"redirectUris": [], "logoutUrl": null, "implicitGrantSettings": {}},
            "requiredResourceAccess": [], "optionalClaims": null, "passwordCredentials": []});
        replace(&mut fresh, app.as_object().unwrap());
        self.apps.push(fresh);
    }

    fn app(&mut self, id: &str) -> Result<&mut Value, String> {
        self.apps
            .iter_mut()
            .find(|app| app["appId"] == id || app["id"] == id)
            .ok_or_else(|| format!("ERROR: Resource '{id}' does not exist"))
    }

    /// The answer before `--query`, or what stands on standard error.
    fn answer(&mut self, words: &[&str]) -> Result<Value, String> {
        let flag = |name: &str| words.iter().position(|word| *word == name).map(|at| words[at + 1]);
        match words {
            ["cloud", "show", ..] => Ok(json!({"name": self.cloud})),
            ["cloud", "set", ..] => {
                flag("--name").unwrap().clone_into(&mut self.cloud);
                Ok(Value::Null)
            }
            ["account", "show", ..] => Ok(json!({"user": {"name": "admin@example.test"}})),
            ["ad", "app", "list", ..] => {
                let name = flag("--display-name").unwrap();
                Ok(self.apps.iter().filter(|app| app["displayName"].as_str().unwrap().starts_with(name)).cloned().collect())
            }
            ["ad", "app", "create", ..] => {
                self.register(&json!({"displayName": flag("--display-name"), "signInAudience": flag("--sign-in-audience")}));
                Ok(self.apps.last().unwrap().clone())
            }
            ["ad", "app", "show", ..] => self.app(flag("--id").unwrap()).cloned(),
            ["ad", "app", "credential", "list", ..] => Ok(self.app(flag("--id").unwrap())?["passwordCredentials"].clone()),
            ["ad", "app", "credential", "reset", ..] => {
                let made = format!("made-{}-~.Value", self.calls.len());
                let app = self.app(flag("--id").unwrap())?;
                let credentials = app["passwordCredentials"].as_array_mut().unwrap();
                if !words.contains(&"--append") {
                    credentials.clear();
                }
                credentials.push(json!({"displayName": flag("--display-name"), "endDateTime": "2099-01-01T00:00:00Z", "hint": &made[..3]}));
                Ok(json!({"appId": app["appId"], "password": made, "tenant": "11111111-2222-3333-4444-555555555555"}))
            }
            ["ad", "sp", "show", ..] => {
                let id = flag("--id").unwrap();
                self.principals
                    .iter()
                    .find(|known| *known == id)
                    .map(|id| json!({"appId": id}))
                    .ok_or_else(|| "ERROR: not found".to_owned())
            }
            ["ad", "sp", "create", ..] => {
                self.principals.push(flag("--id").unwrap().to_owned());
                Ok(json!({"appId": flag("--id")}))
            }
            ["rest", ..] => {
                assert_eq!((flag("--method"), flag("--headers")), (Some("PATCH"), Some("Content-Type=application/json")));
                let url = flag("--url").unwrap();
                assert!(url.starts_with(flag("--resource").unwrap()), "a token for another service than {url}");
                let id = url.rsplit_once("/v1.0/applications/").unwrap().1;
                let patch: Map<String, Value> = serde_json::from_str(flag("--body").unwrap()).unwrap();
                let app = self.app(id)?;
                assert_eq!(app["id"], id, "Graph wants the object's id there");
                check(&patch);
                replace(app, &patch);
                Ok(Value::Null)
            }
            other => panic!("the stand-in for az does not know {other:?}"),
        }
    }
}

/// What Graph refuses.
fn check(patch: &Map<String, Value>) {
    let mut lists = vec![&patch["web"]["redirectUris"], &patch["optionalClaims"]["idToken"], &patch["requiredResourceAccess"]];
    lists.extend(patch["requiredResourceAccess"].as_array().unwrap().iter().map(|resource| &resource["resourceAccess"]));
    for list in lists {
        let list = list.as_array().unwrap();
        assert!(list.iter().enumerate().all(|(at, entry)| !entry.is_null() && !list[..at].contains(entry)), "doubled or null: {list:?}");
    }
}

/// As Graph's PATCH: lists and plain values are replaced, `web` and `optionalClaims` member by member.
fn replace(target: &mut Value, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value.as_object().filter(|_| target[name].is_object()) {
            Some(members) => replace(&mut target[name], members),
            None => target[name] = value.clone(),
        }
    }
}

/// The stand-in, in a folder of its own.
pub struct Az {
    folder: tempfile::TempDir,
    tenant: Arc<Mutex<Tenant>>,
    plays: Option<JoinHandle<()>>,
}

impl Az {
    /// A tenant in the public cloud, prepared by `prepare`.
    pub fn with(prepare: impl FnOnce(&mut Tenant)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("az");
        fs::write(&program, SCRIPT).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        for pipe in ["asked", "answer"] {
            nix::unistd::mkfifo(&folder.path().join(pipe), Mode::from_bits_truncate(0o600)).unwrap();
        }
        let mut tenant = Tenant { cloud: "AzureCloud".to_owned(), ..Tenant::default() };
        prepare(&mut tenant);
        let tenant = Arc::new(Mutex::new(tenant));
        let plays = std::thread::spawn({
            let (folder, tenant) = (folder.path().to_owned(), tenant.clone());
            move || play(&folder, &tenant)
        });
        Self { folder, tenant, plays: Some(plays) }
    }

    /// A look at the tenant.
    pub fn tenant<T>(&self, look: impl FnOnce(&mut Tenant) -> T) -> T {
        look(&mut self.tenant.lock().unwrap())
    }

    /// Runs a script with this `az` in reach: exit code, standard output, standard error.
    pub fn run(&self, script: &Path, environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
        let path = format!("{}:/usr/bin:/bin", self.folder.path().display());
        let mut command = Command::new("/bin/sh");
        command.arg(script).env_clear().env("PATH", path).env("AZ_FOLDER", self.folder.path()).envs(environment.iter().copied());
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

impl Drop for Az {
    fn drop(&mut self) {
        // A question without words ends the play; nobody waits on the pipe if it ended with a panic already.
        let question = OpenOptions::new().write(true).custom_flags(nix::libc::O_NONBLOCK).open(self.folder.path().join("asked"));
        drop(question);
        let played = self.plays.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || !matches!(played, Some(Err(_))), "the stand-in for az heard something wrong");
    }
}

fn play(folder: &Path, tenant: &Mutex<Tenant>) {
    let pipe = |name: &str| -> PathBuf { folder.join(name) };
    loop {
        let mut asked = String::new();
        fs::File::open(pipe("asked")).unwrap().read_to_string(&mut asked).unwrap();
        let words: Vec<&str> = asked.split_terminator('\0').collect();
        if words.is_empty() {
            return;
        }
        let mut tenant = tenant.lock().unwrap();
        tenant.calls.push(words.iter().map(|word| (*word).to_owned()).collect());
        // A wrong call must end the script too, which waits for an answer.
        let answered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| tenant.answer(&words)));
        let said = match &answered {
            Ok(Ok(value)) => format!("0\n{}", shown(value, &words)),
            Ok(Err(_)) | Err(_) => "3\n".to_owned(),
        };
        OpenOptions::new().write(true).open(pipe("answer")).unwrap().write_all(said.as_bytes()).unwrap();
        drop(tenant);
        if let Err(panic) = answered {
            std::panic::resume_unwind(panic);
        }
    }
}

/// As `az` prints: the query's result as JSON, or as one line for each value.
fn shown(value: &Value, words: &[&str]) -> String {
    let flag = |name: &str| words.iter().position(|word| *word == name).map(|at| words[at + 1]);
    let found = match flag("--query") {
        Some(query) => {
            let query = jmespath::compile(query).unwrap_or_else(|error| panic!("{error}"));
            serde_json::to_value(query.search(value).unwrap()).unwrap()
        }
        None => value.clone(),
    };
    let line = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match (flag("-o"), found) {
        (Some("none"), _) | (_, Value::Null) => String::new(),
        (Some("tsv"), Value::Array(values)) => values.iter().map(|value| format!("{}\n", line(value))).collect(),
        (Some("tsv"), value) => format!("{}\n", line(&value)),
        (_, value) => format!("{value:#}\n"),
    }
}
