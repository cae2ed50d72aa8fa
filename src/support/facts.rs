//! Parts that can be made with and without a running daemon.

use std::path::Path;

use serde_json::{Value, json};

use super::Bundle;
use super::certificate;
use super::settings::{address_of, shown};
use crate::settings::Settings;
use crate::store::sqlite::path_of;

/// The settings as the file has them now. Of a file with mistakes, what is wrong with it, never the lines.
pub fn settings_part(bundle: &mut Bundle, path: &Path) -> Option<Settings> {
    let about = "the settings as the file has them now, key by key, without passwords";
    match Settings::load(path) {
        Ok(loaded) => {
            let warnings: Vec<&str> = loaded.warnings.iter().map(|warning| warning.title.as_str()).collect();
            let content = json!({"file": path.display().to_string(), "found": loaded.found, "settings": shown(&loaded.settings), "warnings": warnings});
            bundle.add("settings-file", about, Ok(content));
            Some(loaded.settings)
        }
        Err(error) => {
            let problem = error.problem();
            bundle.add("settings-file", about, Ok(json!({"file": path.display().to_string(), "problem": problem})));
            None
        }
    }
}

/// The certificates that the settings name.
pub fn certificates(bundle: &mut Bundle, settings: &Settings) {
    let about = "names, issuers and times of the certificates that the settings name";
    let files = [
        ("listen.tls_certificate", settings.listen.tls.as_ref().map(|tls| &tls.certificate)),
        ("microsoft.ca_file", settings.microsoft.ca_file.as_ref()),
    ];
    let facts = files.into_iter().map(|(key, file)| {
        let facts = match file {
            None => json!("not set: no certificate of ours"),
            Some(file) => certificate::facts(file).unwrap_or_else(|why| json!({"problem": why})),
        };
        (key.to_owned(), facts)
    });
    bundle.add("certificates", about, Ok(Value::Object(facts.collect())));
}

/// The files of the database: how large, whose. Nothing is opened.
pub fn database_files(bundle: &mut Bundle, settings: &Settings) {
    use std::os::unix::fs::MetadataExt as _;
    let about = "the database's files: size, owner, mode";
    let content = path_of(&settings.database.url).map_err(|error| error.to_string()).map(|database| {
        let name = |suffix: &str| format!("{}{suffix}", database.display());
        let files = [name(""), name("-wal"), name("-shm"), settings.database.master_key_file.display().to_string()];
        let folder = database.parent().map(|folder| folder.display().to_string());
        let facts = folder.into_iter().chain(files).map(|file| match std::fs::symlink_metadata(&file) {
            Ok(found) => json!({"path": file, "bytes": found.len(), "uid": found.uid(), "gid": found.gid(), "mode": format!("{:04o}", found.mode() & 0o7777)}),
            Err(error) => json!({"path": file, "problem": error.to_string()}),
        });
        Value::Array(facts.collect())
    });
    bundle.add("database-files", about, content);
}

/// A client record's URL without what could be secret in it.
pub fn url(text: &str) -> Value {
    address_of(text).map_or(Value::Null, Value::String)
}
