//! Room on the disk of the database.

use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::shell;
use super::verdict::{Trouble, Verdict, Who};
use crate::health::status::{Check, Group};

const MIB: u64 = 1024 * 1024;
/// Below this a write-ahead log or a backup may fail any minute.
const TOO_LITTLE: u64 = 64 * MIB;
/// Above this a month of growth, three backups and the journal have room beside each other.
const ENOUGH: u64 = 512 * MIB;

/// The room where `database` is.
pub fn disk(database: &Path) -> Vec<Check> {
    let folder = database.parent().unwrap_or(Path::new("/"));
    let verdict = match statvfs(folder) {
        Err(error) => Verdict::Fail(Trouble::new(
            format!("{} cannot be looked at: {error}", folder.display()),
            Who::Root,
            format!("see whether it exists: namei -l {}", shell(folder)),
        )),
        Ok(seen) => {
            #[expect(clippy::useless_conversion, reason = "the counts are narrower on other machines")]
            let free = u64::from(seen.blocks_available()).saturating_mul(u64::from(seen.fragment_size()));
            let size = std::fs::metadata(database).map_or(0, |metadata| metadata.len());
            let inodes = (seen.files() > 0).then(|| seen.files_available());
            judge(folder, free, inodes, size)
        }
    };
    vec![verdict.on(Group::Store, "disk")]
}

/// A backup before a migration needs as much as the database itself.
fn judge(folder: &Path, free: u64, inodes: Option<u64>, database: u64) -> Verdict {
    let shown = folder.display();
    let hint = format!("make room on the file system of {0}: df -h {0}", shell(folder));
    if inodes == Some(0) {
        return Verdict::Fail(Trouble::new(
            format!("no file can be made in {shown} any more: the file system has no inode left"),
            Who::Root,
            hint,
        ));
    }
    let words = |means: &str| format!("{} MiB are free in {shown}, the database has {} MiB: {means}", free / MIB, database.div_ceil(MIB));
    if free < TOO_LITTLE {
        return Verdict::Fail(Trouble::new(words("no new token may be stored, so none will be handed out"), Who::Root, hint));
    }
    if free < ENOUGH || free < database.saturating_mul(2) {
        return Verdict::Warn(Trouble::new(words("too little for backups and growth"), Who::Root, hint));
    }
    Verdict::Fine(format!("{} MiB are free in {shown}", free / MIB))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_fails_and_one_without_room_for_a_backup_warns() {
        let folder = Path::new("/var/lib/onedesk");
        let outcome = |free: u64, inodes, database: u64| match judge(folder, free * MIB, inodes, database * MIB) {
            Verdict::Fine(_) => "fine",
            Verdict::Warn(_) => "warn",
            Verdict::Fail(_) => "fail",
            Verdict::Skip(_) => "skip",
        };
        assert_eq!(outcome(10_000, None, 40), "fine");
        assert_eq!(outcome(500, Some(7), 40), "warn");
        assert_eq!(outcome(5_000, Some(7), 2_600), "warn");
        assert_eq!(outcome(63, Some(7), 1), "fail");
        assert_eq!(outcome(10_000, Some(0), 1), "fail");
    }
}
