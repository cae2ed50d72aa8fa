//! A signed dnf repository with its `.repo` file.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::signing::Key;
use crate::command::{command, quiet};

/// Where dnf will find the repository.
pub enum Origin {
    /// Over http or https.
    Served(String),
    /// In a folder of the host.
    Folder(PathBuf),
}

/// Signs the RPMs in `folder`, indexes them, signs the index, and writes key and `.repo` file.
pub fn make(folder: &Path, key: &Key, origin: &Origin) -> Result<()> {
    key.sign_rpms(&rpms_in(folder)?)?;
    index(folder, key)?;
    let public = folder.join("RPM-GPG-KEY-onedesk");
    key.export(&public)?;
    verify(folder, &public)?;
    let base_url = match origin {
        Origin::Served(url) => url.clone(),
        Origin::Folder(path) => format!("file://{}", path.display()),
    };
    fs::write(folder.join("onedesk.repo"), repo_file(&base_url))?;
    Ok(())
}

/// Makes and signs the index of the RPMs that are there.
pub fn index(folder: &Path, key: &Key) -> Result<()> {
    quiet(command("createrepo_c", ["--quiet", "--checksum", "sha256", "--compress-type", "gz", "--excludes", "source/*"]).arg(folder))?;
    key.sign_file(&folder.join("repodata/repomd.xml"))
}

/// The RPMs in a folder, sorted.
pub fn rpms_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut rpms: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "rpm"))
        .collect();
    rpms.sort();
    Ok(rpms)
}

/// Checks every signature as a customer's rpm would.
fn verify(folder: &Path, public: &Path) -> Result<()> {
    let database = folder.join(".keys");
    let at = format!("--dbpath={}", database.display());
    quiet(command("rpmkeys", [at.as_str(), "--import"]).arg(public))?;
    let said = quiet(command("rpmkeys", [at.as_str(), "-K"]).args(rpms_in(folder)?))?;
    fs::remove_dir_all(&database)?;
    for line in said.lines() {
        anyhow::ensure!(line.ends_with("digests signatures OK"), "not signed as it should be: {line}");
    }
    Ok(())
}

fn repo_file(base_url: &str) -> String {
    format!(
        "# The packages' names are OneDesk's own: they must come from this one repository.\n\
         [onedesk]\n\
         name=OneDesk on-premise identity\n\
         baseurl={base_url}\n\
         enabled=1\n\
         gpgcheck=1\n\
         repo_gpgcheck=1\n\
         gpgkey={base_url}/RPM-GPG-KEY-onedesk\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repo_file_checks_packages_and_index() {
        let file = repo_file("https://packages.example.com/onedesk");
        assert!(file.contains("\ngpgcheck=1\n") && file.contains("\nrepo_gpgcheck=1\n"));
        assert!(file.contains("\ngpgkey=https://packages.example.com/onedesk/RPM-GPG-KEY-onedesk\n"));
    }
}
