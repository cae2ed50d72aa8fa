//! Sealing what the database keeps: AEAD bound to the key's id and to the row it belongs to, and the keyring behind it.

/// A sealed value: key id, nonce and ciphertext. Safe to store, to back up and to show the length of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);
