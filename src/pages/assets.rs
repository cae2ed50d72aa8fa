//! [`Assets`]: static files in memory. Their addresses hold a hash of what is in them, so browsers keep them for good.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::crypto;

/// What their addresses begin with.
pub const PREFIX: &str = "/assets/";

/// What is served, and as what.
pub const TYPES: [(&str, &str); 10] = [
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("webp", "image/webp"),
    ("ico", "image/x-icon"),
    ("woff2", "font/woff2"),
    ("txt", "text/plain; charset=utf-8"),
    ("json", "application/json"),
];

/// A static file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asset {
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// Its media type.
    pub media_type: &'static str,
    /// The hash of its bytes.
    pub hash: String,
}

/// A file that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub asset: Asset,
    /// Whether the address names this very content, so that it may be kept for ever.
    pub is_pinned: bool,
}

/// All static files by name.
#[derive(Debug, Clone, Default)]
pub struct Assets(BTreeMap<String, Asset>);

impl Assets {
    /// Adds a file, in place of another of that name. One of an unknown kind is left out.
    pub fn add(&mut self, name: impl Into<String>, bytes: &[u8]) {
        let name = name.into();
        let extension = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
        if let Some((_, media_type)) = TYPES.iter().find(|(known, _)| *known == extension) {
            let hash = crypto::content_hash(bytes);
            self.0.insert(name, Asset { bytes: bytes.into(), media_type, hash });
        }
    }

    /// Whether there is that file.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The address of `name`; one that leads nowhere if there is no such file.
    pub fn url(&self, name: &str) -> String {
        match self.0.get(name) {
            Some(asset) => format!("{PREFIX}{}/{name}", asset.hash),
            None => format!("{PREFIX}{name}"),
        }
    }

    /// The file behind `HASH/NAME` or `NAME`. Another hash is that of an older or newer page: it gets what there is.
    pub fn find(&self, path: &str) -> Option<Found> {
        if let Some(asset) = self.0.get(path) {
            return Some(Found { asset: asset.clone(), is_pinned: false });
        }
        let (hash, name) = path.split_once('/')?;
        let is_hash = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let asset = self.0.get(name).filter(|_| is_hash)?;
        Some(Found { is_pinned: asset.hash == hash, asset: asset.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_the_content_and_an_old_one_still_leads_to_the_file() {
        let mut assets = Assets::default();
        assets.add("admin.css", b"a{}");
        let url = assets.url("admin.css");
        let path = url.strip_prefix(PREFIX).unwrap();
        let found = assets.find(path).unwrap();
        assert!(found.is_pinned && &*found.asset.bytes == b"a{}");
        assets.add("admin.css", b"b{}");
        assert!(!assets.find(path).unwrap().is_pinned);
        assert!(!assets.find("admin.css").unwrap().is_pinned);
    }

    #[test]
    fn nothing_but_a_name_leads_to_a_file() {
        let mut assets = Assets::default();
        assets.add("a/b.css", b"");
        assets.add("evil.html", b"<script>");
        for path in
            ["", "/", "../a/b.css", "a/../a/b.css", "a//b.css", "A/B.CSS", "xyz/a/b.css", "0123456789abcdef/../a/b.css", "evil.html"]
        {
            assert_eq!(assets.find(path), None, "{path}");
        }
    }
}
