//! Signatures of packages and repository. The key is the caller's; tests and trials make one that is thrown away.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use crate::command::{command, quiet};

/// Tells the throwaway keyrings of one run apart.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A key that signs.
pub struct Key {
    /// Its fingerprint.
    name: String,
    /// A keyring of our own that goes with us; none for a key in the caller's keyring.
    home: Option<PathBuf>,
}

impl Key {
    /// A key of the caller's keyring (`GNUPGHOME`, agent and passphrase as usual).
    pub fn outside(fingerprint: &str) -> Self {
        Self { name: fingerprint.to_owned(), home: None }
    }

    /// A new key without a passphrase, in a keyring that is removed with it.
    pub fn throwaway(name: &str) -> Result<Self> {
        // Short, since the path of the agent's socket must fit into 107 bytes.
        let home = std::env::temp_dir().join(format!("onedesk-key-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        fs::DirBuilder::new().mode(0o700).create(&home).with_context(|| format!("cannot make {}", home.display()))?;
        let mut key = Self { name: String::new(), home: Some(home) };
        quiet(key.gpg().args(["--passphrase", "", "--quick-gen-key", name, "rsa3072", "sign", "1y"]))?;
        let listed = quiet(key.gpg().args(["--with-colons", "--list-keys"]))?;
        let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:")).context("gpg made no key")?;
        key.name = fingerprint.trim_matches(':').to_owned();
        Ok(key)
    }

    /// Signs RPMs in place.
    pub fn sign_rpms(&self, rpms: &[PathBuf]) -> Result<()> {
        let gpg = quiet(&mut command("sh", ["-c", "command -v gpg"]))?;
        let mut rpmsign = command("rpmsign", ["--addsign", "--define", &format!("_gpg_name {}", self.name)]);
        rpmsign.args(["--define", &format!("__gpg {}", gpg.trim()), "--define", "_gpg_digest_algo sha256"]).args(rpms);
        quiet(self.with_home(&mut rpmsign))?;
        Ok(())
    }

    /// Writes the detached, armored signature of `file` beside it.
    pub fn sign_file(&self, file: &Path) -> Result<()> {
        let mut signature = file.as_os_str().to_owned();
        signature.push(".asc");
        let mut gpg = self.gpg();
        gpg.args(["--local-user", &self.name, "--digest-algo", "SHA256", "--armor", "--detach-sign", "--output"]).arg(signature).arg(file);
        quiet(&mut gpg)?;
        Ok(())
    }

    /// Writes the public key.
    pub fn export(&self, file: &Path) -> Result<()> {
        let public = quiet(self.gpg().args(["--armor", "--export", &self.name]))?;
        anyhow::ensure!(!public.is_empty(), "gpg has no key {}", self.name);
        fs::write(file, public).with_context(|| format!("cannot write {}", file.display()))
    }

    fn gpg(&self) -> Command {
        let mut gpg = command("gpg", ["--batch", "--quiet", "--yes"]);
        self.with_home(&mut gpg);
        gpg
    }

    fn with_home<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match &self.home {
            Some(home) => command.env("GNUPGHOME", home),
            None => command,
        }
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            // The agent that served this keyring ends with it; nobody else's is touched.
            let _ = command("gpgconf", ["--kill", "gpg-agent"]).env("GNUPGHOME", home).output();
            let _ = fs::remove_dir_all(home);
        }
    }
}
