//! The master key's text and where it comes from: a systemd credential, or a file that is the daemon's alone.
//!
//! ```text
//! onedesk-master-key 1
//! # newest first: the first key seals, all keys open
//! <32 bytes, base64url without padding>
//! <an older key>
//! ```

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nix::unistd::Uid;
use zeroize::Zeroizing;

use super::keyring::Error;
use super::{fill_random, keyring::Key};
use crate::system::files;

/// The name of the systemd credential, and the first word of the text.
const NAME: &str = "onedesk-master-key";
const HEADER: &str = "onedesk-master-key 1";
/// Hundreds of keys: a bound, not a limit that anybody meets.
const LARGEST: u64 = 16 * 1024;

/// Where the master key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A systemd credential: read-only, made and rotated by the admin.
    Credential(PathBuf),
    /// `database.master_key_file`: 0600, owned by the user that the daemon runs as.
    File(PathBuf),
}

impl KeySource {
    /// The credential where `credentials_directory` (`$CREDENTIALS_DIRECTORY`, systemd.exec(5)) has one, else `file`.
    pub fn find(file: &Path, credentials_directory: Option<&Path>) -> Self {
        match credentials_directory.map(|folder| folder.join(NAME)) {
            Some(credential) if credential.exists() => Self::Credential(credential),
            _ => Self::File(file.to_owned()),
        }
    }

    /// The path that is read.
    pub fn path(&self) -> &Path {
        match self {
            Self::Credential(path) | Self::File(path) => path,
        }
    }

    /// The keys, newest first: at least one.
    pub(super) fn read(&self) -> Result<Vec<Key>, Error> {
        let path = self.path();
        let file = match self {
            // The service manager guards it, by mode or by access list.
            Self::Credential(_) => files::open_regular(path)?,
            Self::File(_) => files::open_private(path, Uid::effective())?,
        };
        parse(&files::read_bounded(file, path, LARGEST)?).map_err(|line| Error::Malformed { path: path.to_owned(), line })
    }

    /// Makes the file with one fresh key. The file of another process that was faster stays as it is.
    pub(super) fn create(&self) -> Result<(), Error> {
        let Self::File(path) = self else { return Err(Error::ReadOnly(self.path().to_owned())) };
        match files::create_atomically(path, 0o600, render(&[Key::random()]).as_bytes()) {
            Ok(()) | Err(files::Error::Exists(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Replaces the keys.
    pub(super) fn write(&self, keys: &[Key]) -> Result<(), Error> {
        let Self::File(path) = self else { return Err(Error::ReadOnly(self.path().to_owned())) };
        Ok(files::write_atomically(path, 0o600, render(keys).as_bytes())?)
    }
}

impl Key {
    pub(super) fn random() -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        fill_random(&mut *bytes);
        Self::new(bytes)
    }
}

fn render(keys: &[Key]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(256 + keys.len() * 64));
    text.push_str(HEADER);
    text.push_str("\n# newest first: the first key seals, all keys open\n");
    for key in keys {
        text.push_str(&Zeroizing::new(URL_SAFE_NO_PAD.encode(key.bytes())));
        text.push('\n');
    }
    text
}

/// The keys, or the number of the line that is none (0 = there is no key).
fn parse(bytes: &[u8]) -> Result<Vec<Key>, u32> {
    let text = std::str::from_utf8(bytes).map_err(|_| 1u32)?;
    let mut lines = (1..).zip(text.lines().map(str::trim));
    if !matches!(lines.next(), Some((_, HEADER))) {
        return Err(1);
    }
    let mut keys: Vec<Key> = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let mut key = Zeroizing::new([0; 32]);
        match URL_SAFE_NO_PAD.decode_slice(line, &mut *key) {
            Ok(32) => keys.push(Key::new(key)),
            _ => return Err(number),
        }
    }
    if keys.is_empty() { Err(0) } else { Ok(keys) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_the_text() {
        let keys = [Key::random(), Key::random()];
        let read = parse(render(&keys).as_bytes()).unwrap();
        assert_eq!(read.iter().map(Key::id).collect::<Vec<_>>(), keys.iter().map(Key::id).collect::<Vec<_>>());
    }

    #[test]
    fn a_text_that_is_no_key_file_is_refused_with_its_line() {
        let key = "A".repeat(43);
        for (text, line) in [
            (String::new(), 1),
            ("onedesk-master-key 2\n".to_owned() + &key, 1),
            (key.clone(), 1),
            (HEADER.to_owned(), 0),
            (format!("{HEADER}\n# x\n\n"), 0),
            (format!("{HEADER}\n{key}A\n"), 2),
            (format!("{HEADER}\n{key}\n{}\n", &key[1..]), 3),
            (format!("{HEADER}\n{}!\n", &key[1..]), 2),
        ] {
            assert_eq!(parse(text.as_bytes()).err(), Some(line), "{text}");
        }
        assert_eq!(parse(b"onedesk-master-key 1\n\xff").err(), Some(1));
        assert!(parse(format!("{HEADER}\r\n{key}\r\n").as_bytes()).is_ok());
    }
}
