//! A stand-in for the Azure CLI: it turns commands into requests to Microsoft Graph, which the simulator answers and judges, evaluates
//! `--query`, and asserts what it hears.
//!
//! `az` in the folder is a few lines of shell: it writes its arguments into one pipe and reads the answer from another.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use entra_sim::{App, Config, Simulator, TENANT};
use nix::sys::stat::Mode;
use serde_json::{Value, json};

use crate::harness::{Answer, Target, send};

const SCRIPT: &str = r#"#!/bin/sh
for argument in "$@"; do printf '%s\0' "$argument"; done > "$AZ_FOLDER/asked"
{ read -r code; cat; exit "$code"; } < "$AZ_FOLDER/answer"
"#;
/// Who is signed in.
const ADMIN: &str = "admin@example.test";
/// What the signed-in person may.
const PERMISSIONS: [&str; 1] = ["Application.ReadWrite.All"];

/// What the stand-in is and has heard.
struct Seat {
    simulator: Simulator,
    cloud: String,
    calls: Vec<Vec<String>>,
}

impl Seat {
    fn graph(&self, method: &str, path: &str, body: &str) -> Answer {
        let token = self.simulator.graph_token(ADMIN, "04b07795-8ddb-461a-bbee-02f9e1bf7b46", &PERMISSIONS);
        let headers = [format!("authorization: Bearer {token}"), "content-type: application/json".to_owned()];
        send(&Target::Tcp(self.simulator.address()), method, &format!("/v1.0/{path}"), &headers, body.as_bytes()).unwrap()
    }

    /// The answer's JSON, or the words of the refusal.
    fn asked(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.graph(method, path, &body);
        match answer.status {
            204 => Ok(Value::Null),
            200..=299 => Ok(answer.json()),
            _ => Err(format!("ERROR: {}", answer.body)),
        }
    }

    fn app(&self, id: &str) -> Result<Value, String> {
        self.asked("GET", &format!("applications(appId='{id}')"), &Value::Null)
    }

    /// The answer before `--query`, or what stands on standard error.
    fn answer(&mut self, words: &[&str]) -> Result<Value, String> {
        let flag = |name: &str| words.iter().position(|word| *word == name).map(|at| words[at + 1]);
        let id = flag("--id").unwrap_or_default();
        match words {
            ["cloud", "show", ..] => Ok(json!({"name": self.cloud})),
            ["cloud", "set", ..] => {
                flag("--name").unwrap().clone_into(&mut self.cloud);
                Ok(Value::Null)
            }
            ["account", "show", ..] => Ok(json!({"user": {"name": ADMIN}})),
            ["ad", "app", "list", ..] => {
                let name = flag("--display-name").unwrap();
                let all = self.asked("GET", "applications", &Value::Null)?["value"].clone();
                let begins = |app: &&Value| app["displayName"].as_str().unwrap().starts_with(name);
                Ok(all.as_array().unwrap().iter().filter(begins).cloned().collect())
            }
            ["ad", "app", "create", ..] => {
                let body = json!({"displayName": flag("--display-name"), "signInAudience": flag("--sign-in-audience")});
                self.asked("POST", "applications", &body)
            }
            ["ad", "app", "show", ..] => self.app(id),
            ["ad", "app", "credential", "list", ..] => Ok(self.app(id)?["passwordCredentials"].clone()),
            ["ad", "app", "credential", "reset", ..] => {
                self.reset(id, flag("--display-name"), flag("--years"), words.contains(&"--append"))
            }
            ["ad", "sp", "show", ..] => self.asked("GET", &format!("servicePrincipals(appId='{id}')"), &Value::Null),
            ["ad", "sp", "create", ..] => self.asked("POST", "servicePrincipals", &json!({"appId": id})),
            ["rest", ..] => {
                assert_eq!((flag("--method"), flag("--headers")), (Some("PATCH"), Some("Content-Type=application/json")));
                let (url, resource) = (flag("--url").unwrap(), flag("--resource").unwrap());
                let path = url.strip_prefix(resource).and_then(|rest| rest.strip_prefix("/v1.0/"));
                let path = path.unwrap_or_else(|| panic!("a token for another service than {url}"));
                // Verbatim: Graph judges what the script has made.
                let answer = self.graph("PATCH", path, flag("--body").unwrap());
                if answer.status == 204 { Ok(Value::Null) } else { Err(format!("ERROR: {}", answer.body)) }
            }
            other => panic!("the stand-in for az does not know {other:?}"),
        }
    }

    /// Without `--append` every secret that there is goes away first.
    fn reset(&self, id: &str, name: Option<&str>, years: Option<&str>, appends: bool) -> Result<Value, String> {
        if !appends {
            for known in self.app(id)?["passwordCredentials"].as_array().unwrap() {
                self.asked("POST", &format!("applications(appId='{id}')/removePassword"), &json!({"keyId": known["keyId"]}))?;
            }
        }
        let years: i64 = years.map_or(1, |years| years.parse().unwrap());
        let ends = jiff::Timestamp::from_second(self.simulator.now() + years * 365 * 86_400).unwrap();
        let body = json!({"passwordCredential": {"displayName": name, "endDateTime": ends.to_string()}});
        let made = self.asked("POST", &format!("applications(appId='{id}')/addPassword"), &body)?;
        Ok(json!({"appId": id, "password": made["secretText"], "tenant": TENANT}))
    }
}

/// A registration of that name, as somebody made it before us; further members of its object as Graph shows them.
pub fn registration(name: &str, number: u32, object: &Value) -> App {
    let mut app = Config::default().apps.remove(0);
    name.clone_into(&mut app.name);
    app.client_id = format!("aaaaaaaa-0000-0000-0000-{number:012}");
    app.secrets.clear();
    app.object = object.as_object().unwrap().clone();
    app
}

/// The stand-in, in a folder of its own.
pub struct Az {
    folder: tempfile::TempDir,
    seat: Arc<Mutex<Seat>>,
    plays: Option<JoinHandle<()>>,
}

impl Az {
    /// A tenant in the public cloud that holds these registrations.
    pub fn with(apps: Vec<App>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("az");
        fs::write(&program, SCRIPT).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        for pipe in ["asked", "answer"] {
            nix::unistd::mkfifo(&folder.path().join(pipe), Mode::from_bits_truncate(0o600)).unwrap();
        }
        let simulator = Simulator::start(Config { apps, ..Config::default() });
        let seat = Arc::new(Mutex::new(Seat { simulator, cloud: "AzureCloud".to_owned(), calls: Vec::new() }));
        let plays = std::thread::spawn({
            let (folder, seat) = (folder.path().to_owned(), seat.clone());
            move || play(&folder, &seat)
        });
        Self { folder, seat, plays: Some(plays) }
    }

    /// All registrations, the oldest first.
    pub fn apps(&self) -> Vec<Value> {
        let seat = self.seat.lock().unwrap();
        seat.asked("GET", "applications", &Value::Null).unwrap()["value"].as_array().unwrap().clone()
    }

    /// Whether the app has a service principal.
    pub fn has_principal(&self, id: &str) -> bool {
        self.seat.lock().unwrap().asked("GET", &format!("servicePrincipals(appId='{id}')"), &Value::Null).is_ok()
    }

    /// Makes a registration of `body`, completes it with the rest as a change, and returns it: as another tool than `az` does it.
    pub fn registered(&self, body: &Value) -> Value {
        let seat = self.seat.lock().unwrap();
        let made = seat.asked("POST", "applications", &json!({"displayName": body["displayName"]})).unwrap();
        let path = format!("applications/{}", made["id"].as_str().unwrap());
        seat.asked("PATCH", &path, body).unwrap();
        seat.asked("GET", &path, &Value::Null).unwrap()
    }

    /// Every call, as it was made.
    pub fn calls(&self) -> Vec<Vec<String>> {
        self.seat.lock().unwrap().calls.clone()
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
        if !std::thread::panicking() {
            assert!(!matches!(played, Some(Err(_))), "the stand-in for az heard something wrong");
            assert_eq!(self.seat.lock().unwrap().simulator.violations(), []);
        }
    }
}

fn play(folder: &Path, seat: &Mutex<Seat>) {
    let pipe = |name: &str| -> PathBuf { folder.join(name) };
    loop {
        let mut asked = String::new();
        fs::File::open(pipe("asked")).unwrap().read_to_string(&mut asked).unwrap();
        let words: Vec<&str> = asked.split_terminator('\0').collect();
        if words.is_empty() {
            return;
        }
        let mut seat = seat.lock().unwrap();
        seat.calls.push(words.iter().map(|word| (*word).to_owned()).collect());
        // A wrong call must end the script too, which waits for an answer.
        let answered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| seat.answer(&words)));
        let said = match &answered {
            Ok(Ok(value)) => format!("0\n{}", shown(value, &words)),
            Ok(Err(_)) | Err(_) => "3\n".to_owned(),
        };
        OpenOptions::new().write(true).open(pipe("answer")).unwrap().write_all(said.as_bytes()).unwrap();
        drop(seat);
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
