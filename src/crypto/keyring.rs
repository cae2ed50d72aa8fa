//! [`Keyring`]: the newest key seals, every key opens.
//!
//! AES-256-GCM-SIV with random nonces: a nonce that comes twice (a virtual machine set back to a snapshot repeats its random
//! numbers) shows only whether two values were equal, while plain GCM would give the authentication key away.

use std::fmt;
use std::path::PathBuf;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::{Zeroize, Zeroizing};

use super::{KeySource, Sealed, fill_random, sha256};
use crate::model::{Hint, Secret};
use crate::system::files;

const VERSION: u8 = 1;
const ID_LEN: usize = 8;
const HEADER_LEN: usize = 1 + ID_LEN + NONCE_LEN;
const TAG_LEN: usize = 16;

/// Why there is no keyring.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened, written, or must not be trusted.
    #[error("the master key cannot be used: {0}")]
    File(#[from] files::Error),
    /// There is no key, and sealed values exist: a fresh key would open none of them.
    #[error("the master key {} is missing, but the database holds values that it sealed", .0.display())]
    Lost(PathBuf),
    /// The text is not a key file.
    #[error("{}:{line}: not a master key file of version 1", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line; 0 = there is no key in it.
        line: u32,
    },
    /// A systemd credential cannot be changed from here.
    #[error("the master key {} is a systemd credential and cannot be changed from here", .0.display())]
    ReadOnly(PathBuf),
}

impl Hint for Error {
    fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) => error.hint(),
            Self::Lost(path) => Some(format!(
                "restore {} from your backup, owned by the daemon's user with mode 0600, then: systemctl restart onedeskd",
                path.display()
            )),
            Self::Malformed { path, .. } => Some(format!("restore {} from your backup", path.display())),
            Self::ReadOnly(_) => {
                Some("change the key file, and make the credential anew: systemd-creds encrypt --name=onedesk-master-key".to_owned())
            }
        }
    }
}

/// Why a sealed value did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was sealed by a key that this keyring does not hold. The id is no secret and is not authenticated.
    #[error("sealed with master key {0}, which is not in the keyring")]
    UnknownKey(KeyId),
    /// It was altered, cut, or belongs to another row; which of them must not be told apart.
    #[error("the sealed value is damaged or belongs to another record")]
    Damaged,
}

impl Hint for OpenError {
    fn hint(&self) -> Option<String> {
        Some(
            match self {
                Self::UnknownKey(_) => "restore the master key that belongs to this database",
                Self::Damaged => "restore a backup of the database, or connect the mailbox anew",
            }
            .to_owned(),
        )
    }
}

/// Names a key without giving anything of it away: the beginning of a hash of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; ID_LEN]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One master key.
pub(super) struct Key {
    id: KeyId,
    bytes: Zeroizing<[u8; 32]>,
}

impl Key {
    pub(super) fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        // With a prefix of its own, so that the id is no hash that anybody has another use for.
        let mut named = Zeroizing::new(*b"onedesk-key-id--________________________________");
        named[16..].copy_from_slice(&*bytes);
        let mut id = [0; ID_LEN];
        id.copy_from_slice(&sha256(&*named)[..ID_LEN]);
        Self { id: KeyId(id), bytes }
    }

    #[cfg(test)]
    pub(super) const fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &*self.bytes
    }

    #[expect(clippy::expect_used, reason = "the array's length is the algorithm's")]
    fn cipher(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM_SIV, &*self.bytes).expect("32 bytes are a key of AES-256"))
    }
}

/// There is no key to seal with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no master key to seal with")]
pub struct SealError;

/// The master keys, newest first.
pub struct Keyring(Vec<(KeyId, LessSafeKey)>);

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(id, _)| id)).finish()
    }
}

impl Keyring {
    /// A keyring without a key: opens nothing and seals nothing. For a daemon whose key is lost, which must not hand out or take
    /// anything, and must not be down.
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// Reads the keys; where there is no file, makes one with a fresh key if `may_create`.
    ///
    /// # Errors
    /// [`Error::Lost`] when there is no file and none may be made: pass `may_create` only while the store holds no sealed value.
    pub fn load_or_create(source: &KeySource, may_create: bool) -> Result<Self, Error> {
        match source.read() {
            Err(Error::File(files::Error::Missing(_))) if may_create => {
                source.create()?;
                source.read().map(|keys| Self::of(&keys))
            }
            Err(Error::File(files::Error::Missing(path))) => Err(Error::Lost(path)),
            keys => keys.map(|keys| Self::of(&keys)),
        }
    }

    /// Puts a fresh key in front of the others, on disk, and returns the keyring that seals with it.
    ///
    /// First step of a rotation; sealing every value again and [`Keyring::retire_old_keys`] follow.
    pub fn add_key(source: &KeySource) -> Result<Self, Error> {
        let mut keys = source.read()?;
        keys.insert(0, Key::random());
        source.write(&keys)?;
        Ok(Self::of(&keys))
    }

    /// Drops every key but the newest, on disk. Last step of a rotation: what an old key sealed opens never again.
    pub fn retire_old_keys(source: &KeySource) -> Result<Self, Error> {
        let mut keys = source.read()?;
        keys.truncate(1);
        source.write(&keys)?;
        Ok(Self::of(&keys))
    }

    /// The id of the key that seals.
    #[cfg(test)]
    fn newest(&self) -> Option<KeyId> {
        self.0.first().map(|(id, _)| *id)
    }

    /// Seals `secret` for the one place that `context` names (`grant/ID/refresh`); it opens there only.
    ///
    /// # Errors
    /// [`SealError`] without a key; the cipher's own bound of 2^36 bytes is out of reach.
    pub fn seal(&self, context: &str, secret: &Secret<String>) -> Result<Sealed, SealError> {
        let (id, cipher) = self.0.first().ok_or(SealError)?;
        let mut nonce = [0; NONCE_LEN];
        fill_random(&mut nonce);
        let plain = secret.expose().as_bytes();
        let mut sealed = Vec::with_capacity(HEADER_LEN + plain.len() + TAG_LEN);
        sealed.push(VERSION);
        sealed.extend_from_slice(&id.0);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = cipher
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), bound_to(*id, context), &mut sealed[HEADER_LEN..])
            .map_err(|_| SealError)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(Sealed(sealed))
    }

    /// Opens what [`Keyring::seal`] sealed for the same `context`.
    pub fn open(&self, context: &str, sealed: &Sealed) -> Result<Secret<String>, OpenError> {
        let bytes = &sealed.0;
        if bytes.len() < HEADER_LEN + TAG_LEN || bytes[0] != VERSION {
            return Err(OpenError::Damaged);
        }
        let mut id = KeyId([0; ID_LEN]);
        id.0.copy_from_slice(&bytes[1..=ID_LEN]);
        let (_, cipher) = self.0.iter().find(|(known, _)| *known == id).ok_or(OpenError::UnknownKey(id))?;
        let nonce = Nonce::try_assume_unique_for_key(&bytes[1 + ID_LEN..HEADER_LEN]).map_err(|_| OpenError::Damaged)?;
        let mut plain = Zeroizing::new(bytes[HEADER_LEN..].to_vec());
        let length = cipher.open_in_place(nonce, bound_to(id, context), &mut plain).map_err(|_| OpenError::Damaged)?.len();
        plain.truncate(length);
        String::from_utf8(std::mem::take(&mut *plain)).map(Secret::new).map_err(|fault| {
            fault.into_bytes().zeroize();
            OpenError::Damaged
        })
    }

    fn of(keys: &[Key]) -> Self {
        Self(keys.iter().map(|key| (key.id, key.cipher())).collect())
    }
}

fn bound_to(id: KeyId, context: &str) -> Aad<Vec<u8>> {
    Aad::from([&[VERSION], id.0.as_slice(), context.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn keyring() -> Keyring {
        Keyring::of(&[Key::random()])
    }

    fn source() -> (tempfile::TempDir, KeySource) {
        let folder = tempfile::tempdir().unwrap();
        let source = KeySource::find(&folder.path().join("master.key"), Some(folder.path()));
        (folder, source)
    }

    #[test]
    fn what_was_sealed_opens_in_its_place() {
        let keyring = keyring();
        for text in ["", "token", &"ä".repeat(5000)] {
            let sealed = keyring.seal("grant/1/refresh", &Secret::from(text)).unwrap();
            assert_eq!(keyring.open("grant/1/refresh", &sealed).unwrap().expose(), text);
        }
    }

    #[test]
    fn a_value_moved_to_another_row_does_not_open() {
        let keyring = keyring();
        let sealed = keyring.seal("grant/1/refresh", &Secret::from("token")).unwrap();
        for context in ["grant/2/refresh", "grant/1/access/graph", "", "grant/1/refresh "] {
            assert_eq!(keyring.open(context, &sealed), Err(OpenError::Damaged));
        }
    }

    #[test]
    fn a_value_with_any_bit_altered_does_not_open() {
        let keyring = keyring();
        let sealed = keyring.seal("c", &Secret::from("token")).unwrap();
        for bit in 0..sealed.0.len() * 8 {
            let mut altered = sealed.clone();
            altered.0[bit / 8] ^= 1 << (bit % 8);
            assert!(keyring.open("c", &altered).is_err(), "{bit}");
        }
    }

    #[test]
    fn a_value_cut_or_grown_does_not_open() {
        let keyring = keyring();
        let sealed = keyring.seal("c", &Secret::from("token")).unwrap();
        for length in 0..sealed.0.len() {
            assert!(keyring.open("c", &Sealed(sealed.0[..length].to_vec())).is_err(), "{length}");
        }
        assert!(keyring.open("c", &Sealed([sealed.0.as_slice(), &[0]].concat())).is_err());
    }

    #[test]
    fn another_key_is_named_as_missing() {
        let (ours, theirs) = (keyring(), keyring());
        let sealed = theirs.seal("c", &Secret::from("token")).unwrap();
        assert_eq!(ours.open("c", &sealed), Err(OpenError::UnknownKey(theirs.newest().unwrap())));
    }

    #[test]
    fn nothing_sealed_shows_or_repeats_the_secret() {
        let keyring = keyring();
        let secret = Secret::from("canary-canary-canary");
        let (one, two) = (keyring.seal("c", &secret).unwrap(), keyring.seal("c", &secret).unwrap());
        assert_ne!(one, two);
        assert!(!one.0.windows(6).any(|window| window == b"canary"));
    }

    #[test]
    fn a_key_is_made_once_and_only_when_allowed() {
        let (_folder, source) = source();
        assert!(matches!(Keyring::load_or_create(&source, false), Err(Error::Lost(_))));
        let made = Keyring::load_or_create(&source, true).unwrap();
        let again = Keyring::load_or_create(&source, true).unwrap();
        assert_eq!(made.newest(), again.newest());
        assert_eq!(std::fs::metadata(source.path()).unwrap().permissions().mode() & 0o7777, 0o600);
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused_with_the_command_that_mends_it() {
        let (_folder, source) = source();
        Keyring::load_or_create(&source, true).unwrap();
        std::fs::set_permissions(source.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = Keyring::load_or_create(&source, true).unwrap_err();
        assert_eq!(error.hint(), Some(format!("chmod 0600 {}", source.path().display())));
    }

    #[test]
    fn a_damaged_key_file_is_never_replaced() {
        let (_folder, source) = source();
        std::fs::write(source.path(), "").unwrap();
        std::fs::set_permissions(source.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(Keyring::load_or_create(&source, true), Err(Error::Malformed { line: 1, .. })));
        assert_eq!(std::fs::read(source.path()).unwrap(), b"");
    }

    #[test]
    fn after_a_rotation_old_values_open_until_the_old_keys_are_retired() {
        let (_folder, source) = source();
        let before = Keyring::load_or_create(&source, true).unwrap();
        let old = before.seal("c", &Secret::from("old")).unwrap();
        let rotated = Keyring::add_key(&source).unwrap();
        let new = rotated.seal("c", rotated.open("c", &old).as_ref().unwrap()).unwrap();
        let retired = Keyring::retire_old_keys(&source).unwrap();
        assert_eq!(retired.open("c", &new).unwrap().expose(), "old");
        assert_eq!(retired.open("c", &old), Err(OpenError::UnknownKey(before.newest().unwrap())));
    }

    #[test]
    fn a_systemd_credential_wins_and_is_never_written() {
        let (folder, file) = source();
        Keyring::load_or_create(&file, true).unwrap();
        let credential = folder.path().join("onedesk-master-key");
        std::fs::copy(file.path(), &credential).unwrap();
        std::fs::set_permissions(&credential, std::fs::Permissions::from_mode(0o440)).unwrap();
        let source = KeySource::find(file.path(), Some(folder.path()));
        assert_eq!(source, KeySource::Credential(credential));
        assert!(Keyring::load_or_create(&source, false).is_ok());
        assert!(matches!(Keyring::add_key(&source), Err(Error::ReadOnly(_))));
    }
}
