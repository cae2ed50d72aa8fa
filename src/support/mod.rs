//! The support bundle: one file with what support asks for, built part by part from lists of what may be in it. The daemon puts in
//! what it knows ([`Knowledge`]), `onedeskctl` what only root sees ([`machine`]); either can write it out.

mod certificate;
mod facts;
mod knowledge;
pub mod machine;
mod pseudonyms;
mod settings;

use std::io;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

pub use facts::settings_part;
pub use knowledge::{Knowledge, NAMES, Parts};
pub use pseudonyms::Pseudonyms;

/// What a bundle is made of, in the order in which it was gathered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Bundle {
    /// Its parts: each becomes a file.
    pub parts: Vec<Part>,
}

/// One part of a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Part {
    /// Its name; the file is named by it.
    pub name: String,
    /// What it is, in a few words.
    pub about: String,
    /// Its content.
    pub content: Option<Value>,
    /// Why there is none.
    pub missing: Option<String>,
}

/// Mode of the files within: whoever unpacks the bundle does not show it to others.
const MODE: u32 = 0o600;

impl Bundle {
    /// Adds a part, or why it is missing.
    pub fn add(&mut self, name: &str, about: &str, content: Result<Value, String>) {
        let (content, missing) = match content {
            Ok(content) => (Some(content), None),
            Err(why) => (None, Some(why)),
        };
        self.parts.push(Part { name: name.to_owned(), about: about.to_owned(), content, missing });
    }

    /// The same with pseudonyms in every part, also in the reasons of those that are missing.
    pub fn pseudonymized(&mut self, pseudonyms: &Pseudonyms) {
        for part in &mut self.parts {
            if let Some(content) = &mut part.content {
                pseudonyms.replace_in(content);
            }
            part.missing = part.missing.take().map(|why| pseudonyms.replace(&why));
        }
    }

    /// The files: name, what it is, bytes. The first says what the others are.
    pub fn files(&self) -> Vec<(String, String, Vec<u8>)> {
        let parts = self.parts.iter().filter_map(|part| {
            let mut bytes = serde_json::to_vec_pretty(part.content.as_ref()?).ok()?;
            bytes.push(b'\n');
            Some((format!("{}.json", part.name), part.about.clone(), bytes))
        });
        let about = ("README.txt".to_owned(), "what is in here, and what is missing".to_owned(), self.about().into_bytes());
        std::iter::once(about).chain(parts).collect()
    }

    /// A gzipped tar archive of one folder.
    ///
    /// # Errors
    /// None in practice: it is written to memory.
    pub fn archive(&self, folder: &str, now: Timestamp) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
        for (name, _, bytes) in self.files() {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(MODE);
            header.set_mtime(u64::try_from(now.as_second()).unwrap_or_default());
            archive.append_data(&mut header, format!("{folder}/{name}"), bytes.as_slice())?;
        }
        archive.into_inner()?.finish()
    }

    fn about(&self) -> String {
        let mut text = "Support bundle of OneDesk on-premise identity.\n\n\
            Every file is made from a list of what may be in it: no secret, no token, no cookie, no content of a mailbox.\n"
            .to_owned();
        for part in &self.parts {
            let line = match &part.missing {
                None => format!("\n{}.json\n    {}\n", part.name, part.about),
                Some(why) => format!("\n{} (missing)\n    {}\n    {why}\n", part.name, part.about),
            };
            text.push_str(&line);
        }
        text
    }
}

/// The folder within a bundle, and the first part of its file's name. The host is left out where pseudonyms are wanted.
pub fn folder(host: Option<&str>, now: Timestamp) -> String {
    let tame = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let host = host.map(|host| format!("{}-", host.chars().take(64).map(tame).collect::<String>())).unwrap_or_default();
    format!("onedesk-support-{host}{}", now.strftime("%Y%m%dT%H%M%SZ"))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use serde_json::json;

    use super::*;

    fn bundle() -> Bundle {
        let mut bundle = Bundle::default();
        bundle.add("status", "the state", Ok(json!({"who": "ann@desk.example", "again": "ANN@desk.example"})));
        bundle.add("journal", "the log", Err("journalctl is not on desk.example".to_owned()));
        bundle
    }

    #[test]
    fn an_archive_unpacks_to_one_folder_of_private_files_with_a_readme() {
        let now = "2026-11-27T01:02:03Z".parse().unwrap();
        let name = folder(Some("desk.example"), now);
        assert_eq!(name, "onedesk-support-desk_example-20261127T010203Z");
        let bytes = bundle().archive(&name, now).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            assert_eq!(entry.header().mode().unwrap(), 0o600);
            let path = entry.path().unwrap().display().to_string();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push((path, text));
        }
        assert_eq!(found[0].0, format!("{name}/README.txt"));
        assert!(found[0].1.contains("journal (missing)\n    the log\n    journalctl is not on desk.example\n"), "{}", found[0].1);
        assert_eq!(found[1].0, format!("{name}/status.json"));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn pseudonyms_reach_every_corner() {
        let mut bundle = bundle();
        bundle.pseudonymized(&Pseudonyms::new(&[]));
        let all = format!("{:?}", bundle.files().iter().map(|(_, _, bytes)| String::from_utf8_lossy(bytes)).collect::<Vec<_>>());
        assert!(!all.to_lowercase().contains("ann@") && !all.contains("desk.example"), "{all}");
        let content = bundle.parts[0].content.as_ref().unwrap();
        assert_eq!(content["who"], content["again"]);
    }
}
